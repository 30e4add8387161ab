/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The quarantine "file": each mail a file DIRECTORY/X/ID, X being the first character of the id.
 *
 * A mail is written under a temporary name in the folder it will stay in, brought to the disk,
 * and only then gets its name, which must be new; then the folder itself is brought to the disk.
 * So a name that can be seen stands for a whole mail, whatever happens to machine or process, and a
 * full disk leaves nothing behind.  The header in front of the mail says all there is to know of
 * it: there is no data base to lose or to repair.
 *
 * Nothing is opened at load and no lock is kept: the directory may be moved or mounted while the
 * daemon runs, and any number of processes may work in it. */

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_ID 64
#define FILE_CHUNK (64u << 10) /* bytes copied at a time */

static const AmSettingSpec file_settings[] = {
	{ "directory", AM_SETTING_PATH, "/var/lib/amavisd/quarantine", NULL,
	  "where the mails are kept" },
	{ "levels", AM_SETTING_INT, "1", "0..2",
	  "folders, named after the first characters of the id, between directory and mail" },
	{ NULL },
};

gboolean
file_id_is_valid(const char *id)
{
	gsize len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
	return len > 0 && len <= FILE_MAX_ID && id[len] == '\0' && g_ascii_isalnum(*id);
}

gboolean
file_fail(GError **error, int errnum, const char *what, const char *name)
{
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errnum), "%s %s: %s", what, name,
		    g_strerror(errnum));
	return FALSE;
}

static gboolean
file_check_id(const char *id, GError **error)
{
	if (file_id_is_valid(id))
		return TRUE;
	/* what cannot be a name of ours is not there; the id itself is not repeated */
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "no such id");
	return FALSE;
}

/* The folder of an id, relative to the directory: ".", "A" or "A/b". */
static void
file_folder(const char *id, guint level, char folder[2 * FILE_MAX_LEVELS + 1])
{
	char *p = folder;
	for (guint i = 0; i < level && id[i] != '\0'; i++) {
		if (i > 0)
			*p++ = '/';
		*p++ = id[i];
	}
	if (p == folder)
		*p++ = '.';
	*p = '\0';
}

static int
file_open_directory(const FilePlugin *plugin, GError **error)
{
	int fd = open(plugin->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)file_fail(error, errno, "opening", plugin->directory);
	return fd;
}

/* Opens a folder below `parent`, made when it is not there; its name is then brought to the disk, or
 * a power cut could take the folder with the mail in it.  -1 with *error. */
static int
file_open_folder(int parent, const char *name, GError **error)
{
	if (mkdirat(parent, name, FILE_DIR_MODE) == 0) {
		if (fsync(parent) != 0) {
			(void)file_fail(error, errno, "writing the folder of", name);
			return -1;
		}
	} else if (errno != EEXIST) {
		(void)file_fail(error, errno, "making folder", name);
		return -1;
	}
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		(void)file_fail(error, errno, "opening folder", name);
	return fd;
}

/* The folder an id is stored in, made on the way.  -1 with *error. */
static int
file_make_folder(const FilePlugin *plugin, const char *id, GError **error)
{
	if (g_mkdir_with_parents(plugin->directory, FILE_DIR_MODE) != 0) {
		(void)file_fail(error, errno, "making directory", plugin->directory);
		return -1;
	}
	int fd = file_open_directory(plugin, error);
	for (guint i = 0; fd >= 0 && i < plugin->levels && id[i] != '\0'; i++) {
		const char name[2] = { id[i], '\0' };
		int below = file_open_folder(fd, name, error);
		(void)close(fd); /* a folder: nothing was written through it */
		fd = below;
	}
	return fd;
}

static gboolean
file_write_all(int fd, const void *data, gsize len, GError **error)
{
	for (const char *p = data; len > 0;) {
		gssize n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return file_fail(error, n < 0 ? errno : EIO, "writing", "the mail");
		p += n;
		len -= (gsize)n;
	}
	return TRUE;
}

