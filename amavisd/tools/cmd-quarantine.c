/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* quarantine list, show, release, requeue, delete, expire: the plugin's own functions, called here as they are
 * in the daemon. */

#include <config.h>

#include "tools/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log/json.h"
#include "mail/fd.h"
#include "mail/spool.h"
#include "plugin/registry.h"
#include "pipeline/release.h"
#include "pipeline/setup.h"

#define QUARANTINE_SPOOL_MEMORY (1u << 20)

typedef struct {
	char *config, *store, *older_than;
	char **recipients;
	gboolean is_json;
	/* made from these */
	AmConfig *settings;
	AmRegistry *registry;
	AmHost host;
	AmInstance *instance;
	const AmQuarantineOps *ops;
} Quarantine;

static gboolean
quarantine_collect(const AmQuarantineItem *item, gpointer user_data)
{
	g_ptr_array_add(user_data, am_stored_mail_new(item));
	return TRUE;
}

static void
quarantine_print(const AmStoredMail *mail)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(mail->time);
	g_autofree char *when = time == NULL ? g_strdup("?")
					     : g_date_time_format(time, "%Y-%m-%d %H:%M:%S");
	g_autofree char *to = mail->recipients == NULL ? g_strdup("")
						       : g_strjoinv(",", mail->recipients);
	g_autofree char *safe_to = am_tool_safe(to);
	g_autofree char *sender = am_tool_safe(mail->sender);
	g_autofree char *subject = am_tool_safe(mail->subject);
	printf("%s  %s  %-10s %8" G_GUINT64_FORMAT "  %s -> %s  %s\n", mail->id, when,
	       mail->category, mail->size, sender, safe_to, subject);
}

/* An address without its brackets, as reports have it. */
static void
quarantine_json_address(JsonBuilder *builder, const char *address)
{
	gsize len = strlen(address);
	gboolean is_path = len >= 2 && address[0] == '<' && address[len - 1] == '>';
	g_autofree char *bare = is_path ? g_strndup(address + 1, len - 2) : g_strdup(address);
	json_builder_add_string_value(builder, bare);
}

static void
quarantine_json_list(JsonBuilder *builder, const char *name, char **addresses)
{
	am_json_list(builder, name);
	for (; addresses != NULL && *addresses != NULL; addresses++)
		quarantine_json_address(builder, *addresses);
	json_builder_end_array(builder);
}

static void
quarantine_json(JsonBuilder *builder, const AmStoredMail *mail)
{
	json_builder_begin_object(builder);
	am_json_text(builder, "id", mail->id);
	am_json_int(builder, "time", mail->time);
	am_json_text(builder, "category", mail->category);
	am_json_int(builder, "size", (gint64)mail->size);
	json_builder_set_member_name(builder, "sender");
	quarantine_json_address(builder, mail->sender);
	quarantine_json_list(builder, "recipients", mail->recipients);
	quarantine_json_list(builder, "blocked", mail->blocked);
	am_json_text(builder, "subject", mail->subject);
	json_builder_end_object(builder);
}

static int
quarantine_list(Quarantine *q, char **ids G_GNUC_UNUSED, GError **error)
{
	g_autoptr(GPtrArray) mails =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_stored_mail_free);
	if (!q->ops->list(q->instance->data, quarantine_collect, mails, error))
		return 1;
	if (!q->is_json) {
		for (guint i = 0; i < mails->len; i++)
			quarantine_print(mails->pdata[i]);
		return 0;
	}
	g_autoptr(JsonBuilder) builder = json_builder_new();
	json_builder_begin_array(builder);
	for (guint i = 0; i < mails->len; i++)
		quarantine_json(builder, mails->pdata[i]);
	json_builder_end_array(builder);
	g_autofree char *text = am_json_to_string(builder, TRUE);
	printf("%s\n", text);
	return 0;
}

