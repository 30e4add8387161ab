/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Problems are collected, so that an admin sees all that is wrong in one go. */

#include <config.h>

#include "config/config-private.h"

void
am_config_problem_free(AmConfigProblem *problem)
{
	if (problem == NULL)
		return;
	g_free(problem->file);
	g_free(problem->text);
	g_free(problem);
}

char *
am_config_problem_to_string(const AmConfigProblem *problem)
{
	if (*problem->file == '\0')
		return g_strdup(problem->text);
	if (problem->line == 0)
		return g_strdup_printf("%s: %s", problem->file, problem->text);
	return g_strdup_printf("%s:%u: %s", problem->file, problem->line, problem->text);
}

GPtrArray *
am_config_problems_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)am_config_problem_free);
}

void
am_config_add_problem(GPtrArray *problems, const char *file, guint line, const char *format, ...)
{
	AmConfigProblem *problem = g_new0(AmConfigProblem, 1);
	va_list args;
	va_start(args, format);
	problem->text = g_strdup_vprintf(format, args);
	va_end(args);
	problem->file = g_strdup(file != NULL ? file : "");
	problem->line = line;
	g_ptr_array_add(problems, problem);
}

void
am_config_add_key_problem(GPtrArray *problems, const AmConfigGroup *group, const char *key,
			  const char *format, ...)
{
	g_autofree char *title = am_config_group_title(group);
	const char *file;
	guint line;
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	(void)am_config_raw(group, key, &file, &line);
	if (line == 0) { /* what is missing has no line */
		file = am_config_group_file(group);
		line = am_config_group_line(group);
	}
	am_config_add_problem(problems, file, line, "%s: %s", title, text);
}
