/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The engine is made in load(), before the fork, so that all workers share its pages.  A signature
 * of the EICAR test file is compiled in, so that a find can be shown where no database is; it stands
 * in for none: without a database load() fails unless the configuration asks for just that. */

#include "engine.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"

#define EMBEDDED_FILE "amavisd.ndb"
#define MESSAGES_MAX 10 /* logged for one mail; broken disks make thousands */

/* The test string of EICAR, in hex so that no scanner takes this file for it, at the start of a
 * file of any type, as its definition says. */
static const char embedded_signatures[] =
	"Eicar-Test-Signature:0:0:"
	"58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e44415244"
	"2d414e544956495255532d544553542d46494c452124482b482a\n";

/* Whose messages these are.  libclamav gives a context with some of them only, and its verdict alone
 * is not enough: without a temporary directory it calls every mail clean.  Set for the time of a call
 * into libclamav. */
static _Thread_local ClamavScan *engine_current;

/* Does the message say that something could not be looked at for want of space, memory or
 * descriptors?  Those about broken files are not among them. */
static gboolean
engine_is_trouble(const char *text)
{
	static const char *const signs[] = {
		"temporary",	  "temp dir",		"Can't create",	     "can't create",
		"Can't write",	  "can't write",	"write error",	     "No space left",
		"Can't allocate", "can't allocate",	"out of memory",     "Out of memory",
		"Can't open",	  "Too many open file", "Permission denied", "not permitted",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(signs); i++)
		if (strstr(text, signs[i]) != NULL)
			return TRUE;
	return FALSE;
}

static void
engine_message(enum cl_msg severity, G_GNUC_UNUSED const char *full, const char *text,
	       G_GNUC_UNUSED void *context)
{
	ClamavScan *scan = engine_current;
	if (scan == NULL || text == NULL || severity == CL_MSG_INFO_VERBOSE)
		return;
	g_autofree char *line = g_strchomp(g_strdup(text));
	AmLogLevel level = severity == CL_MSG_ERROR ? AM_LOG_WARNING : AM_LOG_INFO;
	if (scan->scan != NULL) {
		/* a mail can make libclamav complain, so that is not for the log of every day */
		level = AM_LOG_DEBUG;
		if (scan->trouble == NULL && engine_is_trouble(line))
			scan->trouble = g_strdup(line);
	}
	if (scan->n_messages++ < MESSAGES_MAX)
		scan->self->host->log(scan->self->instance, level, "libclamav: %s", line);
}

static gboolean
engine_init(GError **error)
{
	static gsize once;
	static cl_error_t result;
	if (g_once_init_enter(&once)) {
		result = cl_init(CL_INIT_DEFAULT);
		cl_set_clcb_msg(engine_message);
		g_once_init_leave(&once, 1);
	}
	if (result == CL_SUCCESS)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "libclamav does not start: %s",
		    cl_strerror(result));
	return FALSE;
}

static gboolean
engine_set_limits(const Clamav *self, GError **error)
{
	static const struct {
		const char *setting;
		enum cl_engine_field field;
	} limits[] = {
		{ "max_scan_size", CL_ENGINE_MAX_SCANSIZE },
		{ "max_file_size", CL_ENGINE_MAX_FILESIZE },
		{ "max_files", CL_ENGINE_MAX_FILES },
		{ "max_recursion", CL_ENGINE_MAX_RECURSION },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(limits); i++) {
		cl_error_t rc = cl_engine_set_num(
			self->engine, limits[i].field,
			self->host->setting_int(self->instance, limits[i].setting));
		if (rc != CL_SUCCESS) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s",
				    limits[i].setting, cl_strerror(rc));
			return FALSE;
		}
	}
	/* the sandbox lets nothing become executable, so no compiler */
	(void)cl_engine_set_num(self->engine, CL_ENGINE_BYTECODE_MODE,
				CL_BYTECODE_MODE_INTERPRETER);
	return TRUE;
}

static void
engine_set_options(Clamav *self)
{
	static const struct {
		const char *setting;
		guint32 general, heuristic;
	} switches[] = {
		{ "all_matches", CL_SCAN_GENERAL_ALLMATCHES, 0 },
		{ "heuristic_alerts", CL_SCAN_GENERAL_HEURISTICS, 0 },
		{ "alert_encrypted", 0,
		  CL_SCAN_HEURISTIC_ENCRYPTED_ARCHIVE | CL_SCAN_HEURISTIC_ENCRYPTED_DOC },
		{ "alert_macros", 0, CL_SCAN_HEURISTIC_MACROS },
		{ "alert_limits", 0, CL_SCAN_HEURISTIC_EXCEEDS_MAX },
		{ "alert_broken", 0, CL_SCAN_HEURISTIC_BROKEN },
		{ "phishing_ssl_mismatch", 0, CL_SCAN_HEURISTIC_PHISHING_SSL_MISMATCH },
		{ "phishing_cloak", 0, CL_SCAN_HEURISTIC_PHISHING_CLOAK },
	};
	self->options.parse = ~0U; /* whatever it can open, it opens */
	for (gsize i = 0; i < G_N_ELEMENTS(switches); i++) {
		if (!self->host->setting_bool(self->instance, switches[i].setting))
			continue;
		self->options.general |= switches[i].general;
		self->options.heuristic |= switches[i].heuristic;
	}
}

