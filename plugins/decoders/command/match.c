/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* By the content: its real type, or bytes at a place.  What the sender calls it counts only for formats
 * that have no mark where one could look. */

#include "match.h"

#include <string.h>

#define HEAD_BYTES 4096 /* that bid() is shown */
#define MARK_BYTES 32

typedef struct {
	gsize offset, len;
	guint8 bytes[MARK_BYTES];
} Mark;

static gboolean
match_parse_mark(const char *text, Mark *mark)
{
	char *end;
	guint64 offset = g_ascii_strtoull(text, &end, 10);
	if (end == text || *end != ':' || offset >= HEAD_BYTES)
		return FALSE;
	mark->offset = (gsize)offset;
	mark->len = 0;
	for (const char *at = end + 1; *at != '\0'; at += 2) {
		if (!g_ascii_isxdigit(at[0]) || !g_ascii_isxdigit(at[1]) ||
		    mark->len == MARK_BYTES)
			return FALSE;
		mark->bytes[mark->len++] = (guint8)(g_ascii_xdigit_value(at[0]) << 4 |
						    g_ascii_xdigit_value(at[1]));
	}
	return mark->len > 0 && mark->offset + mark->len <= HEAD_BYTES;
}

gboolean
command_match_init(CommandMatch *match, const char *const *types, const char *const *marks,
		   const char *const *names, GError **error)
{
	match->types = types;
	match->names = names;
	match->marks = g_array_new(FALSE, FALSE, sizeof(Mark));
	for (; marks != NULL && *marks != NULL; marks++) {
		Mark mark;
		if (!match_parse_mark(*marks, &mark)) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
				    "magic: \"%s\" is not OFFSET:HEX within the first %d bytes",
				    *marks, HEAD_BYTES);
			return FALSE;
		}
		g_array_append_val(match->marks, mark);
	}
	if (match->marks->len > 0 || (types != NULL && types[0] != NULL) ||
	    (names != NULL && names[0] != NULL))
		return TRUE;
	g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "types, magic and names are empty: it would open nothing");
	return FALSE;
}

void
command_match_clear(CommandMatch *match)
{
	g_clear_pointer(&match->marks, g_array_unref);
}

/* One of the names in "exe-ms,exe". */
static gboolean
match_short_type(const char *short_types, const char *wanted)
{
	gsize len = strlen(wanted);
	while (*short_types != '\0') {
		gsize n = strcspn(short_types, ",");
		if (n == len && strncmp(short_types, wanted, n) == 0)
			return TRUE;
		short_types += n;
		short_types += *short_types == ',';
	}
	return FALSE;
}

gboolean
command_match(const CommandMatch *match, const AmPartInfo *info, const guint8 *head, gsize len)
{
	for (const char *const *type = match->types; type != NULL && *type != NULL; type++)
		if (strchr(*type, '/') != NULL ? strcmp(*type, info->type) == 0
					       : match_short_type(info->short_type, *type))
			return TRUE;
	for (guint i = 0; i < match->marks->len; i++) {
		const Mark *mark = &g_array_index(match->marks, Mark, i);
		if (len >= mark->offset + mark->len &&
		    memcmp(head + mark->offset, mark->bytes, mark->len) == 0)
			return TRUE;
	}
	gsize name_len = strlen(info->name);
	for (const char *const *name = match->names; name != NULL && *name != NULL; name++) {
		gsize n = strlen(*name);
		if (name_len >= n && g_ascii_strcasecmp(info->name + name_len - n, *name) == 0)
			return TRUE;
	}
	return FALSE;
}

gboolean
command_text_has(const char *text, char **list)
{
	for (; list != NULL && *list != NULL; list++)
		if (**list != '\0' && strstr(text, *list) != NULL)
			return TRUE;
	return FALSE;
}
