/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What one mail system tells another of a client it speaks for: attributes of XFORWARD and XCLIENT
 * as Postfix has them, each "NAME=xtext". */

#include <glib.h>

#include "mail/envelope.h"
#include "mail/reply.h"

typedef enum {
	AM_XCLIENT_NAME,
	AM_XCLIENT_ADDR,
	AM_XCLIENT_PORT,
	AM_XCLIENT_PROTO,
	AM_XCLIENT_HELO,
	AM_XCLIENT_IDENT,
	AM_XCLIENT_SOURCE,
	AM_XCLIENT_LOGIN,
	AM_XCLIENT_DESTADDR,
	AM_XCLIENT_DESTPORT,
	AM_N_XCLIENT,
} AmXclientAttribute;

/* Sets of attributes, 1 << AmXclientAttribute. */
#define AM_XFORWARD_ATTRIBUTES ((1u << AM_XCLIENT_LOGIN) - 1u)
#define AM_XCLIENT_ATTRIBUTES                                                                      \
	(((1u << AM_N_XCLIENT) - 1u) &                                                             \
	 ~(1u << AM_XCLIENT_IDENT | 1u << AM_XCLIENT_SOURCE))

/* "NAME ADDR ..." of a set, as it is announced.  To be freed. */
char *am_xclient_keywords(guint attributes);
/* The set of those keywords, which end with the line. */
guint am_xclient_parse_keywords(const char *text);
/* Reads what follows the command into values[AM_N_XCLIENT]: text in UTF-8 without control bytes, ""
 * for [UNAVAILABLE] and [TEMPUNAVAIL]; what is not given stays as it is.  NULL: all fine, else the
 * 501; those before the bad one are taken. */
AmReply *am_xclient_parse(const char *text, guint attributes, char **values);
void am_xclient_clear(char **values);
/* XFORWARD commands that tell what the envelope knows of its client, as far as the peer takes it,
 * each a line of at most 512 bytes with its CRLF; empty when nothing is known.  To be freed by
 * g_ptr_array_unref(). */
GPtrArray *am_xclient_forward_commands(guint attributes, const AmEnvelope *envelope);
