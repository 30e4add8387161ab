/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The milter server as a state machine.  What need not be answered is not: with an MTA of version 6
 * there are answers only to MAIL, RCPT and the end of the mail, so a mail costs few round trips.
 *
 * A packet that makes no sense ends the connection; the MTA then does as it is configured, which
 * should be to defer the mail. */

#include <config.h>

#include "milter/milter-private.h"

#include <string.h>

#include "log/log.h"
#include "mail/address.h"

#define MILTER_VERSION 6u
#define MILTER_VERSION_MIN 2u
#define MILTER_STEP_BYTES (4 << 20) /* of packets in one step */

/* What we would like; the MTA says what it can. */
#define MILTER_ACTIONS                                                                             \
	(AM_MILTER_MAY_ADD_HEADERS | AM_MILTER_MAY_CHANGE_HEADERS | AM_MILTER_MAY_ADD_RCPT |       \
	 AM_MILTER_MAY_DELETE_RCPT | AM_MILTER_MAY_QUARANTINE | AM_MILTER_MAY_SET_MACROS)
#define MILTER_PROTOCOL                                                                            \
	(AM_MILTER_NO_UNKNOWN | AM_MILTER_KNOWS_SKIP | AM_MILTER_NR_HEADER |                       \
	 AM_MILTER_NR_CONNECT | AM_MILTER_NR_HELO | AM_MILTER_NR_DATA | AM_MILTER_NR_EOH |         \
	 AM_MILTER_NR_BODY | AM_MILTER_LEADING_SPACE)

AmMilterServer *
am_milter_server_new(AmStream *stream, const AmIntake *intake, const AmHandbackOps *ops,
		     gpointer user)
{
	AmMilterServer *server = g_new0(AmMilterServer, 1);
	server->stream = stream;
	server->intake = intake;
	server->ops = ops;
	server->user = user;
	return server;
}

/* -- the SMTP session -- */

static void
milter_forget_session(AmMilterServer *server)
{
	am_milter_abandon(server);
	g_clear_pointer(&server->session_macros, g_hash_table_unref);
	g_clear_pointer(&server->client_name, g_free);
	g_clear_pointer(&server->client_address, g_free);
	g_clear_pointer(&server->helo, g_free);
	server->is_connected = FALSE;
}

static void
milter_continue(AmMilterServer *server, guint32 unanswered)
{
	if ((server->protocol & unanswered) == 0)
		am_milter_say(server, AM_MILTER_CONTINUE, NULL, 0);
}

/* Which macros we want at which stage; sendmail gives no others then. */
static void
milter_ask_for_macros(GByteArray *out)
{
	static const struct {
		guint32 stage;
		const char *names;
	} wanted[] = {
		{ 0, "j {daemon_name} {client_name} {client_addr} {client_port}" },
		{ 1, "{tls_version} {cipher} {cert_subject}" },
		{ 2, "i {auth_type} {auth_authen} {mail_addr}" },
		{ 3, "i {rcpt_addr}" },
		{ 4, "i" },
		{ 5, "i" },
	};
	for (gsize n = 0; n < G_N_ELEMENTS(wanted); n++) {
		guint32 stage = GUINT32_TO_BE(wanted[n].stage);
		g_byte_array_append(out, (const guint8 *)&stage, sizeof stage);
		g_byte_array_append(out, (const guint8 *)wanted[n].names,
				    (guint)strlen(wanted[n].names) + 1);
	}
}

static gboolean
milter_negotiate(AmMilterServer *server, AmMilterReader *reader)
{
	guint32 version, actions, protocol;
	g_autoptr(GByteArray) answer = g_byte_array_new();
	if (!am_milter_get_u32(reader, &version) || !am_milter_get_u32(reader, &actions) ||
	    !am_milter_get_u32(reader, &protocol) || version < MILTER_VERSION_MIN)
		return FALSE;
	server->actions = actions & MILTER_ACTIONS;
	/* before version 6 nothing could be left unanswered */
	server->protocol = version >= 6 ? protocol & MILTER_PROTOCOL : 0;
	const guint32 words[] = { GUINT32_TO_BE(MIN(version, MILTER_VERSION)),
				  GUINT32_TO_BE(server->actions), GUINT32_TO_BE(server->protocol) };
	g_byte_array_append(answer, (const guint8 *)words, sizeof words);
	if (version >= 6 && (server->actions & AM_MILTER_MAY_SET_MACROS) != 0)
		milter_ask_for_macros(answer);
	am_milter_say(server, AM_MILTER_OPTNEG, answer->data, answer->len);
	server->phase = MILTER_SESSION;
	return TRUE;
}

