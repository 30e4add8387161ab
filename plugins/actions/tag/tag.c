/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The action "tag": header fields that tell readers and their filters what was found.
 *
 * Spam fields and the subject tag go to local recipients only (a stranger need not know how we
 * judge), and only the mail's own fields of these names are believed to be forged and removed.
 * X-Virus-Scanned, X-Amavis-Alert and X-Quarantine-ID go to everybody.  Everything is asked of the
 * core recipient by recipient, so the plugin holds no state but its settings. */

#include <math.h>
#include <string.h>

#include <amavisd/plugin.h>

#include "subject.h"

#define TAG_MAX_LEVEL 64 /* stars in X-Spam-Level */

typedef struct {
	const AmHost *host;
	char level_char;
	gboolean removes_spam_fields;
	gboolean adds_alert, adds_hold;
	gboolean adds_quarantine_id;
} TagPlugin;

static const AmSettingSpec tag_settings[] = {
	{ "level_char", AM_SETTING_STRING, "*", NULL, "what X-Spam-Level is made of; one character" },
	{ "remove_spam_fields", AM_SETTING_BOOL, "yes", NULL,
	  "remove X-Spam-* fields that a mail for a local recipient came with" },
	{ "alert", AM_SETTING_BOOL, "yes", NULL, "add X-Amavis-Alert" },
	{ "hold", AM_SETTING_BOOL, "yes", NULL,
	  "add X-Amavis-Hold to mails that go over limits (mail bombs)" },
	{ "quarantine_id", AM_SETTING_BOOL, "yes", NULL,
	  "add X-Quarantine-ID to mails of which a copy was stored" },
	{ NULL },
};

/* As Amavis: forged ones would be believed by the reader's own filters. */
static const char *const tag_spam_fields[] = {
	"X-Spam-Status", "X-Spam-Level", "X-Spam-Flag", "X-Spam-Score",
	"X-Spam-Report", "X-Spam-Tests", "X-Spam-Checker-Version",
};

/* What X-Amavis-Alert begins with; from worst to least. */
static const struct {
	const char *category;
	const char *text;
} tag_alerts[] = {
	{ "virus", "INFECTED" },
	{ "banned", "BANNED" },
	{ "unchecked", "UNCHECKED" },
	{ "oversized", "OVERSIZED" },
	{ "bad-header", "BAD HEADER SECTION" },
};

/* Categories from high to low with the name of the setting that holds their subject tag. */
static const struct {
	const char *category;
	const char *setting;
} tag_subjects[] = {
	{ "virus", "virus_subject_tag" },           { "banned", "banned_subject_tag" },
	{ "unchecked", "unchecked_subject_tag" },   { "spam", "spam_subject_tag" },
	{ "spammy", "spammy_subject_tag" },         { "bad-header", "bad_header_subject_tag" },
	{ "oversized", "oversized_subject_tag" },   { "clean", "clean_subject_tag" },
};

/* One mail for one recipient, with what is asked for more than once. */
typedef struct {
	const TagPlugin *plugin;
	const AmHost *host;
	AmAction *action;
	gboolean is_local;
	gboolean is_scored;
	double score;
	double tag_level, tag2_level, tag3_level, kill_level; /* HUGE_VAL: never */
} TagJob;

static gboolean
tag_text_is_true(const char *text)
{
	return text != NULL && (g_ascii_strcasecmp(text, "yes") == 0 || strcmp(text, "1") == 0 ||
				g_ascii_strcasecmp(text, "true") == 0 ||
				g_ascii_strcasecmp(text, "on") == 0);
}

static const char *
tag_setting(const TagJob *job, const char *name)
{
	const char *text = job->host->action_setting(job->action, name);
	return text != NULL ? text : "";
}

static double
tag_level(const TagJob *job, const char *name)
{
	const char *text = tag_setting(job, name);
	char *end;
	double level = g_ascii_strtod(text, &end);
	return end == text || isnan(level) ? HUGE_VAL : level;
}

static gboolean
tag_edit(const TagJob *job, AmEditOp op, const char *name, const char *value, GError **error)
{
	if (job->host->edit(job->action, op, name, value))
		return TRUE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "field %s was refused", name);
	return FALSE;
}

/* "12.3", without trailing zeros: the score as people write it. */
static char *
tag_format_score(double score)
{
	char buf[G_ASCII_DTOSTR_BUF_SIZE];
	(void)g_ascii_formatd(buf, sizeof buf, "%.3f", score);
	if (strchr(buf, '.') != NULL) {
		gsize len = strlen(buf);
		while (buf[len - 1] == '0')
			buf[--len] = '\0';
		if (buf[len - 1] == '.')
			buf[--len] = '\0';
	}
	return g_strdup(strcmp(buf, "-0") == 0 ? "0" : buf);
}

