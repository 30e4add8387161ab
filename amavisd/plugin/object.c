/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A plugin runs with all that the process has, so its file is held to what one expects of a program:
 * a regular file of root or of the user we run as, not writable by others, in a directory of which
 * the same is true.  Bound at once, so that a missing function shows at start and not in the middle
 * of a mail, and locally, so that plugins do not see each other's symbols. */

#include <config.h>

#include "plugin/object.h"

#include <errno.h>
#include <gmodule.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OBJECT_PREFIX "am-"
#define OBJECT_SUFFIX ".so"

static gboolean
object_is_named(const char *name, gboolean is_fragment)
{
	if (!g_str_has_suffix(name, OBJECT_SUFFIX) || *name == '.')
		return FALSE;
	return is_fragment || g_str_has_prefix(name, OBJECT_PREFIX);
}

static gint
object_compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
am_object_list(const char *directory, gboolean is_fragments, GError **error)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, error);
	const char *name;
	if (dir == NULL)
		return NULL;
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	while ((name = g_dir_read_name(dir)) != NULL)
		if (object_is_named(name, is_fragments))
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, object_compare_names);
	return names;
}

static gboolean
object_check_owner(const struct stat *st, GError **error)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "it belongs to user %u, must be root's or of user %u, who runs amavisd",
			    (guint)st->st_uid, (guint)geteuid());
		return FALSE;
	}
	/* root's group has nobody in it who is not root */
	if ((st->st_mode & S_IWOTH) != 0 || ((st->st_mode & S_IWGRP) != 0 && st->st_gid != 0)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "others may write to it (mode %04o); chmod go-w",
			    (guint)st->st_mode & 07777);
		return FALSE;
	}
	return TRUE;
}

gboolean
am_object_check_directory(const char *directory, GError **error)
{
	struct stat st;
	if (stat(directory, &st) != 0) {
		int saved = errno;
		am_error_set_errno(error, AM_ERROR_CONFIG, saved, "directory %s", directory);
		return FALSE;
	}
	if (!S_ISDIR(st.st_mode)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "%s is no directory", directory);
		return FALSE;
	}
	if (!object_check_owner(&st, error)) {
		g_prefix_error(error, "directory %s: ", directory);
		return FALSE;
	}
	return TRUE;
}

static gboolean
object_check_file(const char *path, GError **error)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		int saved = errno;
		am_error_set_errno(error, AM_ERROR_CONFIG, saved, "cannot look at it");
		return FALSE;
	}
	if (!S_ISREG(st.st_mode)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "not a regular file");
		return FALSE;
	}
	return object_check_owner(&st, error);
}

/* The tables of functions are copied like the descriptor, so that a short one ends in NULLs. */
#define OBJECT_COPY_OPS(plugin, field)                                                             \
	object_copy_ops(&(plugin)->field##_ops, sizeof((plugin)->field##_ops),                     \
			(plugin)->plugin.field)

static gconstpointer
object_copy_ops(gpointer to, gsize size, gconstpointer from)
{
	if (from == NULL)
		return NULL;
	const guint32 *theirs = from; /* struct_size is the first field of every table */
	memset(to, 0, size);
	memcpy(to, from, MIN(*theirs, size));
	return to;
}

static AmLoadedPlugin *
object_accept(GModule *module, const char *path, GError **error)
{
	gpointer symbol = NULL;
	AmPlugin copy;
	if (!g_module_symbol(module, AM_PLUGIN_SYMBOL, &symbol) || symbol == NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "not a plugin of amavisd: it has no symbol %s", AM_PLUGIN_SYMBOL);
		return NULL;
	}
	if (!am_plugin_check(symbol, &copy, error))
		return NULL;
	AmLoadedPlugin *plugin = g_new0(AmLoadedPlugin, 1);
	plugin->plugin = copy;
	plugin->path = g_strdup(path);
	plugin->module = module;
	/* a table of a kind that is not claimed was not checked, so it is not used */
	if ((copy.kinds & AM_KIND_SCANNER) == 0)
		plugin->plugin.scanner = NULL;
	if ((copy.kinds & AM_KIND_DECODER) == 0)
		plugin->plugin.decoder = NULL;
	if ((copy.kinds & AM_KIND_ACTION) == 0)
		plugin->plugin.action = NULL;
	if ((copy.kinds & AM_KIND_QUARANTINE) == 0)
		plugin->plugin.quarantine = NULL;
	plugin->plugin.scanner = OBJECT_COPY_OPS(plugin, scanner);
	plugin->plugin.decoder = OBJECT_COPY_OPS(plugin, decoder);
	plugin->plugin.action = OBJECT_COPY_OPS(plugin, action);
	plugin->plugin.quarantine = OBJECT_COPY_OPS(plugin, quarantine);
	return plugin;
}

AmLoadedPlugin *
am_object_open(const char *path, GError **error)
{
	if (!object_check_file(path, error)) {
		g_prefix_error(error, "plugin %s: ", path);
		return NULL;
	}
	GModule *module = g_module_open(path, G_MODULE_BIND_LOCAL); /* not lazy: now */
	if (module == NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "plugin %s: %s", path,
			    g_module_error());
		return NULL;
	}
	AmLoadedPlugin *plugin = object_accept(module, path, error);
	if (plugin == NULL) {
		g_prefix_error(error, "plugin %s: ", path);
		(void)g_module_close(module);
		return NULL;
	}
	/* its settings tables and strings are pointed to from the configuration */
	g_module_make_resident(module);
	return plugin;
}

void
am_object_free(AmLoadedPlugin *plugin)
{
	if (plugin == NULL)
		return;
	(void)g_module_close(plugin->module); /* resident: only counts */
	g_free(plugin->path);
	g_free(plugin);
}
