/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#pragma once

/* What the commands of amavisctl share.  Each command gets its own argument vector (argv[0] is its
 * name), parses it by GOption and returns the exit status: 0 done, 1 no, 2 usage, 75 try again,
 * 78 configuration. */

#include <glib.h>

#include "config/config.h"

#define AM_EXIT_USAGE 2
#define AM_EXIT_TEMPFAIL 75
#define AM_EXIT_CONFIG 78

/* Parses options of a command.  FALSE: usage was printed. summary: one line or more of help. */
gboolean am_tool_options(const GOptionEntry *entries, const char *usage, const char *summary,
			 int *argc, char ***argv);
/* Loads and checks the core's part; problems go to standard error. NULL when there were some. */
AmConfig *am_tool_config(const char *file);
/* Becomes the daemon's user for good when started as root, so that a command does its work with the
 * rights the daemon has.  Call once the files named on the command line are open. */
gboolean am_tool_drop_privileges(const AmConfig *config, GError **error);
/* Prints the problems; TRUE when there were any. */
gboolean am_tool_print_problems(GPtrArray *problems);
/* "amavisctl: TEXT" to standard error. */
void am_tool_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* What a person may see of text that came from a mail: control bytes escaped. To be freed. */
char *am_tool_safe(const char *text);

int am_cmd_scan(int argc, char **argv);
int am_cmd_config(int argc, char **argv);
int am_cmd_plugins(int argc, char **argv);
int am_cmd_sandbox(int argc, char **argv);
int am_cmd_status(int argc, char **argv);
int am_cmd_reload(int argc, char **argv);
int am_cmd_quarantine(int argc, char **argv);
