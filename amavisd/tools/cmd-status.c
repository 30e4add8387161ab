/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* status and reload: asked of the running master over its control socket. */

#include <config.h>

#include "tools/tool.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>

#include "master/control.h"

#define STATUS_WAIT_US (10 * G_USEC_PER_SEC)
#define RELOAD_WAIT_US (300 * G_USEC_PER_SEC) /* a virus engine takes its time */

/* The answer or NULL, having said why on standard error. */
static char *
status_ask(const char *file, const char *request, gint64 wait_us)
{
	g_autoptr(AmConfig) config = am_tool_config(file);
	g_autoptr(GError) error = NULL;
	char *answer;

	if (config == NULL)
		return NULL;
	answer = am_control_request(
		am_config_string(am_config_group(config, "amavisd", NULL), "run_directory"), request,
		g_get_monotonic_time() + wait_us, &error);
	if (answer == NULL)
		am_tool_error("the daemon does not answer: %s", error->message);
	return answer;
}

static void
status_print_statistics(JsonObject *statistics)
{
	GList *names = json_object_get_members(statistics);
	for (GList *l = names; l != NULL; l = l->next)
		printf("  %-18s %" G_GINT64_FORMAT "\n", (const char *)l->data,
		       json_object_get_int_member(statistics, l->data));
	g_list_free(names);
}

static void
status_print_array(JsonObject *root, const char *title, const char *member)
{
	if (!json_object_has_member(root, member))
		return;
	JsonArray *array = json_object_get_array_member(root, member);
	printf("%-11s", title);
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonNode *node = json_array_get_element(array, i);
		g_autofree char *text = json_to_string(node, FALSE);
		printf(" %s", text);
	}
	printf("\n");
}

static gboolean
status_print(const char *answer, GError **error)
{
	g_autoptr(JsonNode) node = json_from_string(answer, error);
	if (node == NULL)
		return FALSE;
	JsonObject *root = json_node_get_object(node);
	if (root == NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "unexpected answer");
		return FALSE;
	}
	printf("amavisd %s, pid %" G_GINT64_FORMAT ", generation %" G_GINT64_FORMAT ", up %" G_GINT64_FORMAT
	       " s\n",
	       json_object_get_string_member_with_default(root, "version", "?"),
	       json_object_get_int_member_with_default(root, "pid", 0),
	       json_object_get_int_member_with_default(root, "generation", 0),
	       json_object_get_int_member_with_default(root, "uptime_s", 0));
	status_print_array(root, "session", "session_pids");
	status_print_array(root, "content", "content_pids");
	status_print_array(root, "listeners", "listeners");
	if (json_object_has_member(root, "statistics"))
		status_print_statistics(json_object_get_object_member(root, "statistics"));
	return TRUE;
}

int
am_cmd_status(int argc, char **argv)
{
	g_autofree char *file = NULL;
	gboolean is_json = FALSE;
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &file, "configuration file", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &is_json, "one JSON object", NULL },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};
	g_autoptr(GError) error = NULL;

	if (!am_tool_options(entries, NULL, "Processes, listeners and counters of the running daemon.",
			     &argc, &argv))
		return AM_EXIT_USAGE;
	g_autofree char *answer = status_ask(file, "status", STATUS_WAIT_US);
	if (answer == NULL)
		return 1;
	if (is_json)
		printf("%s\n", g_strchomp(answer));
	else if (!status_print(answer, &error)) {
		am_tool_error("%s", error->message);
		return 1;
	}
	return 0;
}

int
am_cmd_reload(int argc, char **argv)
{
	g_autofree char *file = NULL;
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &file, "configuration file", "FILE" },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};

	if (!am_tool_options(entries, NULL,
			     "Loads the configuration and databases anew beside the old ones; when "
			     "they are bad\nthe old ones go on serving and the errors are printed.",
			     &argc, &argv))
		return AM_EXIT_USAGE;
	g_autofree char *answer = status_ask(file, "reload", RELOAD_WAIT_US);
	if (answer == NULL)
		return 1;
	g_strchomp(answer);
	if (strcmp(answer, "ok") == 0)
		return 0;
	am_tool_error("%s", g_str_has_prefix(answer, "error ") ? answer + 6 : answer);
	return 1;
}
