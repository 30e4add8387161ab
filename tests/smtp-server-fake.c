/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "smtp-server-fake.h"

#include <string.h>
#include <sys/socket.h>

static AmReply *
on_recipient(gpointer user G_GNUC_UNUSED, const AmEnvelope *envelope, const AmRecipient *recipient)
{
	if (g_str_has_prefix(recipient->address, "full@"))
		return am_reply_new(452, "4.2.2", "Mailbox full");
	if (g_str_has_prefix(recipient->address, "small@") && envelope->declared_size > 1000)
		return am_reply_new(552, "5.3.4", "Too large for this recipient");
	return NULL;
}

static AmReply *
on_begin(gpointer user)
{
	Fake *fake = user;
	if (fake->is_busy)
		return am_reply_new(421, "4.3.2", "Too busy");
	fake->begun++;
	return NULL;
}

static void
on_abandon(gpointer user)
{
	Fake *fake = user;
	fake->abandoned++;
}

static void
append_envelope(GString *out, const AmEnvelope *envelope)
{
	g_string_append_printf(out, "%s <%s>", envelope->protocol, envelope->sender);
	if (envelope->declared_size >= 0)
		g_string_append_printf(out, " size=%" G_GINT64_FORMAT, envelope->declared_size);
	if (envelope->body != AM_BODY_UNSPECIFIED)
		g_string_append(out, envelope->body == AM_BODY_7BIT	  ? " 7bit"
				     : envelope->body == AM_BODY_8BITMIME ? " 8bit"
									  : " binary");
	if (envelope->ret != NULL)
		g_string_append_printf(out, " ret=%s", envelope->ret);
	if (envelope->envid != NULL)
		g_string_append_printf(out, " envid=%s", envelope->envid);
	if (envelope->auth != NULL)
		g_string_append_printf(out, " auth=%s", envelope->auth);
	if (envelope->requires_tls)
		g_string_append(out, " requiretls");
	if (envelope->has_priority)
		g_string_append_printf(out, " priority=%d", envelope->priority);
	if (envelope->by_mode != '\0')
		g_string_append_printf(out, " by=%c%s", envelope->by_mode,
				       envelope->by_trace ? "T" : "");
	if (strcmp(envelope->helo, "client.example") != 0)
		g_string_append_printf(out, " helo=%s", envelope->helo);
	if (*envelope->client_address != '\0')
		g_string_append_printf(out, " client=%s", envelope->client_address);
	if (*envelope->client_name != '\0')
		g_string_append_printf(out, " name=%s", envelope->client_name);
	if (*envelope->queue_id != '\0')
		g_string_append_printf(out, " id=%s", envelope->queue_id);
	if (envelope->client_port != 0)
		g_string_append_printf(out, " port=%u", envelope->client_port);
	if (*envelope->client_protocol != '\0' &&
	    strcmp(envelope->client_protocol, "ESMTP") != 0 &&
	    strcmp(envelope->client_protocol, "LMTP") != 0 &&
	    strcmp(envelope->protocol, envelope->client_protocol) != 0)
		g_string_append_printf(out, " proto=%s", envelope->client_protocol);
	if (*envelope->client_source != '\0')
		g_string_append_printf(out, " source=%s", envelope->client_source);
	if (*envelope->authenticated != '\0')
		g_string_append_printf(out, " user=%s", envelope->authenticated);
	g_assert_true(g_strv_contains((const char *const *)envelope->policy_banks,
				      "AUTHENTICATED") == (*envelope->authenticated != '\0'));
}

