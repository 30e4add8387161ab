/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A mail looked at by an inspector, in this process. */

#include "content/host.h"
#include "content/inspect.h"
#include "mail/report.h"

/* Small enough that tests reach them. */
extern const AmContentLimits inspect_limits;

/* registry may be NULL.  The report is also what arrives after its way over a socket. */
AmReport *inspect_run(AmRegistry *registry, const AmContentLimits *limits, AmTypes *types,
		      const char *bytes, gsize len);
