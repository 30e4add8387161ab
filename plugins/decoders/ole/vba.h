/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* VBA projects [MS-OVBA]: their source as children, and what starts by itself. */

#include "compound.h"

/* All projects of the file: the findings `macro` VBA and auto-exec, a child MODULE.vba for each
 * module. is_taken (one byte for each entry) is set for streams that are part of a project. */
void vba_add_projects(Compound *compound, Output *output, guint8 *is_taken);
