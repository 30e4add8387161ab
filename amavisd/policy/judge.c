/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Judging: from the facts of the report and the settings of each recipient to a disposition.
 *
 * For one recipient:
 *
 *     collect    categories from findings, failures, header defects, banned rules, size
 *     score      spammy and spam from the score and the recipient's levels
 *     decide     main and blocking category, destiny, reason, quarantine
 *     hooks      may change any of it; decide runs again after a hook that did
 *     finish     target, route, reply
 *
 * What is collected depends on few settings; recipients in a row that have them in common share the
 * work. */

#include <config.h>

#include <string.h>

#include "policy/collect.h"
#include "policy/policy-private.h"
#include "policy/reason.h"

#define BLOCKED_PREFIX "blocked:"

typedef struct {
	AmPolicyThread *thread;
	const AmMail *mail;
	const char *failure; /* why there is no report, or NULL */
	/* of the recipient before, NULL none */
	const AmDisposition *previous;
	AmCategorySet collected; /* for it */
} Judge;

/* ---- banned */

typedef struct {
	const AmPolicy *policy;
	GPtrArray *lists;
	GError *error;
} RuleCollector;

static gboolean
judge_rule_word(const char *word, gsize len, gpointer user_data)
{
	RuleCollector *collector = user_data;
	g_autofree char *name = g_strndup(word, len);
	gpointer rules = g_hash_table_lookup(collector->policy->banned, name);
	if (rules == NULL) {
		g_set_error(&collector->error, AM_ERROR, AM_ERROR_DATA,
			    "banned_rules: there are no rules named \"%s\"", name);
		return FALSE;
	}
	g_ptr_array_add(collector->lists, rules);
	return TRUE;
}

static void
judge_set_banned(AmDisposition *disposition, const char *label, gint32 part)
{
	g_free(disposition->banned_rule);
	disposition->banned_rule = g_strdup(label);
	disposition->banned_part = part;
	am_category_set_add(&disposition->categories, AM_CATEGORY_BANNED, 0);
}

static gboolean
judge_banned(const Judge *judge, AmDisposition *disposition, GError **error)
{
	const AmPolicy *policy = judge->thread->policy;
	const AmDisposition *previous = judge->previous;
	const char *names = disposition->settings->banned_rules;
	AmBannedMatch match;
	if (judge->mail->report == NULL || disposition->settings->bypass_banned)
		return TRUE;
	if (previous != NULL && !previous->settings->bypass_banned &&
	    strcmp(previous->settings->banned_rules, names) == 0) {
		if (previous->banned_part >= 0)
			judge_set_banned(disposition, previous->banned_rule, previous->banned_part);
		return TRUE;
	}
	g_autoptr(GPtrArray) lists = g_ptr_array_new();
	RuleCollector collector = { .policy = policy, .lists = lists };
	am_settings_each_word(names, judge_rule_word, &collector);
	if (collector.error != NULL) {
		g_propagate_error(error, collector.error);
		return FALSE;
	}
	if (am_banned_check((const AmBannedRules *const *)lists->pdata, lists->len,
			    judge->mail->report, &match))
		judge_set_banned(disposition, match.label, match.part);
	return TRUE;
}

/* ---- score and size */

static void
judge_score(const AmReport *report, AmDisposition *disposition, gboolean is_rescored)
{
	const AmSettings *settings = disposition->settings;
	AmCategorySet *set = &disposition->categories;
	set->minors[AM_CATEGORY_SPAMMY] = set->minors[AM_CATEGORY_SPAM] = 0;
	if (!is_rescored) {
		if (report == NULL || !report->is_scored || settings->bypass_spam)
			return;
		disposition->score = report->score + settings->score_add;
	}
	if (disposition->score >= settings->tag2_level)
		am_category_set_add(set, AM_CATEGORY_SPAMMY, 0);
	if (disposition->score >= settings->tag3_level)
		am_category_set_add(set, AM_CATEGORY_SPAMMY, 1);
	if (disposition->score >= settings->kill_level)
		am_category_set_add(set, AM_CATEGORY_SPAM, 0);
}

static gboolean
judge_is_scored(const Judge *judge, const AmVerdict *verdict)
{
	const AmReport *report = judge->mail->report;
	return verdict->is_rescored || (report != NULL && report->is_scored &&
					!verdict->disposition->settings->bypass_spam);
}