static gboolean
file_copy_mail(int to, const AmQuarantineItem *item, GError **error)
{
	g_autofree char *chunk = g_malloc(FILE_CHUNK);
	for (guint64 offset = 0; offset < item->size;) {
		gsize want = MIN(FILE_CHUNK, item->size - offset);
		gssize n = pread(item->fd, chunk, want, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_fail(error, errno, "reading", "the mail");
		if (n == 0) /* shorter than it should be: never store half a mail */
			return file_fail(error, EIO, "reading", "the mail, which ended early");
		if (!file_write_all(to, chunk, (gsize)n, error))
			return FALSE;
		offset += (guint64)n;
	}
	return TRUE;
}

/* Writes header and mail and brings them to the disk.  The time of the file is that of the mail:
 * listing and expiry go by it. */
static gboolean
file_fill(int fd, const AmQuarantineItem *item, GError **error)
{
	if (!file_write_all(fd, item->header, strlen(item->header), error) ||
	    !file_copy_mail(fd, item, error))
		return FALSE;
	const struct timespec times[2] = { { .tv_sec = item->time }, { .tv_sec = item->time } };
	if (futimens(fd, times) != 0)
		return file_fail(error, errno, "setting the time of", "the mail");
	if (fsync(fd) != 0)
		return file_fail(error, errno, "bringing to the disk", "the mail");
	return TRUE;
}

/* Gives the temporary file its name unless something has that name already.  link() is for file
 * systems without RENAME_NOREPLACE. */
static gboolean
file_name_it(int folder, const char *tmp, const char *id, GError **error)
{
	if (renameat2(folder, tmp, folder, id, RENAME_NOREPLACE) == 0)
		return TRUE;
	if (errno != EINVAL && errno != ENOSYS && errno != EPERM)
		return file_fail(error, errno, "naming", id);
	if (linkat(folder, tmp, folder, id, 0) != 0)
		return file_fail(error, errno, "naming", id);
	if (unlinkat(folder, tmp, 0) != 0)
		return file_fail(error, errno, "removing", tmp);
	return TRUE;
}

static gboolean
file_write_tmp(int folder, const char *tmp, const AmQuarantineItem *item, GError **error)
{
	int fd = openat(folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return file_fail(error, errno, "making", tmp);
	gboolean ok = file_fill(fd, item, error);
	if (close(fd) != 0 && ok)
		ok = file_fail(error, errno, "closing", tmp);
	return ok;
}

static gboolean
file_store_in(int folder, const AmQuarantineItem *item, GError **error)
{
	/* the id is unique, so the temporary name is; a leftover of a crash has another id */
	g_autofree char *tmp = g_strconcat(FILE_TMP_PREFIX, item->id, NULL);
	if (!file_write_tmp(folder, tmp, item, error) ||
	    !file_name_it(folder, tmp, item->id, error)) {
		(void)unlinkat(folder, tmp, 0); /* the first failure is the one to tell */
		return FALSE;
	}
	if (fsync(folder) != 0)
		return file_fail(error, errno, "bringing to the disk the folder of", item->id);
	return TRUE;
}

static gboolean
file_store(gpointer self, const AmQuarantineItem *item, char **location, GError **error)
{
	const FilePlugin *plugin = self;
	if (!file_id_is_valid(item->id)) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "id cannot be a file name");
		return FALSE;
	}
	int folder = file_make_folder(plugin, item->id, error);
	if (folder < 0)
		return FALSE;
	gboolean ok = file_store_in(folder, item, error);
	(void)close(folder); /* synced above */
	if (ok && location != NULL) {
		char name[2 * FILE_MAX_LEVELS + 1];
		file_folder(item->id, plugin->levels, name);
		*location = plugin->levels > 0
				    ? g_build_filename(plugin->directory, name, item->id, NULL)
				    : g_build_filename(plugin->directory, item->id, NULL);
	}
	return ok;
}