static gboolean
milter_take_connect(AmMilterServer *server, AmMilterReader *reader)
{
	const char *name, *address = "";
	guint8 family;
	guint16 port;
	if (!am_milter_get_text(reader, &name) || !am_milter_get_byte(reader, &family))
		return FALSE;
	if (family != 'U' &&
	    (!am_milter_get_u16(reader, &port) || !am_milter_get_text(reader, &address)))
		return FALSE;
	/* macros of this session came before it */
	GHashTable *macros = g_steal_pointer(&server->session_macros);
	milter_forget_session(server);
	server->session_macros = macros;
	server->is_connected = TRUE;
	/* a name that the MTA could not verify stands in brackets */
	server->client_name = *name == '[' || strcmp(name, "unknown") == 0
				      ? g_strdup("")
				      : g_utf8_make_valid(name, -1);
	if (family == '4' || family == '6')
		server->client_address = am_address_ip(address);
	if (server->client_address == NULL)
		server->client_address = g_strdup("");
	milter_continue(server, AM_MILTER_NR_CONNECT);
	return TRUE;
}

static gboolean
milter_take_helo(AmMilterServer *server, AmMilterReader *reader)
{
	const char *name;
	if (!am_milter_get_text(reader, &name))
		return FALSE;
	g_free(server->helo);
	server->helo = g_utf8_make_valid(name, -1);
	milter_continue(server, AM_MILTER_NR_HELO);
	return TRUE;
}

static gboolean
milter_take_body(AmMilterServer *server, const AmMilterPacket *packet)
{
	if (server->phase != MILTER_MAIL)
		return FALSE;
	am_milter_take_body(server, packet->data, packet->len);
	/* of a mail that is lost already the rest need not come */
	if (server->failure != NULL && (server->protocol & AM_MILTER_NR_BODY) == 0 &&
	    (server->protocol & AM_MILTER_KNOWS_SKIP) != 0)
		am_milter_say(server, AM_MILTER_SKIP, NULL, 0);
	else
		milter_continue(server, AM_MILTER_NR_BODY);
	return TRUE;
}

static gboolean
milter_take_end(AmMilterServer *server, const AmMilterPacket *packet)
{
	if (server->phase != MILTER_MAIL)
		return FALSE;
	am_milter_take_body(server, packet->data, packet->len); /* libmilter allows a last piece */
	am_milter_end_mail(server);
	return TRUE;
}

/* Commands that need a mail under way and have nothing to read. */
static gboolean
milter_take_step(AmMilterServer *server, guint32 unanswered)
{
	if (server->phase != MILTER_MAIL)
		return FALSE;
	milter_continue(server, unanswered);
	return TRUE;
}

