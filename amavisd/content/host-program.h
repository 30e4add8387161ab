/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The host table of content workers, the programs' side. */

#include "content/host.h"

/* Where host->program_add() puts programs (AmProgram) in this process; NULL: it says no.  To be set
 * around the plugins' load(). */
void am_content_host_set_programs(GPtrArray *programs);
void am_content_host_add_programs(AmHost *host);
/* A decoder's turn is over: closes and gives back what program_run() left. */
void am_content_host_end_program(AmDecode *decode);
