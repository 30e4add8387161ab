/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Building the policy of a generation, and the settings of a recipient.
 *
 * Scripts are read from conf.d once and run twice: here, to collect declarations and to find every
 * mistake, and in the state of each thread, for the hooks.  Without hooks threads have no Lua state
 * and judging never enters Lua. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "mail/fd.h"
#include "mail/spool.h"
#include "policy/policy-private.h"

#define SCRIPT_MAX_BYTES (1 << 20)

static void
policy_script_free(gpointer data)
{
	AmScript *script = data;
	g_free(script->name);
	g_free(script->path);
	g_bytes_unref(script->text);
	g_free(script);
}

/* ---- scripts */

static GBytes *
policy_read_file(const char *path, GError **error)
{
	g_auto(AmFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0) {
		am_error_set_errno(error, AM_ERROR_CONFIG, errno, "cannot be read");
		return NULL;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > SCRIPT_MAX_BYTES) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "%s",
			    S_ISREG(status.st_mode) ? "larger than 1 MiB" : "not a regular file");
		return NULL;
	}
	g_autofree char *text = g_malloc((gsize)status.st_size + 1);
	gssize len = am_read_at(fd, text, (gsize)status.st_size, 0, error);
	if (len < 0)
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&text), (gsize)len);
}

static gint
policy_compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
policy_read_scripts(AmPolicy *policy, const char *directory, GPtrArray *problems)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(directory, 0, &error);
	const char *name;
	if (dir == NULL) {
		am_config_add_problem(problems, directory, 0, "%s", error->message);
		return;
	}
	while ((name = g_dir_read_name(dir)) != NULL)
		if (g_str_has_suffix(name, ".lua") && *name != '.')
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, policy_compare_names);
	for (guint i = 0; i < names->len; i++) {
		g_autoptr(GError) local = NULL;
		g_autofree char *path = g_build_filename(directory, names->pdata[i], NULL);
		GBytes *text = policy_read_file(path, &local);
		if (text == NULL) {
			am_config_add_problem(problems, path, 0, "%s", local->message);
			continue;
		}
		AmScript *script = g_new0(AmScript, 1);
		script->name = g_strdup(names->pdata[i]);
		script->path = g_steal_pointer(&path);
		script->text = text;
		g_ptr_array_add(policy->scripts, script);
	}
}

/* For require(): names are words separated by dots.  Read while building, only remembered later. */
static GBytes *
policy_find_module(const char *name, gpointer user_data)
{
	AmPolicyThread *thread = user_data;
	AmPolicy *policy = thread->policy;
	GBytes *text = g_hash_table_lookup(policy->modules, name);
	gsize len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
	if (text != NULL || !policy->is_building || name[len] != '\0' || *name == '.' ||
	    strstr(name, "..") != NULL)
		return text;
	g_auto(GStrv) words = g_strsplit(name, ".", -1);
	g_autofree char *relative = g_strjoinv("/", words);
	for (char **directory = policy->module_path; *directory != NULL && text == NULL;
	     directory++) {
		g_autofree char *path = g_strdup_printf("%s/%s.lua", *directory, relative);
		text = policy_read_file(path, NULL);
	}
	if (text != NULL)
		g_hash_table_insert(policy->modules, g_strdup(name), text);
	return text;
}

/* "50-policy.lua:12: text | stack traceback: ..." to file, line and text. */
static void
policy_add_script_problem(const AmScript *script, const char *message, GPtrArray *problems)
{
	const char *traceback = strstr(message, " | stack traceback");
	g_autofree char *text = g_strndup(message, traceback != NULL ? (gsize)(traceback - message)
								     : strlen(message));
	gsize len = strlen(script->name);
	guint64 line = 0;
	char *rest = text;
	if (strncmp(text, script->name, len) == 0 && text[len] == ':') {
		line = g_ascii_strtoull(text + len + 1, &rest, 10);
		rest += strspn(rest, ": ");
	}
	am_config_add_problem(problems, script->path, (guint)line, "%s", rest);
}

