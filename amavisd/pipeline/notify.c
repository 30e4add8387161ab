/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Bounces and notices: whether one may be sent, and sending it.  What they say is written by
 * notify-compose.c and notify-admin.c.
 *
 * Each is a mail of its own from the null sender, so that nobody answers it (RFC 3464 2), and
 * asks for no DSN about itself. */

#include <config.h>

#include "pipeline/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "log/log.h"
#include "mail/address.h"
#include "mail/fd.h"
#include "policy/collect.h"

#define NOTIFY_TIME_US                                                                             \
	(G_GINT64_CONSTANT(600) * G_USEC_PER_SEC) /* without a deadline of the mail */

typedef struct {
	const char *name; /* of the virus, in lower case */
	gboolean is_fake;
} FakeQuery;

/* The first glob that matches decides; behind a "!" it means the opposite. */
static gboolean
notify_fake_word(const char *word, gsize len, gpointer user_data)
{
	FakeQuery *query = user_data;
	gboolean is_true = *word == '!';
	g_autofree char *glob = g_ascii_strdown(word + is_true, (gssize)len - is_true);
	if (!g_pattern_match_simple(glob, query->name))
		return TRUE;
	query->is_fake = !is_true;
	return FALSE;
}

/* Is there a virus that fakes senders, or none that we know the name of? */
static gboolean
notify_is_fake(const AmMail *mail, const AmSettings *settings)
{
	guint n_known = 0;
	if (mail->report == NULL || settings == NULL || mail->report->n_findings_lost > 0)
		return TRUE;
	for (guint i = 0; i < mail->report->findings->len; i++) {
		const AmFinding *finding = mail->report->findings->pdata[i];
		if (am_collect_finding_category(mail->report, settings, finding) !=
		    AM_CATEGORY_VIRUS)
			continue;
		g_autofree char *name = g_ascii_strdown(finding->name, -1);
		FakeQuery query = { .name = name };
		am_settings_each_word(settings->fake_sender_viruses, notify_fake_word, &query);
		if (query.is_fake)
			return TRUE;
		n_known++;
	}
	return n_known == 0;
}

const char *
am_notify_suppression(const AmMail *mail, const AmDisposition *disposition)
{
	const char *obstacle = am_disposition_dsn_obstacle(disposition, mail);
	if (*obstacle != '\0')
		return obstacle;
	/* the sender of a virus is a lie, or does not know: the notice would hit the wrong one */
	if ((disposition->blocking == AM_CATEGORY_VIRUS ||
	     am_category_set_has(&disposition->categories, AM_CATEGORY_VIRUS)) &&
	    notify_is_fake(mail, disposition->settings))
		return "virus";
	return NULL;
}

static void
notify_set_suppressed(GPtrArray *dispositions, const char *text)
{
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		g_free(disposition->dsn_suppressed);
		disposition->dsn_suppressed = g_strdup(text);
	}
}

/* Those the DSN is about; the others learn why they are not. */
static GPtrArray *
notify_choose(const AmMail *mail, GPtrArray *dispositions)
{
	GPtrArray *chosen = g_ptr_array_new();
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		if (!disposition->wants_dsn)
			continue;
		const char *why = am_notify_suppression(mail, disposition);
		if (why == NULL) {
			g_ptr_array_add(chosen, disposition);
			continue;
		}
		g_free(disposition->dsn_suppressed);
		disposition->dsn_suppressed = g_strdup(why);
	}
	return chosen;
}

/* The text in a descriptor; -1 with error. */
static int
notify_store(const GString *text, GError **error)
{
	g_auto(AmFd) fd = memfd_create("amavisd-notice", MFD_CLOEXEC);
	if (fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "memfd_create");
		return -1;
	}
	if (!am_write_all(fd, text->str, text->len, error))
		return -1;
	return g_steal_fd(&fd);
}

/* Envelope from nobody to address, which came in as the mail did ("*" routes). */
static AmEnvelope *
notify_envelope(const AmMail *mail, const char *address)
{
	AmEnvelope *envelope = am_envelope_new();
	AmRecipient *recipient = am_envelope_add_recipient(envelope, address);
	g_free(envelope->sender);
	envelope->sender = g_strdup("");
	g_free(envelope->peer_address);
	envelope->peer_address = g_strdup(mail->envelope->peer_address);
	envelope->local_port = mail->envelope->local_port;
	/* then it stands in the header too */
	envelope->smtputf8 = !am_address_is_ascii(address);
	envelope->requires_tls = mail->envelope->requires_tls; /* RFC 8689 5: it quotes the mail */
	g_free(recipient->notify);
	recipient->notify = g_strdup("NEVER");
	return envelope;
}

