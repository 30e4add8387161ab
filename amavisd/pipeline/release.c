/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See release.h.  The length of the header in front is known from the sizes, so nothing of the stored
 * mail is parsed here. */

#include <config.h>

#include "pipeline/release.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "mail/address.h"
#include "mail/edits.h"
#include "mail/fd.h"
#include "mail/mail.h"
#include "pipeline/deliver.h"
#include "pipeline/setup.h"
#include "pipeline/store.h"

#define RELEASE_CHUNK_BYTES 65536
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

/* -- finding -- */

typedef struct {
	const char *id;
	AmStoredMail *found;
} ReleaseSearch;

static gboolean
release_look_at(const AmQuarantineItem *item, gpointer user_data)
{
	ReleaseSearch *search = user_data;
	if (strcmp(search->id, item->id) != 0)
		return TRUE;
	search->found = am_stored_mail_new(item);
	return FALSE;
}

AmStoredMail *
am_stored_mail_find(AmInstance *quarantine, const char *id, GError **error)
{
	ReleaseSearch search = { .id = id };
	am_instance_lock(quarantine);
	gboolean is_listed = quarantine->plugin->plugin.quarantine->list(
		quarantine->data, release_look_at, &search, error);
	am_instance_unlock(quarantine);
	if (!is_listed)
		g_clear_pointer(&search.found, am_stored_mail_free);
	else if (search.found == NULL)
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no mail of that id");
	return search.found;
}

static int
release_open(AmInstance *quarantine, const char *id, GError **error)
{
	am_instance_lock(quarantine);
	int fd = quarantine->plugin->plugin.quarantine->open(quarantine->data, id, error);
	am_instance_unlock(quarantine);
	return fd;
}

/* The value of a field of the header that was put in front; NULL none, to be freed. */
static char *
release_field(const char *header, const char *name)
{
	const char *at = header;
	while (at != NULL && *at != '\0') {
		if (g_str_has_prefix(at, name))
			return g_strndup(at + strlen(name), strcspn(at + strlen(name), "\r\n"));
		at = strchr(at, '\n');
		at = at != NULL ? at + 1 : NULL;
	}
	return NULL;
}

char *
am_stored_mail_secret(AmInstance *quarantine, const char *id, GError **error)
{
	struct stat st;
	guint64 size;
	g_autofree char *header = g_malloc0(RELEASE_CHUNK_BYTES + 1);
	g_auto(AmFd) fd = release_open(quarantine, id, error);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "looking at the stored mail");
		return NULL;
	}
	gssize n = am_read_at(fd, header, RELEASE_CHUNK_BYTES, 0, error);
	if (n < 0)
		return NULL;
	/* Behind our header comes the mail's own, where anybody can have written a secret.  The size
	 * stands before any of it. */
	g_autofree char *text = release_field(header, AM_STORE_SIZE);
	if (text == NULL ||
	    !g_ascii_string_to_unsigned(text, 10, 0, (guint64)st.st_size, &size, NULL))
		return g_strdup("");
	header[MIN((guint64)n, (guint64)st.st_size - size)] = '\0';
	char *secret = release_field(header, AM_STORE_SECRET);
	return secret != NULL ? secret : g_strdup("");
}

/* -- what is sent -- */

/* Copies the last mail->size bytes of the stored file to a spool. */
static gboolean
release_copy(AmInstance *quarantine, const AmStoredMail *mail, AmSpool *spool, GError **error)
{
	struct stat st;
	g_auto(AmFd) fd = release_open(quarantine, mail->id, error);
	if (fd < 0)
		return FALSE;
	if (fstat(fd, &st) < 0 || (guint64)st.st_size < mail->size) {
		g_set_error(error, AM_ERROR, AM_ERROR_DATA, "the stored mail %s is not whole", mail->id);
		return FALSE;
	}
	g_autofree char *buffer = g_malloc(RELEASE_CHUNK_BYTES);
	for (guint64 offset = st.st_size - mail->size; offset < (guint64)st.st_size;) {
		gssize n = am_read_at(fd, buffer, RELEASE_CHUNK_BYTES, offset, error);
		if (n == 0)
			g_set_error(error, AM_ERROR, AM_ERROR_DATA, "the stored mail %s shrank",
				    mail->id);
		if (n <= 0 || !am_spool_append(spool, buffer, n, error))
			return FALSE;
		offset += n;
	}
	return TRUE;
}

static AmSpool *
release_spool(const AmReleaseContext *context, AmInstance *quarantine, const AmStoredMail *mail,
	      const AmEnvelope *envelope, AmReleaseKind kind, GError **error)
{
	g_autoptr(AmSpool) spool = am_spool_new(context->spool_directory, context->spool_memory);
	g_autoptr(GString) before = g_string_new(NULL);
	g_autoptr(GString) behind = g_string_new(NULL);
	if (kind == AM_RELEASE_REPORT)
		am_release_report_compose(mail, envelope, context->hostname, before, behind);
	if (!am_spool_append(spool, before->str, before->len, error) ||
	    !release_copy(quarantine, mail, spool, error) ||
	    !am_spool_append(spool, behind->str, behind->len, error) ||
	    !am_spool_finish(spool, error))
		return NULL;
	return g_steal_pointer(&spool);
}

