/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

#include <amavisd/plugin.h>

/* Is this, as far as `len` bytes tell, an OpenPGP message (encrypted, compressed, literal, signed with
 * its content inside), or a text with an armored one? */
gboolean pgp_is_message(const guint8 *head, gsize len);
/* Marks the part encrypted, or makes a child of what is not. */
void pgp_open(const AmHost *host, AmDecode *decode, const guint8 *data, gsize len);