/* cl_load() knows the format by the end of the name, so it takes a file, for a moment. */
static gboolean
engine_load_embedded(const Clamav *self, guint *n_signatures, GError **error)
{
	g_autofree char *directory = g_dir_make_tmp("am-clamav-XXXXXX", error);
	if (directory == NULL)
		return FALSE;
	g_autofree char *path = g_build_filename(directory, EMBEDDED_FILE, NULL);
	gboolean is_good = g_file_set_contents(path, embedded_signatures, -1, error);
	if (is_good) {
		cl_error_t rc = cl_load(path, self->engine, n_signatures, CL_DB_STDOPT);
		if (rc != CL_SUCCESS) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
				    "loading the embedded signatures: %s", cl_strerror(rc));
			is_good = FALSE;
		}
	}
	(void)g_unlink(path); /* nothing depends on them going */
	(void)g_rmdir(directory);
	return is_good;
}

static guint
engine_database_options(const Clamav *self)
{
	guint options = CL_DB_STDOPT;
	if (!self->host->setting_bool(self->instance, "phishing"))
		options &= ~(guint)(CL_DB_PHISHING | CL_DB_PHISHING_URLS);
	if (!self->host->setting_bool(self->instance, "bytecode"))
		options &= ~(guint)CL_DB_BYTECODE;
	if (self->host->setting_bool(self->instance, "pua"))
		options |= CL_DB_PUA;
	return options;
}

/* The state is taken before loading: a file that changes meanwhile is seen as changed. */
static void
engine_note_state(Clamav *self)
{
	GStatBuf st;
	self->file_mtime = self->file_size = -1;
	self->is_directory = FALSE;
	if (g_stat(self->database, &st) != 0)
		return;
	if (S_ISDIR(st.st_mode)) {
		self->is_directory = cl_statinidir(self->database, &self->stat) == CL_SUCCESS;
		return;
	}
	self->file_mtime = st.st_mtime;
	self->file_size = st.st_size;
}

static gboolean
engine_load_database(Clamav *self, guint *n_signatures, GError **error)
{
	guint n = 0;
	engine_note_state(self);
	gboolean is_there = g_access(self->database, R_OK) == 0;
	int saved = errno;
	cl_error_t rc = CL_SUCCESS;
	if (is_there)
		rc = cl_load(self->database, self->engine, &n, engine_database_options(self));
	*n_signatures += n;
	if (is_there && n > 0 && rc == CL_SUCCESS)
		return TRUE;
	/* an empty directory is CL_EOPEN, so a count of none means: nothing there to load */
	gboolean is_empty = !is_there || (n == 0 && (rc == CL_EOPEN || rc == CL_SUCCESS));
	if (is_empty && self->host->setting_bool(self->instance, "allow_embedded_only"))
		return TRUE;
	if (!is_empty)
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
			    "signatures in %s cannot be loaded: %s", self->database,
			    cl_strerror(rc));
	else
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
			    "no signatures in database = %s (%s): run freshclam, or set "
			    "\"database\" to where they are, or to \"none\" to have the EICAR "
			    "test signature only",
			    self->database, is_there ? "it is empty" : g_strerror(saved));
	return FALSE;
}

static gboolean
engine_fill(Clamav *self, GError **error)
{
	const char *database = self->host->setting_string(self->instance, "database");
	gboolean is_none = database == NULL || *database == '\0' || strcmp(database, "none") == 0;
	guint n_signatures = 0;
	if (!is_none && !g_path_is_absolute(database)) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "database = %s: an absolute path or \"none\"", database);
		return FALSE;
	}
	self->database = is_none ? NULL : database;
	if (self->host->setting_bool(self->instance, "signatures_embedded") &&
	    !engine_load_embedded(self, &n_signatures, error))
		return FALSE;
	if (self->database != NULL && !engine_load_database(self, &n_signatures, error))
		return FALSE;
	if (n_signatures == 0) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "no signatures at all: there is no database and signatures_embedded "
			    "is off");
		return FALSE;
	}
	cl_error_t rc = cl_engine_compile(self->engine);
	if (rc != CL_SUCCESS) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "compiling signatures: %s",
			    cl_strerror(rc));
		return FALSE;
	}
	self->host->log(self->instance, AM_LOG_INFO, "ClamAV %s, %u signatures from %s",
			cl_retver(), n_signatures,
			self->database != NULL ? self->database : "amavisd itself");
	return TRUE;
}

