/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The pieces of the SMTP client, shared with each other, tests and fuzz targets. */

#include <glib.h>

#include "mail/error.h"
#include "smtp/client.h"
#include "wire/stream.h"

/* ---- client-reply.c: reading replies ------------------------------------------------------- */

/* A line longer than this is no SMTP.  RFC 5321 4.5.3.1.5 has 512; servers that quote a policy
 * service at length are let by, what is kept of a line is cut at 512. */
#define AM_REPLY_WIRE_MAX 2048u
#define AM_REPLY_KEPT_MAX 512u
#define AM_REPLY_LINES_MAX 100u

typedef struct {
	int code; /* of the first line, 0 before it */
	guint n_lines;
	char enhanced[12]; /* "5.123.456", "" none */
	GString *text;
} AmReplyReader;

typedef enum {
	AM_REPLY_MORE, /* a line with '-': the reply goes on */
	AM_REPLY_DONE, /* am_reply_reader_take() has it */
	AM_REPLY_BAD,  /* this is no reply */
} AmReplyStep;

void am_reply_reader_init(AmReplyReader *reader);
void am_reply_reader_clear(AmReplyReader *reader);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AmReplyReader, am_reply_reader_clear)
/* One line without its line end; any bytes. */
AmReplyStep am_reply_reader_feed(AmReplyReader *reader, const char *line, gsize len);
AmReply *am_reply_reader_take(AmReplyReader *reader);

/* The next hop's queue id in the text of its answer to the final dot, as Postfix, Exim, sendmail,
 * OpenSMTPD and we say it; "" when there is none.  To be freed. */
char *am_smtp_queue_id(const char *text);
/* Does the reply to a RCPT mean that the recipient should come in another transaction? */
gboolean am_reply_is_too_many(const AmReply *reply);

/* ---- client-data.c: the mail's bytes ------------------------------------------------------- */

/* Dot-stuffs and cleans what is written through it, of any cut into pieces. */
typedef struct {
	AmWriteFunc write; /* gets clean bytes; pieces are as long as the input allows */
	gpointer user_data;
	gboolean is_line_begun; /* something was written since the last CRLF */
	gboolean is_cr_pending; /* a CR came last and was held back */
	gboolean is_undotted;	/* for BDAT: neither doubled dots nor a final one */
} AmDotWriter;

/* An AmWriteFunc; user_data is the AmDotWriter. */
gboolean am_dot_writer_write(gconstpointer data, gsize len, gpointer user_data, GError **error);
/* Ends the last line when it is open, and sends the final dot (but see is_undotted). */
gboolean am_dot_writer_finish(AmDotWriter *writer, GError **error);

/* Is it in this piece of the mail? */
typedef gboolean (*AmSearchFunc)(const guint8 *data, gsize len, gpointer user_data);
/* Shows func the first `size` bytes of the mail, piece by piece, until it finds what it looks for. */
gboolean am_smtp_search(int fd, guint64 size, AmSearchFunc func, gpointer user_data,
			gboolean *was_found, GError **error);
/* Is there a byte with the high bit in the first `size` bytes? */
gboolean am_smtp_has_8bit(int fd, guint64 size, gboolean *has_8bit, GError **error);

/* ---- client-bdat.c ------------------------------------------------------------------------- */

typedef struct _AmSmtpCommandContext AmSmtpCommandContext;

/* How a mail declared BINARYMIME goes to this peer: as it is (sets is_binary), as text since it
 * is none but text, or not at all: the refusal. */
AmReply *am_smtp_check_binary(AmSmtpCommandContext *context, const AmSmtpTransaction *transaction);
/* Writes BDAT with the whole mail as the only chunk.  FALSE: not all was written. */
gboolean am_smtp_write_chunk(const AmSmtpTransaction *transaction, gboolean is_binary,
			     AmWriteFunc write, gpointer user_data, GError **error);

/* ---- client-extensions.c ------------------------------------------------------------------- */

/* Does the envelope ask for what this peer must promise and does not?  The refusal, NULL none. */
AmReply *am_smtp_check_promises(const AmSmtpCommandContext *context, const AmEnvelope *envelope);
/* Parameters of MAIL that are passed on to a peer that offers them. */
void am_smtp_append_promises(const AmSmtpCommandContext *context, const AmEnvelope *envelope,
			     GString *command);

/* ---- client-connection.c ------------------------------------------------------------------- */

typedef enum {
	AM_SMTP_PIPELINING = 1 << 0, /* RFC 2920 */
	AM_SMTP_SIZE = 1 << 1,	     /* RFC 1870 */
	AM_SMTP_8BITMIME = 1 << 2,   /* RFC 6152 */
	AM_SMTP_ENHANCED = 1 << 3,   /* RFC 2034 */
	AM_SMTP_SMTPUTF8 = 1 << 4,   /* RFC 6531 */
	AM_SMTP_DSN = 1 << 5,	     /* RFC 3461 */
	AM_SMTP_STARTTLS = 1 << 6,   /* RFC 3207 */
	AM_SMTP_CHUNKING = 1 << 7,   /* RFC 3030 */
	AM_SMTP_BINARYMIME = 1 << 8, /* RFC 3030 */
	AM_SMTP_REQUIRETLS = 1 << 9, /* RFC 8689 */
	AM_SMTP_PRIORITY = 1 << 10,  /* RFC 6710 */
	AM_SMTP_DELIVERBY = 1 << 11, /* RFC 2852 */
	AM_SMTP_AUTH = 1 << 12,	     /* RFC 4954 */
} AmSmtpExtensions;