/* " kill=6.9", or nothing for a level that is never reached. */
static void
tag_append_level(GString *out, const char *key, double level)
{
	if (!isfinite(level))
		return;
	g_autofree char *text = tag_format_score(level);
	g_string_append_printf(out, " %s=%s", key, text);
}

static gboolean
tag_add_scanned(const TagJob *job, GError **error)
{
	if (tag_text_is_true(tag_setting(job, "remove_existing_x_scanned")) &&
	    !tag_edit(job, AM_EDIT_DELETE, "X-Virus-Scanned", NULL, error))
		return FALSE;
	const char *text = tag_setting(job, "x_virus_scanned");
	if (*text == '\0' || tag_text_is_true(tag_setting(job, "bypass_virus_checks")))
		return TRUE;
	return tag_edit(job, AM_EDIT_PREPEND, "X-Virus-Scanned", text, error);
}

static gboolean
tag_add_alert(const TagJob *job, GError **error)
{
	gsize i = 0;
	while (i < G_N_ELEMENTS(tag_alerts) &&
	       !job->host->action_has_category(job->action, tag_alerts[i].category))
		i++;
	if (!job->plugin->adds_alert || i == G_N_ELEMENTS(tag_alerts))
		return TRUE;
	const char *reasons = job->host->action_reasons(job->action);
	g_autofree char *value = g_strdup_printf("%s%s%s", tag_alerts[i].text,
						 *reasons != '\0' ? ", " : "", reasons);
	return tag_edit(job, AM_EDIT_PREPEND, "X-Amavis-Alert", value, error);
}

/* So that an MTA can hold what nobody could look into to its end. */
static gboolean
tag_add_hold(const TagJob *job, GError **error)
{
	if (!job->plugin->adds_hold ||
	    !job->host->action_has_category(job->action, "unchecked,over-limits"))
		return TRUE;
	const char *reasons = job->host->action_reasons(job->action);
	return tag_edit(job, AM_EDIT_PREPEND, "X-Amavis-Hold",
			*reasons != '\0' ? reasons : "over limits", error);
}

static gboolean
tag_add_quarantine_id(const TagJob *job, GError **error)
{
	/* the function came after the first header of ABI 1; an older core has a shorter table */
	if (!job->plugin->adds_quarantine_id ||
	    job->host->struct_size <= G_STRUCT_OFFSET(AmHost, action_quarantine_id))
		return TRUE;
	const char *id = job->host->action_quarantine_id(job->action);
	if (id == NULL || *id == '\0')
		return TRUE;
	g_autofree char *value = g_strdup_printf("<%s>", id);
	return tag_edit(job, AM_EDIT_PREPEND, "X-Quarantine-ID", value, error);
}

static gboolean
tag_remove_spam_fields(const TagJob *job, GError **error)
{
	if (!job->plugin->removes_spam_fields)
		return TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(tag_spam_fields); i++)
		if (!tag_edit(job, AM_EDIT_DELETE, tag_spam_fields[i], NULL, error))
			return FALSE;
	return TRUE;
}

static char *
tag_make_status(const TagJob *job)
{
	g_autofree char *score = tag_format_score(job->score);
	const char *tests = job->host->action_tests(job->action);
	GString *status = g_string_new(job->score >= job->tag2_level ? "Yes" : "No");
	g_string_append_printf(status, ", score=%s", score);
	tag_append_level(status, "tag", job->tag_level);
	tag_append_level(status, "tag2", job->tag2_level);
	tag_append_level(status, "kill", job->kill_level);
	g_string_append(status, " tests=[");
	/* a blank behind each comma lets the core fold the line */
	for (; *tests != '\0'; tests++) {
		g_string_append_c(status, *tests);
		if (*tests == ',')
			g_string_append_c(status, ' ');
	}
	g_string_append(status, "]");
	return g_string_free(status, FALSE);
}

static gboolean
tag_add_spam_fields(const TagJob *job, GError **error)
{
	if (!job->is_scored || job->score < job->tag_level ||
	    !tag_text_is_true(tag_setting(job, "add_spam_headers")))
		return TRUE;
	/* the last prepended stands on top: X-Spam-Flag, Score, Level, Status, as Amavis has it */
	g_autofree char *status = tag_make_status(job);
	if (!tag_edit(job, AM_EDIT_PREPEND, "X-Spam-Status", status, error))
		return FALSE;
	if (job->score >= 1) {
		char level[TAG_MAX_LEVEL + 1];
		gsize len = (gsize)MIN(job->score, (double)TAG_MAX_LEVEL);
		memset(level, job->plugin->level_char, len);
		level[len] = '\0';
		if (!tag_edit(job, AM_EDIT_PREPEND, "X-Spam-Level", level, error))
			return FALSE;
	}
	g_autofree char *score = tag_format_score(job->score);
	return tag_edit(job, AM_EDIT_PREPEND, "X-Spam-Score", score, error) &&
	       tag_edit(job, AM_EDIT_PREPEND, "X-Spam-Flag",
			job->score >= job->tag2_level ? "YES" : "NO", error);
}

