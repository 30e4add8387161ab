/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Sets of lookup keys, and maps read from files. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "mail/address.h"
#include "mail/fd.h"
#include "mail/spool.h"
#include "policy/lookup.h"

#define DELIMITERS "+"

struct _AmFileMap {
	GHashTable *values;
};

typedef struct {
	GHashTable *set;
	GError *error;
} KeyCollector;

static gboolean
keys_collect(const char *word, gsize len, gpointer user_data)
{
	KeyCollector *collector = user_data;
	g_autofree char *text = g_strndup(word, len);
	char *key = am_lookup_key(text, &collector->error);
	if (key == NULL)
		return FALSE;
	g_hash_table_add(collector->set, key);
	return TRUE;
}

GHashTable *
am_lookup_key_set(const char *list, GError **error)
{
	KeyCollector collector = {
		.set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};
	am_settings_each_word(list, keys_collect, &collector);
	if (collector.error == NULL)
		return collector.set;
	g_hash_table_unref(collector.set);
	g_propagate_error(error, collector.error);
	return NULL;
}

static const char *
keys_find(GHashTable *table, const char *address)
{
	g_auto(GStrv) keys = am_address_lookup_keys(address, DELIMITERS);
	for (char **key = keys; *key != NULL; key++) {
		const char *value = g_hash_table_lookup(table, *key);
		if (value != NULL)
			return value;
	}
	return NULL;
}

gboolean
am_lookup_key_set_has(GHashTable *set, const char *address)
{
	return keys_find(set, address) != NULL;
}

/* Addresses and domains in the form they are looked up by, anything else in lower case. */
static char *
file_map_key(const char *text)
{
	char *key = am_lookup_key(text, NULL);
	return key != NULL ? key : g_utf8_strdown(text, -1);
}

static void
file_map_add_line(AmFileMap *map, char *line)
{
	line = g_strstrip(line);
	if (*line == '\0' || *line == '#')
		return;
	char *value = line + strcspn(line, " \t");
	if (*value != '\0') {
		*value++ = '\0';
		value += strspn(value, " \t");
	}
	if (*value == '#')
		*value = '\0';
	g_hash_table_replace(map->values, file_map_key(line),
			     g_strdup(*value != '\0' ? value : "1"));
}

static char *
file_map_read(const char *path, GError **error)
{
	g_auto(AmFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0) {
		am_error_set_errno(error, AM_ERROR_DATA, errno, "map %s", path);
		return NULL;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > (off_t)AM_FILE_MAP_MAX_BYTES) {
		g_set_error(error, AM_ERROR, AM_ERROR_DATA, "map %s: %s", path,
			    S_ISREG(status.st_mode) ? "larger than 64 MiB" : "not a regular file");
		return NULL;
	}
	g_autofree char *text = g_malloc((gsize)status.st_size + 1);
	gssize len = am_read_at(fd, text, (gsize)status.st_size, 0, error);
	if (len < 0)
		return NULL;
	text[len] = '\0';
	if (g_utf8_validate(text, len, NULL))
		return g_steal_pointer(&text);
	g_set_error(error, AM_ERROR, AM_ERROR_DATA, "map %s: not UTF-8 text", path);
	return NULL;
}

AmFileMap *
am_file_map_load(const char *path, GError **error)
{
	g_autofree char *text = file_map_read(path, error);
	if (text == NULL)
		return NULL;
	AmFileMap *map = g_new0(AmFileMap, 1);
	map->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (char *line = text; line != NULL;) {
		char *end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		file_map_add_line(map, line);
		line = end;
	}
	return map;
}

void
am_file_map_free(AmFileMap *map)
{
	if (map == NULL)
		return;
	g_hash_table_unref(map->values);
	g_free(map);
}

const char *
am_file_map_get(const AmFileMap *map, const char *key)
{
	g_autofree char *normal = file_map_key(key);
	return g_hash_table_lookup(map->values, normal);
}

const char *
am_file_map_lookup(const AmFileMap *map, const char *address)
{
	return keys_find(map->values, address);
}

const char **
am_file_map_keys(const AmFileMap *map, guint *n)
{
	return (const char **)g_hash_table_get_keys_as_array(map->values, n);
}
