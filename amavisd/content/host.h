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

typedef struct _AmDecodeProgram AmDecodeProgram;

/* One decoder at work on one part.  What it says of the part as a whole is not told before it is
 * clear that no other decoder knows better. */
struct _AmDecode {
	AmPart *part;
	AmInstance *instance; /* at work */
	guint32 marks;        /* AM_PART_ENCRYPTED, AM_PART_UNDECODED */
	char *reason;         /* the first, NULL none */
	gboolean is_foreign;  /* no content for this decoder */
	guint n_children;     /* made */
	GArray *locked;	      /* indexes of encrypted members: told when nobody can open them */
	guint n_tried;	      /* passwords */
	guint opened_by;      /* index of the last that did, and 1; 0 none */
	AmDecodeProgram *program; /* the last that was run, NULL none */
};

/* The decoders' functions. */
void am_content_host_add_decoding(AmHost *host);
/* Some of them, as they stand in the table. */
AmChild *am_content_child_open(AmDecode *decode, const char *name, guint32 flags);
gboolean am_content_child_write(AmChild *child, gconstpointer data, gsize len);
gboolean am_content_child_close(AmChild *child);
void am_content_decode_mark(AmDecode *decode, guint32 flags, const char *reason);

/* Where host->log() goes when it is called in this process; NULL: the log itself.  To be set once
 * at the process' start, before it has threads. */
typedef void (*AmHostLogFunc)(AmLogLevel level, const char *text);
void am_content_host_set_log(AmHostLogFunc func);
