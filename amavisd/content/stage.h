/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What a worker is at: a page of memory that it writes and its zygote reads, so that the log can say
 * which mail and which plugin a death belongs to, and a worker whose session has died is ended in
 * time.  The worker may be in hostile hands: what stands here is used for words in the log, and to end
 * a worker sooner, never to let it live longer. */

#include <glib.h>

#include "mail/error.h"

typedef struct {
	gint64 since_us;  /* monotonic: when work on the mail began; 0 none is at work */
	guint32 mails;	  /* begun so far */
	gint32 call;	  /* number of the system call that the sandbox stopped, -1 none */
	char mail_id[32]; /* of the mail at work, or the last one */
	char plugin[48];  /* instance at work, "" none */
} AmStage;

/* Shared with children that are forked from now on; to be freed by am_stage_free(). */
AmStage *am_stage_new(GError **error);
void am_stage_free(AmStage *stage);
/* In the parent, once the child is forked: later children get none of it. */
gboolean am_stage_keep(AmStage *stage, GError **error);
/* In the child: what the functions below write to.  Without it they do nothing of note. */
void am_stage_use(AmStage *stage);

void am_stage_begin(const char *mail_id);
void am_stage_end(void);
const char *am_stage_mail(void);	/* the last one begun */
void am_stage_plugin(const char *name); /* NULL: none */
void am_stage_call(int number);		/* async-signal-safe */

/* A copy that can be relied on to be text.  NULL gives an idle one. */
void am_stage_read(const AmStage *stage, AmStage *copy);