static guint64
judge_mail_size(const Judge *judge)
{
	return judge->mail->spool != NULL ? am_spool_size(judge->mail->spool) : 0;
}

static void
judge_clean(const Judge *judge, const AmVerdict *verdict)
{
	AmDisposition *disposition = verdict->disposition;
	gboolean is_tagged = judge_is_scored(judge, verdict) &&
			     disposition->score >= disposition->settings->tag_level;
	disposition->categories.minors[AM_CATEGORY_CLEAN] = 0;
	if (am_category_set_highest(&disposition->categories, NULL) == AM_CATEGORY_NONE)
		am_category_set_add(&disposition->categories, AM_CATEGORY_CLEAN, is_tagged ? 1 : 0);
}

/* ---- decide */

typedef struct {
	AmCategory category;
	guint minor;
	AmDestiny destiny;
} MinorQuery;

static gboolean
judge_minor_word(const char *word, gsize len, gpointer user_data)
{
	MinorQuery *query = user_data;
	g_autofree char *text = g_strndup(word, len);
	char *equals = strchr(text, '=');
	guint minor;
	if (equals == NULL)
		return TRUE;
	*equals = '\0';
	if (am_category_from_minor(text, &minor) == query->category && minor == query->minor)
		(void)am_destiny_from_name(equals + 1, &query->destiny);
	return TRUE; /* the last one counts */
}

/* Destiny of one category, if it were the only one: its minor's, else its own. */
static AmDestiny
judge_destiny(const Judge *judge, const AmDisposition *disposition, AmCategory category,
	      guint minor)
{
	const AmSettings *settings = disposition->settings;
	const AmReport *report = judge->mail->report;
	MinorQuery query = { category, minor, settings->destiny[category] };
	am_settings_each_word(settings->minor_destinies, judge_minor_word, &query);
	AmDestiny destiny = query.destiny;
	gboolean is_null = *judge->mail->envelope->sender == '\0';
	if (settings->is_lover[category])
		return AM_DESTINY_PASS;
	if (category == AM_CATEGORY_UNCHECKED && am_collect_has_failed(judge->mail) &&
	    !settings->bypass_virus && settings->unchecked_on_failure == AM_ON_FAILURE_TEMPFAIL &&
	    !(judge->mail->is_late && judge->mail->when_late == AM_LATE_UNCHECKED))
		return AM_DESTINY_TEMPFAIL;
	if (destiny != AM_DESTINY_BOUNCE)
		return destiny;
	/* a bounce that nobody may get: bad headers pass (features C15), the rest goes */
	if (category == AM_CATEGORY_BAD_HEADER && (is_null || (report != NULL && report->is_bulk)))
		return AM_DESTINY_PASS;
	return is_null ? AM_DESTINY_DISCARD : AM_DESTINY_BOUNCE;
}

/* Does the category block, by any of its minors from the highest on? */
static gboolean
judge_blocks(const Judge *judge, AmDisposition *disposition, AmCategory category)
{
	guint16 minors = disposition->categories.minors[category];
	for (guint minor = 16; minor-- > 0;) {
		if ((minors & 1u << minor) == 0)
			continue;
		AmDestiny destiny = judge_destiny(judge, disposition, category, minor);
		if (destiny == AM_DESTINY_PASS)
			continue;
		disposition->destiny = destiny;
		disposition->blocking = category;
		return TRUE;
	}
	return FALSE;
}

static void
judge_decide_destiny(const Judge *judge, const AmVerdict *verdict)
{
	AmDisposition *disposition = verdict->disposition;
	disposition->blocking = AM_CATEGORY_NONE;
	disposition->destiny = AM_DESTINY_PASS;
	if (verdict->destiny >= 0) {
		disposition->destiny = (AmDestiny)verdict->destiny;
		if (disposition->destiny != AM_DESTINY_PASS)
			disposition->blocking = disposition->main_category;
		return;
	}
	for (int c = AM_N_CATEGORIES - 1; c > AM_CATEGORY_NONE; c--)
		if (judge_blocks(judge, disposition, (AmCategory)c))
			return;
}

