/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Viruses by libclamav, inside the sandbox.  The mail is scanned once, as it came: libclamav has its
 * own mail parser and unpackers, and looking at decoded parts again would cost as much a second time.
 * Only what came out of containers that libclamav leaves closed is scanned part by part. */

#include <clamav.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine.h"
#include "names.h"

#define DEADLINE_RESERVE_MS 200 /* to be back and say so */

static const AmSettingSpec clamav_settings[] = {
	{ "database", AM_SETTING_STRING, "/var/lib/clamav", NULL,
	  "directory or file with signatures; none: the embedded ones" },
	{ "signatures_embedded", AM_SETTING_BOOL, "yes", NULL,
	  "know the EICAR test file by ourselves" },
	{ "allow_embedded_only", AM_SETTING_BOOL, "no", NULL,
	  "start even when the database is missing" },
	{ "max_scan_size", AM_SETTING_SIZE, "400M", "1..4G", "bytes looked at in one mail" },
	{ "max_file_size", AM_SETTING_SIZE, "100M", "1..2147483645",
	  "largest mail or member looked at" },
	{ "max_files", AM_SETTING_INT, "10000", "1..1000000", "members looked at in one mail" },
	{ "max_recursion", AM_SETTING_INT, "40", "1..100", "containers in containers" },
	{ "max_scan_time", AM_SETTING_DURATION, "2m", "0..1h",
	  "time for one mail; 0: until its deadline" },
	{ "alert_encrypted", AM_SETTING_BOOL, "yes", NULL,
	  "report encrypted archives and documents" },
	{ "alert_macros", AM_SETTING_BOOL, "no", NULL, "report documents with macros" },
	{ "alert_limits", AM_SETTING_BOOL, "yes", NULL,
	  "report what was not looked at because of a limit" },
	{ "alert_broken", AM_SETTING_BOOL, "no", NULL, "report broken executables" },
	{ "heuristic_alerts", AM_SETTING_BOOL, "yes", NULL, "heuristics of libclamav" },
	{ "phishing", AM_SETTING_BOOL, "yes", NULL, "signatures and URL checks against phishing" },
	{ "phishing_ssl_mismatch", AM_SETTING_BOOL, "no", NULL,
	  "report links whose text says https alone" },
	{ "phishing_cloak", AM_SETTING_BOOL, "no", NULL, "report cloaked links" },
	{ "pua", AM_SETTING_BOOL, "no", NULL, "signatures for unwanted programs" },
	{ "bytecode", AM_SETTING_BOOL, "no", NULL, "bytecode signatures, interpreted" },
	{ "all_matches", AM_SETTING_BOOL, "no", NULL, "go on after the first find" },
	{ NULL },
};

/* Touches the mail parser, the text and HTML normalisers and the matchers. */
static const char warm_up_mail[] =
	"From: <warm-up@localhost>\r\nTo: <warm-up@localhost>\r\nSubject: warm-up\r\n"
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=-=\"\r\n\r\n"
	"--=-=\r\nContent-Type: text/plain\r\n\r\nA mail.\r\n"
	"--=-=\r\nContent-Type: text/html\r\n\r\n"
	"<html><body><a href=\"http://example.org/\">A link</a></body></html>\r\n"
	"--=-=\r\nContent-Type: application/octet-stream\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\nAAECAwQFBgcICQ==\r\n--=-=--\r\n";

static void
clamav_unload(gpointer data)
{
	Clamav *self = data;
	clamav_engine_free(self);
	g_free(self);
}

static gpointer
clamav_load(const AmHost *host, AmInstance *instance, GError **error)
{
	Clamav *self = g_new0(Clamav, 1);
	self->host = host;
	self->instance = instance;
	if (!clamav_engine_load(self, error)) {
		clamav_unload(self);
		return NULL;
	}
	return self;
}

/* Each worker has a directory of its own, and no other place it may write to. */
static gboolean
clamav_after_fork(gpointer data, GError **error)
{
	const Clamav *self = data;
	const char *directory = g_getenv("TMPDIR");
	if (directory == NULL)
		return TRUE;
	cl_error_t rc = cl_engine_set_str(self->engine, CL_ENGINE_TMPDIR, directory);
	if (rc == CL_SUCCESS)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "temporary directory %s: %s",
		    directory, cl_strerror(rc));
	return FALSE;
}

