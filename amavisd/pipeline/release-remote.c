/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Release on request of a client of the daemon.  Who does not know a mail's secret is not told
 * whether there is such a mail. */

#include <config.h>

#include "log/log.h"
#include "pipeline/pipeline-private.h"
#include "pipeline/release.h"

#include <string.h>

static GPtrArray *
remote_replies(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
}

/* Takes as long for a secret that is nearly right as for any other of that length. */
static gboolean
remote_is_equal(const char *a, const char *b)
{
	gsize len = strlen(a);
	guint8 difference = 0;
	if (len != strlen(b))
		return FALSE;
	for (gsize i = 0; i < len; i++)
		difference |= (guint8)(a[i] ^ b[i]);
	return difference == 0;
}

/* Is the id there, and may it be had?  "Could not look" is *error. */
static gboolean
remote_may(AmInstance *quarantine, const char *id, const AmReleaseRequest *request, GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autofree char *secret = am_stored_mail_secret(quarantine, id, &local);
	if (secret == NULL) {
		if (!g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT) && *error == NULL)
			g_propagate_error(error, g_steal_pointer(&local));
		return FALSE;
	}
	if (!request->needs_secret)
		return TRUE;
	if (*secret != '\0' && request->secret != NULL && remote_is_equal(secret, request->secret))
		return TRUE;
	am_log(AM_LOG_WARNING, id, "release was asked for %s",
	       request->secret == NULL ? "without the mail's secret"
	       : *secret == '\0'       ? "and the mail was stored without a secret"
				       : "with a wrong secret");
	return FALSE;
}

/* The quarantine that has it; *id is borrowed from the request. */
static AmInstance *
remote_find(const AmPipeline *pipeline, const AmReleaseRequest *request, const char **id,
	    GError **error)
{
	GPtrArray *all = am_registry_instances(pipeline->registry, AM_KIND_QUARANTINE);
	for (guint i = 0; i < all->len; i++)
		for (const char *const *one = request->ids; *one != NULL; one++)
			if (remote_may(all->pdata[i], *one, request, error)) {
				*id = *one;
				g_clear_error(error);
				return all->pdata[i];
			}
	return NULL;
}

static AmReply *
remote_refusal(const char *id, const GError *error)
{
	if (error == NULL)
		return am_reply_new(550, "5.7.1", "No such mail in quarantine, or wrong secret");
	am_log(AM_LOG_ERROR, id, "release: %s", error->message);
	if (g_error_matches(error, AM_ERROR, AM_ERROR_PROTOCOL))
		return am_reply_new(501, "5.5.4", "Bad request: %s", error->message);
	return am_reply_new(450, "4.5.0", "The mail could not be released, try again later");
}

static void
remote_add_reply(GPtrArray *replies, const char *id, const AmReleaseRequest *request,
		 const AmDelivery *delivery)
{
	static const char *const words[] = { "released", "requeued", "reported" };
	g_autofree char *text = am_reply_to_string(delivery->reply);
	am_log(AM_LOG_INFO, id, "%s to <%s>: %s", words[request->kind],
	       delivery->recipient->address, text);
	g_ptr_array_add(replies, am_reply_copy(delivery->reply));
}

GPtrArray *
am_pipeline_release(AmPipelineThread *thread, const AmReleaseRequest *request)
{
	const AmPipeline *pipeline = thread->pipeline;
	const AmConfig *config = pipeline->generation->config;
	const AmConfigGroup *group = am_config_group(config, "amavisd", NULL);
	const AmReleaseContext context = {
		.config = config,
		.pool = pipeline->pool,
		.hostname = pipeline->hostname,
		.spool_directory = am_config_string(group, "spool_directory"),
		.spool_memory = (guint64)am_config_int(group, "spool_memory"),
	};
	g_autoptr(GError) error = NULL;
	const char *id = request->ids[0];
	GPtrArray *replies = remote_replies();
	AmInstance *quarantine = remote_find(pipeline, request, &id, &error);
	g_autoptr(AmStoredMail) mail =
		quarantine != NULL ? am_stored_mail_find(quarantine, id, &error) : NULL;
	g_autoptr(AmReleased) released =
		mail != NULL ? am_release(&context, quarantine, mail, request, &error) : NULL;
	if (released == NULL)
		g_ptr_array_add(replies, remote_refusal(id, error));
	for (guint i = 0; released != NULL && i < released->deliveries->len; i++)
		remote_add_reply(replies, id, request, released->deliveries->pdata[i]);
	return replies;
}
