/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

#include "files.h"

/* Looks at every object: files become children, what acts becomes findings. */
void pdf_walk(PdfRun *run);