static int
quarantine_show(Quarantine *q, char **ids, GError **error)
{
	g_autofree char *buffer = g_malloc(65536);
	g_auto(AmFd) fd = q->ops->open(q->instance->data, ids[0], error);
	if (fd < 0)
		return 1;
	for (;;) {
		gssize n = read(fd, buffer, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "reading %s", ids[0]);
			return 1;
		}
		if (n == 0)
			return 0;
		if (!am_write_all(STDOUT_FILENO, buffer, n, error))
			return 1;
	}
}

static gboolean
quarantine_release_mail(Quarantine *q, const AmStoredMail *mail, AmReleaseKind kind,
			gboolean *is_temporary, GError **error)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	const char *configured =
		am_config_string(am_config_group(q->settings, "amavisd", NULL), "hostname");
	const AmReleaseRequest request = { .kind = kind,
					   .recipients = (const char *const *)q->recipients };
	AmReleaseContext context = { .config = q->settings,
				     .hostname = configured != NULL ? configured
								    : g_get_host_name(),
				     .spool_directory = g_get_tmp_dir(),
				     .spool_memory = QUARANTINE_SPOOL_MEMORY };
	context.pool = am_setup_pool(q->settings, context.hostname, problems);
	g_autoptr(AmReleased) released = NULL;
	if (problems->len > 0) {
		g_autofree char *text = am_config_problem_to_string(problems->pdata[0]);
		g_set_error_literal(error, AM_ERROR, AM_ERROR_CONFIG, text);
	} else {
		released = am_release(&context, q->instance, mail, &request, error);
	}
	am_smtp_pool_free(context.pool);
	return released != NULL && am_released_judge(released, is_temporary, error);
}

static int
quarantine_release_one(Quarantine *q, const char *id, AmReleaseKind kind, GError **error)
{
	gboolean is_temporary = FALSE;
	g_autoptr(AmStoredMail) mail = am_stored_mail_find(q->instance, id, error);
	if (mail == NULL)
		return 1;
	if (quarantine_release_mail(q, mail, kind, &is_temporary, error)) {
		printf("%s %s\n", id, kind == AM_RELEASE ? "released" : "requeued");
		return 0;
	}
	return is_temporary ? AM_EXIT_TEMPFAIL : 1;
}

/* Each id in turn; the first failure is the exit status, all are told. */
static int
quarantine_send(Quarantine *q, char **ids, AmReleaseKind kind)
{
	int status = 0;
	for (; *ids != NULL; ids++) {
		g_autoptr(GError) failure = NULL;
		int one = quarantine_release_one(q, *ids, kind, &failure);
		if (failure != NULL)
			am_tool_error("%s: %s", *ids, failure->message);
		if (status == 0)
			status = one;
	}
	return status;
}

static int
quarantine_release(Quarantine *q, char **ids, GError **error G_GNUC_UNUSED)
{
	return quarantine_send(q, ids, AM_RELEASE);
}

static int
quarantine_requeue(Quarantine *q, char **ids, GError **error G_GNUC_UNUSED)
{
	return quarantine_send(q, ids, AM_RELEASE_REQUEUE);
}

static int
quarantine_delete(Quarantine *q, char **ids, GError **error G_GNUC_UNUSED)
{
	int status = 0;
	for (; *ids != NULL; ids++) {
		g_autoptr(GError) failure = NULL;
		if (q->ops->remove(q->instance->data, *ids, &failure))
			continue;
		am_tool_error("%s: %s", *ids, failure->message);
		status = 1;
	}
	return status;
}

