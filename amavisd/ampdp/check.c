/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A check: the request becomes a mail like any other, with a copy of the client's file. */

#include <config.h>

#include "ampdp/ampdp-private.h"

#include <string.h>
#include <sys/socket.h>

#include "ampdp/mail-file.h"
#include "log/log.h"
#include "mail/address.h"

#define CHECK_BANKS_MAX 100u /* policy banks a client may name */

typedef struct {
	AmPdpServer *server;
	gboolean is_ours_to_deliver;
	AmPdpFiles files;
	char *path;	     /* of the mail file */
	const char *tempdir; /* borrowed; NULL none, or not ours to remove */
	AmEnvelope *envelope;
	GPtrArray *recipients; /* as the client named them, in <>; in the envelope's order */
	AmSpool *spool;
	gint64 start_us;
} Check;

static void
check_clear(Check *check)
{
	g_free(check->path);
	am_envelope_free(check->envelope);
	am_spool_free(check->spool);
	g_ptr_array_unref(check->recipients);
}

/* -- the envelope -- */

static char *
check_bracket(const char *path)
{
	return *path == '<' ? g_strdup(path) : g_strdup_printf("<%s>", path);
}

static AmReply *
check_add_recipient(Check *check, const char *value)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = check_bracket(value);
	g_autofree char *address = NULL;
	if (check->envelope->recipients->len >= check->server->config->intake.recipient_limit)
		return am_reply_new(452, "4.5.3", "Too many recipients");
	if (!am_address_parse_path(path, FALSE, &address, NULL, &error) || *address == '\0')
		return am_reply_new(501, "5.1.3", "Bad recipient address");
	(void)am_envelope_add_recipient(check->envelope, address);
	g_ptr_array_add(check->recipients, g_steal_pointer(&path));
	return NULL;
}

static AmReply *
check_read_addresses(Check *check)
{
	g_autoptr(GError) error = NULL;
	const AmPdpRequest *request = &check->server->request;
	const char *sender = am_pdp_get(request, "sender");
	g_autofree const char **recipients = am_pdp_get_all(request, "recipient");
	if (sender == NULL || recipients[0] == NULL)
		return am_reply_new(450, "4.5.0", "Incomplete request: %s is missing",
				    sender == NULL ? "sender" : "recipient");
	g_autofree char *path = check_bracket(sender);
	if (!am_address_parse_path(path, FALSE, &check->envelope->sender, NULL, &error))
		return am_reply_new(501, "5.1.7", "Bad sender address");
	AmReply *refusal = NULL;
	for (const char **one = recipients; *one != NULL && refusal == NULL; one++)
		refusal = check_add_recipient(check, *one);
	return refusal;
}

/* The attribute's value, "" when it was not given. */
static void
check_set(Check *check, char **slot, const char *name)
{
	const char *value = am_pdp_get(&check->server->request, name);
	g_free(*slot);
	*slot = value != NULL ? g_utf8_make_valid(value, -1) : g_strdup("");
}

/* The listener's banks, then those the client names; names that nobody declared match nothing. */
static void
check_set_banks(Check *check)
{
	g_autoptr(GStrvBuilder) banks = g_strv_builder_new();
	const char *const *own = check->server->config->intake.policy_banks;
	g_autofree const char **values = am_pdp_get_all(&check->server->request, "policy_bank");
	guint n = 0;
	for (; own != NULL && *own != NULL; own++)
		g_strv_builder_add(banks, *own);
	for (const char **value = values; *value != NULL; value++) {
		g_auto(GStrv) names = g_strsplit(*value, ",", (gint)CHECK_BANKS_MAX);
		for (char **name = names; *name != NULL && n < CHECK_BANKS_MAX; name++)
			if (*g_strstrip(*name) != '\0' && g_utf8_validate(*name, -1, NULL)) {
				g_strv_builder_add(banks, *name);
				n++;
			}
	}
	g_strfreev(check->envelope->policy_banks);
	check->envelope->policy_banks = g_strv_builder_end(banks);
}