static gboolean
policy_load_scripts(AmPolicyThread *thread, GPtrArray *problems, GError **error)
{
	AmPolicy *policy = thread->policy;
	for (guint i = 0; i < policy->scripts->len; i++) {
		const AmScript *script = policy->scripts->pdata[i];
		g_autoptr(GError) local = NULL;
		if (am_lua_run(thread->lua, script->name, script->text, &local))
			continue;
		if (problems == NULL) {
			g_propagate_error(error, g_steal_pointer(&local));
			return FALSE;
		}
		policy_add_script_problem(script, local->message, problems);
	}
	return TRUE;
}

/* ---- threads */

static AmPolicyThread *
policy_thread_open(AmPolicy *policy, GPtrArray *problems, GError **error)
{
	AmPolicyThread *thread = g_new0(AmPolicyThread, 1);
	thread->policy = am_policy_ref(policy);
	thread->is_loading = TRUE;
	for (guint i = 0; i < AM_N_HOOKS; i++)
		thread->hooks[i] = g_array_new(FALSE, FALSE, sizeof(int));
	thread->lua = am_lua_state_new(AM_LUA_MEMORY_BYTES, AM_LUA_INSTRUCTIONS, error);
	if (thread->lua == NULL) {
		am_policy_thread_free(thread);
		return NULL;
	}
	am_lua_set_owner(thread->lua, thread);
	am_lua_set_modules(thread->lua, policy_find_module, thread);
	if (!am_lua_setup(thread->lua, am_lua_open_declarations, error) ||
	    !am_lua_setup(thread->lua, am_lua_open_mail, error) ||
	    !policy_load_scripts(thread, problems, error)) {
		am_policy_thread_free(thread);
		return NULL;
	}
	thread->is_loading = FALSE;
	return thread;
}

static gboolean
policy_has_hooks(const AmPolicy *policy)
{
	return policy->n_hooks[AM_HOOK_RECIPIENT] > 0 || policy->n_hooks[AM_HOOK_JUDGE] > 0;
}

AmPolicyThread *
am_policy_thread_new(AmPolicy *policy, GError **error)
{
	if (!policy_has_hooks(policy)) {
		AmPolicyThread *plain = g_new0(AmPolicyThread, 1);
		plain->policy = am_policy_ref(policy);
		return plain;
	}
	AmPolicyThread *thread = policy_thread_open(policy, NULL, error);
	if (thread == NULL) {
		g_prefix_error(error, "policy: ");
		return NULL;
	}
	for (guint i = 0; i < AM_N_HOOKS; i++) {
		/* a script that decides by chance what it declares would leave mail unfiltered */
		if (thread->hooks[i]->len != policy->n_hooks[i]) {
			g_set_error(error, AM_ERROR, AM_ERROR_DATA,
				    "policy: scripts set other hooks when they run again");
			am_policy_thread_free(thread);
			return NULL;
		}
	}
	return thread;
}

void
am_policy_thread_free(AmPolicyThread *thread)
{
	if (thread == NULL)
		return;
	am_lua_state_free(thread->lua);
	for (guint i = 0; i < AM_N_HOOKS; i++)
		g_clear_pointer(&thread->hooks[i], g_array_unref);
	am_policy_unref(thread->policy);
	g_free(thread);
}

/* ---- building */

/* What am_config_check_group() has found wrong already is not said again. */
static void
policy_read_group(AmPolicy *policy, AmConfig *config, GPtrArray *problems)
{
	const AmSettingSpec *specs = am_settings_specs();
	const AmConfigGroup *group = am_config_check_group(config, "policy", NULL, specs, problems);
	for (guint i = 0; specs[i].name != NULL; i++) {
		const char *file;
		guint line;
		const char *text = am_config_raw(group, specs[i].name, &file, &line);
		g_autoptr(GError) error = NULL;
		AmValue value = { 0 };
		if (text == NULL || line == 0)
			continue;
		gboolean is_good = am_value_parse(&specs[i], text, &value, NULL);
		am_value_clear(&value);
		if (!is_good)
			continue;
		if (!am_settings_set_shared(&policy->base, policy->texts, specs[i].name, text,
					    &error))
			am_config_add_problem(problems, file, line, "[policy]: %s", error->message);
		else
			am_policy_note_use(policy, specs[i].name, text, file, line);
	}
}

