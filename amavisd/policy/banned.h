/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Rules for banned parts: by name, declared type and real type, on the whole path of a part.
 *
 * Only leaves of the tree of parts are judged, each together with all that contains it: a rule holds
 * for a leaf when it holds for the leaf or any of its ancestors.  Rules are tried in order and the
 * first that holds decides, so what is allowed must stand before what is denied.  One denied leaf
 * bans the mail for the recipient. */

#include <glib.h>

#include "mail/report.h"

typedef struct _AmBannedRules AmBannedRules; /* the ordered rules of one name */

/* A rule as an administrator writes it.  All conditions that are given must hold for the same part,
 * any value of a condition is enough. Lists end with NULL; NULL: condition not given. */
typedef struct {
	gboolean is_allow;
	/* globs (* and ?) on the whole name or what follows the last /; a part that could not be looked
	 * into is called UNDECIPHERABLE too */
	const char *const *names;
	const char *const *regexes;  /* PCRE on the whole name; case does not matter, . takes all */
	const char *const *types;    /* real type: "application/x-dosexec", "image/x-*" or ".exe" */
	const char *const *declared; /* the same of the declared type; no short types */
	const char *const *extensions; /* of the name, without their dot: "exe" */
	const char *const *findings; /* of the part: globs "kind" or "kind/name" */
	gboolean undecipherable;     /* encrypted, or could not be taken apart */
	const char *label;           /* said in reply and log; NULL: made of the conditions */
} AmBannedSpec;

AmBannedRules *am_banned_rules_new(void);
/* Appends.  DATA: no condition, bad regular expression, nonsense type, more than
 * AM_BANNED_MAX_RULES. */
gboolean am_banned_rules_add(AmBannedRules *rules, const AmBannedSpec *spec, GError **error);
/* What Debian's Amavis blocks: executables by type, declared type, name and double extension, and
 * names that end in a class id; and mails in pieces, which nobody can look into. */
AmBannedRules *am_banned_rules_new_default(void);
void am_banned_rules_free(AmBannedRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmBannedRules, am_banned_rules_free)
guint am_banned_rules_count(const AmBannedRules *rules);

#define AM_BANNED_MAX_RULES 10000u

typedef struct {
	const char *label; /* of the rule; borrowed from the rules */
	gint32 part;       /* the part for which it holds */
	gint32 leaf;       /* the leaf it bans */
} AmBannedMatch;

/* Tries the lists one after the other as if they were one.  TRUE: banned, *match says by what.
 * Time is linear in parts (and their findings) times rules. */
gboolean am_banned_check(const AmBannedRules *const *lists, guint n_lists, const AmReport *report,
			 AmBannedMatch *match);

/* Does the glob match the text? * any bytes, ? one character. Linear space, no back-tracking beyond
 * the last star. */
gboolean am_banned_glob(const char *glob, const char *text);
