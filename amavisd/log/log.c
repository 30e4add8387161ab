/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The log.  A line is made in memory and goes out with one system call, so lines of many threads
 * and processes do not mix and no lock is held over slow I/O.  What cannot be written is counted
 * and told with the next line that can: a full disk must not stop mail, nor pass unseen.
 *
 * The one static struct is set by am_log_open() while there is one thread and only read after; the
 * counters in it are atomic. */

#include <config.h>

#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

#define LOG_LINE_MAX 4096    /* bytes of a message of am_log() */
#define LOG_RECORD_MAX 65536 /* of am_log_record() */

typedef enum { LOG_TO_STDERR, LOG_TO_FILE, LOG_TO_SYSLOG, LOG_TO_JOURNAL } LogTarget;

typedef struct {
	LogTarget target;
	AmLogFormat format;
	AmLogLevel level;
	int fd;		     /* of the file */
	char *path;	     /* of the file */
	gboolean has_prefix; /* standard error goes to the journal: "<6>" before each line */
	char process[32];
	char ident[48]; /* openlog() keeps the pointer */
	gint n_lost;	/* atomic */
	gint is_torn;	/* atomic: the file ends in half a line */
} Log;

static Log log_state = {
	.target = LOG_TO_STDERR, .level = AM_LOG_INFO, .fd = -1, .process = "amavisd"
};

static const struct {
	const char *name;
	const char *prefix; /* in text; the usual has none */
	int priority;	    /* of syslog */
} log_levels[] = {
	[AM_LOG_ERROR] = { "error", "error: ", LOG_ERR },
	[AM_LOG_WARNING] = { "warning", "warning: ", LOG_WARNING },
	[AM_LOG_INFO] = { "info", "", LOG_INFO },
	[AM_LOG_DEBUG] = { "debug", "debug: ", LOG_DEBUG },
};

/* ---- text made safe */

static gboolean
log_is_control(guchar byte)
{
	return byte < 0x20 || byte == 0x7f;
}

/* Appends text with control bytes, those in `also` and what is not UTF-8 as \xNN; stops before
 * more than `max` bytes are added. */
static void
log_append_escaped(GString *out, const char *text, gsize len, const char *also, gsize max)
{
	const char *end = text + len;
	while (text < end) {
		gunichar c = (guchar)*text < 0x80 ? (guchar)*text
						  : g_utf8_get_char_validated(text, end - text);
		gboolean is_escaped = c >= (gunichar)-2 || log_is_control((guchar)*text) ||
				      strchr(also, *text) != NULL;
		gsize n = is_escaped ? 4 : (gsize)g_unichar_to_utf8(c, NULL);
		if (n > max)
			return;
		max -= n;
		if (is_escaped)
			g_string_append_printf(out, "\\x%02x", (guchar)*text);
		else
			g_string_append_len(out, text, (gssize)n);
		text += is_escaped ? 1 : n;
	}
}

void
am_log_append_safe(GString *out, const char *text, gsize max)
{
	gboolean is_quoted = *text == '\0' || strpbrk(text, " =\"") != NULL;
	if (is_quoted)
		g_string_append_c(out, '"');
	log_append_escaped(out, text, strnlen(text, max + 1), "\\\"", max);
	if (is_quoted)
		g_string_append_c(out, '"');
}

/* JSON (RFC 8259 7); the text is UTF-8 without control bytes. */
static void
log_append_json(GString *out, const char *key, const char *text)
{
	g_string_append_printf(out, ",\"%s\":\"", key);
	for (const char *at = text; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *at);
	}
	g_string_append_c(out, '"');
}