/* The text to put before the subject, "" none: by the highest category that has one; for spam the
 * tags of the levels come first. */
static const char *
tag_find_subject_tag(const TagJob *job)
{
	for (gsize i = 0; i < G_N_ELEMENTS(tag_subjects); i++) {
		const char *category = tag_subjects[i].category;
		if (!job->host->action_has_category(job->action, category))
			continue;
		const char *text = "";
		gboolean is_spam = strncmp(category, "spam", 4) == 0;
		if (is_spam && job->score >= job->tag3_level)
			text = tag_setting(job, "tag3_subject");
		if (is_spam && *text == '\0' && job->score >= job->tag2_level)
			text = tag_setting(job, "tag2_subject");
		if (*text == '\0')
			text = tag_setting(job, tag_subjects[i].setting);
		if (*text != '\0')
			return text;
	}
	return "";
}

static gboolean
tag_add_subject(const TagJob *job, GError **error)
{
	const char *template = tag_find_subject_tag(job);
	if (*template == '\0')
		return TRUE;
	g_autofree char *score = tag_format_score(job->score);
	g_autofree char *required =
		isfinite(job->tag2_level) ? tag_format_score(job->tag2_level) : g_strdup("-");
	const SubjectVariable variables[] = {
		{ "SCORE", job->is_scored ? score : "-" },
		{ "REQD", required },
		{ "YESNO", job->score >= job->tag2_level ? "Yes" : "No" },
		{ "YESNOCAPS", job->score >= job->tag2_level ? "YES" : "NO" },
		{ "MAILID", job->host->action_mail_id(job->action) },
		{ "CATEGORY", job->host->action_category(job->action) },
		{ NULL },
	};
	g_autofree char *text = subject_expand(template, variables);
	g_autofree char *value = subject_tag(job->host->action_subject(job->action), text);
	return value == NULL || tag_edit(job, AM_EDIT_REPLACE, "Subject", value, error);
}

static gboolean
tag_apply(gpointer self, AmAction *action, GError **error)
{
	const TagPlugin *plugin = self;
	TagJob job = { .plugin = plugin, .host = plugin->host, .action = action };
	job.is_local = tag_text_is_true(tag_setting(&job, "local"));
	job.is_scored = job.host->action_has_score(action);
	job.score = job.is_scored ? job.host->action_score(action) : 0;
	job.tag_level = tag_level(&job, "tag_level");
	job.tag2_level = tag_level(&job, "tag2_level");
	job.tag3_level = tag_level(&job, "tag3_level");
	job.kill_level = tag_level(&job, "kill_level");

	if (!tag_add_scanned(&job, error))
		return FALSE;
	if (job.is_local && !(tag_remove_spam_fields(&job, error) &&
			      tag_add_spam_fields(&job, error) && tag_add_subject(&job, error)))
		return FALSE;
	return tag_add_alert(&job, error) && tag_add_hold(&job, error) &&
	       tag_add_quarantine_id(&job, error);
}

static gpointer
tag_load(const AmHost *host, AmInstance *instance, GError **error)
{
	const char *level_char = host->setting_string(instance, "level_char");
	if (level_char == NULL || strlen(level_char) != 1 || !g_ascii_isgraph(*level_char)) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "level_char: one visible ASCII character is allowed");
		return NULL;
	}
	TagPlugin *plugin = g_new0(TagPlugin, 1);
	plugin->host = host;
	plugin->level_char = *level_char;
	plugin->removes_spam_fields = host->setting_bool(instance, "remove_spam_fields");
	plugin->adds_hold = host->setting_bool(instance, "hold");
	plugin->adds_alert = host->setting_bool(instance, "alert");
	plugin->adds_quarantine_id = host->setting_bool(instance, "quarantine_id");
	return plugin;
}

static const AmActionOps tag_ops = {
	AM_ABI_HEAD(AmActionOps),
	.apply = tag_apply,
};

AM_PLUGIN_EXPORT const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_ACTION,
	.caps = AM_CAP_SESSION | AM_CAP_REENTRANT,
	.name = "tag",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "header fields and subject tags that tell what was found",
	.settings = tag_settings,
	.load = tag_load,
	.unload = g_free,
	.action = &tag_ops,
};
