/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Header edits and the writing of a mail with them applied.  The session process does not parse a
 * header: it works with the table of fields (offsets) that the content process reported. */

#include <glib.h>

#include <amavisd/plugin.h>

#include "mail/report.h"

typedef struct {
	AmEditOp op;
	char *name;
	char *value; /* folded, without the final CRLF; NULL for delete */
} AmEdit;

typedef struct _AmEdits AmEdits; /* an ordered list */

AmEdits *am_edits_new(void);
void am_edits_free(AmEdits *edits);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmEdits, am_edits_free)

/* Adds an edit.  name: 1 to 100 bytes of printable ASCII but ':' (RFC 5322 2.2), else FALSE with
 * SOFTWARE.  The value is made safe: control bytes become blanks unless a line break is followed by
 * a blank (folding), invalid UTF-8 is replaced, and it is folded at 78 and cut so that no line is
 * over 998 bytes. */
gboolean am_edits_add(AmEdits *edits, AmEditOp op, const char *name, const char *value,
		      GError **error);
/* In these NULL is an empty list. */
guint am_edits_count(const AmEdits *edits);
const AmEdit *am_edits_get(const AmEdits *edits, guint index);
/* Same edits in the same order?  Recipients with equal edits may share a transaction. */
gboolean am_edits_equal(const AmEdits *a, const AmEdits *b);
guint am_edits_hash(const AmEdits *edits);

/* For clients that make the changes themselves.  Is it a change of the mail's own fields? */
gboolean am_edits_is_of_mail(const AmEdit *edit);
/* Does a later edit of the same fields make this one void?  (see am_edits_write()) */
gboolean am_edits_is_undone(const AmEdits *edits, guint index);
/* How many fields of that name the mail has; report may be NULL. */
guint am_report_count_fields(const AmReport *report, const char *name);

/* Gets the next piece of the mail; FALSE with error ends the writing. */
typedef gboolean (*AmWriteFunc)(gconstpointer data, gsize len, gpointer user_data, GError **error);

/* Writes the mail in `fd` (size bytes, CRLF line ends) with the edits applied.  Prepended fields
 * come first, the last prepended on top; appended ones follow the last field.  Edits of the mail's
 * own fields count in their order: a later replace or delete of a name undoes the earlier.  report:
 * for its table of fields; NULL for a mail that could not be inspected: then appended fields follow
 * the prepended, and replace and delete are ignored.  Fields are checked against the header, the
 * header against size: SOFTWARE.  Where the mail has no header an empty line follows what is
 * written.  The body passes in chunks of 64 KiB; edits may be NULL. */
gboolean am_edits_write(const AmEdits *edits, int fd, guint64 size, const AmReport *report,
			AmWriteFunc write, gpointer user_data, GError **error);
