/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Making a pipeline out of a generation's configuration, and its threads.  Everything is tried, so
 * that all problems are told at once and not only the first. */

#include <config.h>

#include "pipeline/pipeline-private.h"

#include <string.h>

#include "log/log.h"
#include "output/output.h"
#include "pipeline/host.h"
#include "pipeline/setup-auth.h"
#include "pipeline/setup.h"

#define SETUP_EXPIRE_US (5 * G_USEC_PER_SEC)

#define SETUP_BUSY_MS 5000 /* as Amavis: features O9 */
#define SETUP_CALM_MS 15000

AmRoute *
am_setup_route(const AmConfig *config, const char *const *keys, GPtrArray *problems)
{
	const AmConfigGroup *group = am_config_group(config, "routes", NULL);
	while (!am_config_has(group, *keys))
		keys++;
	g_autoptr(GError) error = NULL;
	AmRoute *route = am_route_parse(am_config_string(group, *keys), &error);
	if (route == NULL)
		am_config_add_key_problem(problems, group, *keys, "%s: %s", *keys, error->message);
	for (guint i = 0; route != NULL && i < route->hops->len; i++) {
		const AmHop *hop = route->hops->pdata[i];
		if (hop->kind == AM_HOP_PIPE && am_config_group(config, "pipe", hop->host) == NULL)
			am_config_add_key_problem(problems, group, *keys,
						  "%s: there is no [pipe %s] that says what to run",
						  *keys, hop->host);
		if (hop->is_tls &&
		    strcmp(am_config_string(am_config_group(config, "next_hop", NULL), "tls"),
			   "no") == 0)
			am_config_add_key_problem(
				problems, group, *keys,
				"%s: %s needs TLS, which [next_hop] tls = no forbids", *keys,
				hop->text);
	}
	return route;
}

/* What is demanded of next hops; NULL when plain, or with a problem. */
static AmTls *
setup_tls(const AmConfigGroup *group, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	const char *mode = am_config_string(group, "tls");
	if (strcmp(mode, "no") == 0)
		return NULL;
	const AmTlsConfig config = {
		.certificate = am_config_string(group, "tls_certificate"),
		.key = am_config_string(group, "tls_key"),
		.ca_file = am_config_string(group, "tls_ca"),
		.ciphers = am_config_string(group, "tls_ciphers"),
		.min_version = am_config_choice(group, "tls_min_version"),
		.demand = strcmp(mode, "verify") == 0 ? AM_TLS_NAME
			  : strcmp(mode, "dane") == 0 ? AM_TLS_DANE
						      : AM_TLS_NONE,
	};
	AmTls *tls = am_tls_new(&config, &error);
	if (tls == NULL)
		am_config_add_key_problem(problems, group, "tls", "%s", error->message);
	return tls;
}

/* What certificates of next hops must match; NULL none, or with a problem. */
static GPtrArray *
setup_tlsa(const AmConfigGroup *group, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	const char *text = am_config_string(group, "tlsa");
	gboolean is_dane = strcmp(am_config_string(group, "tls"), "dane") == 0;
	if (text == NULL && is_dane)
		am_config_add_key_problem(problems, group, "tls", "tls = dane needs tlsa");
	if (text == NULL)
		return NULL;
	if (!is_dane)
		am_config_add_key_problem(problems, group, "tlsa", "tlsa is for tls = dane");
	GPtrArray *tlsa = am_tlsa_parse(text, &error);
	if (tlsa == NULL)
		am_config_add_key_problem(problems, group, "tlsa", "tlsa: %s", error->message);
	return tlsa;
}

static AmClientTls
setup_tls_mode(const AmConfigGroup *group)
{
	const char *mode = am_config_string(group, "tls");
	if (strcmp(mode, "no") == 0)
		return AM_CLIENT_PLAIN;
	return strcmp(mode, "opportunistic") == 0 ? AM_CLIENT_OPPORTUNISTIC : AM_CLIENT_TLS;
}

