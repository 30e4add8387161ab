/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Reading what spamd answers. */

#include <glib.h>

#define REPLY_MAX_BYTES (256u << 10) /* of an answer; a report is some KiB */
#define REPLY_MAX_TESTS 300u

typedef struct {
	char *name;
	double points;
} ReplyTest;

typedef struct {
	double score;
	GPtrArray *tests; /* ReplyTest */
} Reply;

/* Reads a whole answer to REPORT, SYMBOLS or CHECK; `data` need not end in NUL.  NULL with *error
 * when spamd says that it failed, or says what is not its protocol. */
Reply *reply_parse(const char *data, gsize len, gboolean is_report, GError **error);
void reply_free(Reply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reply, reply_free)
