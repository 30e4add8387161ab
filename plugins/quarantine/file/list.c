/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Walking the quarantine: listing and expiry.
 *
 * A walk collects id and time of every file, a few tens of bytes each, and sorts them; the headers
 * are read only while the list is told, one at a time.  What changes under the walk (another process
 * releases or expires) is no error.  Names that are not ours are passed over; temporary files that
 * a crash left behind are removed by expiry after a day. */

#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_HEADER_BYTES (64u << 10) /* of a stored mail, read for its envelope */
#define LIST_TMP_AGE (24 * 60 * 60)   /* seconds */

typedef struct {
	char *folder; /* "." "A" "A/b" */
	char *id;
	gint64 time;
	guint64 size;
	gboolean is_tmp;
} ListEntry;

static void
list_entry_free(gpointer data)
{
	ListEntry *entry = data;
	g_free(entry->folder);
	g_free(entry->id);
	g_free(entry);
}

static int
list_compare(gconstpointer a, gconstpointer b)
{
	const ListEntry *x = *(ListEntry *const *)a;
	const ListEntry *y = *(ListEntry *const *)b;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return strcmp(x->id, y->id);
}

static void
list_add(GPtrArray *entries, const char *folder, const char *name, const struct stat *st)
{
	gboolean is_tmp = g_str_has_prefix(name, FILE_TMP_PREFIX);
	if (!S_ISREG(st->st_mode) || !(is_tmp || file_id_is_valid(name)))
		return;
	ListEntry *entry = g_new0(ListEntry, 1);
	entry->folder = g_strdup(folder);
	entry->id = g_strdup(name);
	entry->time = st->st_mtim.tv_sec;
	entry->size = (guint64)st->st_size;
	entry->is_tmp = is_tmp;
	g_ptr_array_add(entries, entry);
}

static gboolean
list_walk(int directory, const char *folder, guint level, GPtrArray *entries, GError **error)
{
	int fd = openat(directory, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		int errnum = errno;
		if (fd >= 0)
			(void)close(fd);
		return errnum == ENOENT || file_fail(error, errnum, "opening folder", folder);
	}
	gboolean ok = TRUE;
	errno = 0;
	for (struct dirent *d = readdir(dir); ok && d != NULL; errno = 0, d = readdir(dir)) {
		struct stat st;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		    fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (!S_ISDIR(st.st_mode)) {
			list_add(entries, folder, d->d_name, &st);
		} else if (level < FILE_MAX_LEVELS && strlen(d->d_name) == 1) {
			g_autofree char *below =
				level == 0 ? g_strdup(d->d_name)
					   : g_strconcat(folder, "/", d->d_name, NULL);
			ok = list_walk(directory, below, level + 1, entries, error);
		}
	}
	if (ok && errno != 0)
		ok = file_fail(error, errno, "reading folder", folder);
	(void)closedir(dir);
	return ok;
}

/* All entries, oldest first, and the directory they are relative to.  A directory that is not there
 * yet is an empty quarantine. NULL with *error. */
static GPtrArray *
list_collect(const FilePlugin *plugin, int *directory, GError **error)
{
	g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(list_entry_free);
	*directory = open(plugin->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*directory < 0 && errno != ENOENT) {
		(void)file_fail(error, errno, "opening", plugin->directory);
		return NULL;
	}
	if (*directory >= 0 && !list_walk(*directory, ".", 0, entries, error)) {
		(void)close(*directory);
		*directory = -1;
		return NULL;
	}
	g_ptr_array_sort(entries, list_compare);
	return g_steal_pointer(&entries);
}

/* ---- the header in front ------------------------------------------------------------------- */

/* Value of the first field `name` (with its colon) in `header`, unfolded, controls made blanks;
 * NULL when there is none before the empty line. */
static char *
list_field(const char *header, const char *name)
{
	gsize len = strlen(name);
	for (const char *line = header; *line != '\0' && *line != '\r' && *line != '\n';) {
		const char *end = line;
		do { /* a field goes on while the next line begins with a blank */
			end += strcspn(end, "\n");
			end += *end == '\n';
		} while (*end == ' ' || *end == '\t');
		if (g_ascii_strncasecmp(line, name, len) == 0) {
			g_autofree char *raw = g_strndup(line + len, end - line - len);
			char *value = g_utf8_make_valid(raw, -1);
			for (char *p = value; *p != '\0'; p++)
				if ((guchar)*p < ' ' || *p == 0x7f)
					*p = ' ';
			return g_strstrip(value);
		}
		line = end;
	}
	return NULL;
}

