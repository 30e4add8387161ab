/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Files, and the mail itself. */

#define _GNU_SOURCE

#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NUMBERS 64 /* of descriptors looked at */

/* ---- files --------------------------------------------------------------------------------- */

static int
try_open(const Try *try)
{
	return result(open(try->argument, O_RDONLY | O_CLOEXEC));
}

static int
try_write(const Try *try)
{
	return result(open(try->argument, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
try_unlink(const Try *try)
{
	return result(unlink(try->argument));
}

static int
try_link(const Try *try)
{
	return result(link(try->argument, "stolen"));
}

static int
try_symlink(const Try *try)
{
	return result(symlink(try->argument, "stolen"));
}

static int
try_rename(const Try *try)
{
	return result(rename(try->argument, "stolen"));
}

static int
try_parent_fd(const Try *try)
{
	char path[64], target[256];
	int first = 0;
	(void)try;
	for (int fd = 0; fd < NUMBERS; fd++) {
		(void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getppid(), fd);
		if (open(path, O_RDONLY | O_CLOEXEC) >= 0)
			return 0;
		if (readlink(path, target, sizeof target) >= 0)
			return 0;
		if (first == 0)
			first = errno;
	}
	return first;
}

static int
try_sibling_memory(const Try *try)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%s/mem", try->argument);
	return result(open(path, O_RDONLY | O_CLOEXEC));
}

static int
try_own_memory(const Try *try)
{
	(void)try;
	return result(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static int
try_chmod(const Try *try)
{
	(void)try;
	return result(chmod(".", 0));
}

static int
try_chdir(const Try *try)
{
	(void)try;
	return result(chdir("/"));
}

static int
try_xattr(const Try *try)
{
	return result(syscall(SYS_setxattr, try->argument, "user.x", "x", 1, 0));
}

static int
try_leave_file(const Try *try)
{
	(void)try;
	int fd = open("left-behind", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? errno : result(close(fd));
}

static int
try_leave_deep(const Try *try)
{
	int at = open(".", O_PATH | O_CLOEXEC);
	(void)try;
	for (int i = 0; i < 300 && at >= 0; i++) {
		if (mkdirat(at, "d", 0700) != 0)
			return errno;
		int next = openat(at, "d", O_PATH | O_CLOEXEC);
		(void)close(at);
		at = next;
	}
	return at < 0 ? errno : result(close(at));
}

/* ---- the mail itself ----------------------------------------------------------------------- */

static int
try_mail_write(const Try *try)
{
	return result(pwrite(try->self->host->mail_fd(try->scan), "X", 1, 0));
}

static int
try_mail_truncate(const Try *try)
{
	return result(ftruncate(try->self->host->mail_fd(try->scan), 0));
}

static int
try_mail_map(const Try *try)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		       try->self->host->mail_fd(try->scan), 0);
	if (p == MAP_FAILED)
		return errno;
	memset(p, 'X', 1);
	return 0;
}

static int
try_mail_reopen(const Try *try)
{
	char path[64];
	int fd = try->self->host->mail_fd(try->scan);
	(void)fchmod(fd, 0600);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int again = open(path, O_RDWR | O_CLOEXEC); /* a memfd lets, but is sealed */
	return again < 0 ? errno : result(pwrite(again, "X", 1, 0));
}

static int
try_mail_offset(const Try *try)
{
	return result(lseek(try->self->host->mail_fd(try->scan), 1 << 20, SEEK_SET));
}

static int
try_mail_hole(const Try *try)
{
	return result(fallocate(try->self->host->mail_fd(try->scan),
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
}

/* ---- the words */

const HostileWord hostile_files[] = {
	{ "open", try_open },
	{ "write", try_write },
	{ "unlink", try_unlink },
	{ "link", try_link },
	{ "symlink", try_symlink },
	{ "rename", try_rename },
	{ "parent-fd", try_parent_fd },
	{ "sibling-memory", try_sibling_memory },
	{ "own-memory", try_own_memory },
	{ "chmod", try_chmod },
	{ "chdir", try_chdir },
	{ "xattr", try_xattr },
	{ "leave-file", try_leave_file },
	{ "leave-deep", try_leave_deep },
	{ "mail-write", try_mail_write },
	{ "mail-truncate", try_mail_truncate },
	{ "mail-map", try_mail_map },
	{ "mail-reopen", try_mail_reopen },
	{ "mail-offset", try_mail_offset },
	{ "mail-hole", try_mail_hole },
	{ NULL, NULL },
};