AmSmtpPool *
am_setup_pool(const AmConfig *config, const char *hostname, GPtrArray *problems)
{
	const AmConfigGroup *group = am_config_group(config, "next_hop", NULL);
	g_autofree char *mechanisms =
		g_strjoinv(" ", (char **)am_config_list(group, "auth_mechanisms"));
	g_autofree char *password = am_setup_password(group, problems);
	const AmSmtpClientConfig client = {
		.connect_ms = (guint)am_config_int(group, "connect_time"),
		.command_ms = (guint)am_config_int(group, "command_time"),
		.data_init_ms = (guint)am_config_int(group, "data_init_time"),
		.data_block_ms = (guint)am_config_int(group, "data_block_time"),
		.data_final_ms = (guint)am_config_int(group, "data_final_time"),
		.quit_ms = (guint)am_config_int(group, "quit_time"),
		.keep_idle_ms = (guint)am_config_int(group, "keep_idle"),
		.keep_age_ms = (guint)am_config_int(group, "keep_age"),
		.probe_ms = (guint)am_config_int(group, "probe"),
		.keep_max = (guint)am_config_int(group, "keep"),
		.busy_ms = strcmp(am_config_string(group, "keep_when"), "busy") == 0 ? SETUP_BUSY_MS
										     : 0,
		.calm_ms = SETUP_CALM_MS,
		.hostname = hostname,
		.bind_addresses = am_config_list(group, "bind_address"),
		.auth_user = am_config_string(group, "auth_user"),
		.auth_password = password,
		.auth_mechanisms = mechanisms,
		.is_auth_required = am_config_bool(group, "auth_required"),
		.is_auth_clear = am_config_bool(group, "auth_without_tls"),
		.has_dsn = am_config_bool(group, "dsn"),
		.has_xforward = am_config_bool(group, "xforward"),
		.chunking = am_config_choice(group, "chunking"),
		.tls_mode = setup_tls_mode(group),
		.tls = setup_tls(group, problems),
		.tlsa = setup_tlsa(group, problems),
		.outputs = am_outputs_new(config, hostname, problems),
	};
	AmSmtpPool *pool = am_smtp_pool_new(&client);
	if (password != NULL)
		explicit_bzero(password, strlen(password));
	return pool;
}

/* Each is an address, and one for each family is enough. */
static void
setup_check_bind(const AmConfigGroup *group, GPtrArray *problems)
{
	const char *const *list = am_config_list(group, "bind_address");
	guint n_ip4 = 0, n_ip6 = 0;
	for (; list != NULL && *list != NULL; list++) {
		gboolean is_ip6 = strchr(*list, ':') != NULL;
		if (!g_hostname_is_ip_address(*list) || strchr(*list, '%') != NULL)
			am_config_add_key_problem(problems, group, "bind_address",
						  "bind_address: \"%s\" is no address; allowed: "
						  "192.0.2.1, 2001:db8::1 or both",
						  *list);
		else if ((is_ip6 ? ++n_ip6 : ++n_ip4) > 1)
			am_config_add_key_problem(problems, group, "bind_address",
						  "bind_address: \"%s\" is the second of IPv%d",
						  *list, is_ip6 ? 6 : 4);
	}
}

static void
setup_check_routes(const AmConfig *config, GPtrArray *problems)
{
	const AmConfigGroup *routes = am_config_group(config, "routes", NULL);
	for (const AmSettingSpec *spec = am_config_core_specs("routes"); spec->name != NULL;
	     spec++) {
		const char *const keys[] = { spec->name, NULL };
		if (am_config_has(routes, spec->name))
			am_route_free(am_setup_route(config, keys, problems));
	}
}

static gboolean
setup_has_quarantine(const char *name, gpointer user_data)
{
	GPtrArray *all = am_registry_all(user_data);
	for (guint i = 0; i < all->len; i++) {
		const AmInstance *instance = all->pdata[i];
		if (instance->kind == AM_KIND_QUARANTINE && strcmp(instance->name, name) == 0)
			return TRUE;
	}
	return FALSE;
}

void
am_setup_check(AmConfig *config, GPtrArray *problems)
{
	g_autoptr(AmRegistry) registry G_GNUC_UNUSED = am_registry_new(config, problems);
	g_autoptr(AmPolicy) policy = am_policy_new(config, problems);
	g_autoptr(GError) error = NULL;

	setup_check_routes(config, problems);
	setup_check_bind(am_config_group(config, "next_hop", NULL), problems);
	am_tls_free(setup_tls(am_config_group(config, "next_hop", NULL), problems));
	g_autoptr(GPtrArray) tlsa G_GNUC_UNUSED =
		setup_tlsa(am_config_group(config, "next_hop", NULL), problems);
	g_free(am_setup_password(am_config_group(config, "next_hop", NULL), problems));
	am_outputs_free(am_outputs_new(config, "", problems));
	am_policy_check_quarantines(policy, setup_has_quarantine, registry, problems);
	/* scripts are run once, to see whether they declare what is right */
	AmPolicyThread *thread =
		policy == NULL || problems->len > 0 ? NULL : am_policy_thread_new(policy, &error);
	if (error != NULL)
		am_config_add_problem(problems, "", 0, "%s", error->message);
	if (thread != NULL)
		am_policy_thread_free(thread);
}

