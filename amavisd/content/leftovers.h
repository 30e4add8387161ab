/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What workers that have ended leave on disk, and how it goes away. */

#include <glib.h>

#include "content/worker.h"

typedef struct _AmLeftovers AmLeftovers;

/* setup is borrowed. */
AmLeftovers *am_leftovers_new(const AmWorkerSetup *setup);
void am_leftovers_free(AmLeftovers *leftovers);
/* Of a zygote that was killed: directories of processes that are no more. */
void am_leftovers_remove_old(const AmLeftovers *leftovers);
/* That worker has ended. */
void am_leftovers_add(AmLeftovers *leftovers, pid_t worker);
/* A child that is none of the caller's own was waited for. */
void am_leftovers_reaped(AmLeftovers *leftovers, pid_t pid);
/* Until all is gone, or told to stay. */
void am_leftovers_wait(AmLeftovers *leftovers);
