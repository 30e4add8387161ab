/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* An SMTP reply: code, enhanced code, text (RFC 5321 4.2, RFC 2034, RFC 3463). */

#include <glib.h>

#include "mail/error.h"

typedef struct {
	int code;       /* 200..599; 0: no reply yet */
	char *enhanced; /* "2.0.0", or NULL */
	char *text;     /* UTF-8, lines separated by '\n', no control bytes else */
} AmReply;

AmReply *am_reply_new(int code, const char *enhanced, const char *format, ...) G_GNUC_PRINTF(3, 4);
AmReply *am_reply_copy(const AmReply *reply); /* NULL gives NULL */
void am_reply_free(AmReply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmReply, am_reply_free)

/* Class of the reply by its first digit. */
gboolean am_reply_is_success(const AmReply *reply);   /* 2yz */
gboolean am_reply_is_temporary(const AmReply *reply); /* 4yz */
gboolean am_reply_is_permanent(const AmReply *reply); /* 5yz */

/* As on the wire, CRLF after each line, "250-...": appended to `out`.  The enhanced code stands on
 * every line (RFC 2034 3).  Lines are cut at 512 bytes (RFC 5321 4.5.3.1.5). */
void am_reply_to_wire(const AmReply *reply, GString *out);
/* One line for logs and for other replies: "250 2.0.0 Ok".  To be freed. */
char *am_reply_to_string(const AmReply *reply);

/* The reply that an error of ours becomes: the one table from class to code, by style of RFC 3463:
 * RESOURCE 451 4.3.2 (ENOSPC in the text's cause: use am_reply_disk_full()), DATA 451 4.3.5,
 * SCANNER 451 4.5.0, LIMIT 552 5.3.4, others 451 4.3.0.  The text never shows our internals. */
AmReply *am_reply_from_error(const GError *error);
/* 452 4.3.1, for what am_spool_is_disk_full() and its like found. */
AmReply *am_reply_disk_full(void);
