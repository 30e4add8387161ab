/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Header edits.  A value is made safe when it is added, so whatever a plugin or a script hands in,
 * what is written is one well-formed field.  Writing is a single pass over the mail: for each name
 * that is replaced or deleted there is one plan, each field of the report's table is looked up in
 * the plans, and the stretches between the fields concerned are copied as they are. */

#include <config.h>

#include "mail/edits.h"

#include <string.h>

#include "mail/error.h"
#include "mail/spool.h"

#define EDITS_CHUNK 65536  /* bytes of the mail read at a time */
#define EDITS_NAME_MAX 100 /* bytes of a field's name */
#define EDITS_FOLD 78	   /* bytes of a line, without CRLF (RFC 5322 2.1.1) */
#define EDITS_LINE_MAX 998

struct _AmEdits {
	GPtrArray *list; /* of AmEdit */
};

/* What is to become of the mail's own fields of one name. */
typedef struct {
	gboolean is_deleted;	   /* all of them */
	const AmEdit *replacement; /* stands for the first of them */
	gboolean is_done;	   /* the replacement is written */
} EditPlan;

/* The copying of a mail. */
typedef struct {
	int fd;
	guint64 size;
	guint8 *buffer;
	gsize capacity;
	guint64 start; /* of what is in the buffer */
	gsize len;
	AmWriteFunc write;
	gpointer user_data;
} EditCopy;

/* ---- the list */

static void
edit_free(AmEdit *edit)
{
	g_free(edit->name);
	g_free(edit->value);
	g_free(edit);
}

AmEdits *
am_edits_new(void)
{
	AmEdits *edits = g_new0(AmEdits, 1);
	edits->list = g_ptr_array_new_with_free_func((GDestroyNotify)edit_free);
	return edits;
}

void
am_edits_free(AmEdits *edits)
{
	if (edits == NULL)
		return;
	g_ptr_array_unref(edits->list);
	g_free(edits);
}

/* ---- a value made safe */

typedef struct {
	GString *out;
	gsize column;	   /* bytes in the current line */
	gssize fold;	   /* where in out the line may be broken, -1 nowhere */
	gboolean has_text; /* of the value, in the current line */
	gboolean was_blank;
} EditFold;

/* Is the line break at `at` folding: is it followed by a blank, and by text before the next? */
static gboolean
edit_is_fold(const char *at)
{
	if (at[0] == '\r' && at[1] == '\n')
		at++;
	at++;
	if (*at != ' ' && *at != '\t')
		return FALSE;
	at += strspn(at, " \t");
	return (guchar)*at > 0x20 && *at != 0x7f;
}

static void
edit_fold_start_line(EditFold *fold)
{
	fold->column = 0;
	fold->fold = -1;
	fold->has_text = FALSE;
	fold->was_blank = FALSE;
}

/* Appends one character of n bytes; breaks the line before the last word when it gets too long. */
static void
edit_fold_append(EditFold *fold, const char *c, gsize n)
{
	gboolean is_blank = *c == ' ' || *c == '\t';
	if (fold->column + n > EDITS_LINE_MAX && fold->fold < 0) {
		if (!is_blank || !fold->has_text)
			return; /* cut, up to the end of the word */
		g_string_append(fold->out, "\r\n");
		edit_fold_start_line(fold);
	}
	if (is_blank && !fold->was_blank && fold->has_text)
		fold->fold = (gssize)fold->out->len;
	g_string_append_len(fold->out, c, (gssize)n);
	fold->column += n;
	fold->was_blank = is_blank;
	if (is_blank)
		return;
	fold->has_text = TRUE;
	if (fold->column > EDITS_FOLD && fold->fold >= 0) {
		/* moves less than two lines: the word since, which is not over 998 bytes */
		g_string_insert_len(fold->out, fold->fold, "\r\n", 2);
		fold->column = fold->out->len - (gsize)fold->fold - 2;
		fold->fold = -1;
	}
}

static char *
edit_make_safe(const char *name, const char *value)
{
	g_autofree char *valid = g_utf8_make_valid(value, -1);
	EditFold fold = { .out = g_string_sized_new(strlen(valid) + 32),
			  .column = strlen(name) + 2,
			  .fold = -1 };
	for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
		if ((*at == '\r' || *at == '\n') && (fold.has_text || fold.out->len == 0) &&
		    edit_is_fold(at)) {
			g_string_append(fold.out, "\r\n");
			edit_fold_start_line(&fold);
			if (at[0] == '\r' && at[1] == '\n')
				at++;
		} else if (((guchar)*at < 0x20 && *at != '\t') || *at == 0x7f) {
			edit_fold_append(&fold, " ", 1);
		} else {
			edit_fold_append(&fold, at, (gsize)(g_utf8_next_char(at) - at));
		}
	}
	return g_strchomp(g_string_free(fold.out, FALSE));
}