/* Leaves libclamav the time there is, so that it ends by itself and says what it had found. */
static gboolean
clamav_set_time(const Clamav *self, AmScan *scan, GError **error)
{
	gint64 limit_ms = self->max_scan_time_ms > 0 ? self->max_scan_time_ms : G_MAXUINT32;
	gint64 deadline_us = self->host->deadline_us(scan);
	if (deadline_us > 0) {
		gint64 left_ms =
			(deadline_us - g_get_monotonic_time()) / 1000 - DEADLINE_RESERVE_MS;
		if (left_ms <= 0) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "no time left");
			return FALSE;
		}
		limit_ms = MIN(limit_ms, left_ms);
	}
	(void)cl_engine_set_num(self->engine, CL_ENGINE_MAX_SCANTIME, MIN(limit_ms, G_MAXUINT32));
	return TRUE;
}

/* Members of what libclamav does not open. A member that is such a container itself is of no
 * interest, its members are. */
static gboolean
clamav_scan_parts(const Clamav *self, AmScan *scan, GError **error)
{
	const AmHost *host = self->host;
	guint n = host->n_parts(scan);
	for (guint i = 0; i < n; i++) {
		AmPart *part = host->part(scan, i);
		AmPartInfo info, parent;
		host->part_info(part, &info);
		if ((info.flags & AM_PART_MEMBER) == 0 || info.size == 0 || info.parent < 0 ||
		    (guint)info.parent >= n || clamav_is_closed(&info))
			continue;
		host->part_info(host->part(scan, (guint)info.parent), &parent);
		int fd = clamav_is_closed(&parent) ? host->part_fd(part) : -1;
		if (fd < 0)
			continue;
		ClamavScan one = { .self = self, .scan = scan, .part = part };
		if (!clamav_set_time(self, scan, error) ||
		    !clamav_engine_scan(&one, fd, FALSE, error)) {
			g_prefix_error(error, "part %s: ", info.path);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean
clamav_scan(gpointer data, AmScan *scan, GError **error)
{
	const Clamav *self = data;
	ClamavScan one = { .self = self, .scan = scan };
	guint64 size = self->host->mail_size(scan);
	if (size > G_MAXINT32) {
		/* libclamav has no numbers for it and would call it clean */
		if ((self->options.heuristic & CL_SCAN_HEURISTIC_EXCEEDS_MAX) != 0)
			self->host->finding(scan, NULL, "limit",
					    "Heuristics.Limits.Exceeded.MaxFileSize", NULL);
		return clamav_scan_parts(self, scan, error);
	}
	if (!clamav_set_time(self, scan, error) ||
	    !clamav_engine_scan(&one, self->host->mail_fd(scan), TRUE, error))
		return FALSE;
	return clamav_scan_parts(self, scan, error);
}

static gboolean
clamav_is_stale(gpointer data)
{
	return clamav_engine_is_stale(data);
}

static void
clamav_warm_up(gpointer data)
{
	const Clamav *self = data;
	ClamavScan one = { .self = self };
	g_autoptr(GError) error = NULL;
	gsize len = sizeof warm_up_mail - 1;
	int fd = memfd_create("warm-up", MFD_CLOEXEC);
	if (fd < 0 || write(fd, warm_up_mail, len) != (gssize)len)
		self->host->log(self->instance, AM_LOG_WARNING, "not warmed up: %s",
				g_strerror(errno));
	else if (!clamav_engine_scan(&one, fd, TRUE, &error))
		self->host->log(self->instance, AM_LOG_WARNING, "not warmed up: %s",
				error->message);
	if (fd >= 0)
		(void)close(fd);
}

static const AmScannerOps clamav_ops = {
	AM_ABI_HEAD(AmScannerOps),
	.scan = clamav_scan,
	.is_stale = clamav_is_stale,
	.warm_up = clamav_warm_up,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_SCANNER,
	.caps = AM_CAP_SANDBOX,
	.name = "clamav",
	.version = "1.0",
	.licence = "GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception",
	.summary = "viruses, by libclamav in the content process",
	.settings = clamav_settings,
	.load = clamav_load,
	.after_fork = clamav_after_fork,
	.unload = clamav_unload,
	.scanner = &clamav_ops,
};
