/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Nothing of one mail is left in a worker's memory when it takes the next. */

#include <glib.h>

/* Whether this build can: the C library lets us stand in for free(), and no sanitizer does already. */
#define AM_SCRUB_WORKS (AM_CAN_SCRUB != 0)

/* From now on memory that is given back is overwritten, in this process.  Once, one thread. */
void am_scrub_start(void);
/* For tests: nothing is overwritten in this process and its children, whatever is called later. */
void am_scrub_forbid(void);
/* Overwrites the stack below the caller. */
void am_scrub_stack(void);