static void
policy_finish(AmPolicy *policy, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	policy->is_building = FALSE;
	am_policy_check_banned(policy, problems);
	if (*policy->base.local_domains == '\0')
		return;
	policy->local_keys = am_lookup_key_set(policy->base.local_domains, &error);
	if (policy->local_keys == NULL)
		am_config_add_problem(problems, "", 0, "local_domains: %s", error->message);
}

static AmPolicy *
policy_alloc(void)
{
	AmPolicy *policy = g_new0(AmPolicy, 1);
	g_atomic_ref_count_init(&policy->references);
	policy->is_building = TRUE;
	policy->texts = g_string_chunk_new(1024);
	am_settings_init(&policy->base);
	policy->lookup = am_lookup_new();
	policy->banned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       (GDestroyNotify)am_banned_rules_free);
	g_hash_table_insert(policy->banned, g_strdup("default"), am_banned_rules_new_default());
	policy->maps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					     (GDestroyNotify)am_file_map_free);
	policy->modules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
						(GDestroyNotify)g_bytes_unref);
	policy->scripts = g_ptr_array_new_with_free_func(policy_script_free);
	policy->uses = g_ptr_array_new_with_free_func(am_policy_use_free);
	return policy;
}

AmPolicy *
am_policy_new_with_modules(AmConfig *config, const char *lua_directory, GPtrArray *problems)
{
	AmPolicy *policy = policy_alloc();
	const char *directory = am_config_directory(config);
	const AmConfigGroup *routes = am_config_group(config, "routes", NULL);
	g_autoptr(GStrvBuilder) module_path = g_strv_builder_new();
	g_autoptr(GError) error = NULL;

	policy->forward_route = g_strdup(routes != NULL ? am_config_string(routes, "forward") : "");
	policy->script_directory = g_strdup(directory);
	if (directory != NULL) {
		g_autofree char *own = g_build_filename(directory, "lua", NULL);
		g_strv_builder_add(module_path, own);
	}
	g_strv_builder_add(module_path, lua_directory);
	policy->module_path = g_strv_builder_end(module_path);

	policy_read_group(policy, config, problems);
	if (directory != NULL)
		policy_read_scripts(policy, directory, problems);
	if (policy->scripts->len > 0) {
		AmPolicyThread *thread = policy_thread_open(policy, problems, &error);
		if (thread == NULL)
			am_config_add_problem(problems, "", 0, "policy: %s", error->message);
		am_policy_thread_free(thread);
	}
	policy_finish(policy, problems);
	return policy;
}

AmPolicy *
am_policy_new(AmConfig *config, GPtrArray *problems)
{
	return am_policy_new_with_modules(config, AM_LUA_DIRECTORY, problems);
}

AmPolicy *
am_policy_ref(AmPolicy *policy)
{
	g_atomic_ref_count_inc(&policy->references);
	return policy;
}

void
am_policy_unref(AmPolicy *policy)
{
	if (policy == NULL || !g_atomic_ref_count_dec(&policy->references))
		return;
	am_lookup_free(policy->lookup);
	am_declaration_free(policy->pending);
	am_banned_rules_free(policy->pending_rules);
	g_hash_table_unref(policy->banned);
	g_hash_table_unref(policy->maps);
	g_hash_table_unref(policy->modules);
	g_clear_pointer(&policy->local_keys, g_hash_table_unref);
	g_ptr_array_unref(policy->scripts);
	g_ptr_array_unref(policy->uses);
	g_strfreev(policy->module_path);
	g_free(policy->script_directory);
	g_free(policy->forward_route);
	am_settings_clear(&policy->base);
	g_string_chunk_free(policy->texts);
	g_free(policy);
}

