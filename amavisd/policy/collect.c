/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The categories that findings, failures and header defects make, by the settings of a recipient. */

#include <config.h>

#include "policy/collect.h"

#include <string.h>

typedef struct {
	const char *kind;
	AmCategory category;
} FindingQuery;

static gboolean
collect_finding_word(const char *word, gsize len, gpointer user_data)
{
	FindingQuery *query = user_data;
	gsize kind_len = strlen(query->kind);
	char name[32];
	if (len <= kind_len || word[kind_len] != '=' || strncmp(word, query->kind, kind_len) != 0 ||
	    len - kind_len > sizeof name)
		return TRUE;
	memcpy(name, word + kind_len + 1, len - kind_len - 1);
	name[len - kind_len - 1] = '\0';
	query->category = am_category_from_name(name);
	return FALSE;
}

AmCategory
am_collect_finding_category(const AmSettings *settings, const AmFinding *finding)
{
	FindingQuery query = { .kind = finding->kind, .category = AM_CATEGORY_NONE };
	am_settings_each_word(settings->finding_categories, collect_finding_word, &query);
	if (query.category == AM_CATEGORY_CLEAN)
		return AM_CATEGORY_NONE;
	if (settings->bypass_virus &&
	    (query.category == AM_CATEGORY_VIRUS || query.category == AM_CATEGORY_UNCHECKED))
		return AM_CATEGORY_NONE;
	if (settings->bypass_banned && query.category == AM_CATEGORY_BANNED)
		return AM_CATEGORY_NONE;
	return query.category;
}

static guint
collect_finding_minor(AmCategory category, const AmFinding *finding)
{
	static const char *const kinds[] = { "", "encrypted", "limit", "ambiguous" };
	for (guint i = 1; category == AM_CATEGORY_UNCHECKED && i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i], finding->kind) == 0)
			return i;
	return 0;
}

static void
collect_findings(const AmReport *report, const AmSettings *settings, AmCategorySet *set)
{
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		AmCategory category = am_collect_finding_category(settings, finding);
		if (category != AM_CATEGORY_NONE)
			am_category_set_add(set, category,
					    collect_finding_minor(category, finding));
	}
	/* a flood of findings must not hide the one that matters */
	if (report->n_findings_lost > 0 && !settings->bypass_virus)
		am_category_set_add(set, AM_CATEGORY_UNCHECKED, 2);
}

static gboolean
collect_kind_word(const char *word, gsize len, gpointer user_data)
{
	FindingQuery *query = user_data;
	if (strlen(query->kind) == len && strncmp(query->kind, word, len) == 0)
		query->category = AM_CATEGORY_BAD_HEADER;
	return query->category == AM_CATEGORY_NONE;
}

gboolean
am_collect_defect_counts(const AmSettings *settings, const AmHeaderDefect *defect)
{
	FindingQuery query = { .kind = defect->kind, .category = AM_CATEGORY_NONE };
	if (settings->bypass_header)
		return FALSE;
	am_settings_each_word(settings->header_tests, collect_kind_word, &query);
	return query.category == AM_CATEGORY_BAD_HEADER;
}

guint
am_collect_defect_minor(const AmHeaderDefect *defect)
{
	static const char *const kinds[] = { "other", "mime",	"8bit",	   "control", "empty",
					     "long",  "syntax", "missing", "multiple" };
	for (guint i = 1; i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i], defect->kind) == 0)
			return i;
	return 0;
}

gboolean
am_collect_has_failed(const AmMail *mail)
{
	const AmReport *report = mail->report;
	return report == NULL || report->failures->len > 0;
}

void
am_collect_categories(const AmMail *mail, const AmSettings *settings, AmCategorySet *set)
{
	const AmReport *report = mail->report;
	if (am_collect_has_failed(mail) && !settings->bypass_virus)
		am_category_set_add(set, AM_CATEGORY_UNCHECKED, 0);
	if (report == NULL)
		return;
	collect_findings(report, settings, set);
	for (guint i = 0; i < report->defects->len; i++)
		if (am_collect_defect_counts(settings, report->defects->pdata[i]))
			am_category_set_add(set, AM_CATEGORY_BAD_HEADER,
					    am_collect_defect_minor(report->defects->pdata[i]));
}
