/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Encrypted packages [MS-OFFCRYPTO 2.3.4]: Office Open XML in a compound file. */

#include "compound.h"
#include "digests.h"

/* Is there one? Then it is decrypted into a child, or the part is marked encrypted; what was read
 * is noted in is_taken. */
void crypt_add_package(const Digests *digests, Compound *compound, Output *output,
		       guint8 *is_taken);