static gboolean
edit_is_name(const char *name)
{
	gsize len = 0;
	while (name[len] > 0x20 && name[len] < 0x7f && name[len] != ':' && len <= EDITS_NAME_MAX)
		len++;
	return name[len] == '\0' && len > 0 && len <= EDITS_NAME_MAX;
}

gboolean
am_edits_add(AmEdits *edits, AmEditOp op, const char *name, const char *value, GError **error)
{
	if (name == NULL || !edit_is_name(name)) {
		g_set_error(error, AM_ERROR, AM_ERROR_SOFTWARE, "not the name of a header field");
		return FALSE;
	}
	if (op != AM_EDIT_DELETE && value == NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_SOFTWARE, "header field %s without a value",
			    name);
		return FALSE;
	}
	AmEdit *edit = g_new0(AmEdit, 1);
	edit->op = op;
	edit->name = g_strdup(name);
	edit->value = op == AM_EDIT_DELETE ? NULL : edit_make_safe(name, value);
	g_ptr_array_add(edits->list, edit);
	return TRUE;
}

guint
am_edits_count(const AmEdits *edits)
{
	return edits != NULL ? edits->list->len : 0;
}

const AmEdit *
am_edits_get(const AmEdits *edits, guint index)
{
	return edits->list->pdata[index];
}

gboolean
am_edits_equal(const AmEdits *a, const AmEdits *b)
{
	guint n = am_edits_count(a);
	if (n != am_edits_count(b))
		return FALSE;
	for (guint i = 0; i < n; i++) {
		const AmEdit *one = am_edits_get(a, i), *other = am_edits_get(b, i);
		if (one->op != other->op || strcmp(one->name, other->name) != 0 ||
		    g_strcmp0(one->value, other->value) != 0)
			return FALSE;
	}
	return TRUE;
}

guint
am_edits_hash(const AmEdits *edits)
{
	guint hash = 0;
	for (guint i = 0; i < am_edits_count(edits); i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		hash = hash * 33 + (guint)edit->op;
		hash = hash * 33 + g_str_hash(edit->name);
		hash = hash * 33 + (edit->value != NULL ? g_str_hash(edit->value) : 0);
	}
	return hash;
}

gboolean
am_edits_is_of_mail(const AmEdit *edit)
{
	return edit->op == AM_EDIT_REPLACE || edit->op == AM_EDIT_DELETE;
}

gboolean
am_edits_is_undone(const AmEdits *edits, guint index)
{
	const AmEdit *edit = am_edits_get(edits, index);
	for (guint i = index + 1; i < am_edits_count(edits); i++) {
		const AmEdit *later = am_edits_get(edits, i);
		if (am_edits_is_of_mail(later) && g_ascii_strcasecmp(later->name, edit->name) == 0)
			return TRUE;
	}
	return FALSE;
}

guint
am_report_count_fields(const AmReport *report, const char *name)
{
	guint n = 0;
	for (guint i = 0; report != NULL && i < report->fields->len; i++)
		if (g_ascii_strcasecmp(((AmHeaderField *)report->fields->pdata[i])->name, name) == 0)
			n++;
	return n;
}

/* ---- plans */

static guint
edit_name_hash(gconstpointer name)
{
	guint hash = 5381;
	for (const char *at = name; *at != '\0'; at++)
		hash = hash * 33 + (guchar)g_ascii_tolower(*at);
	return hash;
}

static gboolean
edit_name_equal(gconstpointer a, gconstpointer b)
{
	return g_ascii_strcasecmp(a, b) == 0;
}

/* name -> EditPlan; NULL when no field of the mail's own is concerned. */
static GHashTable *
edits_plan(const AmEdits *edits)
{
	GHashTable *plans = NULL;
	for (guint i = 0; i < am_edits_count(edits); i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		if (edit->op != AM_EDIT_REPLACE && edit->op != AM_EDIT_DELETE)
			continue;
		if (plans == NULL)
			plans = g_hash_table_new_full(edit_name_hash, edit_name_equal, NULL,
						      g_free);
		EditPlan *plan = g_hash_table_lookup(plans, edit->name);
		if (plan == NULL) {
			plan = g_new0(EditPlan, 1);
			g_hash_table_insert(plans, edit->name, plan);
		}
		if (edit->op == AM_EDIT_DELETE)
			plan->is_deleted = TRUE;
		plan->replacement = edit->op == AM_EDIT_REPLACE ? edit : NULL;
	}
	return plans;
}