/* What is known of the MTA's client: what is no address, port or source counts as not known. */
static void
check_set_origin(Check *check)
{
	AmEnvelope *envelope = check->envelope;
	const char *port = am_pdp_get(&check->server->request, "client_port");
	guint64 number;
	check_set(check, &envelope->client_address, "client_address");
	check_set(check, &envelope->client_source, "client_source");
	char *address = am_address_ip(envelope->client_address);
	g_free(envelope->client_address);
	envelope->client_address = address != NULL ? address : g_strdup("");
	if (strcmp(envelope->client_source, "LOCAL") != 0 &&
	    strcmp(envelope->client_source, "REMOTE") != 0)
		*envelope->client_source = '\0';
	if (port != NULL && g_ascii_string_to_unsigned(port, 10, 1, G_MAXUINT16, &number, NULL))
		envelope->client_port = (guint16)number;
}

static void
check_set_client(Check *check)
{
	AmEnvelope *envelope = check->envelope;
	const AmStream *stream = check->server->stream;
	g_free(envelope->listener);
	envelope->listener = g_strdup(check->server->config->intake.listener);
	g_free(envelope->peer_address);
	envelope->peer_address = am_stream_peer_address(stream, &envelope->peer_port);
	envelope->local_port = am_stream_local_port(stream);
	check_set(check, &envelope->protocol, "protocol_name");
	check_set_origin(check);
	check_set(check, &envelope->client_name, "client_name");
	check_set(check, &envelope->helo, "helo_name");
	check_set(check, &envelope->queue_id, "queue_id");
	/* a name that the MTA could not verify */
	if (*envelope->client_name == '[' || g_ascii_strcasecmp(envelope->client_name, "unknown") == 0)
		*envelope->client_name = '\0';
	envelope->time_us = g_get_real_time();
}

/* -- the mail file -- */

static uid_t
check_peer(const AmStream *stream)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(am_stream_fd(stream), SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return (uid_t)-1;
	return peer.uid; /* -1 for TCP */
}

static AmReply *
check_find_file(Check *check)
{
	const AmPdpRequest *request = &check->server->request;
	const char *tempdir = am_pdp_get(request, "tempdir");
	const char *file = am_pdp_get(request, "mail_file");
	const char *remover = am_pdp_get(request, "tempdir_removed_by");
	if (file == NULL && tempdir == NULL)
		return am_reply_new(450, "4.5.0", "Incomplete request: mail_file is missing");
	if (file != NULL && (*file == '/' || tempdir == NULL))
		check->path = g_strdup(file);
	else
		check->path = g_build_filename(tempdir, file != NULL ? file : "email.txt", NULL);
	if (remover == NULL || strcmp(remover, "client") != 0)
		check->tempdir = tempdir;
	return NULL;
}

static AmReply *
check_copy_file(Check *check)
{
	g_autoptr(GError) error = NULL;
	gboolean is_disk_full;
	check->spool = am_pdp_files_copy(&check->files, check->path, &is_disk_full, &error);
	if (check->spool != NULL)
		return NULL;
	am_warning("listener %s: mail file %s: %s", check->server->config->intake.listener, check->path,
		   error->message);
	if (is_disk_full)
		return am_reply_disk_full();
	if (g_error_matches(error, AM_ERROR, AM_ERROR_LIMIT))
		return am_reply_new(552, "5.3.4", "Message is larger than this system takes");
	if (g_error_matches(error, AM_ERROR, AM_ERROR_PROTOCOL))
		return am_reply_new(450, "4.5.0", "The mail file cannot be read");
	return am_reply_from_error(error);
}

