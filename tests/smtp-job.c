/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "smtp-job.h"

#include <string.h>
#include <unistd.h>

AmSmtpPool *
make_pool(guint ms)
{
	AmSmtpClientConfig config = peer_client_config(ms);
	config.has_xforward = TRUE;
	return am_smtp_pool_new(&config);
}

void
job_clear(Job *job)
{
	am_smtp_transaction_clear(&job->transaction);
	am_envelope_free(job->envelope);
	(void)close(job->transaction.fd);
	g_free(job->mail);
}

static char *
make_big(void)
{
	g_autoptr(GString) text = g_string_new("Subject: big\r\n\r\n");
	while (text->len < BIG_BYTES)
		g_string_append(text, "A line as long as lines in mails are on the average.\r\n"
				      ".and a dot, for the client has to do something\r\n");
	return g_string_free(g_steal_pointer(&text), FALSE);
}

void
job_init(Job *job, const char *recipients, const char *mail)
{
	memset(job, 0, sizeof *job);
	g_auto(GStrv) addresses = g_strsplit(recipients, ",", -1);
	job->mail = mail != NULL ? g_strdup(mail) : make_big();
	job->envelope = am_envelope_new();
	g_free(job->envelope->sender);
	job->envelope->sender = g_strdup("s@x.org");
	job->transaction.envelope = job->envelope;
	job->transaction.deliveries =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_delivery_free);
	for (char **address = addresses; *address != NULL; address++)
		g_ptr_array_add(
			job->transaction.deliveries,
			am_delivery_new(am_envelope_add_recipient(job->envelope, *address)));
	job->transaction.size = strlen(job->mail);
	job->transaction.fd = peer_make_mail(job->mail, strlen(job->mail));
	job->transaction.deadline_us = g_get_monotonic_time() + (gint64)LONG_MS * 3000;
}

char *
job_replies(const Job *job)
{
	g_autoptr(GString) out = g_string_new(NULL);
	for (guint i = 0; i < job->transaction.deliveries->len; i++) {
		const AmDelivery *delivery = job->transaction.deliveries->pdata[i];
		g_assert_nonnull(delivery->reply);
		g_string_append_printf(out, "%s%d %s", i > 0 ? "," : "", delivery->reply->code,
				       delivery->reply->enhanced != NULL ? delivery->reply->enhanced
									 : "-");
	}
	return g_strdup(out->str);
}

void
job_deliver(Job *job, AmSmtpPool *pool, const char *route_text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmRoute) route = am_route_parse(route_text, &error);
	g_assert_no_error(error);
	am_smtp_deliver(pool, route, &job->transaction);
}

char *
job_run(Job *job, Peer *peer, AmSmtpPool *pool, const char *protocol)
{
	g_autofree char *route = peer_route(peer, protocol);
	job_deliver(job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	return job_replies(job);
}
