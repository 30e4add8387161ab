/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What a report says of the content as a whole, apart from anybody's policy. */

#include <config.h>

#include "mail/report.h"

#include <string.h>

#define CONTENT_REASONS 10u
#define CONTENT_REASON_BYTES 300

static const char *const content_names[] = {
	[AM_CONTENT_UNCHECKED] = "unchecked",
	[AM_CONTENT_CLEAN] = "clean",
	[AM_CONTENT_INFECTED] = "infected",
};

/* Kinds of findings that decide, with what is said of them. */
static const struct {
	const char *kind;
	AmContent content;
	const char *words;
} content_kinds[] = {
	{ "virus", AM_CONTENT_INFECTED, "virus" },
	{ "phishing", AM_CONTENT_INFECTED, "phishing" },
	{ "limit", AM_CONTENT_UNCHECKED, "over limits" },
	{ "encrypted", AM_CONTENT_UNCHECKED, "encrypted" },
	{ "ambiguous", AM_CONTENT_UNCHECKED, "ambiguous" },
	{ "undecoded", AM_CONTENT_UNCHECKED, "undecodable" },
	{ "partial", AM_CONTENT_UNCHECKED, "a piece of a mail" },
};

const char *
am_content_name(AmContent content)
{
	return content_names[content];
}

static void
content_add_reason(GPtrArray *reasons, const char *words, const char *text)
{
	if (reasons == NULL || reasons->len >= CONTENT_REASONS)
		return;
	g_autofree char *reason = *text != '\0' && strcmp(text, words) != 0
					  ? g_strdup_printf("%s: %s", words, text)
					  : g_strdup(words);
	char *cut = g_utf8_make_valid(reason, (gssize)strnlen(reason, CONTENT_REASON_BYTES));
	if (g_ptr_array_find_with_equal_func(reasons, cut, g_str_equal, NULL))
		g_free(cut);
	else
		g_ptr_array_add(reasons, cut);
}

static const char *
content_words(const AmFinding *finding, AmContent content)
{
	for (gsize i = 0; i < G_N_ELEMENTS(content_kinds); i++)
		if (content_kinds[i].content == content &&
		    strcmp(content_kinds[i].kind, finding->kind) == 0)
			return content_kinds[i].words;
	return NULL;
}

static guint
content_look(const AmReport *report, AmContent content, GPtrArray *reasons)
{
	guint n = 0;
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		const char *words = content_words(finding, content);
		if (words == NULL)
			continue;
		gboolean has_name = content == AM_CONTENT_INFECTED || *finding->detail == '\0';
		content_add_reason(reasons, words, has_name ? finding->name : finding->detail);
		n++;
	}
	return n;
}

AmContent
am_report_content(const AmReport *report, GPtrArray *reasons)
{
	if (report == NULL) {
		content_add_reason(reasons, "not inspected", "");
		return AM_CONTENT_UNCHECKED;
	}
	gboolean is_infected = content_look(report, AM_CONTENT_INFECTED, reasons) > 0;
	guint n = content_look(report, AM_CONTENT_UNCHECKED, reasons);
	for (guint i = 0; i < report->failures->len; i++, n++) {
		const AmScanFailure *failure = report->failures->pdata[i];
		content_add_reason(reasons, failure->scanner, failure->text);
	}
	if (report->n_findings_lost > 0) {
		content_add_reason(reasons, "over limits", "too many findings");
		n++;
	}
	return is_infected ? AM_CONTENT_INFECTED : n > 0 ? AM_CONTENT_UNCHECKED : AM_CONTENT_CLEAN;
}
