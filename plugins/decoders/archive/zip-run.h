/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Zip archives: at once by libarchive, or, when there is anything odd, member by member. */

#include "run.h"

void zip_run(ArchiveRun *run);
