/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The decoder tnef on any bytes. */

#include <config.h>

#include "decoder.h"

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	fuzz_decoder(NULL, NULL, data, size);
	return 0;
}
