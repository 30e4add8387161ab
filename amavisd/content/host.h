/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What stands behind the handles that plugins get in a worker. */

#include "content/part.h"
#include "mail/exchange.h"

struct _AmScan {
	AmPartTree *tree;
	AmReport *report;
	const AmInspectRequest *request;
	int mail_fd;
	AmInstance *instance; /* at work */
};

struct _AmDecode {
	AmPart *part;
};

/* Where host->log() goes when it is called in this process; NULL: the log itself.  To be set once
 * at the process' start, before it has threads. */
typedef void (*AmHostLogFunc)(AmLogLevel level, const char *text);
void am_content_host_set_log(AmHostLogFunc func);