/* What a peer says it takes at most (RFC 9422); 0 not said. */
typedef struct {
	guint recipients; /* of a mail */
	guint domains;	  /* of a mail's recipients */
	guint mails;	  /* of a connection */
} AmSmtpLimits;

typedef struct {
	AmStream *stream;
	const AmSmtpClientConfig *config; /* the pool's */
	char *key;    /* protocol, host and port: kept connections are found by it */
	char *remote; /* "127.0.0.1:10025" */
	gboolean is_lmtp;
	guint extensions;   /* AmSmtpExtensions */
	char *auth_offered; /* mechanisms, NULL none */
	guint xforward;	    /* set of AmXclientAttribute, 0 no XFORWARD */
	AmSmtpLimits limits;
	guint n_mails;	    /* transactions begun */
	gint64 deadline_us; /* monotonic, of the transaction at hand */
	gint64 born_us, used_us;
	gboolean is_reused;
	gboolean is_dropped; /* not to be spoken to any more */
} AmSmtpConnection;

/* "127.0.0.1:10025", "[::1]:10025", "unix:/path".  To be freed. */
char *am_smtp_remote(const char *host, guint16 port);
/* Connects, reads the greeting, says EHLO (HELO) or LHLO.  NULL: *failure is a 4xx. */
AmSmtpConnection *am_smtp_connection_open(const AmSmtpClientConfig *config, const AmHop *hop,
					  const char *host, guint16 port, gint64 deadline_us,
					  AmReply **failure);
void am_smtp_connection_free(AmSmtpConnection *connection); /* just closes */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmSmtpConnection, am_smtp_connection_free)
/* Keywords from the text of an answer to EHLO. */
guint am_smtp_parse_extensions(const char *text);
/* What stands behind that keyword; NULL: it is not there.  To be freed. */
char *am_smtp_extension_text(const char *text, const char *keyword);
/* Limits from the same text (in client-extensions.c). */
AmSmtpLimits am_smtp_parse_limits(const char *text);
/* One more recipient in a transaction that has n_taken?  domains: a set of texts it owns, theirs;
 * grows with each that is allowed. */
gboolean am_smtp_limits_allow(const AmSmtpLimits *limits, guint n_taken, GHashTable *domains,
			      const AmRecipient *recipient);
/* Monotonic end of a phase that starts now. */
gint64 am_smtp_connection_until(const AmSmtpConnection *connection, guint phase_ms);
/* Gathers a command; it goes out with the next flush.  Sanitising is the caller's. */
void am_smtp_connection_queue(AmSmtpConnection *connection, const char *command);
/* FALSE: the connection is dropped, *failure says so. */
gboolean am_smtp_connection_flush(AmSmtpConnection *connection, guint phase_ms, const char *phase,
				  AmReply **failure);
/* TRUE: *reply is the peer's (a 421 drops the connection).  FALSE: it is our 451, the connection is
 * dropped. */
gboolean am_smtp_connection_read(AmSmtpConnection *connection, guint phase_ms, const char *phase,
				 AmReply **reply);
/* A command and its reply; as am_smtp_connection_read(). */
gboolean am_smtp_connection_talk(AmSmtpConnection *connection, const char *command, guint phase_ms,
				 const char *phase, AmReply **reply);

/* ---- client-transaction.c ------------------------------------------------------------------ */

typedef enum {
	AM_ATTEMPT_DONE,     /* every delivery of the batch has its reply but those for which the
	                      * next hop wants a further transaction */
	AM_ATTEMPT_NEXT_HOP, /* failed before the recipients were looked at, nobody has a reply */
	AM_ATTEMPT_STALE,    /* a kept connection turned out to be dead; as NEXT_HOP */
} AmAttempt;

/* One transaction over a connection.  batch: AmDelivery without reply.  *failure is set unless
 * DONE, *is_own tells whether it is ours or the peer's answer to MAIL. */
AmAttempt am_smtp_attempt(AmSmtpConnection *connection, AmSmtpTransaction *transaction,
			  GPtrArray *batch, AmReply **failure, gboolean *is_own);

/* ---- client-auth.c ------------------------------------------------------------------------- */

/* Authenticates as the configuration says.  FALSE with *failure, a 4xx: it did not work, and the
 * connection is dropped. */
gboolean am_smtp_authenticate(AmSmtpConnection *connection, const char *host, AmReply **failure);

/* ---- client-xforward.c --------------------------------------------------------------------- */

/* Tells the next hop what is known of the mail's client, when it takes that.  FALSE with *failure:
 * the connection is lost. */
gboolean am_smtp_forward_client(AmSmtpConnection *connection, const AmEnvelope *envelope,
				AmReply **failure);

/* ---- client-command.c ---------------------------------------------------------------------- */

/* MAIL FROM and RCPT TO with the parameters that the peer offers and the envelope wants. */
struct _AmSmtpCommandContext {
	guint extensions;
	gboolean needs_smtputf8;  /* the mail cannot go without */
	gboolean is_tls_verified; /* the peer is who it should be */
	gboolean is_binary;	  /* goes as BINARYMIME, so by BDAT */
};

/* NULL: the address cannot be said to this peer. To be freed; ends in CRLF. */
char *am_smtp_mail_command(const AmSmtpCommandContext *context,
			   const AmSmtpTransaction *transaction);
char *am_smtp_rcpt_command(const AmSmtpCommandContext *context, const AmRecipient *recipient);
/* What keeps this mail from being said to a peer with those extensions: NULL nothing, else the 5xx
 * (5.6.3, 5.6.7) or, when the mail could not be read, 4xx. */
AmReply *am_smtp_check_extensions(AmSmtpCommandContext *context,
				  const AmSmtpTransaction *transaction);