static void
engine_found(G_GNUC_UNUSED int fd, const char *name, void *context)
{
	ClamavScan *scan = context;
	if (scan == NULL || scan->scan == NULL || name == NULL)
		return;
	scan->n_findings++;
	scan->self->host->finding(scan->scan, scan->part, clamav_kind(name), name, NULL);
}

gboolean
clamav_engine_load(Clamav *self, GError **error)
{
	if (!engine_init(error))
		return FALSE;
	self->engine = cl_engine_new();
	if (self->engine == NULL) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM, "no engine: out of memory");
		return FALSE;
	}
	self->max_scan_time_ms = self->host->setting_int(self->instance, "max_scan_time");
	engine_set_options(self);
	if (!engine_set_limits(self, error))
		return FALSE;
	cl_engine_set_clcb_virus_found(self->engine, engine_found);
	ClamavScan loading = { .self = self };
	engine_current = &loading;
	gboolean is_good = engine_fill(self, error);
	engine_current = NULL;
	return is_good;
}

/* A mail behind a field that makes it one.  libclamav goes by the first bytes: a mail that begins
 * with a field it does not know is text to it, its attachments stay closed, and the sender chooses
 * the first field. */
static const char engine_prefix[] = "Return-Path: <>\r\n";
#define PREFIX_LEN (sizeof engine_prefix - 1)

static off_t
engine_pread(void *handle, void *buffer, size_t count, off_t offset)
{
	const int *fd = handle;
	char *to = buffer;
	size_t done = 0;
	while (done < count && (size_t)offset + done < PREFIX_LEN) {
		to[done] = engine_prefix[(size_t)offset + done];
		done++;
	}
	while (done < count) {
		gssize n = pread(*fd, to + done, count - done,
				 offset + (off_t)done - (off_t)PREFIX_LEN);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (off_t)done;
}

static cl_error_t
engine_run_prefixed(ClamavScan *scan, int fd, struct cl_scan_options *options, const char **name)
{
	struct stat st;
	unsigned long scanned = 0;
	if (fstat(fd, &st) != 0)
		return CL_ESTAT;
	cl_fmap_t *map =
		cl_fmap_open_handle(&fd, 0, (size_t)st.st_size + PREFIX_LEN, engine_pread, 1);
	if (map == NULL)
		return CL_EMAP;
	cl_error_t rc =
		cl_scanmap_callback(map, NULL, name, &scanned, scan->self->engine, options, scan);
	cl_fmap_close(map);
	return rc;
}

static cl_error_t
engine_run(ClamavScan *scan, int fd, gboolean is_mail, const char **name)
{
	struct cl_scan_options options = scan->self->options; /* libclamav writes to it */
	unsigned long scanned = 0;
	if (is_mail) {
		char head[32];
		gssize n;
		do
			n = pread(fd, head, sizeof head, 0);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return CL_EREAD;
		if (n > 0 && !clamav_is_mail_head(head, (gsize)n))
			return engine_run_prefixed(scan, fd, &options, name);
	}
	return cl_scandesc_callback(fd, NULL, name, &scanned, scan->self->engine, &options, scan);
}

gboolean
clamav_engine_scan(ClamavScan *scan, int fd, gboolean is_mail, GError **error)
{
	const char *name = NULL;
	engine_current = scan;
	cl_error_t rc = engine_run(scan, fd, is_mail, &name);
	engine_current = NULL;
	g_autofree char *trouble = g_steal_pointer(&scan->trouble);
	if (rc == CL_VIRUS && scan->n_findings == 0)
		engine_found(fd, name, scan);
	if (rc == CL_VIRUS || (rc == CL_CLEAN && trouble == NULL))
		return TRUE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "libclamav: %s%s%s",
		    rc != CL_CLEAN ? cl_strerror(rc) : "incomplete", trouble != NULL ? ": " : "",
		    trouble != NULL ? trouble : "");
	return FALSE;
}

void
clamav_engine_free(Clamav *self)
{
	if (self->engine != NULL)
		(void)cl_engine_free(self->engine);
	if (self->is_directory)
		(void)cl_statfree(&self->stat);
	self->engine = NULL;
	self->is_directory = FALSE;
}

gboolean
clamav_engine_is_stale(Clamav *self)
{
	GStatBuf st;
	if (self->database == NULL)
		return FALSE;
	if (self->is_directory)
		return cl_statchkdir(&self->stat) == 1;
	/* gone for a moment, as while it is being replaced, is no reason to load */
	if (g_stat(self->database, &st) != 0)
		return FALSE;
	return self->file_mtime != st.st_mtime || self->file_size != st.st_size;
}
