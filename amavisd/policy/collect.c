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

/* S/MIME and OpenPGP: what only its recipient can open.  Told by the content; a container by what it
 * is declared, since its parts are looked at by themselves. */
static gboolean
collect_is_encrypted_mail(const AmReport *report, const AmFinding *finding)
{
	if (strcmp(finding->kind, "encrypted") != 0 || finding->part < 0 ||
	    (guint)finding->part >= report->parts->len)
		return FALSE;
	const AmReportPart *part = report->parts->pdata[finding->part];
	return strcmp(part->declared_type, "multipart/encrypted") == 0 ||
	       strcmp(part->type, "application/pgp-encrypted") == 0 ||
	       strcmp(part->type, "application/pkcs7-mime") == 0;
}

AmCategory
am_collect_finding_category(const AmReport *report, const AmSettings *settings,
			    const AmFinding *finding)
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
	if (query.category == AM_CATEGORY_UNCHECKED && !settings->encrypted_mail_unchecked &&
	    collect_is_encrypted_mail(report, finding))
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
		AmCategory category = am_collect_finding_category(report, settings, finding);
		if (category != AM_CATEGORY_NONE)
			am_category_set_add(set, category,
					    collect_finding_minor(category, finding));
	}
	/* a flood of findings must not hide the one that matters */
	if (report->n_findings_lost > 0 && !settings->bypass_virus)
		am_category_set_add(set, AM_CATEGORY_UNCHECKED, 2);
}

typedef struct {
	const char *kind;
	gboolean is_first;
	gboolean counts;
} KindQuery;

/* KIND and "all" add, -KIND takes away; a list that starts by taking away takes from all.  Whether
 * UTF-8 is a defect is asked by name only. */
static gboolean
collect_kind_word(const char *word, gsize len, gpointer user_data)
{
	KindQuery *query = user_data;
	gboolean is_less = *word == '-';
	gboolean is_utf8 = strcmp(query->kind, "utf8") == 0;
	word += is_less;
	len -= is_less;
	if (query->is_first && is_less)
		query->counts = !is_utf8;
	query->is_first = FALSE;
	if (len == 3 && strncmp(word, "all", 3) == 0)
		query->counts = is_less ? FALSE : query->counts || !is_utf8;
	else if (strlen(query->kind) == len && strncmp(query->kind, word, len) == 0)
		query->counts = !is_less;
	return TRUE;
}

gboolean
am_collect_defect_counts(const AmMail *mail, const AmSettings *settings,
			 const AmHeaderDefect *defect)
{
	KindQuery query = { .kind = defect->kind, .is_first = TRUE };
	if (settings->bypass_header)
		return FALSE;
	/* RFC 6532: with SMTPUTF8 headers are UTF-8 */
	if (strcmp(defect->kind, "utf8") == 0 && mail->envelope->smtputf8)
		return FALSE;
	am_settings_each_word(settings->header_tests, collect_kind_word, &query);
	return query.counts;
}

guint
am_collect_defect_minor(const AmHeaderDefect *defect)
{
	static const char *const kinds[] = { "other", "mime",	"8bit",	   "control", "empty",
					     "long",  "syntax", "missing", "multiple" };
	for (guint i = 1; i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i], defect->kind) == 0)
			return i;
	return strcmp(defect->kind, "utf8") == 0 ? 2 : 0;
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
		if (am_collect_defect_counts(mail, settings, report->defects->pdata[i]))
			am_category_set_add(set, AM_CATEGORY_BAD_HEADER,
					    am_collect_defect_minor(report->defects->pdata[i]));
}
