/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The RTF body of a message, as MAPI compresses it. */

#include "../bytes/bytes.h"

/* A child with the document in `packed`.  FALSE: this is no such thing. */
gboolean lzfu_add(Output *output, Bytes packed);
