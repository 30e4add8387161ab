/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The attributes of XFORWARD and XCLIENT: what was read can be written, in lines that are not too
 * long, and reads as the same again. */

#include <config.h>

#include <string.h>

#include "smtp/xclient.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
fuzz_set(char **field, const char *value)
{
	if (value == NULL)
		return;
	g_free(*field);
	*field = g_strdup(value);
}

/* Values no longer than what is written of them. */
static gboolean
fuzz_is_short(char **values)
{
	for (guint i = 0; i < AM_N_XCLIENT; i++)
		if (values[i] != NULL && strlen(values[i]) > 64)
			return FALSE;
	return TRUE;
}

static void
fuzz_write(char **values)
{
	char *again[AM_N_XCLIENT] = { NULL };
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	fuzz_set(&envelope->client_name, values[AM_XCLIENT_NAME]);
	fuzz_set(&envelope->client_address, values[AM_XCLIENT_ADDR]);
	fuzz_set(&envelope->client_protocol, values[AM_XCLIENT_PROTO]);
	fuzz_set(&envelope->helo, values[AM_XCLIENT_HELO]);
	fuzz_set(&envelope->client_source, values[AM_XCLIENT_SOURCE]);
	g_autoptr(GPtrArray) commands =
		am_xclient_forward_commands(AM_XFORWARD_ATTRIBUTES, envelope);
	for (guint i = 0; i < commands->len; i++) {
		g_autofree char *line = g_strdup(commands->pdata[i]);
		gsize len = strlen(line);
		g_assert_cmpuint(len, <=, 512);
		g_assert_true(g_str_has_prefix(line, "XFORWARD ") &&
			      g_str_has_suffix(line, "\r\n"));
		line[len - 2] = '\0';
		g_autoptr(AmReply) bad =
			am_xclient_parse(line + strlen("XFORWARD "), AM_XFORWARD_ATTRIBUTES, again);
		g_assert_true(bad == NULL || !fuzz_is_short(values));
	}
	if (commands->len > 0 && fuzz_is_short(values)) {
		g_assert_cmpstr(again[AM_XCLIENT_NAME], ==, envelope->client_name);
		g_assert_cmpstr(again[AM_XCLIENT_ADDR], ==, envelope->client_address);
		g_assert_cmpstr(again[AM_XCLIENT_HELO], ==, envelope->helo);
	}
	am_xclient_clear(again);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	char *values[AM_N_XCLIENT] = { NULL };
	if (size < 1 || size > 4096 || memchr(data + 1, '\0', size - 1) != NULL)
		return 0;
	g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
	gboolean is_forward = (data[0] & 1) == 0;
	AmReply *bad = am_xclient_parse(
		text, is_forward ? AM_XFORWARD_ATTRIBUTES : AM_XCLIENT_ATTRIBUTES, values);
	for (guint i = 0; i < AM_N_XCLIENT; i++)
		g_assert_true(values[i] == NULL || (g_utf8_validate(values[i], -1, NULL) &&
						    strpbrk(values[i], "\r\n") == NULL));
	(void)am_xclient_parse_keywords(text);
	if (bad == NULL && is_forward)
		fuzz_write(values);
	am_reply_free(bad);
	am_xclient_clear(values);
	return 0;
}
