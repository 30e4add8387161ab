/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Messages of Outlook [MS-OXMSG]. */

#include "compound.h"

/* Texts, header and attachments of the message and of all messages in it as children; the streams
 * of properties are noted in is_taken. */
void message_add_parts(Compound *compound, Output *output, guint8 *is_taken);