/* Hands the text over.  Returns the last word on it. */
static AmReply *
notify_send(const AmDeliverContext *context, const AmMail *mail, const char *address,
	    const GString *text, char **queue_id)
{
	g_autoptr(GError) error = NULL;
	g_auto(AmFd) fd = notify_store(text, &error);
	if (fd < 0)
		return am_reply_from_error(error);
	g_autoptr(AmEnvelope) envelope = notify_envelope(mail, address);
	AmSmtpTransaction transaction = {
		.mail_id = mail->id,
		.envelope = envelope,
		.deliveries = g_ptr_array_new_with_free_func((GDestroyNotify)am_delivery_free),
		.fd = fd,
		.size = text->len,
		.is_smtp_caller = TRUE,
		.deadline_us = mail->deadline_us != 0 ? mail->deadline_us
						      : g_get_monotonic_time() + NOTIFY_TIME_US,
	};
	AmDelivery *delivery = am_delivery_new(envelope->recipients->pdata[0]);
	g_ptr_array_add(transaction.deliveries, delivery);
	am_smtp_deliver(context->pool, context->notify, &transaction);
	AmReply *reply = am_reply_copy(delivery->reply);
	g_free(*queue_id);
	*queue_id = g_steal_pointer(&transaction.queue_id);
	am_smtp_transaction_clear(&transaction);
	return reply;
}

/* error: why there was no text; NULL. */
static void
notify_log(const AmMail *mail, const char *what, const char *address, const AmReply *reply,
	   const GError *error)
{
	g_autofree char *said = am_reply_to_string(reply);
	gboolean is_sent = am_reply_is_success(reply);
	am_log(is_sent ? AM_LOG_INFO : AM_LOG_WARNING, mail->id, "%s%s <%s>: %s",
	       is_sent ? "" : "no ", what, address, error != NULL ? error->message : said);
}

gboolean
am_notify_dsn(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions,
	      char **queue_id, AmReply **failure)
{
	g_autoptr(GPtrArray) chosen = notify_choose(mail, dispositions);
	g_autoptr(AmReply) reply = NULL;
	g_autoptr(GError) error = NULL;
	*queue_id = g_strdup("");
	if (chosen->len == 0)
		return TRUE;
	g_autoptr(GString) text =
		am_notify_compose(mail, context->hostname, AM_NOTIFY_FAILED, chosen, &error);
	reply = text != NULL ? notify_send(context, mail, mail->envelope->sender, text, queue_id)
			     : am_reply_from_error(error);
	if (am_reply_is_success(reply)) {
		notify_set_suppressed(chosen, "");
		return TRUE;
	}
	g_autofree char *said = am_reply_to_string(reply);
	if (am_reply_is_permanent(reply)) {
		am_log(AM_LOG_WARNING, mail->id, "the DSN was refused: %s", said);
		notify_set_suppressed(chosen, "refused by the next hop");
		return TRUE;
	}
	am_log(AM_LOG_WARNING, mail->id, "the DSN could not be sent: %s",
	       error != NULL ? error->message : said);
	*failure = am_reply_new(451, "4.5.0", "id=%s, the sender could not be notified: %s",
				mail->id, said);
	return FALSE;
}

void
am_notify_relayed(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions)
{
	g_autoptr(GPtrArray) chosen = g_ptr_array_new();
	g_autofree char *queue_id = NULL;
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		if (disposition->wants_relayed)
			g_ptr_array_add(chosen, disposition);
	}
	if (chosen->len == 0 || *mail->envelope->sender == '\0')
		return;
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text =
		am_notify_compose(mail, context->hostname, AM_NOTIFY_RELAYED, chosen, &error);
	g_autoptr(AmReply) reply =
		text != NULL ? notify_send(context, mail, mail->envelope->sender, text, &queue_id)
			     : am_reply_from_error(error);
	notify_log(mail, "report of success to", mail->envelope->sender, reply, error);
}

void
am_notify_admin(const AmDeliverContext *context, const AmMail *mail, const char *address,
		GPtrArray *dispositions, const char *quarantine)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *queue_id = NULL;
	g_autoptr(GString) text = am_notify_compose_admin(mail, context->hostname, address,
							  dispositions, quarantine, &error);
	g_autoptr(AmReply) reply = text != NULL
					   ? notify_send(context, mail, address, text, &queue_id)
					   : am_reply_from_error(error);
	notify_log(mail, "notice to", address, reply, error);
}
