/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The lock on the file, not its being there, says that somebody runs.  The directory is the user's, so
 * nothing but a file of one name is written to. */

#include <config.h>

#include "master/pid-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/error.h"
#include "mail/fd.h"

int
am_pid_file_take(const char *run_directory, GError **error)
{
	g_autofree char *path = g_build_filename(run_directory, AM_PID_FILE, NULL);
	struct stat info;
	char text[32];
	g_auto(AmFd) fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
	if (fd < 0 || fstat(fd, &info) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "%s", path);
		return -1;
	}
	if (!S_ISREG(info.st_mode) || info.st_nlink > 1) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "%s: not a file of its own", path);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ssize_t n = errno == EWOULDBLOCK ? pread(fd, text, sizeof(text) - 1, 0) : 0;
		text[MAX(n, 0)] = '\0';
		if (errno != EWOULDBLOCK)
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "locking %s", path);
		else
			g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "amavisd runs already (%s: pid %s)", path, g_strchomp(text));
		return -1;
	}
	g_snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text)) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "writing %s", path);
		return -1;
	}
	return g_steal_fd(&fd);
}

void
am_pid_file_drop(const char *run_directory, int *fd)
{
	g_autofree char *path = g_build_filename(run_directory, AM_PID_FILE, NULL);
	if (*fd >= 0 && unlink(path) != 0)
		am_warning("removing %s: %s", path, g_strerror(errno));
	am_fd_clear(fd);
}
