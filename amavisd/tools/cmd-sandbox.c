/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* sandbox: what holds content workers on this kernel, by trying it. */

#include <config.h>

#include "tools/tool.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "content/sandbox-probe.h"
#include "content/worker.h"
#include "log/json.h"
#include "mail/error.h"

typedef struct {
	AmSandboxLimits limits;
	AmSandboxState state;
	char *directory; /* stands for a worker's */
	char *landlock;	 /* words, NULL none */
	char *missing;
	gboolean is_needed; /* what is missing */
	gboolean can_enter; /* with the sandbox = of the configuration */
	char *refusal;
	GPtrArray *probes; /* AmSandboxProbe; NULL could not be tried */
} Sandbox;

static void
sandbox_clear(Sandbox *sandbox)
{
	if (sandbox->directory != NULL)
		(void)g_rmdir(sandbox->directory);
	g_clear_pointer(&sandbox->directory, g_free);
	g_clear_pointer(&sandbox->landlock, g_free);
	g_clear_pointer(&sandbox->missing, g_free);
	g_clear_pointer(&sandbox->refusal, g_free);
	g_clear_pointer(&sandbox->probes, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sandbox, sandbox_clear)

static gboolean
sandbox_try(Sandbox *sandbox, const AmConfig *config, GError **error)
{
	const AmConfigGroup *content = am_config_group(config, "content", NULL);
	AmWorkerSetup setup = {
		.time_s = (guint)((am_config_int(content, "time_limit") + 999) / 1000),
		.memory_bytes = (guint64)am_config_int(content, "memory_limit"),
		.is_best_effort = strcmp(am_config_string(content, "sandbox"), "best-effort") == 0,
	};
	g_autoptr(GError) refusal = NULL;
	am_content_limits_from_config(config, &setup.limits);
	am_worker_limits(&setup, &sandbox->limits);
	sandbox->landlock = am_sandbox_landlock_words();
	sandbox->can_enter = am_sandbox_check(setup.is_best_effort, &sandbox->missing, &refusal);
	if (!sandbox->can_enter) {
		sandbox->refusal = g_strdup(refusal->message);
		sandbox->missing = am_sandbox_missing(&sandbox->is_needed);
	} else {
		g_autofree char *again G_GNUC_UNUSED = am_sandbox_missing(&sandbox->is_needed);
	}
	sandbox->directory = g_dir_make_tmp("amavisctl-XXXXXX", error);
	if (sandbox->directory == NULL)
		return FALSE;
	/* what is there is shown even when it is not enough */
	sandbox->limits.work_directory = sandbox->directory;
	sandbox->limits.is_best_effort = TRUE;
	if (!am_sandbox_read_state(&sandbox->limits, &sandbox->state, error))
		return FALSE;
	sandbox->probes = am_sandbox_probe(&sandbox->limits, error);
	return sandbox->probes != NULL;
}

static gboolean
sandbox_is_whole(const Sandbox *sandbox)
{
	gboolean is_good = sandbox->can_enter && !sandbox->is_needed &&
			   sandbox->state.has_no_new_privs && sandbox->state.has_filter &&
			   !sandbox->state.is_dumpable;
	for (guint i = 0; i < sandbox->probes->len; i++)
		is_good &= ((const AmSandboxProbe *)sandbox->probes->pdata[i])->is_good;
	return is_good;
}

static const char *
yes_no(gboolean value)
{
	return value ? "yes" : "no";
}

static void
sandbox_print(const Sandbox *sandbox, const char *setting)
{
	guint n_allowed, n_partly, n_killing;
	am_sandbox_count_calls(&n_allowed, &n_partly, &n_killing);
	printf("Landlock          %s\n",
	       sandbox->landlock != NULL ? sandbox->landlock : "not there");
	printf("seccomp           %s: %u calls allowed, %u for some arguments, %u end the worker, "
	       "all others refused\n",
	       yes_no(sandbox->state.has_filter), n_allowed, n_partly, n_killing);
	printf("no new rights     %s\n", yes_no(sandbox->state.has_no_new_privs));
	printf("dumpable          %s\n", yes_no(sandbox->state.is_dumpable));
	printf("user name space   not used\n");
	printf("memory            %" G_GUINT64_FORMAT " MiB over what is shared\n",
	       sandbox->limits.memory_bytes >> 20);
	printf("processor time    %u s for a mail\n", sandbox->limits.cpu_seconds);
	printf("size of a file    %" G_GUINT64_FORMAT " MiB\n", sandbox->limits.file_bytes >> 20);
	printf("descriptors       %u\n", sandbox->limits.descriptors);
	printf("the kernel lacks  %s\n", *sandbox->missing != '\0' ? sandbox->missing : "nothing");
	printf("sandbox = %s: %s\n\n", setting,
	       sandbox->can_enter ? "workers start" : sandbox->refusal);
	for (guint i = 0; i < sandbox->probes->len; i++) {
		const AmSandboxProbe *probe = sandbox->probes->pdata[i];
		printf("%-6s  %-30s  %s\n", probe->is_good ? "ok" : "FAILED", probe->name,
		       probe->result);
	}
}

static void
sandbox_json_probes(JsonBuilder *builder, const Sandbox *sandbox)
{
	am_json_list(builder, "checks");
	for (guint i = 0; i < sandbox->probes->len; i++) {
		const AmSandboxProbe *probe = sandbox->probes->pdata[i];
		json_builder_begin_object(builder);
		am_json_text(builder, "name", probe->name);
		am_json_text(builder, "result", probe->result);
		am_json_bool(builder, "allowed", probe->is_allowed);
		am_json_bool(builder, "ok", probe->is_good);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void
sandbox_print_json(const Sandbox *sandbox, const char *setting)
{
	guint n_allowed, n_partly, n_killing;
	g_autoptr(JsonBuilder) builder = json_builder_new();
	am_sandbox_count_calls(&n_allowed, &n_partly, &n_killing);
	json_builder_begin_object(builder);
	am_json_bool(builder, "whole", sandbox_is_whole(sandbox));
	am_json_text(builder, "landlock", sandbox->landlock != NULL ? sandbox->landlock : "");
	am_json_bool(builder, "seccomp", sandbox->state.has_filter);
	am_json_int(builder, "calls_allowed", n_allowed);
	am_json_int(builder, "calls_allowed_partly", n_partly);
	am_json_int(builder, "calls_killing", n_killing);
	am_json_bool(builder, "no_new_privs", sandbox->state.has_no_new_privs);
	am_json_bool(builder, "dumpable", sandbox->state.is_dumpable);
	am_json_bool(builder, "user_namespace", FALSE);
	am_json_int(builder, "memory", (gint64)sandbox->limits.memory_bytes);
	am_json_int(builder, "cpu_seconds", sandbox->limits.cpu_seconds);
	am_json_int(builder, "file_size", (gint64)sandbox->limits.file_bytes);
	am_json_int(builder, "descriptors", sandbox->limits.descriptors);
	am_json_text(builder, "missing", sandbox->missing);
	am_json_text(builder, "setting", setting);
	am_json_bool(builder, "workers_start", sandbox->can_enter);
	sandbox_json_probes(builder, sandbox);
	json_builder_end_object(builder);
	g_autofree char *text = am_json_to_string(builder, TRUE);
	printf("%s\n", text);
}

int
am_cmd_sandbox(int argc, char **argv)
{
	g_autofree char *file = NULL;
	gboolean is_json = FALSE;
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &file, "configuration file", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &is_json, "a JSON object", NULL },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};
	g_auto(Sandbox) sandbox = { .directory = NULL };
	g_autoptr(GError) error = NULL;

	if (!am_tool_options(entries, NULL,
			     "Enters the sandbox of content workers and tries to break out. Exit "
			     "status 0: all of it is in force.",
			     &argc, &argv))
		return AM_EXIT_USAGE;
	g_autoptr(AmConfig) config = am_tool_config(file);
	if (config == NULL)
		return AM_EXIT_CONFIG;
	if (!am_tool_drop_privileges(config, &error) || !sandbox_try(&sandbox, config, &error)) {
		am_tool_error("%s", error->message);
		return g_error_matches(error, AM_ERROR, AM_ERROR_CONFIG) ? AM_EXIT_CONFIG : 1;
	}
	const char *setting = am_config_string(am_config_group(config, "content", NULL), "sandbox");
	if (is_json)
		sandbox_print_json(&sandbox, setting);
	else
		sandbox_print(&sandbox, setting);
	return sandbox_is_whole(&sandbox) ? 0 : 1;
}
