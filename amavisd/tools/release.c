/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See release.h.  The length of the header in front is known from the sizes, so nothing of the stored
 * mail is parsed here. */

#include <config.h>

#include "tools/release.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "mail/address.h"
#include "mail/edits.h"
#include "mail/fd.h"
#include "mail/mail.h"
#include "mail/spool.h"
#include "pipeline/setup.h"
#include "smtp/client.h"

#define RELEASE_CHUNK_BYTES 65536
#define RELEASE_SPOOL_MEMORY (1u << 20)
#define RELEASE_TIME_US (15 * 60 * G_USEC_PER_SEC)

void
am_stored_mail_free(AmStoredMail *mail)
{
	if (mail == NULL)
		return;
	g_free(mail->id);
	g_free(mail->category);
	g_free(mail->sender);
	g_free(mail->subject);
	g_strfreev(mail->recipients);
	g_strfreev(mail->blocked);
	g_free(mail);
}

AmStoredMail *
am_stored_mail_new(const AmQuarantineItem *item)
{
	AmStoredMail *mail = g_new0(AmStoredMail, 1);
	mail->id = g_strdup(item->id);
	mail->category = g_strdup(item->category);
	mail->sender = g_strdup(item->sender);
	mail->subject = g_strdup(item->subject);
	mail->recipients = g_strdupv((char **)item->recipients);
	/* an older plugin's item ends before it */
	if (item->struct_size >= G_STRUCT_OFFSET(AmQuarantineItem, blocked) + sizeof item->blocked)
		mail->blocked = g_strdupv((char **)item->blocked);
	mail->size = item->size;
	mail->time = item->time;
	return mail;
}

/* Copies the last mail->size bytes of the stored file to a spool. */
static AmSpool *
release_spool(const AmInstance *quarantine, const AmStoredMail *mail, GError **error)
{
	struct stat st;
	g_auto(AmFd) fd = quarantine->plugin->plugin.quarantine->open(quarantine->data, mail->id, error);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 || (guint64)st.st_size < mail->size) {
		g_set_error(error, AM_ERROR, AM_ERROR_DATA, "the stored mail %s is not whole", mail->id);
		return NULL;
	}
	g_autoptr(AmSpool) spool = am_spool_new(g_get_tmp_dir(), RELEASE_SPOOL_MEMORY);
	g_autofree char *buffer = g_malloc(RELEASE_CHUNK_BYTES);
	for (guint64 offset = st.st_size - mail->size; offset < (guint64)st.st_size;) {
		gssize n = am_read_at(fd, buffer, RELEASE_CHUNK_BYTES, offset, error);
		if (n == 0)
			g_set_error(error, AM_ERROR, AM_ERROR_DATA, "the stored mail %s shrank",
				    mail->id);
		if (n <= 0 || !am_spool_append(spool, buffer, n, error))
			return NULL;
		offset += n;
	}
	return am_spool_finish(spool, error) ? g_steal_pointer(&spool) : NULL;
}

static gboolean
release_recipients(const AmStoredMail *mail, const char *const *recipients, AmEnvelope *envelope,
		   GError **error)
{
	gboolean is_partly = mail->blocked != NULL && mail->blocked[0] != NULL;
	const char *const *list =
		recipients != NULL ? recipients
				   : (const char *const *)(is_partly ? mail->blocked : mail->recipients);
	for (; list != NULL && *list != NULL; list++) {
		g_autofree char *address = NULL;
		if (!am_address_parse_path(*list, TRUE, &address, NULL, error)) {
			g_prefix_error(error, "recipient %s: ", *list);
			return FALSE;
		}
		(void)am_envelope_add_recipient(envelope, address);
	}
	if (envelope->recipients->len > 0)
		return TRUE;
	g_set_error(error, AM_ERROR, AM_ERROR_DATA, "no recipient is known");
	return FALSE;
}

static AmEnvelope *
release_envelope(const AmStoredMail *mail, const char *const *recipients, GError **error)
{
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	g_free(envelope->sender);
	envelope->sender = NULL;
	if (!am_address_parse_path(mail->sender, TRUE, &envelope->sender, NULL, error)) {
		g_prefix_error(error, "sender %s: ", mail->sender);
		return NULL;
	}
	if (!release_recipients(mail, recipients, envelope, error))
		return NULL;
	envelope->body = AM_BODY_8BITMIME; /* what it was is not stored; a next hop that cannot says so */
	return g_steal_pointer(&envelope);
}

