/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A generation: one configuration and what was opened for it.  The master makes it and forks the
 * session and the zygote of the generation, which inherit it. */

#include <glib.h>

#include "config/config.h"

typedef struct {
	char *name;     /* of the [listener NAME] group */
	char *address;  /* as configured */
	char *protocol; /* "smtp", "lmtp" */
	int fd;         /* listening, non-blocking */
	gboolean is_inherited; /* opened by the service manager, which also owns its path */
	const AmConfigGroup *group;
} AmListener;

/* Counters in memory shared by master and sessions; gint64, atomic adds.  For `amavisctl status`. */
typedef struct {
	gint64 connections;      /* open now */
	gint64 connections_total;
	gint64 mails_in_work;    /* now */
	gint64 mails_total, recipients_total, bytes_total;
	gint64 delivered, rejected, bounced, discarded, tempfailed; /* recipients */
	gint64 clean, spam, virus, banned, unchecked, bad_header;   /* mails by main category */
	gint64 quarantined;
	gint64 inspect_retries, inspect_failures;
} AmStatistics;

typedef struct {
	guint number; /* 1, 2, ... */
	AmConfig *config;
	GPtrArray *listeners;  /* AmListener */
	guint workers;         /* content workers instead of the configured number; 0: as configured */
	char *spool_directory; /* the content workers' own instead of the configured; NULL: that */
	char *content_socket;  /* path of the workers' socket of this generation */
	AmStatistics *statistics; /* shared, never NULL */
	/* Where a child says how it fares, one line each: "READY", "STALE" (zygote: data on disk
	 * changed), "ERROR text".  Written by am_generation_tell(). */
	int tell_fd;
} AmGeneration;

void am_listener_free(AmListener *listener);
/* Best effort: the reader is the master, which notices a child's death anyway. */
void am_generation_tell(const AmGeneration *generation, const char *line);