/* The folder when the id is a file in it, else -1 and an errno value. */
static int
file_look_in(int directory, const char *folder, const char *id, int *errnum)
{
	struct stat st;
	int fd = openat(directory, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		*errnum = errno == ENOTDIR || errno == ELOOP ? ENOENT : errno;
		return -1;
	}
	if (fstatat(fd, id, &st, AT_SYMLINK_NOFOLLOW) != 0)
		*errnum = errno;
	else if (S_ISREG(st.st_mode))
		return fd;
	else
		*errnum = ENOENT;
	(void)close(fd);
	return -1;
}

/* Opens the folder that holds the id, wherever it was put: `levels` may have been changed since.
 * -1 with NOENT when it is nowhere; "could not look" is another error. */
static int
file_find_folder(const FilePlugin *plugin, const char *id, GError **error)
{
	if (!file_check_id(id, error))
		return -1;
	int directory = file_open_directory(plugin, error);
	if (directory < 0)
		return -1;
	int found = -1;
	int worst = ENOENT;
	for (guint i = 0; i <= FILE_MAX_LEVELS && found < 0; i++) {
		char name[2 * FILE_MAX_LEVELS + 1];
		int errnum = ENOENT;
		file_folder(id, (plugin->levels + i) % (FILE_MAX_LEVELS + 1), name);
		found = file_look_in(directory, name, id, &errnum);
		if (found < 0 && errnum != ENOENT)
			worst = errnum;
	}
	(void)close(directory);
	if (found < 0)
		(void)file_fail(error, worst, "looking for", id);
	return found;
}

static int
file_open(gpointer self, const char *id, GError **error)
{
	int folder = file_find_folder(self, id, error);
	if (folder < 0)
		return -1;
	int fd = openat(folder, id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		(void)file_fail(error, errno, "opening", id);
	(void)close(folder);
	return fd;
}

static gboolean
file_remove(gpointer self, const char *id, GError **error)
{
	int folder = file_find_folder(self, id, error);
	if (folder < 0)
		return FALSE;
	gboolean ok = unlinkat(folder, id, 0) == 0 || file_fail(error, errno, "removing", id);
	(void)close(folder);
	return ok;
}

static gpointer
file_load(const AmHost *host, AmInstance *instance, GError **error G_GNUC_UNUSED)
{
	FilePlugin *plugin = g_new0(FilePlugin, 1);
	plugin->host = host;
	plugin->instance = instance;
	plugin->directory = host->setting_string(instance, "directory");
	plugin->levels = (guint)CLAMP(host->setting_int(instance, "levels"), 0, FILE_MAX_LEVELS);
	/* Not an error: the same configuration is read by tools that store nothing, and a directory
	 * may be mounted later; until then mails that should be stored are tempfailed. */
	if (g_mkdir_with_parents(plugin->directory, FILE_DIR_MODE) != 0)
		host->log(instance, AM_LOG_WARNING, "directory %s: %s", plugin->directory,
			  g_strerror(errno));
	else if (access(plugin->directory, W_OK | X_OK) != 0)
		host->log(instance, AM_LOG_WARNING, "directory %s cannot be written: %s",
			  plugin->directory, g_strerror(errno));
	return plugin;
}

static const AmQuarantineOps file_ops = {
	AM_ABI_HEAD(AmQuarantineOps),
	.store = file_store,
	.open = file_open,
	.remove = file_remove,
	.list = file_list,
	.expire = file_expire,
};

AM_PLUGIN_EXPORT const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_QUARANTINE,
	.caps = AM_CAP_SESSION | AM_CAP_REENTRANT,
	.name = "file",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "quarantine of one file for each mail",
	.settings = file_settings,
	.load = file_load,
	.unload = g_free,
	.quarantine = &file_ops,
};