static gboolean
release_recipients(const AmStoredMail *mail, const AmReleaseRequest *request,
		   AmEnvelope *envelope, GError **error)
{
	gboolean is_partly = mail->blocked != NULL && mail->blocked[0] != NULL;
	gboolean is_given = request->recipients != NULL && request->recipients[0] != NULL;
	const char *const *list = request->recipients;
	if (!is_given && request->kind != AM_RELEASE_REPORT)
		list = (const char *const *)(is_partly ? mail->blocked : mail->recipients);
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
	g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "no recipient is known");
	return FALSE;
}

static AmEnvelope *
release_envelope(const AmStoredMail *mail, const AmReleaseRequest *request, const char *hostname,
		 GError **error)
{
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	g_autofree char *postmaster = g_strdup_printf("<postmaster@%s>", hostname);
	const char *sender = request->sender != NULL		    ? request->sender
			     : request->kind == AM_RELEASE_REPORT ? postmaster
								    : mail->sender;
	g_free(envelope->sender);
	envelope->sender = NULL;
	if (!am_address_parse_path(sender, TRUE, &envelope->sender, NULL, error)) {
		g_prefix_error(error, "sender %s: ", sender);
		return NULL;
	}
	if (!release_recipients(mail, request, envelope, error))
		return NULL;
	envelope->body = AM_BODY_8BITMIME; /* what it was is not stored; a next hop that cannot says so */
	return g_steal_pointer(&envelope);
}

/* "<address>" of who asked for it; NULL with *error. */
static char *
release_requester(const AmReleaseRequest *request, const char *hostname, GError **error)
{
	g_autofree char *address = NULL;
	if (request->requested_by == NULL || *request->requested_by == '\0')
		return g_strdup_printf("<postmaster@%s>", hostname);
	if (!am_address_parse_path(request->requested_by, TRUE, &address, NULL, error)) {
		g_prefix_error(error, "requested by %s: ", request->requested_by);
		return NULL;
	}
	g_autofree char *quoted = am_address_quote(address);
	return g_strdup_printf("<%s>", quoted);
}

/* Prepended fields: the last one added stands on top. */
static AmEdits *
release_edits(const AmEnvelope *envelope, const AmReleaseRequest *request, const char *hostname,
	      GError **error)
{
	g_autoptr(AmEdits) edits = am_edits_new();
	if (request->kind != AM_RELEASE)
		return g_steal_pointer(&edits);
	char id[AM_MAIL_ID_LEN + 1];
	am_mail_make_id(id);
	g_autofree char *to = am_release_format_recipients(envelope);
	g_autofree char *date = am_release_format_date();
	g_autofree char *message_id = g_strdup_printf("<R%s@%s>", id, hostname);
	g_autofree char *from = release_requester(request, hostname, error);
	if (from == NULL ||
	    !am_edits_add(edits, AM_EDIT_PREPEND, "Resent-Message-ID", message_id, error) ||
	    !am_edits_add(edits, AM_EDIT_PREPEND, "Resent-Date", date, error) ||
	    !am_edits_add(edits, AM_EDIT_PREPEND, "Resent-To", to, error) ||
	    !am_edits_add(edits, AM_EDIT_PREPEND, "Resent-From", from, error))
		return NULL;
	return g_steal_pointer(&edits);
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

/* -- sending -- */

void
am_released_free(AmReleased *released)
{
	if (released == NULL)
		return;
	g_ptr_array_unref(released->deliveries);
	am_envelope_free(released->envelope);
	g_free(released);
}

static AmReleased *
release_send(const AmReleaseContext *context, const AmRoute *route, const char *id,
	     AmEnvelope *envelope, const AmSpool *spool, const AmEdits *edits)
{
	AmReleased *released = g_new0(AmReleased, 1);
	released->envelope = envelope;
	AmSmtpTransaction transaction = {
		.mail_id = id,
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
	am_smtp_deliver(context->pool, route, &transaction);
	released->deliveries = g_ptr_array_ref(transaction.deliveries);
	am_smtp_transaction_clear(&transaction);
	return released;
}

AmReleased *
am_release(const AmReleaseContext *context, AmInstance *quarantine, const AmStoredMail *mail,
	   const AmReleaseRequest *request, GError **error)
{
	g_autoptr(AmRoute) route = release_route(context->config, request->kind, error);
	g_autoptr(AmEnvelope) envelope =
		route == NULL ? NULL : release_envelope(mail, request, context->hostname, error);
	g_autoptr(AmEdits) edits =
		envelope == NULL ? NULL
				 : release_edits(envelope, request, context->hostname, error);
	g_autoptr(AmSpool) spool = edits == NULL ? NULL
						 : release_spool(context, quarantine, mail, envelope,
								 request->kind, error);
	if (spool == NULL)
		return NULL;
	return release_send(context, route, mail->id, g_steal_pointer(&envelope), spool, edits);
}

gboolean
am_released_judge(const AmReleased *released, gboolean *is_temporary, GError **error)
{
	*is_temporary = FALSE;
	for (guint i = 0; i < released->deliveries->len; i++) {
		const AmDelivery *delivery = released->deliveries->pdata[i];
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