/* FALSE: it makes no sense. */
static gboolean
milter_command(AmMilterServer *server, const AmMilterPacket *packet)
{
	AmMilterReader reader = { packet->data, packet->data + packet->len };
	if (server->phase == MILTER_START && packet->command != AM_MILTER_OPTNEG &&
	    packet->command != AM_MILTER_QUIT)
		return FALSE;
	switch (packet->command) {
	case AM_MILTER_OPTNEG:
		return server->phase == MILTER_START && milter_negotiate(server, &reader);
	case AM_MILTER_MACRO:
		am_milter_keep_macros(server, &reader);
		return TRUE;
	case AM_MILTER_CONNECT:
		return milter_take_connect(server, &reader);
	case AM_MILTER_HELO:
		return milter_take_helo(server, &reader);
	case AM_MILTER_MAIL:
		return am_milter_take_mail(server, &reader);
	case AM_MILTER_RCPT:
		return am_milter_take_rcpt(server, &reader);
	case AM_MILTER_DATA:
		return milter_take_step(server, AM_MILTER_NR_DATA);
	case AM_MILTER_HEADER:
		if (!am_milter_take_header(server, &reader))
			return FALSE;
		milter_continue(server, AM_MILTER_NR_HEADER);
		return TRUE;
	case AM_MILTER_EOH:
		if (server->phase == MILTER_MAIL)
			am_milter_end_header(server);
		return milter_take_step(server, AM_MILTER_NR_EOH);
	case AM_MILTER_BODY:
		return milter_take_body(server, packet);
	case AM_MILTER_EOM:
		return milter_take_end(server, packet);
	case AM_MILTER_ABORT: /* no answer */
		am_milter_abandon(server);
		return TRUE;
	case AM_MILTER_UNKNOWN:
		milter_continue(server, AM_MILTER_NR_UNKNOWN);
		return TRUE;
	case AM_MILTER_QUIT_NEW:
		milter_forget_session(server);
		return TRUE;
	case AM_MILTER_QUIT:
		milter_forget_session(server);
		server->phase = MILTER_OVER;
		return TRUE;
	default:
		return FALSE;
	}
}

/* -- as the session sees it -- */

/* Packets until the budget of the step is used up. */
static AmReadResult
milter_take_packets(AmMilterServer *server)
{
	gsize budget = MILTER_STEP_BYTES;
	AmReadResult result = AM_READ_OK;
	while (server->phase != MILTER_OVER && budget > 0) {
		const guint8 *data;
		gsize len, used;
		result = am_stream_try_peek(server->stream, &data, &len);
		if (result != AM_READ_OK)
			return result;
		AmPacketStep step = am_milter_packet_feed(&server->packet, data, len, &used);
		gboolean is_fine = step != AM_PACKET_BAD;
		if (step == AM_PACKET_DONE)
			is_fine = milter_command(server, &server->packet);
		if (!is_fine) {
			am_warning("listener %s: the MTA sent what is no milter protocol, "
				   "disconnected",
				   server->intake->listener);
			server->phase = MILTER_OVER;
		}
		am_stream_consume(server->stream, used);
		budget -= MIN(budget, used);
	}
	return result;
}

static AmServerStep
milter_work(gpointer user)
{
	AmMilterServer *server = user;
	AmReadResult result = milter_take_packets(server);
	if (result == AM_READ_EOF || result == AM_READ_ERROR) {
		if (server->phase == MILTER_MAIL)
			am_info("listener %s: lost connection from the MTA in a mail",
				server->intake->listener);
		server->phase = MILTER_OVER;
	}
	if (server->phase == MILTER_OVER)
		return AM_SERVER_CLOSE;
	if (result == AM_READ_OK)
		return AM_SERVER_YIELD;
	/* sendmail writes each header field by itself, and nothing of it is answered */
	if (server->phase == MILTER_MAIL)
		am_stream_acknowledge(server->stream);
	return AM_SERVER_WAIT_INPUT;
}

static AmServerStep
milter_step(gpointer user)
{
	AmMilterServer *server = user;
	return am_server_step(server->stream, milter_work, server);
}

/* The MTA keeps a connection as long as its client's session lasts, and takes its end for a failure
 * of ours. */
static gboolean
milter_is_idle(gconstpointer user)
{
	const AmMilterServer *server = user;
	return !server->is_connected && server->phase != MILTER_MAIL;
}

static void
milter_shut(gpointer user, G_GNUC_UNUSED const char *enhanced, G_GNUC_UNUSED const char *text)
{
	AmMilterServer *server = user;
	server->phase = MILTER_OVER; /* nothing can be said unasked */
}

static int
milter_fd(gconstpointer user)
{
	const AmMilterServer *server = user;
	return am_stream_fd(server->stream);
}

static void
milter_free(gpointer user)
{
	AmMilterServer *server = user;
	milter_forget_session(server);
	am_milter_packet_clear(&server->packet);
	am_stream_free(server->stream);
	g_free(server);
}

const AmServerKind am_milter_server_kind = {
	.step = milter_step,
	.is_idle = milter_is_idle,
	.shut = milter_shut,
	.fd = milter_fd,
	.free = milter_free,
};