/* ---- writing */

static void
edit_format(GString *out, const AmEdit *edit)
{
	g_string_append(out, edit->name);
	g_string_append_c(out, ':');
	if (*edit->value != '\r' && *edit->value != '\0') /* else it starts with a fold */
		g_string_append_c(out, ' ');
	g_string_append(out, edit->value);
	g_string_append(out, "\r\n");
}

/* Bytes of the mail from `offset`, at least `least` or all that follow; NULL with error. */
static const guint8 *
edit_copy_get(EditCopy *copy, guint64 offset, gsize least, gsize *len, GError **error)
{
	guint64 end = MIN(offset + least, copy->size);
	if (offset < copy->start || end > copy->start + copy->len) {
		gsize want = (gsize)MIN(copy->size - offset, copy->capacity);
		gssize n = am_read_at(copy->fd, copy->buffer, want, offset, error);
		copy->len = 0;
		if (n < 0)
			return NULL;
		if ((gsize)n < want) {
			g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "the mail is shorter than it was");
			return NULL;
		}
		copy->start = offset;
		copy->len = want;
	}
	*len = (gsize)(copy->start + copy->len - offset);
	return copy->buffer + (offset - copy->start);
}

static gboolean
edit_copy_range(EditCopy *copy, guint64 from, guint64 to, GError **error)
{
	while (from < to) {
		gsize len;
		const guint8 *data = edit_copy_get(copy, from, 1, &len, error);
		if (data == NULL)
			return FALSE;
		len = (gsize)MIN(len, to - from);
		if (!copy->write(data, len, copy->user_data, error))
			return FALSE;
		from += len;
	}
	return TRUE;
}

static gboolean
edit_copy_text(EditCopy *copy, const GString *text, GError **error)
{
	return text->len == 0 || copy->write(text->str, text->len, copy->user_data, error);
}

/* Does what starts here look like a header: a name and ':' (blanks may stand between, RFC 5322
 * 4.5), or the empty line of an empty header? */
static gboolean
edit_is_header(const guint8 *data, gsize len)
{
	gsize i = 0;
	if (len >= 2 && data[0] == '\r' && data[1] == '\n')
		return TRUE;
	while (i < len && data[i] > 0x20 && data[i] != 0x7f && data[i] != ':')
		i++;
	gsize name = i;
	while (i < len && (data[i] == ' ' || data[i] == '\t'))
		i++;
	return name > 0 && i < len && data[i] == ':';
}

/* A new header in front of something that is none needs an empty line behind it, or the first lines
 * of the body would become part of the header. */
static gboolean
edit_end_header(EditCopy *copy, GString *fields, GError **error)
{
	gsize len = 0;
	const guint8 *data = NULL;
	if (fields->len == 0)
		return TRUE;
	if (copy->size > 0) {
		data = edit_copy_get(copy, 0, EDITS_CHUNK, &len, error);
		if (data == NULL)
			return FALSE;
	}
	if (data == NULL || !edit_is_header(data, len))
		g_string_append(fields, "\r\n");
	return TRUE;
}

/* Appended fields, and replacements that found nothing to replace. */
static void
edits_format_appended(const AmEdits *edits, GHashTable *plans, GString *out)
{
	for (guint i = 0; i < am_edits_count(edits); i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		EditPlan *plan = plans != NULL ? g_hash_table_lookup(plans, edit->name) : NULL;
		if (edit->op == AM_EDIT_APPEND || (edit->op == AM_EDIT_REPLACE && plan != NULL &&
						   plan->replacement == edit && !plan->is_done))
			edit_format(out, edit);
	}
}

static gboolean
edits_check_field(const AmHeaderField *field, guint64 from, const AmReport *report, GError **error)
{
	if (field->offset >= from && field->offset <= report->header_size &&
	    field->len <= report->header_size - field->offset)
		return TRUE;
	g_set_error(error, AM_ERROR, AM_ERROR_SOFTWARE, "header field outside the header");
	return FALSE;
}

/* Before a field goes: is it there, whole lines of that name?  The table came from a process that
 * the mail may have taken over. */
static gboolean
edits_check_bytes(EditCopy *copy, const AmHeaderField *field, GError **error)
{
	gsize len, name_len = strlen(field->name);
	guint64 end = field->offset + field->len;
	gboolean is_good = field->len > name_len;
	const guint8 *data = edit_copy_get(copy, field->offset, name_len, &len, error);
	if (data == NULL)
		return FALSE;
	is_good = is_good && len >= name_len &&
		  g_ascii_strncasecmp((const char *)data, field->name, name_len) == 0;
	for (guint i = 0; i < 2 && is_good; i++) {
		guint64 behind = i == 0 ? field->offset : end; /* must be the start of a line */
		if (behind == 0 || behind == copy->size)
			continue;
		data = edit_copy_get(copy, behind - 1, 1, &len, error);
		if (data == NULL)
			return FALSE;
		is_good = *data == '\n';
	}
	if (!is_good)
		g_set_error(error, AM_ERROR, AM_ERROR_SCANNER,
			    "the mail has no field where it is reported");
	return is_good;
}