/* RFC 3339, local time, so that it agrees with the log of the MTA. */
static void
log_append_time(GString *out)
{
	struct timespec now;
	struct tm tm;
	char text[40];
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	if (localtime_r(&now.tv_sec, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return;
	long minutes = labs(tm.tm_gmtoff) / 60;
	g_string_append_printf(out, "%s.%03ld%c%02ld:%02ld", text, now.tv_nsec / 1000000,
			       tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

/* ---- where lines go */

/* FALSE: not, or not wholly, written.  was_torn: the line begins with the end of one before. */
static gboolean
log_write(const char *line, gsize len, gboolean was_torn)
{
	int fd = log_state.fd >= 0 ? log_state.fd : STDERR_FILENO;
	gsize done = 0;
	while (done < len) {
		ssize_t n = write(fd, line + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (gsize)n;
	}
	if (done < len && (done > 0 || was_torn))
		g_atomic_int_set(&log_state.is_torn, 1);
	return done == len;
}

#ifdef HAVE_SYSTEMD
static gboolean
log_send_journal(AmLogLevel level, const char *mail_id, const char *message)
{
	return sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", log_levels[level].priority,
			       "SYSLOG_FACILITY=%d", LOG_MAIL >> 3, "SYSLOG_IDENTIFIER=amavisd",
			       "AMAVISD_PROCESS=%s", log_state.process,
			       mail_id != NULL ? "AMAVISD_MAIL_ID=%s" : NULL, mail_id, NULL) >= 0;
}
#else
static gboolean
log_send_journal(AmLogLevel level, const char *mail_id, const char *message)
{
	(void)level, (void)mail_id, (void)message; /* am_log_open() refused the target */
	return FALSE;
}
#endif

/* Puts head and line end around a message, or around nothing but the line end when it is a finished
 * JSON object. */
static gboolean
log_emit_line(AmLogLevel level, const char *message, gboolean is_json)
{
	g_autoptr(GString) line = g_string_sized_new(strlen(message) + 96);
	gboolean was_torn = g_atomic_int_compare_and_exchange(&log_state.is_torn, 1, 0);
	if (was_torn)
		g_string_append_c(line, '\n');
	if (log_state.target == LOG_TO_STDERR && log_state.has_prefix)
		g_string_append_printf(line, "<%d>", log_levels[level].priority);
	if (!is_json && !log_state.has_prefix) {
		log_append_time(line);
		g_string_append_c(line, ' ');
	}
	if (!is_json)
		g_string_append_printf(line, "%s[%d]: ", log_state.process, (int)getpid());
	g_string_append(line, message);
	g_string_append_c(line, '\n');
	return log_write(line->str, line->len, was_torn);
}

static gboolean
log_emit(AmLogLevel level, const char *mail_id, const char *message, gboolean is_json)
{
	switch (log_state.target) {
	case LOG_TO_SYSLOG: /* which tells nobody whether it could */
		syslog(log_levels[level].priority, "%s", message);
		return TRUE;
	case LOG_TO_JOURNAL:
		return log_send_journal(level, mail_id, message);
	default:
		return log_emit_line(level, message, is_json);
	}
}

/* The object or the text that stands for a message; it is escaped already. */
static char *
log_format(AmLogLevel level, const char *mail_id, const char *message)
{
	GString *out = g_string_sized_new(strlen(message) + 160);
	if (log_state.format == AM_LOG_JSON) {
		g_string_append(out, "{\"time\":\"");
		log_append_time(out);
		g_string_append_c(out, '"');
		log_append_json(out, "level", log_levels[level].name);
		log_append_json(out, "process", log_state.process);
		g_string_append_printf(out, ",\"pid\":%d", (int)getpid());
		if (mail_id != NULL)
			log_append_json(out, "mail_id", mail_id);
		log_append_json(out, "message", message);
		g_string_append_c(out, '}');
	} else {
		if (mail_id != NULL)
			g_string_append_printf(out, "%s: ", mail_id);
		g_string_append(out, log_levels[level].prefix);
		g_string_append(out, message);
	}
	return g_string_free(out, FALSE);
}

/* Sends, and before it tells of what was lost. */
static void
log_send(AmLogLevel level, const char *mail_id, const char *message)
{
	gboolean is_json = log_state.format == AM_LOG_JSON;
	gint n_lost = g_atomic_int_get(&log_state.n_lost);
	if (n_lost > 0 && g_atomic_int_compare_and_exchange(&log_state.n_lost, n_lost, 0)) {
		g_autofree char *text =
			g_strdup_printf("%d log lines could not be written", n_lost);
		g_autofree char *line = log_format(AM_LOG_ERROR, NULL, text);
		if (!log_emit(AM_LOG_ERROR, NULL, line, is_json))
			g_atomic_int_add(&log_state.n_lost, n_lost);
	}
	if (!log_emit(level, mail_id, message, is_json))
		g_atomic_int_inc(&log_state.n_lost);
}

/* ---- the interface */

static int
log_open_file(const char *path, GError **error)
{
	int fd;
	do {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		am_error_set_errno(error, AM_ERROR_CONFIG, errno, "log: opening %s", path);
	return fd;
}

static gboolean
log_parse_target(const char *target, LogTarget *parsed, GError **error)
{
	if (strcmp(target, "stderr") == 0) {
		*parsed = LOG_TO_STDERR;
	} else if (strcmp(target, "syslog") == 0) {
		*parsed = LOG_TO_SYSLOG;
	} else if (g_str_has_prefix(target, "file:/")) {
		*parsed = LOG_TO_FILE;
	} else if (strcmp(target, "journal") == 0) {
#ifdef HAVE_SYSTEMD
		*parsed = LOG_TO_JOURNAL;
#else
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "log: this amavisd is built without libsystemd, use syslog or stderr");
		return FALSE;
#endif
	} else {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "log: \"%s\" is none of syslog, journal, stderr, file:/path", target);
		return FALSE;
	}
	return TRUE;
}

static void
log_open_syslog(void)
{
	g_snprintf(log_state.ident, sizeof log_state.ident, "amavisd/%s", log_state.process);
	openlog(log_state.ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

gboolean
am_log_open(const char *target, AmLogFormat format, AmLogLevel level, GError **error)
{
	LogTarget parsed;
	int fd = -1;
	if (!log_parse_target(target, &parsed, error))
		return FALSE;
	if (parsed == LOG_TO_FILE) {
		fd = log_open_file(target + strlen("file:"), error);
		if (fd < 0)
			return FALSE;
	}
	if (log_state.fd >= 0)
		(void)close(log_state.fd); /* each line was checked when it was written */
	g_free(log_state.path);
	log_state.path = parsed == LOG_TO_FILE ? g_strdup(target + strlen("file:")) : NULL;
	log_state.fd = fd;
	log_state.target = parsed;
	log_state.format = format;
	log_state.level = level;
	log_state.has_prefix = parsed == LOG_TO_STDERR && g_getenv("JOURNAL_STREAM") != NULL;
	tzset();
	if (parsed == LOG_TO_SYSLOG)
		log_open_syslog();
	return TRUE;
}

void
am_log_set_process(const char *process)
{
	g_strlcpy(log_state.process, process, sizeof log_state.process);
	if (log_state.target == LOG_TO_SYSLOG)
		log_open_syslog();
}

gboolean
am_log_reopen(GError **error)
{
	if (log_state.target != LOG_TO_FILE)
		return TRUE;
	int fd = log_open_file(log_state.path, error);
	if (fd < 0)
		return FALSE;
	/* the number stays, so threads that are writing need no lock */
	gboolean ok = dup3(fd, log_state.fd, O_CLOEXEC) >= 0;
	if (!ok)
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "log: dup3");
	(void)close(fd); /* nothing was written through it */
	return ok;
}

AmLogFormat
am_log_format(void)
{
	return log_state.format;
}

gboolean
am_log_is_on(AmLogLevel level)
{
	return level <= log_state.level;
}

void
am_log(AmLogLevel level, const char *mail_id, const char *format, ...)
{
	char raw[LOG_LINE_MAX + 1];
	va_list args;
	if (!am_log_is_on(level))
		return;
	va_start(args, format);
	int n = vsnprintf(raw, sizeof raw, format, args);
	va_end(args);
	if (n < 0)
		g_strlcpy(raw, format, sizeof raw);
	g_autoptr(GString) message = g_string_sized_new(256);
	log_append_escaped(message, raw, strlen(raw), "", LOG_LINE_MAX);
	g_autofree char *line = log_format(level, mail_id, message->str);
	log_send(level, mail_id, line);
}

void
am_log_record(AmLogLevel level, const char *line)
{
	if (!am_log_is_on(level))
		return;
	g_autoptr(GString) safe = g_string_sized_new(strlen(line) + 1);
	/* a whole object or nothing: half an object is no JSON */
	gsize max = log_state.format == AM_LOG_JSON ? G_MAXSIZE : LOG_RECORD_MAX;
	log_append_escaped(safe, line, strlen(line), "", max);
	log_send(level, NULL, safe->str);
}