static gboolean
judge_is_bypassed(const AmSettings *settings, AmCategory category)
{
	return settings->is_lover[category] ||
	       (category == AM_CATEGORY_VIRUS && settings->bypass_virus) ||
	       (category == AM_CATEGORY_BANNED && settings->bypass_banned) ||
	       (category == AM_CATEGORY_BAD_HEADER && settings->bypass_header);
}

/* The blocking category's quarantine, or the main one's when nothing blocks. */
static const char *
judge_quarantine(const AmDisposition *disposition)
{
	const AmSettings *settings = disposition->settings;
	gboolean is_blocked = disposition->blocking != AM_CATEGORY_NONE;
	AmCategory category = is_blocked ? disposition->blocking : disposition->main_category;
	const char *quarantine = settings->quarantine[category];
	if (disposition->destiny == AM_DESTINY_TEMPFAIL)
		return ""; /* it will come again */
	if (!is_blocked && judge_is_bypassed(settings, category))
		return "";
	if ((category == AM_CATEGORY_SPAM || category == AM_CATEGORY_SPAMMY) &&
	    disposition->score >= settings->quarantine_cutoff_level)
		return "";
	if (!g_str_has_prefix(quarantine, BLOCKED_PREFIX))
		return quarantine;
	return is_blocked ? quarantine + strlen(BLOCKED_PREFIX) : "";
}

static void
judge_decide(const Judge *judge, AmVerdict *verdict)
{
	AmDisposition *disposition = verdict->disposition;
	judge_clean(judge, verdict);
	disposition->main_category =
		am_category_set_highest(&disposition->categories, &disposition->main_minor);
	judge_decide_destiny(judge, verdict);
	g_free(disposition->reason);
	disposition->reason = am_reason_text(judge->mail, disposition,
					     disposition->blocking != AM_CATEGORY_NONE
						     ? disposition->blocking
						     : disposition->main_category,
					     judge->failure);
	g_free(disposition->quarantine);
	disposition->quarantine = g_strdup(
		verdict->quarantine != NULL ? verdict->quarantine : judge_quarantine(disposition));
}

/* ---- one recipient */

static gboolean
judge_tag_subject(AmDisposition *disposition, const char *text, GError **error)
{
	static const char *const settings[AM_N_CATEGORIES] = {
		[AM_CATEGORY_CLEAN] = "clean_subject_tag",
		[AM_CATEGORY_OVERSIZED] = "oversized_subject_tag",
		[AM_CATEGORY_BAD_HEADER] = "bad_header_subject_tag",
		[AM_CATEGORY_SPAMMY] = "spammy_subject_tag",
		[AM_CATEGORY_SPAM] = "spam_subject_tag",
		[AM_CATEGORY_UNCHECKED] = "unchecked_subject_tag",
		[AM_CATEGORY_BANNED] = "banned_subject_tag",
		[AM_CATEGORY_VIRUS] = "virus_subject_tag",
	};
	AmSettings *own = disposition->settings;
	const char *name = settings[disposition->main_category];
	/* tags of the spam levels come before the category's */
	return am_settings_set(own, "tag2_subject", text, error) &&
	       am_settings_set(own, "tag3_subject", text, error) &&
	       (name == NULL || am_settings_set(own, name, text, error));
}

/* What went wrong with us is for the log, not for the client. */
static const char *
judge_reply_text(const Judge *judge, const AmVerdict *verdict)
{
	const AmDisposition *disposition = verdict->disposition;
	if (verdict->reply != NULL)
		return verdict->reply;
	if (disposition->blocking == AM_CATEGORY_UNCHECKED && am_collect_has_failed(judge->mail))
		return "content could not be checked";
	return disposition->reason;
}

static gboolean
judge_finish(const Judge *judge, const AmVerdict *verdict, GError **error)
{
	AmDisposition *disposition = verdict->disposition;
	const AmSettings *settings = disposition->settings;
	const char *redirect = verdict->redirect != NULL ? verdict->redirect : settings->redirect;
	const char *route = verdict->route != NULL
				    ? verdict->route
				    : am_settings_route(settings, disposition->main_category);

	if (verdict->subject_tag != NULL &&
	    !judge_tag_subject(disposition, verdict->subject_tag, error))
		return FALSE;
	disposition->target = am_recipient_copy(disposition->recipient);
	if (*redirect != '\0') {
		g_free(disposition->target->address);
		disposition->target->address = g_strdup(redirect);
	}
	g_free(disposition->route);
	disposition->route =
		g_strdup(*route != '\0' ? route : judge->thread->policy->forward_route);
	disposition->reply =
		am_reason_reply(judge->mail, disposition, judge_reply_text(judge, verdict));
	if (disposition->destiny == AM_DESTINY_BOUNCE ||
	    disposition->destiny == AM_DESTINY_REJECT) {
		g_free(disposition->dsn_suppressed);
		disposition->dsn_suppressed =
			g_strdup(am_disposition_dsn_obstacle(disposition, judge->mail));
	}
	return TRUE;
}

