/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The exchange between a session thread and a content worker, on a SOCK_SEQPACKET connection:
 *
 *     session                              worker
 *     connect()
 *     request + descriptor of the mail --> accept()
 *                                      <-- hello (kernel-checked pid by SCM_CREDENTIALS)
 *                                      <-- report in chunks of at most 64 KiB
 *                                      <-- close
 *     close
 *
 * Both sides check magic, version, lengths.  See docs/exchange.md. */

#include <glib.h>
#include <sys/types.h>

#include "mail/envelope.h"
#include "mail/error.h"
#include "mail/report.h"

typedef struct {
	char mail_id[32];
	guint64 mail_size;
	gint64 deadline_us; /* g_get_monotonic_time() of the session; the clock is the machine's */
	char *sender;
	char **recipients;
	char *client_address;
	char *helo;
	gboolean smtputf8;
} AmInspectRequest;

void am_inspect_request_clear(AmInspectRequest *request);

/* Session side.  Sends the request with the mail's descriptor, until request->deadline_us: a worker
 * may be some way off, but only a request with very many recipients does not fit into the socket.
 * Recipients beyond 1 MiB are left out.  Errors as for the report. */
gboolean am_exchange_send_request(int socket, const AmInspectRequest *request, int mail_fd,
				  GError **error);
/* Waits for the hello until the deadline; *pid is the worker's, vouched for by the kernel. */
gboolean am_exchange_receive_hello(int socket, gint64 deadline_us, pid_t *pid, GError **error);
/* Waits for the whole report.  SCANNER when the worker went away or broke the protocol, RESOURCE at
 * the deadline. */
GBytes *am_exchange_receive_report(int socket, gint64 deadline_us, GError **error);
/* Behind the report the worker closes.  Whatever else comes is no worker of ours speaking: SCANNER. */
gboolean am_exchange_receive_end(int socket, gint64 deadline_us, GError **error);

/* Worker side.  PROTOCOL when the session went away or broke the protocol; a request must be whole
 * within 10 seconds (RESOURCE).  *mail_fd is the caller's, *request to be cleared. */
gboolean am_exchange_send_hello(int socket, GError **error);
gboolean am_exchange_receive_request(int socket, AmInspectRequest *request, int *mail_fd,
				     GError **error);
gboolean am_exchange_send_report(int socket, GBytes *report, GError **error);