/* Writes the header up to the end of its last field, which is set in *end; *is_kept: that field was
 * copied. */
static gboolean
edits_write_fields(EditCopy *copy, const AmReport *report, GHashTable *plans, guint64 *end,
		   gboolean *is_kept, GError **error)
{
	g_autoptr(GString) text = g_string_sized_new(256);
	guint64 copied = 0; /* the mail is written up to here */
	*end = 0;
	for (guint i = 0; i < report->fields->len; i++) {
		const AmHeaderField *field = report->fields->pdata[i];
		EditPlan *plan = plans != NULL ? g_hash_table_lookup(plans, field->name) : NULL;
		if (!edits_check_field(field, *end, report, error))
			return FALSE;
		*end = field->offset + field->len;
		gboolean is_replaced = plan != NULL && plan->replacement != NULL && !plan->is_done;
		if (plan == NULL || (!is_replaced && !plan->is_deleted))
			continue;
		if (!edits_check_bytes(copy, field, error) ||
		    !edit_copy_range(copy, copied, field->offset, error))
			return FALSE;
		copied = *end;
		if (!is_replaced)
			continue;
		plan->is_done = TRUE;
		g_string_truncate(text, 0);
		edit_format(text, plan->replacement);
		if (!edit_copy_text(copy, text, error))
			return FALSE;
	}
	*is_kept = copied < *end;
	return edit_copy_range(copy, copied, *end, error);
}

/* A header cut off inside its last line: what is appended must start a new one. */
static gboolean
edits_end_line(EditCopy *copy, guint64 end, GString *text, GError **error)
{
	gsize len;
	if (end < copy->size)
		return TRUE;
	const guint8 *data = edit_copy_get(copy, end - 1, 1, &len, error);
	if (data != NULL && *data != '\n')
		g_string_prepend(text, "\r\n");
	return data != NULL;
}

/* The mail with a table of fields; *end: where the rest, still to be copied, begins. */
static gboolean
edits_write_header(const AmEdits *edits, EditCopy *copy, const AmReport *report, GString *prepended,
		   guint64 *end, GError **error)
{
	g_autoptr(GHashTable) plans = edits_plan(edits);
	g_autoptr(GString) appended = g_string_new(NULL);
	gboolean is_kept;
	if (report->header_size > copy->size) {
		g_set_error(error, AM_ERROR, AM_ERROR_SOFTWARE, "header larger than the mail");
		return FALSE;
	}
	if (report->fields->len == 0) {
		edits_format_appended(edits, plans, prepended);
		return edit_end_header(copy, prepended, error) &&
		       edit_copy_text(copy, prepended, error);
	}
	if (!edit_copy_text(copy, prepended, error) ||
	    !edits_write_fields(copy, report, plans, end, &is_kept, error))
		return FALSE;
	edits_format_appended(edits, plans, appended);
	if (appended->len > 0 && is_kept && !edits_end_line(copy, *end, appended, error))
		return FALSE;
	return edit_copy_text(copy, appended, error);
}

gboolean
am_edits_write(const AmEdits *edits, int fd, guint64 size, const AmReport *report,
	       AmWriteFunc write, gpointer user_data, GError **error)
{
	gsize capacity = (gsize)MIN(MAX(size, 1), EDITS_CHUNK);
	g_autofree guint8 *buffer = g_malloc(capacity);
	g_autoptr(GString) fields = g_string_sized_new(1024);
	EditCopy copy = { .fd = fd,
			  .size = size,
			  .buffer = buffer,
			  .capacity = capacity,
			  .write = write,
			  .user_data = user_data };
	guint64 end = 0;
	for (guint i = am_edits_count(edits); i > 0; i--)
		if (am_edits_get(edits, i - 1)->op == AM_EDIT_PREPEND)
			edit_format(fields, am_edits_get(edits, i - 1));
	if (report != NULL) {
		if (!edits_write_header(edits, &copy, report, fields, &end, error))
			return FALSE;
	} else {
		edits_format_appended(edits, NULL, fields);
		if (!edit_end_header(&copy, fields, error) || !edit_copy_text(&copy, fields, error))
			return FALSE;
	}
	return edit_copy_range(&copy, end, size, error);
}