static gboolean
judge_run_hooks(const Judge *judge, AmVerdict *verdict, GError **error)
{
	for (guint i = 0; i < judge->thread->policy->n_hooks[AM_HOOK_JUDGE]; i++) {
		verdict->is_changed = FALSE;
		if (!am_lua_call_judge(judge->thread, i, judge->mail, verdict, error))
			return FALSE;
		if (!verdict->is_changed)
			continue;
		if (verdict->is_rescored)
			judge_score(judge->mail->report, verdict->disposition, TRUE);
		judge_decide(judge, verdict);
	}
	return TRUE;
}

static void
judge_verdict_clear(AmVerdict *verdict)
{
	g_free(verdict->reply);
	g_free(verdict->quarantine);
	g_free(verdict->route);
	g_free(verdict->redirect);
	g_free(verdict->subject_tag);
}

/* May the recipient share what was collected for the one before? */
static gboolean
judge_is_like_previous(const Judge *judge, const AmSettings *settings)
{
	const AmSettings *previous = judge->previous != NULL ? judge->previous->settings : NULL;
	return previous != NULL && previous->bypass_virus == settings->bypass_virus &&
	       previous->bypass_banned == settings->bypass_banned &&
	       previous->bypass_header == settings->bypass_header &&
	       previous->encrypted_mail_unchecked == settings->encrypted_mail_unchecked &&
	       strcmp(previous->finding_categories, settings->finding_categories) == 0 &&
	       strcmp(previous->header_tests, settings->header_tests) == 0;
}

static AmDisposition *
judge_recipient(Judge *judge, const AmRecipient *recipient, GError **error)
{
	g_autoptr(AmDisposition) disposition = am_disposition_new(recipient);
	AmVerdict verdict = { .disposition = disposition, .destiny = -1 };
	disposition->edits = am_edits_new();
	disposition->settings =
		am_policy_settings_inside(judge->thread, judge->mail->envelope, recipient, error);
	if (disposition->settings == NULL)
		return NULL;
	const AmSettings *settings = disposition->settings;
	if (!judge_is_like_previous(judge, settings)) {
		memset(&judge->collected, 0, sizeof judge->collected);
		am_collect_categories(judge->mail, settings, &judge->collected);
	}
	disposition->categories = judge->collected;
	if (!judge_banned(judge, disposition, error))
		return NULL;
	if (settings->message_size_limit > 0 &&
	    judge_mail_size(judge) > settings->message_size_limit)
		am_category_set_add(&disposition->categories, AM_CATEGORY_OVERSIZED, 0);
	judge_score(judge->mail->report, disposition, FALSE);
	judge_decide(judge, &verdict);
	gboolean ok =
		judge_run_hooks(judge, &verdict, error) && judge_finish(judge, &verdict, error);
	judge_verdict_clear(&verdict);
	return ok ? g_steal_pointer(&disposition) : NULL;
}

GPtrArray *
am_policy_judge(AmPolicyThread *thread, const AmMail *mail, const char *failure, GError **error)
{
	g_autoptr(GPtrArray) dispositions =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_disposition_free);
	Judge judge = { .thread = thread, .mail = mail, .failure = failure };
	if (thread->lua != NULL && !am_lua_begin(thread->lua, error))
		return NULL;
	for (guint i = 0; i < mail->envelope->recipients->len; i++) {
		const AmRecipient *recipient = mail->envelope->recipients->pdata[i];
		AmDisposition *disposition = judge_recipient(&judge, recipient, error);
		if (disposition == NULL) {
			g_prefix_error(error, "policy for <%s>: ", recipient->address);
			return NULL;
		}
		g_ptr_array_add(dispositions, disposition);
		judge.previous = disposition;
	}
	return g_steal_pointer(&dispositions);
}
