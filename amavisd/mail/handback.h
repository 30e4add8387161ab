/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What a client that delivers by itself (a milter's MTA, AM.PDP) is told about a mail. */

#include <glib.h>

#include "mail/edits.h"
#include "mail/mail.h"
#include "mail/reply.h"

typedef struct {
	AmReply *reply;	     /* owned: a refusal for all; NULL: the mail is taken */
	gboolean is_discard; /* taken, and nobody is to get it */
	char *quarantine;    /* owned: hold it, for this reason; NULL: do not */
	GArray *given; /* guint, owned: which of the envelope's recipients the client delivers to */
	GArray *removed;      /* guint, owned: which of the envelope's recipients to take out */
	GPtrArray *added;     /* char, owned: whom to put in, internal form */
	const AmEdits *edits; /* borrowed from the record; NULL none */
} AmHandback;

/* Recipients are to get different headers, which one copy cannot have. */
typedef enum {
	AM_CONFLICT_SPLIT,     /* those who differ are taken out, and we deliver to them */
	AM_CONFLICT_STRICTEST, /* all get the header of the one with the worst verdict */
	AM_CONFLICT_MILDEST,   /* ... the best */
} AmConflict;

void am_handback_init(AmHandback *handback);
void am_handback_clear(AmHandback *handback);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AmHandback, am_handback_clear)

/* What the server side of such a protocol asks of the session. */
typedef struct {
	/* Size and policy check of one recipient; NULL accepts, else the refusal.  May be NULL. */
	AmReply *(*on_recipient)(gpointer user, const AmEnvelope *envelope,
				 const AmRecipient *recipient);
	/* May a mail be taken into work now?  NULL: yes, and on_mail (or another way the protocol has
	 * for a mail) or on_abandon follows exactly once.  Otherwise the refusal. */
	AmReply *(*on_begin)(gpointer user);
	void (*on_abandon)(gpointer user);
	/* The mail is complete; taken, and valid with what the handback borrows until on_done.  The
	 * handback is initialised. */
	void (*on_mail)(gpointer user, AmMail *mail, AmHandback *handback);
	void (*on_done)(gpointer user); /* frees the mail */
} AmHandbackOps;