static char *
list_read_header(int directory, const ListEntry *entry)
{
	g_autofree char *path = g_strconcat(entry->folder, "/", entry->id, NULL);
	int fd = openat(directory, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	char *header = g_malloc(LIST_HEADER_BYTES + 1);
	gsize len = 0;
	while (len < LIST_HEADER_BYTES) {
		gssize n = read(fd, header + len, LIST_HEADER_BYTES - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* what could be read is listed */
		len += (gsize)n;
	}
	(void)close(fd);
	header[len] = '\0';
	return header;
}

/* "<a>, <b>" to a vector. */
static char **
list_split_addresses(const char *text)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	for (const char *p = text != NULL ? strchr(text, '<') : NULL; p != NULL;) {
		const char *end = strstr(p, ">,");
		g_autofree char *address = end != NULL ? g_strndup(p, end + 1 - p) : g_strdup(p);
		g_strv_builder_add(builder, g_strstrip(address));
		p = end != NULL ? strchr(end, '<') : NULL;
	}
	return g_strv_builder_end(builder);
}

/* Tells one entry; FALSE when func has had enough. */
static gboolean
list_tell(int directory, const ListEntry *entry, AmQuarantineFunc func, gpointer user_data)
{
	g_autofree char *header = list_read_header(directory, entry);
	if (header == NULL)
		return TRUE; /* removed since the walk, or not ours to read */
	g_autofree char *category = list_field(header, "X-Amavis-Category:");
	g_autofree char *sender = list_field(header, "X-Envelope-From:");
	g_autofree char *to = list_field(header, "X-Envelope-To:");
	g_autofree char *to_blocked = list_field(header, "X-Envelope-To-Blocked:");
	g_autofree char *subject = list_field(header, "X-Quarantine-Subject:");
	g_autofree char *size = list_field(header, "X-Quarantine-Size:");
	g_auto(GStrv) recipients = list_split_addresses(to);
	g_auto(GStrv) blocked = list_split_addresses(to_blocked);
	const AmQuarantineItem item = {
		.struct_size = sizeof item,
		.id = entry->id,
		.category = category != NULL ? category : "",
		.header = "",
		.fd = -1,
		.size = size != NULL ? g_ascii_strtoull(size, NULL, 10) : entry->size,
		.time = entry->time,
		.sender = sender != NULL ? sender : "",
		.recipients = (const char *const *)recipients,
		.subject = subject != NULL ? subject : "",
		.blocked = (const char *const *)blocked,
	};
	return func(&item, user_data);
}

gboolean
file_list(gpointer self, AmQuarantineFunc func, gpointer user_data, GError **error)
{
	int directory;
	g_autoptr(GPtrArray) entries = list_collect(self, &directory, error);
	if (entries == NULL)
		return FALSE;
	for (guint i = 0; i < entries->len; i++) {
		const ListEntry *entry = entries->pdata[i];
		if (!entry->is_tmp && !list_tell(directory, entry, func, user_data))
			break;
	}
	if (directory >= 0)
		(void)close(directory);
	return TRUE;
}

gboolean
file_expire(gpointer self, gint64 before, guint *n_removed, GError **error)
{
	int directory;
	g_autoptr(GPtrArray) entries = list_collect(self, &directory, error);
	if (entries == NULL)
		return FALSE;
	gint64 tmp_before = g_get_real_time() / G_USEC_PER_SEC - LIST_TMP_AGE;
	gboolean ok = TRUE;
	guint n = 0;
	for (guint i = 0; i < entries->len; i++) {
		const ListEntry *entry = entries->pdata[i];
		if (entry->time >= (entry->is_tmp ? tmp_before : before))
			continue;
		g_autofree char *path = g_strconcat(entry->folder, "/", entry->id, NULL);
		if (unlinkat(directory, path, 0) == 0)
			n += entry->is_tmp ? 0 : 1;
		else if (errno != ENOENT && ok) /* go on with the others, tell the first */
			ok = file_fail(error, errno, "removing", path);
	}
	if (directory >= 0)
		(void)close(directory);
	if (n_removed != NULL)
		*n_removed = n;
	return ok;
}
