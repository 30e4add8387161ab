/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A worker: waits in accept(), inspects one mail at a time. */

#include <glib.h>

#include "content/inherited.h"
#include "content/inspect.h"
#include "content/sandbox.h"
#include "content/stage.h"
#include "content/types.h"
#include "plugin/registry.h"

typedef struct {
	AmRegistry *registry;
	AmTypes *types;
	AmContentLimits limits;
	int listen_fd;   /* shared by all workers; blocking until one is told to end */
	int channel_fd;  /* to the zygote */
	int program_fd;  /* to the runner of programs, the worker's own; -1 none */
	char *work_root; /* holds a directory for each worker, named by its pid */
	char *spool_directory; /* a directory "work-PID" is made in it for big contents */
	guint mails;     /* a worker ends after that many */
	guint time_s;    /* CPU time for one mail */
	guint64 memory_bytes;
	gboolean is_best_effort;
	char **passwords; /* that limits points to */
	AmInherited *inherited; /* what workers must not keep */
} AmWorkerSetup;

/* What confines a worker; the directories are the caller's to fill in. */
void am_worker_limits(const AmWorkerSetup *setup, AmSandboxLimits *limits);
/* Directories of the worker with that pid; to be freed. */
char *am_worker_work_directory(const AmWorkerSetup *setup, pid_t pid);
char *am_worker_spool_directory(const AmWorkerSetup *setup, pid_t pid);

/* The life of the calling process, which zygote_pid has just forked, as a worker.  Returns its exit
 * status: 0 all mails done or told to end. */
int am_worker_run(const AmWorkerSetup *setup, AmStage *stage, pid_t zygote_pid);