static GPtrArray *
on_mail(gpointer user, AmMail *mail)
{
	Fake *fake = user;
	const AmEnvelope *envelope = mail->envelope;
	gboolean is_lmtp = strstr(envelope->protocol, "LMTP") != NULL || envelope->is_prdr;
	GPtrArray *replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	fake->taken++;
	fake->total_bytes += am_spool_size(mail->spool);
	g_assert_cmpstr(envelope->listener, ==, "in");
	g_assert_cmpstr(envelope->policy_banks[0], ==, "BANK");
	g_assert_cmpint(mail->received_us, >=, mail->start_us);
	if (!fake->is_quiet)
		append_envelope(fake->mails, envelope);
	for (guint i = 0; i < envelope->recipients->len; i++) {
		const AmRecipient *recipient = g_ptr_array_index(envelope->recipients, i);
		if (!fake->is_quiet) {
			g_string_append_printf(fake->mails, " <%s>", recipient->address);
			if (recipient->notify != NULL)
				g_string_append_printf(fake->mails, " notify=%s",
						       recipient->notify);
			if (recipient->orcpt != NULL)
				g_string_append_printf(fake->mails, " orcpt=%s", recipient->orcpt);
		}
		if (is_lmtp && strchr(recipient->address, 'x') == recipient->address)
			g_ptr_array_add(replies, am_reply_new(550, "5.7.1", "no"));
		else if (is_lmtp || i == 0)
			g_ptr_array_add(replies, am_reply_new(250, "2.6.0", "taken"));
	}
	if (!fake->is_quiet) {
		gsize size = am_spool_size(mail->spool);
		g_autofree char *bytes = g_malloc0(size + 1);
		g_assert_cmpint(am_read_at(am_spool_fd(mail->spool), bytes, size, 0, NULL), ==,
				(gssize)size);
		g_autofree char *escaped = g_strescape(bytes, NULL);
		g_string_append_printf(fake->mails, " [%s]\n", escaped);
	}
	am_mail_free(mail);
	return replies;
}

static gboolean
may_xforward(gpointer user, const char *address G_GNUC_UNUSED)
{
	return !((const Fake *)user)->is_distrusted;
}

static gboolean
may_xclient(gpointer user, const char *address G_GNUC_UNUSED)
{
	return ((const Fake *)user)->is_proxy;
}

const AmSmtpServerOps fake_ops = { on_recipient, on_begin,     on_abandon,
				   on_mail,	 may_xforward, may_xclient };
static const char *const banks[] = { "BANK", NULL };

AmSmtpServerConfig
fake_config(gboolean is_lmtp, gboolean is_normalised)
{
	return (AmSmtpServerConfig){
		.is_lmtp = is_lmtp,
		.hostname = "filter.example",
		.intake.spool_directory = g_get_tmp_dir(),
		.intake.spool_memory = 1 << 20,
		.intake.size_limit = 5000,
		.intake.recipient_limit = 250,
		.error_limit = 5,
		.is_bare_normalised = is_normalised,
		.intake.listener = "in",
		.intake.policy_banks = banks,
	};
}

char *
fake_summarise(const GString *wire)
{
	GString *out = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(wire->str, "\r\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		const char *line = lines[i];
		if (strlen(line) < 4 || line[3] == '-')
			continue;
		g_assert_cmpuint(strlen(line), <=, 510);
		if (out->len > 0)
			g_string_append_c(out, ' ');
		g_string_append_len(out, line, 3);
		if (g_ascii_isdigit(line[4]) && line[5] == '.')
			g_string_append_printf(out, ":%.*s", (int)strcspn(line + 4, " "), line + 4);
	}
	return g_string_free(out, FALSE);
}

void
fake_receive(int peer, GString *wire)
{
	char buffer[8192];
	ssize_t n;
	while ((n = recv(peer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
		g_string_append_len(wire, buffer, n);
}

gboolean
fake_step(AmSmtpServer *server, int peer, GString *wire)
{
	AmServerStep step;
	do {
		step = am_smtp_server_step(server);
		fake_receive(peer, wire);
	} while (step == AM_SERVER_YIELD || step == AM_SERVER_WAIT_OUTPUT);
	return step == AM_SERVER_WAIT_INPUT;
}