/* Prepended fields: the last one added stands on top. */
static AmEdits *
release_edits(const AmEnvelope *envelope, AmReleaseKind kind, const char *hostname, GError **error)
{
	g_autoptr(AmEdits) edits = am_edits_new();
	if (kind == AM_RELEASE_REQUEUE)
		return g_steal_pointer(&edits);
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autoptr(GString) to = g_string_new(NULL);
	char id[AM_MAIL_ID_LEN + 1];

	am_mail_make_id(id);
	for (guint i = 0; i < envelope->recipients->len; i++) {
		const AmRecipient *recipient = envelope->recipients->pdata[i];
		g_autofree char *quoted = am_address_quote(recipient->address);
		g_string_append_printf(to, "%s<%s>", i > 0 ? ", " : "", quoted);
	}
	g_autofree char *date = g_date_time_format(now, "%a, %d %b %Y %H:%M:%S %z");
	g_autofree char *message_id = g_strdup_printf("<R%s@%s>", id, hostname);
	g_autofree char *from = g_strdup_printf("<postmaster@%s>", hostname);
	if (!am_edits_add(edits, AM_EDIT_PREPEND, "Resent-Message-ID", message_id, error) ||
	    !am_edits_add(edits, AM_EDIT_PREPEND, "Resent-Date", date, error) ||
	    !am_edits_add(edits, AM_EDIT_PREPEND, "Resent-To", to->str, error) ||
	    !am_edits_add(edits, AM_EDIT_PREPEND, "Resent-From", from, error))
		return NULL;
	return g_steal_pointer(&edits);
}

/* FALSE with the first refusal. */
static gboolean
release_judge(const AmSmtpTransaction *transaction, gboolean *is_temporary, GError **error)
{
	for (guint i = 0; i < transaction->deliveries->len; i++) {
		const AmDelivery *delivery = transaction->deliveries->pdata[i];
		if (am_reply_is_success(delivery->reply))
			continue;
		g_autofree char *text = am_reply_to_string(delivery->reply);
		*is_temporary = am_reply_is_temporary(delivery->reply);
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "<%s>: %s",
			    delivery->recipient->address, text);
		return FALSE;
	}
	return TRUE;
}

static AmRoute *
release_route(const AmConfig *config, AmReleaseKind kind, GError **error)
{
	static const char *const chain[] = { "requeue", "release", "notify", "forward", NULL };
	const char *const *keys = kind == AM_RELEASE_REQUEUE ? chain : chain + 1;
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	AmRoute *route = am_setup_route(config, keys, problems);
	if (route == NULL) {
		g_autofree char *text = am_config_problem_to_string(problems->pdata[0]);
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "%s", text);
	}
	return route;
}

gboolean
am_release(const AmConfig *config, const AmInstance *quarantine, const AmStoredMail *mail,
	   AmReleaseKind kind, const char *const *recipients, gboolean *is_temporary, GError **error)
{
	*is_temporary = FALSE;
	const char *configured =
		am_config_string(am_config_group(config, "amavisd", NULL), "hostname");
	const char *hostname = configured != NULL ? configured : g_get_host_name();
	g_autoptr(AmRoute) route = release_route(config, kind, error);
	g_autoptr(AmEnvelope) envelope =
		route == NULL ? NULL : release_envelope(mail, recipients, error);
	g_autoptr(AmEdits) edits =
		envelope == NULL ? NULL : release_edits(envelope, kind, hostname, error);
	g_autoptr(AmSpool) spool = edits == NULL ? NULL : release_spool(quarantine, mail, error);
	if (spool == NULL)
		return FALSE;

	g_autoptr(GPtrArray) problems = am_config_problems_new();
	AmSmtpPool *pool = am_setup_pool(config, hostname, problems);
	if (problems->len > 0) {
		g_autofree char *text = am_config_problem_to_string(problems->pdata[0]);
		g_set_error_literal(error, AM_ERROR, AM_ERROR_CONFIG, text);
		am_smtp_pool_free(pool);
		return FALSE;
	}
	AmSmtpTransaction transaction = {
		.envelope = envelope,
		.deliveries = g_ptr_array_new_with_free_func((GDestroyNotify)am_delivery_free),
		.fd = am_spool_fd(spool),
		.size = am_spool_size(spool),
		.edits = edits,
		.deadline_us = g_get_monotonic_time() + RELEASE_TIME_US,
	};
	for (guint i = 0; i < envelope->recipients->len; i++)
		g_ptr_array_add(transaction.deliveries,
				am_delivery_new(envelope->recipients->pdata[i]));
	am_smtp_deliver(pool, route, &transaction);
	gboolean is_done = release_judge(&transaction, is_temporary, error);
	am_smtp_transaction_clear(&transaction);
	am_smtp_pool_free(pool);
	return is_done;
}
