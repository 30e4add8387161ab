/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the files of the SMTP server share: its state, and what each file does for the others. */

#include "smtp/params.h"
#include "smtp/server.h"
#include "smtp/xclient.h"
#include "wire/proxy.h"
#include "wire/sasl.h"

typedef enum {
	SERVER_GREETING, /* nothing said yet */
	SERVER_PROXY,	 /* waits for the header of the PROXY protocol */
	SERVER_COMMAND,	 /* waits for a command */
	SERVER_DATA,	 /* between 354 and the final dot */
	SERVER_BDAT,	 /* in a chunk */
	SERVER_AUTH,	 /* waits for the client's next message of an AUTH */
	SERVER_STARTTLS, /* TLS begins when the reply that says so is on its way */
	SERVER_CLOSING,	 /* the last reply is on its way */
} ServerPhase;

/* Where in a line of the mail the last chunk ended.  What a state says was seen is neither in the
 * spool nor in the stream. */
typedef enum {
	DATA_LINE_START, /* behind CRLF */
	DATA_MIDDLE,
	DATA_CR,     /* behind one or more CR (cr_count) */
	DATA_DOT,    /* behind CRLF "." */
	DATA_DOT_CR, /* behind CRLF "." CR */
} DataState;

/* Why a mail that is still being read will not be taken. */
typedef enum {
	DATA_FINE,
	DATA_BARE,	/* bare CR or LF, and we are to reject it */
	DATA_TOO_LARGE, /* above size_limit */
	DATA_DISK_FULL,
	DATA_FAILED, /* another error of the spool */
} DataFailure;

struct _AmSmtpServer {
	AmStream *stream;
	const AmSmtpServerConfig *config;
	const AmSmtpServerOps *ops;
	gpointer user;
	ServerPhase phase;
	gboolean is_extended; /* EHLO or LHLO, not HELO */
	gboolean has_told_tls; /* the log knows of the handshake's end */
	AmProxy *proxy; /* NULL outside SERVER_PROXY */
	char *peer_address;
	guint16 peer_port, local_port;
	char *helo;	     /* NULL: not greeted yet */
	char **xforward;     /* AM_N_XCLIENT values for the next mail, NULL none given;
			      * a value NULL not given, "" [UNAVAILABLE] */
	char **xclient;	     /* the same for the session */
	gboolean may_xforward, may_xclient;
	char *authenticated; /* who the client is, NULL or "" nobody */
	gint64 progress_us;  /* monotonic: when the last command was complete */
	AmSasl *sasl;	     /* while AUTH is under way */
	char *auth_mechanism;
	guint errors_in_row; /* commands refused with 5xx */

	/* The transaction: envelope is NULL outside one. */
	AmEnvelope *envelope;
	gint64 start_us;
	guint64 n_bytes; /* of DATA and BDAT, as they came */
	AmSpool *spool; /* NULL outside DATA and after a failure */
	DataState data_state;
	DataFailure data_failure;
	guint64 cr_count;
	/* The chunk of BDAT at hand. */
	gboolean is_chunked;  /* of the transaction: a chunk came, so the rest comes so too */
	gboolean is_last;     /* the mail ends with it */
	guint64 chunk_left;   /* bytes still to come */
	AmReply *chunk_reply; /* it is not wanted, and this is why; NULL it is */
};

/* -- server.c -- */

