/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Lines of a mail as files of Unix have them: CR LF becomes LF, in any cut into pieces. */

#include <glib.h>

#include "mail/edits.h"

/* Zeroed at first, but for write and user_data. */
typedef struct {
	AmWriteFunc write;
	gpointer user_data;
	gboolean is_mboxrd; /* lines like "From " and ">From " get one '>' more */
	/* own */
	gboolean is_line_begun, is_cr_pending;
	gboolean is_plain; /* the line at hand is known to be none of these */
	guint64 n_quotes;  /* '>' at its start, not yet written */
	guint n_from;	   /* bytes of "From " behind them, not yet written */
} AmLineWriter;

/* An AmWriteFunc; user_data is the AmLineWriter. */
gboolean am_line_writer_write(gconstpointer data, gsize len, gpointer user_data, GError **error);
/* Ends the last line when it is open. */
gboolean am_line_writer_finish(AmLineWriter *writer, GError **error);
