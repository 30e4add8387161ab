/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* amavisctl: what an admin asks of amavisd.  Each command stands in a file of its own; this one finds
 * it and holds what they share. */

#include <config.h>

#include "tools/tool.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log/log.h"
#include "master/privileges.h"

typedef struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} Command;

static const Command commands[] = {
	{ "scan", am_cmd_scan, "run the whole pipeline on one message, store and send nothing" },
	{ "config", am_cmd_config, "check: find every error; show: what is in force and where from" },
	{ "plugins", am_cmd_plugins, "what plugins are there, from where, with which settings" },
	{ "sandbox", am_cmd_sandbox, "what holds content workers on this kernel, by trying it" },
	{ "status", am_cmd_status, "how the running daemon fares" },
	{ "reload", am_cmd_reload, "new configuration without refusing a connection" },
	{ "quarantine", am_cmd_quarantine, "list, show, release, requeue, delete or expire stored mail" },
};

static void
usage(FILE *out)
{
	fprintf(out, "usage: amavisctl COMMAND [OPTION]...\n\n");
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\namavisctl COMMAND --help tells more; see amavisctl(8).\n");
}

gboolean
am_tool_options(const GOptionEntry *entries, const char *text, const char *summary, int *argc,
		char ***argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(text);
	g_autoptr(GError) error = NULL;
	g_autofree char *program = g_strconcat("amavisctl ", (*argv)[0], NULL);

	g_set_prgname(program);
	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_summary(context, summary);
	if (g_option_context_parse(context, argc, argv, &error))
		return TRUE;
	am_tool_error("%s", error->message);
	return FALSE;
}

void
am_tool_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	fprintf(stderr, "%s: %s\n", g_get_prgname(), text);
}

gboolean
am_tool_print_problems(GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = am_config_problem_to_string(problems->pdata[i]);
		fprintf(stderr, "%s\n", text);
	}
	return problems->len > 0;
}

AmConfig *
am_tool_config(const char *file)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load(file, problems);

	if (am_tool_print_problems(problems) || config == NULL)
		return NULL;
	return g_steal_pointer(&config);
}

gboolean
am_tool_drop_privileges(const AmConfig *config, GError **error)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmIdentity) identity = am_identity_new(config, problems);
	if (am_tool_print_problems(problems)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "cannot give up root");
		return FALSE;
	}
	return am_identity_assume(identity, error);
}

char *
am_tool_safe(const char *text)
{
	GString *out = g_string_new(NULL);
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (g_unichar_iscntrl(c) || g_unichar_type(c) == G_UNICODE_FORMAT)
			g_string_append_printf(out, "\\x{%X}", c);
		else
			g_string_append_unichar(out, c);
	}
	return g_string_free(out, FALSE);
}

int
main(int argc, char **argv)
{
	setlocale(LC_ALL, "C.UTF-8");
	g_set_prgname("amavisctl");
	if (!am_log_open("stderr", AM_LOG_TEXT, AM_LOG_WARNING, NULL))
		return 1;
	am_log_set_process("amavisctl");
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		usage(stdout);
		return 0;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		printf("amavisctl (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
		return 0;
	}
	for (gsize i = 0; argc >= 2 && i < G_N_ELEMENTS(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (argc >= 2)
		fprintf(stderr, "amavisctl: no command \"%s\"\n", argv[1]);
	usage(stderr);
	return AM_EXIT_USAGE;
}
