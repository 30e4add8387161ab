/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* maildir:/PATH, a file for each mail: written in tmp, moved to new when all of it is on the disk
 * (cr.yp.to/proto/maildir.html).  The directories are made when they are not there. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/lines.h"
#include "output/output-private.h"

/* "1700000000.M123456P42R0123456789abcdef.HOST": unique by time, process and chance. */
static char *
maildir_name(const AmOutputs *outputs)
{
	gint64 now = g_get_real_time();
	g_autofree char *host = g_strdup(outputs->hostname);
	g_strdelimit(host, "/:", '_');
	return g_strdup_printf("%" G_GINT64_FORMAT ".M%" G_GINT64_FORMAT "P%dR%08x%08x.%s",
			       now / G_USEC_PER_SEC, now % G_USEC_PER_SEC, (int)getpid(),
			       g_random_int(), g_random_int(), host);
}

static int
maildir_enter(int parent, const char *name, GError **error)
{
	if (mkdirat(parent, name, 0700) < 0) {
		if (errno != EEXIST) {
			(void)am_file_error("directory", name, error);
			return -1;
		}
	} else if (parent == AT_FDCWD ? !am_file_sync_parent(name, error)
				      : !am_file_sync_directory(parent, name, error)) {
		return -1;
	}
	return am_file_open_directory(parent, name, error);
}

static gboolean
maildir_write(int tmp, const char *name, const AmSmtpTransaction *transaction, GPtrArray *batch,
	      GError **error)
{
	g_auto(AmFileWriter) file = { 0 };
	g_autofree char *head = am_output_head(transaction, batch);
	g_auto(AmFd) fd =
		openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return am_file_error("file", name, error);
	am_file_writer_init(&file, fd);
	AmLineWriter lines = { .write = am_file_writer_write, .user_data = &file };
	return am_line_writer_write(head, strlen(head), &lines, error) &&
	       am_output_write(transaction, am_line_writer_write, &lines, error) &&
	       am_line_writer_finish(&lines, error) && am_file_writer_finish(&file, error);
}

gboolean
am_output_maildir(const AmOutputs *outputs, const AmSmtpTransaction *transaction, const char *path,
		  GPtrArray *batch, GError **error)
{
	g_auto(AmFd) top = maildir_enter(AT_FDCWD, path, error);
	g_auto(AmFd) tmp = top >= 0 ? maildir_enter(top, "tmp", error) : -1;
	g_auto(AmFd) new = tmp >= 0 ? maildir_enter(top, "new", error) : -1;
	g_auto(AmFd) cur = new >= 0 ? maildir_enter(top, "cur", error) : -1;
	g_autofree char *name = maildir_name(outputs);
	if (cur < 0) {
		g_prefix_error(error, "maildir %s: ", path);
		return FALSE;
	}
	gboolean is_done = maildir_write(tmp, name, transaction, batch, error);
	if (is_done && renameat(tmp, name, new, name) < 0)
		is_done = am_file_error("move to new of", name, error);
	if (!is_done) {
		(void)unlinkat(tmp, name, 0); /* readers clean tmp as well */
		g_prefix_error(error, "maildir %s: ", path);
		return FALSE;
	}
	if (am_file_sync_directory(new, path, error))
		return TRUE;
	(void)unlinkat(new, name, 0); /* it may not be there after a crash: not delivered */
	return FALSE;
}
