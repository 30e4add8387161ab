/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A zygote in a child and the test as its session. */

#include <glib.h>
#include <sys/types.h>

#include "mail/report.h"

#define RIG_HEAD "Date: x\r\nFrom: a@b\r\n\r\n"
#define RIG_PATIENCE_US (20 * G_USEC_PER_SEC)

typedef struct {
	const char *plugin; /* a scanner in a folder of its own below tests/plugins */
	char *directory, *log, *socket;
	pid_t pid;
	int tell_fd;
} ZygoteRig;

/* settings: lines for [content], and further groups. */
void zygote_rig_start(ZygoteRig *rig, const char *plugin, const char *settings);
/* ... and waits for READY. */
void zygote_rig_start_ready(ZygoteRig *rig, const char *plugin, const char *settings);
/* The next line told, NULL at the end; to be freed. */
char *zygote_rig_next_told(const ZygoteRig *rig);
/* Waits for the end; returns what the log holds.  Nothing of the workers may be left. */
char *zygote_rig_finish(ZygoteRig *rig, int expected_status);
/* Ends it by SIGTERM. */
char *zygote_rig_stop(ZygoteRig *rig);

int zygote_rig_connect(const ZygoteRig *rig);
void zygote_rig_send(int socket, const char *mail); /* the whole mail */
/* The report, or NULL when the worker went away or sent nonsense; *pid is the worker's. */
AmReport *zygote_rig_receive(int socket, pid_t *pid, guint64 mail_size);
/* All of these; pid may be NULL. */
AmReport *zygote_rig_ask(const ZygoteRig *rig, const char *mail, pid_t *pid);
