/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The archive decoder on any bytes. */

#include <config.h>

#include "decoder.h"

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static const char *const passwords[] = { "infected", "Rechnung2024", NULL };
	fuzz_decoder("a.tgz", passwords, data, size);
	return 0;
}
