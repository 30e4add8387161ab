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
/* To be called about once a second, for what could not be removed before; is_last: no more calls
 * will come. */
void am_leftovers_try_again(AmLeftovers *leftovers, gboolean is_last);
