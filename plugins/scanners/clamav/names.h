/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What a name of libclamav's means, and which containers it leaves closed. */

#include <glib.h>

#include <amavisd/plugin.h>

/* The kind of a finding: "virus" unless the name says less. */
const char *clamav_kind(const char *name);
/* Would libclamav take for a mail what begins so? */
gboolean clamav_is_mail_head(const char *head, gsize len);
/* Is the part a container or stream that libclamav does not open itself? */
gboolean clamav_is_closed(const AmPartInfo *info);