static void
setup_routes(AmPipeline *pipeline, const AmConfig *config, GPtrArray *problems)
{
	/* what is not set falls back as the configuration's table says */
	static const char *const forward[] = { "forward", NULL };
	static const char *const notify[] = { "notify", "forward", NULL };
	pipeline->forward = am_setup_route(config, forward, problems);
	pipeline->notify = am_setup_route(config, notify, problems);
	pipeline->deliver = (AmDeliverContext){
		.pool = pipeline->pool,
		.forward = pipeline->forward,
		.notify = pipeline->notify,
		.hostname = pipeline->hostname,
	};
}

static void
setup_plugins(AmPipeline *pipeline, AmConfig *config, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	am_pipeline_host_init(&pipeline->host);
	pipeline->registry = am_registry_new(config, problems);
	if (am_registry_load(pipeline->registry, AM_CAP_SESSION, &pipeline->host, problems) &&
	    !am_registry_after_fork(pipeline->registry, &error))
		am_config_add_problem(problems, "", 0, "plugins: %s", error->message);
}

AmPipeline *
am_pipeline_new(const AmGeneration *generation, GPtrArray *problems)
{
	AmConfig *config = generation->config;
	const AmConfigGroup *group = am_config_group(config, "amavisd", NULL);
	const char *hostname = am_config_string(group, "hostname");
	guint n_before = problems->len;
	AmPipeline *pipeline = g_new0(AmPipeline, 1);
	pipeline->generation = generation;
	pipeline->hostname = g_strdup(hostname != NULL ? hostname : g_get_host_name());
	pipeline->max_mail_us = am_config_int(group, "max_mail_time") * 1000;
	pipeline->pool = am_setup_pool(config, pipeline->hostname, problems);
	setup_routes(pipeline, config, problems);
	setup_plugins(pipeline, config, problems);
	pipeline->policy = am_policy_new(config, problems);
	am_policy_check_quarantines(pipeline->policy, setup_has_quarantine, pipeline->registry,
				    problems);
	if (problems->len == n_before && pipeline->policy != NULL)
		return pipeline;
	am_pipeline_free(pipeline);
	return NULL;
}

void
am_pipeline_free(AmPipeline *pipeline)
{
	if (pipeline == NULL)
		return;
	g_clear_pointer(&pipeline->policy, am_policy_unref);
	g_clear_pointer(&pipeline->registry, am_registry_free);
	g_clear_pointer(&pipeline->pool, am_smtp_pool_free);
	g_clear_pointer(&pipeline->forward, am_route_free);
	g_clear_pointer(&pipeline->notify, am_route_free);
	g_free(pipeline->hostname);
	g_free(pipeline);
}

void
am_pipeline_housekeeping(AmPipeline *pipeline)
{
	gint64 now_us = g_get_monotonic_time();
	if (now_us < pipeline->next_expire_us)
		return;
	pipeline->next_expire_us = now_us + SETUP_EXPIRE_US;
	am_smtp_pool_expire(pipeline->pool);
}

AmPipelineThread *
am_pipeline_thread_new(AmPipeline *pipeline, GError **error)
{
	const AmGeneration *generation = pipeline->generation;
	const AmConfigGroup *content = am_config_group(generation->config, "content", NULL);
	AmPolicyThread *policy = am_policy_thread_new(pipeline->policy, error);
	if (policy == NULL)
		return NULL;
	if (!am_registry_thread_init(pipeline->registry, error)) {
		am_policy_thread_free(policy);
		return NULL;
	}
	AmPipelineThread *thread = g_new0(AmPipelineThread, 1);
	thread->pipeline = pipeline;
	thread->policy = policy;
	thread->crew = am_scan_crew_new(pipeline->registry);
	thread->inspect = (AmInspectContext){
		.socket_path = generation->content_socket,
		.queue_us = am_config_int(content, "queue_time") * 1000,
		.time_us = am_config_int(content, "time_limit") * 1000,
		.statistics = generation->statistics,
	};
	return thread;
}

void
am_pipeline_thread_free(AmPipelineThread *thread)
{
	if (thread == NULL)
		return;
	am_scan_crew_free(thread->crew);
	am_registry_thread_end(thread->pipeline->registry);
	am_policy_thread_free(thread->policy);
	g_free(thread);
}

AmReply *
am_pipeline_check_recipient(AmPipelineThread *thread, const AmEnvelope *envelope,
			    const AmRecipient *recipient)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmSettings) settings =
		am_policy_settings(thread->policy, envelope, recipient, &error);
	if (settings == NULL) {
		am_error("settings of a recipient: %s", error->message);
		return am_reply_from_error(error);
	}
	if (settings->message_size_limit == 0 || envelope->declared_size < 0 ||
	    (guint64)envelope->declared_size <= settings->message_size_limit)
		return NULL;
	return am_reply_new(552, "5.3.4",
			    "message size exceeds the limit of this recipient, %" G_GUINT64_FORMAT
			    " bytes",
			    settings->message_size_limit);
}
