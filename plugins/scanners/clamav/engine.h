/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The engine of libclamav with its signatures. */

#include <clamav.h>
#include <glib.h>

#include <amavisd/plugin.h>

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	struct cl_engine *engine;
	struct cl_scan_options options;
	gint64 max_scan_time_ms; /* 0 none */
	const char *database;	 /* NULL: embedded signatures only */
	gboolean is_directory;	 /* database is a directory, and stat is that of its files */
	struct cl_stat stat;
	gint64 file_mtime, file_size; /* of a database that is one file; -1 it is not there */
} Clamav;

/* Makes, fills and compiles the engine by the instance's settings. */
gboolean clamav_engine_load(Clamav *self, GError **error);
void clamav_engine_free(Clamav *self);
/* Have the files of the database changed since they were loaded? */
gboolean clamav_engine_is_stale(Clamav *self);

/* One run of libclamav over one descriptor. */
typedef struct {
	const Clamav *self;
	AmScan *scan; /* NULL: warming up */
	AmPart *part; /* NULL: the mail */
	guint n_findings;
	guint n_messages;
	char *trouble; /* why a file could not be looked at; NULL none */
} ClamavScan;

/* Findings go to the host.  FALSE: could not tell.  is_mail: the bytes are a mail, whatever they look
 * like. */
gboolean clamav_engine_scan(ClamavScan *scan, int fd, gboolean is_mail, GError **error);
