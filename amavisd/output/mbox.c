/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* mbox:/PATH, a mail after the other in one file, as "mboxrd" has it: before each a line "From SENDER DATE",
 * behind it an empty line, and one '>' more before each line that looks like the first.
 *
 * Others may write to the file too: it is locked by a dot lock, where we may write to its directory, and by
 * fcntl() (of open file descriptions, so that our own threads wait for each other as well). */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mail/spool.h"
#include "output/lines.h"
#include "output/output-private.h"

#define MBOX_LOCK_PAUSE_US 50000
#define MBOX_LOCK_TIME_US (60 * G_USEC_PER_SEC)
#define MBOX_LOCK_STALE_S 600 /* a dot lock older than that is nobody's */

/* Only what is a mailbox: a plain file of ours, with one name, that nobody can run. */
static int
mbox_open(const char *path, GError **error)
{
	struct stat status;
	g_auto(AmFd) fd = open(
		path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
		0600);
	if (fd < 0 || fstat(fd, &status) < 0) {
		(void)am_file_error("mailbox", path, error);
		return -1;
	}
	const char *wrong = !S_ISREG(status.st_mode)	   ? "is no plain file"
			    : (status.st_mode & 0111) != 0 ? "is executable"
			    : status.st_uid != geteuid()   ? "is not ours"
			    : status.st_nlink != 1	   ? "has several names"
							   : NULL;
	if (wrong != NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "mailbox %s %s", path, wrong);
		return -1;
	}
	int taken = fd;
	fd = -1;
	return taken;
}

/* Removes a dot lock that its owner has forgotten. */
static void
mbox_break_lock(const char *lock)
{
	struct stat status;
	if (lstat(lock, &status) == 0 && time(NULL) - status.st_mtime > MBOX_LOCK_STALE_S)
		(void)unlink(lock); /* if not, we go on waiting */
}

/* *lock: its path, to be freed and unlinked; NULL where the directory is not ours to write to. */
static gboolean
mbox_lock_dot(const char *path, gint64 until_us, char **lock, GError **error)
{
	g_autofree char *name = g_strconcat(path, ".lock", NULL);
	*lock = NULL;
	for (;;) {
		g_auto(AmFd) fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0) {
			*lock = g_steal_pointer(&name);
			return TRUE;
		}
		if (errno == EACCES || errno == EPERM || errno == EROFS)
			return TRUE;
		if (errno != EEXIST || g_get_monotonic_time() > until_us)
			return am_file_error("lock", name, error);
		mbox_break_lock(name);
		g_usleep(MBOX_LOCK_PAUSE_US);
	}
}

static gboolean
mbox_lock_file(int fd, const char *path, gint64 until_us, GError **error)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if ((errno != EAGAIN && errno != EACCES && errno != EINTR) ||
		    g_get_monotonic_time() > until_us)
			return am_file_error("lock of", path, error);
		g_usleep(MBOX_LOCK_PAUSE_US);
	}
	return TRUE;
}

/* "From SENDER Thu Jan  1 00:00:00 1970"; the sender has no blanks there. */
static char *
mbox_from_line(const AmSmtpTransaction *transaction)
{
	char date[32];
	struct tm now;
	time_t seconds = time(NULL);
	const char *sender = am_output_sender(transaction);
	g_autofree char *name = g_strdup(*sender != '\0' ? sender : "MAILER-DAEMON");
	g_strdelimit(name, " \t\r\n", '_');
	(void)gmtime_r(&seconds, &now); /* fails in the year 2^31 */
	return g_strdup_printf("From %s %s", name, asctime_r(&now, date));
}

static gboolean
mbox_append(int fd, const AmSmtpTransaction *transaction, GPtrArray *batch, GError **error)
{
	g_auto(AmFileWriter) file;
	am_file_writer_init(&file, fd);
	AmLineWriter lines = { .write = am_file_writer_write, .user_data = &file };
	g_autofree char *from = mbox_from_line(transaction);
	g_autofree char *head = am_output_head(transaction, batch);
	if (!am_line_writer_write(from, strlen(from), &lines, error))
		return FALSE;
	lines.is_mboxrd = TRUE;
	return am_line_writer_write(head, strlen(head), &lines, error) &&
	       am_output_write(transaction, am_line_writer_write, &lines, error) &&
	       am_line_writer_finish(&lines, error) &&
	       am_file_writer_write("\n", 1, &file, error) && am_file_writer_finish(&file, error);
}

/* Ends what another has left without its empty line, half a mail of a crash for one: our "From " line would
 * be part of it.  size: of the file. */
static gboolean
mbox_end_last(int fd, const char *path, off_t size, GError **error)
{
	char last[2] = { '\n', '\n' };
	gsize n = (gsize)MIN(size, 2);
	if (n > 0 && pread(fd, last + 2 - n, n, size - (off_t)n) != (gssize)n)
		return am_file_error("end of mailbox", path, error);
	if (last[1] != '\n')
		return am_write_all(fd, "\n\n", 2, error);
	return size == 0 || (n == 2 && last[0] == '\n') || am_write_all(fd, "\n", 1, error);
}

/* With the locks held: all of the mail, or the file as it was. */
static gboolean
mbox_deliver(int fd, const char *path, const AmSmtpTransaction *transaction, GPtrArray *batch,
	     GError **error)
{
	off_t size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return am_file_error("mailbox", path, error);
	if (mbox_end_last(fd, path, size, error) && mbox_append(fd, transaction, batch, error) &&
	    (size > 0 || am_file_sync_parent(path, error))) /* it may be new */
		return TRUE;
	if (ftruncate(fd, size) < 0)
		g_prefix_error(error, "(half a mail stays there: %s) ", g_strerror(errno));
	g_prefix_error(error, "mailbox %s: ", path);
	return FALSE;
}

gboolean
am_output_mbox(const AmSmtpTransaction *transaction, const char *path, GPtrArray *batch,
	       GError **error)
{
	g_autofree char *lock = NULL;
	gint64 until_us = MIN(transaction->deadline_us, g_get_monotonic_time() + MBOX_LOCK_TIME_US);
	if (!mbox_lock_dot(path, until_us, &lock, error))
		return FALSE;
	g_auto(AmFd) fd = mbox_open(path, error);
	gboolean is_done = fd >= 0 && mbox_lock_file(fd, path, until_us, error) &&
			   mbox_deliver(fd, path, transaction, batch, error);
	if (lock != NULL)
		(void)unlink(lock); /* else it is broken by whoever comes next */
	return is_done;
}
