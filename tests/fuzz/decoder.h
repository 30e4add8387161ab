/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The body of the targets that are decoders; each is linked with its plugin. */

#include <glib.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

/* A part of that name (NULL none) through the decoder, under a budget as the core has one. */
void fuzz_decoder(const char *name, const char *const *passwords, const guint8 *data, gsize size);
