/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Settings of which one of some words is chosen: the schema has the words, enums have what they mean. */

#include <config.h>

#include <glib.h>
#include <string.h>

#include "config/config.h"
#include "log/log.h"
#include "session/pool.h"
#include "smtp/client.h"

/* The words of a range stand in the order of the enum that they are. */
static const struct {
	const char *kind, *key, *word;
	guint value;
} choice_cases[] = {
	{ "amavisd", "log_format", "text", AM_LOG_TEXT },
	{ "amavisd", "log_format", "json", AM_LOG_JSON },
	{ "amavisd", "log_level", "error", AM_LOG_ERROR },
	{ "amavisd", "log_level", "warning", AM_LOG_WARNING },
	{ "amavisd", "log_level", "info", AM_LOG_INFO },
	{ "amavisd", "log_level", "debug", AM_LOG_DEBUG },
	{ "listener", "protocol", "smtp", AM_PROTOCOL_SMTP },
	{ "listener", "protocol", "lmtp", AM_PROTOCOL_LMTP },
	{ "listener", "protocol", "milter", AM_PROTOCOL_MILTER },
	{ "listener", "protocol", "am.pdp", AM_PROTOCOL_AM_PDP },
	{ "listener", "protocol", "http", AM_PROTOCOL_HTTP },
	{ "listener", "at_deadline", "policy", AM_LATE_POLICY },
	{ "listener", "at_deadline", "tempfail", AM_LATE_TEMPFAIL },
	{ "listener", "at_deadline", "unchecked", AM_LATE_UNCHECKED },
	{ "listener", "conflict", "split", AM_CONFLICT_SPLIT },
	{ "listener", "conflict", "strictest", AM_CONFLICT_STRICTEST },
	{ "listener", "conflict", "mildest", AM_CONFLICT_MILDEST },
	{ "listener", "release", "secret", AM_PDP_RELEASE_SECRET },
	{ "listener", "release", "any", AM_PDP_RELEASE_ANY },
	{ "listener", "release", "no", AM_PDP_RELEASE_NO },
	{ "listener", "tls", "no", AM_SERVER_PLAIN },
	{ "listener", "tls", "starttls", AM_SERVER_STARTTLS },
	{ "listener", "tls", "required", AM_SERVER_REQUIRED },
	{ "listener", "tls", "implicit", AM_SERVER_IMPLICIT },
	{ "listener", "tls_client_certificate", "no", AM_TLS_NONE },
	{ "listener", "tls_client_certificate", "ask", AM_TLS_ASK },
	{ "listener", "tls_client_certificate", "require", AM_TLS_CHAIN },
	{ "listener", "tls_min_version", "1.0", AM_TLS_1_0 },
	{ "listener", "tls_min_version", "1.1", AM_TLS_1_1 },
	{ "listener", "tls_min_version", "1.2", AM_TLS_1_2 },
	{ "listener", "tls_min_version", "1.3", AM_TLS_1_3 },
	{ "listener", "auth", "no", AM_SERVER_AUTH_NO },
	{ "listener", "auth", "offered", AM_SERVER_AUTH_OFFERED },
	{ "listener", "auth", "required", AM_SERVER_AUTH_REQUIRED },
	{ "next_hop", "chunking", "auto", AM_CHUNKING_AUTO },
	{ "next_hop", "chunking", "always", AM_CHUNKING_ALWAYS },
	{ "next_hop", "chunking", "no", AM_CHUNKING_NO },
	{ "next_hop", "tls_min_version", "1.0", AM_TLS_1_0 },
	{ "next_hop", "tls_min_version", "1.1", AM_TLS_1_1 },
	{ "next_hop", "tls_min_version", "1.2", AM_TLS_1_2 },
	{ "next_hop", "tls_min_version", "1.3", AM_TLS_1_3 },
};

static void
test_choices(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(choice_cases); i++) {
		const char *kind = choice_cases[i].kind;
		const char *name = strcmp(kind, "listener") == 0 ? "x" : "";
		g_autoptr(GPtrArray) problems = am_config_problems_new();
		g_autofree char *data =
			g_strdup_printf("[%s%s%s]\n%s = %s\n", kind, *name != '\0' ? " " : "", name,
					choice_cases[i].key, choice_cases[i].word);
		g_test_message("%s", data);
		g_autoptr(AmConfig) config = am_config_load_data("f", data, problems);
		g_assert_cmpuint(problems->len, ==, 0);
		g_assert_cmpuint(
			am_config_choice(am_config_group(config, kind, *name != '\0' ? name : NULL),
					 choice_cases[i].key),
			==, choice_cases[i].value);
	}
}

/* A word that the schema gains needs its line above. */
static void
test_all_words(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(choice_cases); i++) {
		const AmSettingSpec *spec = am_config_core_specs(choice_cases[i].kind);
		guint n = 0;
		while (g_strcmp0(spec->name, choice_cases[i].key) != 0)
			spec++;
		for (gsize j = 0; j < G_N_ELEMENTS(choice_cases); j++)
			if (strcmp(choice_cases[j].kind, choice_cases[i].kind) == 0 &&
			    strcmp(choice_cases[j].key, choice_cases[i].key) == 0)
				n++;
		g_auto(GStrv) words = g_strsplit(spec->range, "|", -1);
		g_assert_cmpuint(g_strv_length(words), ==, n);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/choices/values", test_choices);
	g_test_add_func("/choices/all-words", test_all_words);
	return g_test_run();
}
