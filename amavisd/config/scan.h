/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Reads the lines of one key file and hands on what is in them; every bad line is a problem. */

#include <glib.h>

#define AM_CONFIG_FILE_MAX_BYTES (1024 * 1024)

/* All strings are borrowed. */
typedef struct {
	/* A group header; kind and name are its first word and the rest, name "" when there is none.
	 * FALSE: the group is refused, its keys are passed over. */
	gboolean (*group)(const char *kind, const char *name, guint line, gpointer user_data);
	/* A key of the group above; raw is the value as written, text with its escapes and
	 * environment variables replaced. */
	void (*key)(const char *key, const char *raw, const char *text, guint line,
		    gpointer user_data);
} AmScanFuncs;

/* Calls funcs in file order and goes on behind every problem.  file stands in the problems. */
void am_config_scan(const char *file, const char *data, gsize len, const AmScanFuncs *funcs,
		    gpointer user_data, GPtrArray *problems);