/* Queues a reply; enhanced NULL: none. */
void am_server_reply(AmSmtpServer *server, int code, const char *enhanced, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
/* The same for a command that broke the protocol: counted; may end the session. */
void am_server_refuse(AmSmtpServer *server, int code, const char *enhanced, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
void am_server_queue_reply(AmSmtpServer *server, const AmReply *reply);
/* Ends a transaction that does not become a mail, if there is one. */
void am_server_abandon(AmSmtpServer *server);
/* 220, and what follows is a command. */
void am_server_say_greeting(AmSmtpServer *server);

/* -- server-commands.c -- */

/* Longest line that is a command, without CRLF. */
#define AM_SERVER_LINE_MAX 4096
void am_server_command(AmSmtpServer *server, const char *line, gsize len);

/* -- server-tls.c -- */

/* Is STARTTLS to be announced? */
gboolean am_server_offers_tls(const AmSmtpServer *server);
/* TLS is required and not there yet. */
gboolean am_server_needs_tls(const AmSmtpServer *server);
void am_server_starttls(AmSmtpServer *server); /* the command */
/* Begins TLS; FALSE: the connection is to be closed. */
gboolean am_server_begin_tls(AmSmtpServer *server);
/* Logs what was agreed on, once. */
void am_server_tell_tls(AmSmtpServer *server);

/* -- server-auth.c -- */

/* Longest line within AUTH (RFC 4954 4). */
#define AM_SERVER_AUTH_LINE_MAX 12288
void am_server_announce_auth(const AmSmtpServer *server, GString *text); /* for EHLO */
/* AUTH is required and not there yet. */
gboolean am_server_needs_auth(const AmSmtpServer *server);
void am_server_auth(AmSmtpServer *server, const char *argument); /* the command */
/* A line within AUTH. */
void am_server_auth_line(AmSmtpServer *server, const char *line, gsize line_len);
void am_server_cancel_auth(AmSmtpServer *server, int code, const char *enhanced, const char *text);
void am_server_forget_auth(AmSmtpServer *server); /* one that is under way */

/* -- server-xclient.c -- */

/* May this client speak for others?  Once, when it is known who is connected. */
void am_server_decide_trust(AmSmtpServer *server);
void am_server_announce_xclient(const AmSmtpServer *server, GString *text); /* for EHLO */
void am_server_xforward(AmSmtpServer *server, const char *argument); /* the commands */
void am_server_xclient(AmSmtpServer *server, const char *argument);
void am_server_forget_xforward(AmSmtpServer *server);
void am_server_forget_xclient(AmSmtpServer *server);
/* Writes what is known of the client into the envelope, its policy banks set before. */
void am_server_set_client(const AmSmtpServer *server, AmEnvelope *envelope);

/* -- server-extensions.c -- */

/* Takes out of the answer to EHLO what the listener does not want to show. */
void am_server_hide_extensions(const AmSmtpServer *server, GString *text);
/* Adds the keywords of EHLO that stand for what is only passed on, each behind a line break. */
void am_server_announce_extensions(const AmSmtpServer *server, GString *text);
/* May MAIL say that here and now?  NULL: it may. */
AmReply *am_server_check_extensions(const AmSmtpServer *server, const AmEnvelope *envelope);
/* Values of MT-PRIORITY and BY. */
gboolean am_server_param_priority(AmEnvelope *envelope, const char *value);
gboolean am_server_param_by(AmEnvelope *envelope, const char *value);

/* -- server-data.c -- */

/* DATA was accepted. */
void am_server_data_begin(AmSmtpServer *server);
/* Consumes from the stream, at most *budget bytes.  OK: the final dot was seen and answered, else
 * as am_stream_try_peek(), AGAIN also when the budget is used up (then *budget is 0). */
AmReadResult am_server_data_feed(AmSmtpServer *server, gsize *budget);
/* From here the mail is only read to its end.  The first failure is the one that is answered. */
void am_server_data_fail(AmSmtpServer *server, DataFailure failure);
AmReply *am_server_data_failure(DataFailure failure); /* what is said of it */
/* Bytes into the spool, size and errors seen to: as they are, and as lines of text without dots. */
void am_server_data_append(AmSmtpServer *server, gconstpointer data, gsize len);
void am_server_data_text(AmSmtpServer *server, const guint8 *data, gsize len);
/* The text is over; its last line may lack CRLF. */
void am_server_data_end_text(AmSmtpServer *server);
/* The mail is complete: hands it over or refuses it, answers, and ends the transaction. */
void am_server_data_finish(AmSmtpServer *server);

/* -- server-bdat.c -- */

/* The command BDAT.  Its chunk is read in any case. */
void am_server_bdat(AmSmtpServer *server, const char *argument);
/* As am_server_data_feed(); OK: the chunk is over and answered. */
AmReadResult am_server_bdat_feed(AmSmtpServer *server, gsize *budget);
