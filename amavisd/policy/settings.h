/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What applies to one recipient.  One table (am_settings_specs()) names every setting, its type,
 * default and help; the same names are keys of the [policy] group, of Lua's settings tables and of
 * host->action_setting().
 *
 * By category, CAT being virus banned unchecked spam spammy bad_header oversized clean:
 *     CAT_destiny     pass | bounce | reject | discard | tempfail   (features C3 has the defaults;
 *                     clean and spammy: pass)
 *     CAT_lover       yes: passes to this recipient in spite of the category
 *     CAT_quarantine  instance of a quarantine plugin: "file" whenever the category is the main or
 *                     the blocking one, "blocked:file" only when it blocks, "" never.  Default:
 *                     "blocked:file" for virus, banned, spam, bad_header and unchecked, else ""
 *     CAT_subject_tag text put before the subject of a local recipient's mail when CAT is main
 *     CAT_route       next hop of mail that passes when CAT is main; "": forward_route
 *     CAT_admin       address that is told, "" nobody; also mta_error_admin
 *     bypass_virus_checks bypass_spam_checks bypass_banned_checks bypass_header_checks
 * and  tag_level tag2_level tag3_level kill_level dsn_cutoff_level quarantine_cutoff_level
 *      (2.0, 6.31, never, 6.31, 10, 25: Debian's Amavis; "never" is HUGE_VAL),
 *      tag2_subject (subject tag of spammy and spam mail), tag3_subject (instead, from tag3_level),
 *      local (auto | yes | no: is the recipient ours; auto: by local_domains), local_domains (lookup
 *      keys; all when empty), message_size_limit (bytes, 0 none), forward_route (default: [routes]
 *      forward), banned_rules (names of rules, default "default"), header_tests (kinds that
 *      count: all, KIND, -KIND), minor_destinies (minor=destiny, ...), encrypted_mail_unchecked,
 *      finding_categories (kind=category, ...), unchecked_on_failure (tempfail | pass: what happens
 *      when content could not be looked at), remove_existing_x_scanned, x_virus_scanned (text),
 *      add_spam_headers, redirect (address), archive_quarantine, always_bcc, score_add (points added
 *      for this recipient), fake_sender_viruses (globs, the first that matches decides; "!" before
 *      it: the sender is true). */

#include <glib.h>

#include <amavisd/plugin.h>

#include "mail/error.h"
#include "policy/category.h"

typedef enum {
	AM_DESTINY_PASS,
	AM_DESTINY_BOUNCE,
	AM_DESTINY_REJECT,
	AM_DESTINY_DISCARD,
	AM_DESTINY_TEMPFAIL,
} AmDestiny;

const char *am_destiny_name(AmDestiny destiny);
gboolean am_destiny_from_name(const char *name, AmDestiny *destiny); /* FALSE: there is none */

typedef enum { AM_LOCAL_AUTO, AM_LOCAL_YES, AM_LOCAL_NO } AmLocalRule;
typedef enum { AM_ON_FAILURE_TEMPFAIL, AM_ON_FAILURE_PASS } AmOnFailure;

/* Copied for each recipient, so small; texts belong to a string chunk of the policy generation, are
 * constant (defaults), or are interned by am_settings_set() in the settings' own `texts`. */
typedef struct {
	AmDestiny destiny[AM_N_CATEGORIES];
	gboolean is_lover[AM_N_CATEGORIES];
	const char *quarantine[AM_N_CATEGORIES];  /* "" none; may start with "blocked:" */
	const char *subject_tag[AM_N_CATEGORIES]; /* "" none */
	const char *route[AM_N_CATEGORIES];       /* "" : forward_route */
	const char *admin[AM_N_CATEGORIES];       /* "" none */
	gboolean bypass_virus, bypass_spam, bypass_banned, bypass_header;
	double tag_level, tag2_level, tag3_level, kill_level; /* HUGE_VAL: never */
	double dsn_cutoff_level, quarantine_cutoff_level;
	double score_add;
	AmLocalRule local_rule;
	gboolean is_local; /* result for this recipient: am_policy_settings() */
	const char *local_domains;
	guint64 message_size_limit;
	const char *forward_route;      /* "" : [routes] forward */
	const char *banned_rules;       /* names separated by commas */
	const char *header_tests;       /* kinds separated by commas */
	const char *finding_categories; /* "kind=category, ..." */
	const char *minor_destinies;    /* "minor=destiny, ..." */
	gboolean encrypted_mail_unchecked;
	AmOnFailure unchecked_on_failure;
	gboolean remove_existing_x_scanned;
	gboolean add_spam_headers;
	const char *tag2_subject, *tag3_subject;
	const char *x_virus_scanned; /* "" : do not add */
	const char *redirect;        /* "" none */
	const char *archive_quarantine;
	const char *always_bcc;
	const char *fake_sender_viruses;
	GStringChunk *texts; /* own texts; may be NULL */
} AmSettings;

const AmSettingSpec *am_settings_specs(void);
void am_settings_init(AmSettings *settings); /* defaults */
AmSettings *am_settings_copy(const AmSettings *settings);
void am_settings_clear(AmSettings *settings); /* frees what it owns, not itself */
void am_settings_free(AmSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmSettings, am_settings_free)
/* The route of mail with that main category: CAT_route, else forward_route; "": [routes] forward. */
const char *am_settings_route(const AmSettings *settings, AmCategory category);
/* Number of a setting for am_settings_take(), -1 when there is none of that name. */
int am_settings_find(const char *name);
/* Sets by name from text; DATA: unknown name (with the nearest known one) or bad value. */
gboolean am_settings_set(AmSettings *settings, const char *name, const char *text, GError **error);
/* The same with the text interned in `texts`, which must outlive the settings and all copies. */
gboolean am_settings_set_shared(AmSettings *settings, GStringChunk *texts, const char *name,
				const char *text, GError **error);
/* Takes one setting (of am_settings_find()) over from another, texts borrowed. */
void am_settings_take(AmSettings *settings, const AmSettings *from, int setting);
/* Value as text, to be freed; NULL unknown name. */
char *am_settings_get(const AmSettings *settings, const char *name);
/* Calls func for each trimmed, non-empty word of a list separated by commas or blanks until it
 * says FALSE. The word is not NUL-ended. */
typedef gboolean (*AmWordFunc)(const char *word, gsize len, gpointer user_data);
void am_settings_each_word(const char *list, AmWordFunc func, gpointer user_data);
