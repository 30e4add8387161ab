/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Requests of HTTP.  The first byte says as what the rest is read: header fields with a message behind an
 * empty line, JSON, or chunks; the second where it is cut.  However it is cut it must be the same. */

#include <config.h>

#include <string.h>

#include "http/chunks.h"
#include "http/json.h"
#include "http/request.h"
#include "log/log.h"

#define SIZE_LIMIT 100000

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static AmHttpRequest *
fuzz_request(void)
{
	return am_http_request_new(am_spool_new(g_get_tmp_dir(), 1 << 20), SIZE_LIMIT, 10);
}

/* What must not depend on the cut. */
static char *
fuzz_outcome(AmHttpRequest *request, gboolean is_json)
{
	gboolean ok = am_http_request_finish(request, is_json);
	const AmHttpProblem *problem = &request->problem;
	g_assert_cmpint(ok, ==, problem->status == 0);
	if (!ok)
		return g_strdup_printf("%u %s %s", problem->status, problem->field, problem->text);
	g_assert_cmpuint(am_spool_size(request->spool), <=, SIZE_LIMIT);
	g_assert_cmpuint(request->envelope->recipients->len, >, 0);
	return g_strdup_printf("%s %u %" G_GUINT64_FORMAT, request->envelope->sender,
			       request->envelope->recipients->len, am_spool_size(request->spool));
}

static char *
fuzz_json(const char *data, gsize len, gsize cut)
{
	g_autoptr(AmHttpRequest) request = fuzz_request();
	g_autoptr(AmHttpJson) json = am_http_json_new(request);
	(void)am_http_json_feed(json, data, cut);
	(void)am_http_json_feed(json, data + cut, len - cut);
	(void)am_http_json_end(json);
	return fuzz_outcome(request, TRUE);
}

static char *
fuzz_fields(const char *data, gsize len, gsize cut)
{
	g_autoptr(AmHttpRequest) request = fuzz_request();
	const char *end = g_strstr_len(data, (gssize)len, "\n\n");
	gsize head = end != NULL ? (gsize)(end - data) : len;
	g_autofree char *text = g_strndup(data, head);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 1000);
	for (char **line = lines; *line != NULL; line++) {
		char *colon = strchr(*line, ':');
		if (colon == NULL)
			continue;
		*colon = '\0';
		(void)am_http_request_header(request, *line, colon + 1);
	}
	const char *message = data + head;
	len -= head;
	cut = MIN(cut, len);
	(void)am_http_request_append(request, message, cut);
	(void)am_http_request_append(request, message + cut, len - cut);
	return fuzz_outcome(request, FALSE);
}

static char *
fuzz_chunks(const char *data, gsize len, gsize cut)
{
	AmChunks chunks = { 0 };
	gsize used = am_chunks_feed(&chunks, (const guint8 *)data, cut);
	g_assert_cmpuint(used, <=, cut);
	if (used == cut)
		used += am_chunks_feed(&chunks, (const guint8 *)data + cut, len - cut);
	g_assert_true(used == len || chunks.state >= AM_CHUNKS_DONE);
	return g_strdup_printf("%d %zu", (int)chunks.state, used);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static char *(*const kinds[])(const char *data, gsize len,
				      gsize cut) = { fuzz_fields, fuzz_json, fuzz_chunks };
	if (size < 3)
		return 0;
	(void)am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_ERROR, NULL);
	gsize len = size - 2;
	g_autofree char *exact = g_memdup2(data + 2, len);
	guint kind = data[0] % G_N_ELEMENTS(kinds);
	g_autofree char *whole = kinds[kind](exact, len, 0);
	g_autofree char *cut = kinds[kind](exact, len, MIN(data[1], len));
	g_assert_cmpstr(whole, ==, cut);
	return 0;
}
