/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Landlock: the file system shrinks to the worker's own directories and a few paths to read.  Rights
 * came with ABI numbers; all that the running kernel knows are handled, so that what is not granted
 * is denied.  The structures are our own because distributions ship headers older than kernels. */

#include <config.h>

#include "content/sandbox-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mail/fd.h"

#define LANDLOCK_VERSION_FLAG 1u
#define LANDLOCK_RULE_PATH 1

/* linux/landlock.h, access rights to files, by the ABI that brought them */
#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_FIFO (1ull << 10)
#define FS_MAKE_SYM (1ull << 12)
#define FS_ABI_1 ((1ull << 13) - 1)
#define FS_REFER (1ull << 13)	  /* 2 */
#define FS_TRUNCATE (1ull << 14)  /* 3 */
#define FS_IOCTL_DEV (1ull << 15) /* 5 */
#define NET_ALL 3ull		  /* 4: bind and connect by TCP */
#define SCOPE_ALL 3ull		  /* 6: abstract Unix sockets and signals */

typedef struct {
	guint64 fs;
	guint64 net;
	guint64 scope;
} LandlockRuleset;

typedef struct {
	guint64 access;
	gint32 parent_fd;
} __attribute__((packed)) LandlockPath;

static gboolean
landlock_allow(int ruleset, const char *path, guint64 access, GError **error)
{
	g_auto(AmFd) fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sandbox: cannot open %s",
				   path);
		return FALSE;
	}
	if (!S_ISDIR(st.st_mode)) /* rights to directories make no sense for a file */
		access &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_EXECUTE;
	LandlockPath rule = { access, fd };
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH, &rule, 0) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno,
				   "sandbox: Landlock refuses a rule for %s", path);
		return FALSE;
	}
	return TRUE;
}

static guint64
landlock_fs_rights(long abi)
{
	guint64 rights = FS_ABI_1;
	if (abi >= 2)
		rights |= FS_REFER;
	if (abi >= 3)
		rights |= FS_TRUNCATE;
	if (abi >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

static gboolean
landlock_add_paths(int ruleset, const AmSandboxLimits *limits, guint64 handled, GError **error)
{
	const guint64 reading = (FS_READ_FILE | FS_READ_DIR) & handled;
	const guint64 writing = (FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_REMOVE_DIR |
				 FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_TRUNCATE) &
				handled;
	if (limits->work_directory != NULL &&
	    !landlock_allow(ruleset, limits->work_directory, writing, error))
		return FALSE;
	if (limits->spool_directory != NULL &&
	    !landlock_allow(ruleset, limits->spool_directory, writing, error))
		return FALSE;
	for (gsize i = 0; limits->read_paths != NULL && limits->read_paths[i] != NULL; i++)
		if (!landlock_allow(ruleset, limits->read_paths[i], reading, error))
			return FALSE;
	return TRUE;
}

long
am_sandbox_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
	return MAX(abi, 0); /* ENOSYS, or switched off at boot */
}

/* What came with which ABI (2 only brought what may be allowed).  All but the first are walls behind a
 * wall: seccomp has the same. */
static const struct {
	long abi;
	const char *what, *since;
} landlock_parts[] = {
	{ 1, "files", "Linux 5.13, CONFIG_SECURITY_LANDLOCK, \"landlock\" in lsm= at boot" },
	{ 3, "cutting files off", "Linux 6.2" },
	{ 4, "TCP", "Linux 6.7" },
	{ 5, "controlling devices", "Linux 6.10" },
	{ 6, "signals and abstract sockets", "Linux 6.12" },
};

char *
am_sandbox_landlock_words(void)
{
	long abi = am_sandbox_landlock_abi();
	GString *text = g_string_new(NULL);
	g_string_append_printf(text, "ABI %ld: ", abi);
	for (gsize i = 0; i < G_N_ELEMENTS(landlock_parts); i++)
		if (landlock_parts[i].abi <= abi)
			g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
					       landlock_parts[i].what);
	return g_string_free(text, abi < 1);
}

char *
am_sandbox_missing(gboolean *is_needed)
{
	long abi = am_sandbox_landlock_abi();
	GString *text = g_string_new(NULL);
	*is_needed = abi < 1;
	if (abi < 1) {
		g_string_append_printf(text, "Landlock (%s)", landlock_parts[0].since);
		return g_string_free(text, FALSE);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(landlock_parts); i++)
		if (landlock_parts[i].abi > abi)
			g_string_append_printf(text, "%sLandlock for %s (%s; seccomp has it)",
					       text->len > 0 ? ", " : "", landlock_parts[i].what,
					       landlock_parts[i].since);
	return g_string_free(text, FALSE);
}

/* A ruleset that allows nothing; -1 with error. */
static int
landlock_new(long abi, LandlockRuleset *attributes, GError **error)
{
	*attributes = (LandlockRuleset){
		.fs = landlock_fs_rights(abi),
		.net = abi >= 4 ? NET_ALL : 0,
		.scope = abi >= 6 ? SCOPE_ALL : 0,
	};
	gsize size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8; /* an old kernel knows the first fields */
	int fd = (int)syscall(SYS_landlock_create_ruleset, attributes, size, 0);
	if (fd < 0)
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno,
				   "sandbox: cannot make a Landlock ruleset");
	return fd;
}

static gboolean
landlock_enter(int ruleset, GError **error)
{
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sandbox: Landlock");
	return FALSE;
}

gboolean
am_sandbox_landlock(const AmSandboxLimits *limits, gboolean *is_there, GError **error)
{
	long abi = am_sandbox_landlock_abi();
	*is_there = abi >= 1;
	if (abi < 1)
		return TRUE;
	LandlockRuleset attributes;
	g_auto(AmFd) ruleset = landlock_new(abi, &attributes, error);
	return ruleset >= 0 && landlock_add_paths(ruleset, limits, attributes.fs, error) &&
	       landlock_enter(ruleset, error);
}

gboolean
am_sandbox_landlock_paths(const AmSandboxPath *paths, gboolean *is_there, GError **error)
{
	const guint64 reading = FS_READ_FILE | FS_READ_DIR;
	const guint64 writing = FS_WRITE_FILE | FS_TRUNCATE | FS_REMOVE_DIR | FS_REMOVE_FILE |
				FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER;
	long abi = am_sandbox_landlock_abi();
	LandlockRuleset attributes;
	*is_there = abi >= 1;
	if (abi < 1)
		return TRUE;
	g_auto(AmFd) ruleset = landlock_new(abi, &attributes, error);
	if (ruleset < 0)
		return FALSE;
	for (; paths->path != NULL; paths++) {
		guint64 rights = ((paths->access & AM_SANDBOX_READ) ? reading : 0) |
				 ((paths->access & AM_SANDBOX_LIST) ? FS_READ_DIR : 0) |
				 ((paths->access & AM_SANDBOX_EXECUTE) ? FS_EXECUTE : 0) |
				 ((paths->access & AM_SANDBOX_WRITE) ? writing : 0);
		if ((paths->access & AM_SANDBOX_OPTIONAL) != 0 && access(paths->path, F_OK) != 0)
			continue;
		if (!landlock_allow(ruleset, paths->path, rights & attributes.fs, error))
			return FALSE;
	}
	return landlock_enter(ruleset, error);
}