/* ---- settings of a recipient */

static gboolean
policy_resolve_local(const AmPolicy *policy, AmSettings *settings, const char *address,
		     GError **error)
{
	if (settings->local_rule != AM_LOCAL_AUTO) {
		settings->is_local = settings->local_rule == AM_LOCAL_YES;
		return TRUE;
	}
	if (*settings->local_domains == '\0') {
		settings->is_local = TRUE;
		return TRUE;
	}
	if (settings->local_domains == policy->base.local_domains && policy->local_keys != NULL) {
		settings->is_local = am_lookup_key_set_has(policy->local_keys, address);
		return TRUE;
	}
	g_autoptr(GHashTable) keys = am_lookup_key_set(settings->local_domains, error);
	if (keys == NULL)
		return FALSE;
	settings->is_local = am_lookup_key_set_has(keys, address);
	return TRUE;
}

AmSettings *
am_policy_settings_inside(AmPolicyThread *thread, const AmEnvelope *envelope,
			  const AmRecipient *recipient, GError **error)
{
	const AmPolicy *policy = thread->policy;
	g_autoptr(AmSettings) settings = am_settings_copy(&policy->base);
	am_lookup_apply(policy->lookup, envelope, recipient->address, settings);
	if (!policy_resolve_local(policy, settings, recipient->address, error))
		return NULL;
	if (policy->n_hooks[AM_HOOK_RECIPIENT] > 0 &&
	    (!am_lua_call_recipient(thread, envelope, recipient, settings, error) ||
	     !policy_resolve_local(policy, settings, recipient->address, error)))
		return NULL;
	return g_steal_pointer(&settings);
}

AmSettings *
am_policy_settings(AmPolicyThread *thread, const AmEnvelope *envelope, const AmRecipient *recipient,
		   GError **error)
{
	if (thread->lua != NULL && !am_lua_begin(thread->lua, error))
		return NULL;
	return am_policy_settings_inside(thread, envelope, recipient, error);
}

gboolean
am_policy_all_bypass(GPtrArray *settings, AmCategory category)
{
	for (guint i = 0; i < settings->len; i++) {
		const AmSettings *own = settings->pdata[i];
		gboolean bypasses = category == AM_CATEGORY_VIRUS	 ? own->bypass_virus
				    : category == AM_CATEGORY_SPAM	 ? own->bypass_spam
				    : category == AM_CATEGORY_BANNED	 ? own->bypass_banned
				    : category == AM_CATEGORY_BAD_HEADER ? own->bypass_header
									 : FALSE;
		if (!bypasses)
			return FALSE;
	}
	return settings->len > 0;
}

/* A word "kind=category" of finding_categories: is it one that the bypass settings cover? */
static gboolean
policy_check_bypassed(const char *word, gsize len, gpointer user_data)
{
	static const char *const covered[] = { "=virus", "=unchecked", "=banned", "=clean" };
	gboolean *is_bypassed = user_data;
	*is_bypassed = FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(covered) && !*is_bypassed; i++) {
		gsize n = strlen(covered[i]);
		*is_bypassed = len > n && strncmp(word + len - n, covered[i], n) == 0;
	}
	return *is_bypassed;
}

gboolean
am_policy_needs_content(AmPolicyThread *thread, const AmEnvelope *envelope)
{
	if (thread->policy->n_hooks[AM_HOOK_JUDGE] > 0)
		return TRUE;
	for (guint i = 0; i < envelope->recipients->len; i++) {
		g_autoptr(AmSettings) own = am_policy_settings(
			thread, envelope, envelope->recipients->pdata[i], NULL);
		gboolean is_bypassed = own != NULL && own->bypass_virus && own->bypass_spam &&
				       own->bypass_banned && own->bypass_header;
		if (is_bypassed)
			am_settings_each_word(own->finding_categories, policy_check_bypassed,
					      &is_bypassed);
		if (!is_bypassed)
			return TRUE;
	}
	return FALSE;
}