static int
quarantine_expire(Quarantine *q, char **ids G_GNUC_UNUSED, GError **error)
{
	static const AmSettingSpec age = { "--older-than", AM_SETTING_DURATION, NULL, "1s..", NULL };
	AmValue value = { 0 };
	guint n = 0;

	if (q->older_than == NULL) {
		am_tool_error("expire needs --older-than, for instance --older-than 30d");
		return AM_EXIT_USAGE;
	}
	if (!am_value_parse(&age, q->older_than, &value, error)) {
		g_prefix_error(error, "--older-than %s: ", q->older_than);
		return AM_EXIT_USAGE;
	}
	gint64 before = g_get_real_time() / G_USEC_PER_SEC - value.integer / 1000;
	am_value_clear(&value);
	if (!q->ops->expire(q->instance->data, before, &n, error))
		return 1;
	printf("%u removed\n", n);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(Quarantine *q, char **ids, GError **error);
	int min_ids, max_ids;
} verbs[] = {
	{ "list", quarantine_list, 0, 0 },
	{ "show", quarantine_show, 1, 1 },
	{ "release", quarantine_release, 1, G_MAXINT },
	{ "requeue", quarantine_requeue, 1, G_MAXINT },
	{ "delete", quarantine_delete, 1, G_MAXINT },
	{ "expire", quarantine_expire, 0, 0 },
};

/* Loads the plugins of the session side and picks the quarantine asked for. */
static gboolean
quarantine_open(Quarantine *q, GError **error)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	am_host_init(&q->host);
	q->registry = am_registry_new(q->settings, problems);
	if (problems->len == 0)
		(void)am_registry_load(q->registry, AM_CAP_SESSION, &q->host, problems);
	if (am_tool_print_problems(problems)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "the configuration is wrong");
		return FALSE;
	}
	GPtrArray *all = am_registry_instances(q->registry, AM_KIND_QUARANTINE);
	if (q->store != NULL)
		q->instance = am_registry_find(q->registry, AM_KIND_QUARANTINE, q->store);
	else if (all->len > 0)
		q->instance = all->pdata[0];
	if (q->instance == NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "no quarantine%s%s is configured",
			    q->store ? " " : "", q->store ? q->store : "");
		return FALSE;
	}
	q->ops = q->instance->plugin->plugin.quarantine;
	return TRUE;
}

static int
quarantine_run(Quarantine *q, int argc, char **argv, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
		if (argc < 2 || strcmp(argv[1], verbs[i].name) != 0)
			continue;
		if (argc - 2 < verbs[i].min_ids || argc - 2 > verbs[i].max_ids) {
			am_tool_error("%s takes %s", verbs[i].name,
				      verbs[i].max_ids == 0   ? "no id"
				      : verbs[i].max_ids == 1 ? "one id"
							      : "at least one id");
			return AM_EXIT_USAGE;
		}
		q->settings = am_tool_config(q->config);
		if (q->settings == NULL)
			return AM_EXIT_CONFIG;
		if (!am_tool_drop_privileges(q->settings, error) || !quarantine_open(q, error))
			return AM_EXIT_CONFIG;
		return verbs[i].run(q, argv + 2, error);
	}
	am_tool_error("say list, show, release, requeue, delete or expire");
	return AM_EXIT_USAGE;
}

int
am_cmd_quarantine(int argc, char **argv)
{
	Quarantine q = { 0 };
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &q.config, "configuration file", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &q.is_json, "list: a JSON array", NULL },
		{ "store", 0, 0, G_OPTION_ARG_STRING, &q.store, "which quarantine", "NAME" },
		{ "recipient", 0, 0, G_OPTION_ARG_STRING_ARRAY, &q.recipients,
		  "release, requeue: to this address instead, may be repeated", "A" },
		{ "older-than", 0, 0, G_OPTION_ARG_STRING, &q.older_than, "expire: for instance 30d",
		  "TIME" },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};
	g_autoptr(GError) error = NULL;
	int status = AM_EXIT_USAGE;

	if (am_tool_options(entries, "list|show|release|requeue|delete|expire [ID]...",
			    "Mail in quarantine: what is there, one mail, out again, away.", &argc, &argv))
		status = quarantine_run(&q, argc, argv, &error);
	if (error != NULL)
		am_tool_error("%s", error->message);
	if (q.registry != NULL)
		am_registry_free(q.registry);
	if (q.settings != NULL)
		am_config_unref(q.settings);
	g_free(q.config);
	g_free(q.store);
	g_free(q.older_than);
	g_strfreev(q.recipients);
	return status;
}
