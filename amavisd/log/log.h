/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The log: one line for each mail and few others, to syslog, the journal, standard error or a file,
 * as text for people or as JSON objects.  Opened once by the master before it forks; children
 * inherit the descriptor.  Any thread. */

#include <glib.h>

#include <amavisd/plugin.h>

#include "mail/error.h"

typedef enum { AM_LOG_TEXT, AM_LOG_JSON } AmLogFormat;

/* target: "syslog", "journal", "stderr" or "file:/path" (appended, 0640, reopened by
 * am_log_reopen()).  process: "master", "session", "content"... stands in each line. */
gboolean am_log_open(const char *target, AmLogFormat format, AmLogLevel level, GError **error);
void am_log_set_process(const char *process);
gboolean am_log_reopen(GError **error);
AmLogFormat am_log_format(void);
gboolean am_log_is_on(AmLogLevel level);

/* One line.  mail_id may be NULL.  Control bytes are escaped as \xNN, the line is cut at 4096
 * bytes; a line that cannot be written is counted and told with the next that can. */
void am_log(AmLogLevel level, const char *mail_id, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The line of a mail: text as made by the caller, or one JSON object.  No cut below 64 KiB. */
void am_log_record(AmLogLevel level, const char *line);

#define am_error(...) am_log(AM_LOG_ERROR, NULL, __VA_ARGS__)
#define am_warning(...) am_log(AM_LOG_WARNING, NULL, __VA_ARGS__)
#define am_info(...) am_log(AM_LOG_INFO, NULL, __VA_ARGS__)
#define am_debug(...) \
	do { \
		if (am_log_is_on(AM_LOG_DEBUG)) \
			am_log(AM_LOG_DEBUG, NULL, __VA_ARGS__); \
	} while (0)

/* Appends `text` to `out` fit for a log line: bytes below 0x20, 0x7f, backslash, quotes
 * and invalid UTF-8 as \xNN, in "" when it is empty or holds blanks, '=' or '"', cut at `max`
 * bytes between the quotes. */
void am_log_append_safe(GString *out, const char *text, gsize max);