/* Now that the size is known. */
static AmReply *
check_judge_recipients(Check *check)
{
	const AmPdpServer *server = check->server;
	AmReply *refusal = NULL;
	check->envelope->declared_size = (gint64)am_spool_size(check->spool);
	for (guint i = 0; server->ops->check->on_recipient != NULL && refusal == NULL &&
			  i < check->envelope->recipients->len;
	     i++)
		refusal = server->ops->check->on_recipient(server->user, check->envelope,
						    check->envelope->recipients->pdata[i]);
	return refusal;
}

static void
check_remove_files(const Check *check)
{
	g_autoptr(GError) error = NULL;
	if (check->tempdir != NULL &&
	    !am_pdp_files_remove(&check->files, check->path, check->tempdir, &error))
		am_info("listener %s: tempdir %s is left: %s", check->server->config->intake.listener,
			check->tempdir, error->message);
}

/* -- the way of the mail -- */

static AmReply *
check_prepare(Check *check)
{
	AmReply *refusal = check_read_addresses(check);
	if (refusal == NULL)
		refusal = check_find_file(check);
	if (refusal == NULL)
		refusal = check_copy_file(check);
	if (refusal == NULL)
		refusal = check_judge_recipients(check);
	return refusal;
}

static AmMail *
check_finish(Check *check)
{
	AmMail *mail =
		am_mail_new(g_steal_pointer(&check->envelope), g_steal_pointer(&check->spool));
	mail->arrival_us = mail->envelope->time_us;
	mail->start_us = check->start_us;
	mail->received_us = g_get_monotonic_time();
	return mail;
}

static void
check_hand_back(Check *check, AmMail *mail, GString *out)
{
	AmPdpServer *server = check->server;
	g_auto(AmHandback) handback;
	am_handback_init(&handback);
	server->ops->check->on_mail(server->user, mail, &handback);
	am_pdp_answer_verdict(out, mail, &handback, (const char *const *)check->recipients->pdata);
	server->ops->check->on_done(server->user);
}

static void
check_deliver(Check *check, AmMail *mail, GString *out)
{
	AmPdpServer *server = check->server;
	g_autoptr(GPtrArray) replies = server->ops->on_deliver(server->user, mail);
	am_pdp_answer_delivered(out, replies->pdata[0]);
}

static void
check_run(Check *check, GString *out)
{
	AmPdpServer *server = check->server;
	g_autoptr(AmReply) refusal = check_prepare(check);
	if (refusal != NULL) {
		am_pdp_answer_begin(out, NULL);
		am_pdp_answer_refusal(out, refusal);
		if (server->ops->check->on_abandon != NULL)
			server->ops->check->on_abandon(server->user);
		return;
	}
	AmMail *mail = check_finish(check);
	am_pdp_answer_begin(out, mail->id);
	if (check->is_ours_to_deliver)
		check_deliver(check, mail, out);
	else
		check_hand_back(check, mail, out);
	check_remove_files(check);
}

void
am_pdp_check(AmPdpServer *server, GString *out)
{
	const AmPdpConfig *config = server->config;
	const char *care = am_pdp_get(&server->request, "delivery_care_of");
	g_autoptr(AmReply) busy =
		server->ops->check->on_begin != NULL ? server->ops->check->on_begin(server->user) : NULL;
	if (busy != NULL) {
		am_pdp_answer_begin(out, NULL);
		am_pdp_answer_refusal(out, busy);
		return;
	}
	Check check = { .server = server,
			.is_ours_to_deliver = care != NULL && strcmp(care, "server") == 0,
			.envelope = am_envelope_new(),
			.recipients = g_ptr_array_new_with_free_func(g_free),
			.start_us = g_get_monotonic_time() };
	check.files = (AmPdpFiles){ .directories = config->mail_directories,
				    .peer = check_peer(server->stream),
				    .spool_directory = config->intake.spool_directory,
				    .spool_memory = config->intake.spool_memory,
				    .size_limit = config->intake.size_limit,
				    .is_normalised = check.is_ours_to_deliver };
	check_set_client(&check);
	check_set_banks(&check);
	check_run(&check, out);
	check_clear(&check);
}
