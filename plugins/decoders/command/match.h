/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Which contents an instance is for. */

#include <glib.h>

#include <amavisd/plugin.h>

typedef struct {
	const char *const *types; /* short types, or media types with a slash; NULL none */
	GArray *marks;		  /* Mark */
	const char *const *names; /* what a name may end with; NULL none */
} CommandMatch;

/* marks: OFFSET:HEX, NULL none.  FALSE with error when one is none. */
gboolean command_match_init(CommandMatch *match, const char *const *types,
			    const char *const *marks, const char *const *names, GError **error);
void command_match_clear(CommandMatch *match);
gboolean command_match(const CommandMatch *match, const AmPartInfo *info, const guint8 *head,
		       gsize len);
/* text holds one of the words of `list`, which are divided by "|"; NULL has none. */
gboolean command_text_has(const char *text, char **list);
