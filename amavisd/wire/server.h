/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the session asks of the server side of a protocol: a state machine over one connection, fed
 * by whatever has arrived.  It never waits for the client, so that a connection which waits for its
 * next bytes holds no thread; it does wait where a mail is processed. */

#include <glib.h>

#include "wire/stream.h"

typedef enum {
	AM_SERVER_WAIT_INPUT,  /* park until readable */
	AM_SERVER_WAIT_OUTPUT, /* park until writable */
	AM_SERVER_CLOSE,       /* over: free it */
	AM_SERVER_YIELD,       /* has more to do: step again, after the others had their turn */
} AmServerStep;

typedef struct {
	/* Does all that can be done with what has arrived; the first call is made before anything has. */
	AmServerStep (*step)(gpointer server);
	/* Between mails, so that it may be closed at a drain? */
	gboolean (*is_idle)(gconstpointer server);
	/* Says why as far as the protocol can, without waiting, and is over.  enhanced: "4.3.2". */
	void (*shut)(gpointer server, const char *enhanced, const char *text);
	int (*fd)(gconstpointer server);
	/* When what is under way must be over, however lively the client is (monotonic);
	 * G_MAXINT64 never.  May be NULL. */
	gint64 (*end_us)(gconstpointer server);
	void (*free)(gpointer server);
} AmServerKind; /* one constant for each protocol */

/* One step over a stream.  Unless output still waits for the client, work is called: it takes what
 * has arrived, gathers what is to be said (am_stream_queue()), and returns CLOSE, YIELD or
 * WAIT_INPUT.  It may be called again after CLOSE, while the last words wait to be sent. */
AmServerStep am_server_step(AmStream *stream, AmServerStep (*work)(gpointer server),
			    gpointer server);
