/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Giving up root.  The master stays uid 0 when it was started so, for it has to fork children that
 * become the user and to bind low ports after a reload, but keeps only the capabilities for that.
 * Children lose all of them by setresuid(), and check that there is no way back. */

#include <config.h>

#include "master/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUPS_MAX 1024 /* supplementary groups of the user */

/* What the master is left with, and why. */
static const guint master_capabilities[] = {
	CAP_SETUID,	      /* a child becomes the user */
	CAP_SETGID,	      /* ... and its groups */
	CAP_KILL,	      /* signals to children of that user */
	CAP_NET_BIND_SERVICE, /* listeners that a reload brings */
	CAP_CHOWN,	      /* Unix sockets that a reload brings are the user's */
	CAP_DAC_OVERRIDE,     /* old sockets go from a directory that is the user's */
};

/* The problem of a key of [amavisd], at its place. */
static void
identity_problem(const AmConfig *config, const char *key, GPtrArray *problems, const char *what,
		 const char *name)
{
	const char *file;
	guint line;
	(void)am_config_raw(am_config_group(config, "amavisd", NULL), key, &file, &line);
	if (*file == '\0')
		file = am_config_file(config);
	am_config_add_problem(problems, file, line, "[amavisd]: %s = \"%s\" %s", key, name, what);
}

static void
identity_find_user(AmIdentity *identity, const AmConfig *config, GPtrArray *problems)
{
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	const char *user = am_config_string(core, "user");
	/* single-threaded here, so the static result is safe */
	const struct passwd *entry = getpwnam(user);
	if (entry == NULL) {
		if (identity->is_root)
			identity_problem(config, "user", problems,
					 "is not known to this system; create the user or name "
					 "another",
					 user);
		return;
	}
	if (entry->pw_uid == 0)
		identity_problem(config, "user", problems, "is root; mail is never served as root",
				 user);
	identity->uid = entry->pw_uid;
	identity->gid = entry->pw_gid;
}

static void
identity_find_group(AmIdentity *identity, const AmConfig *config, GPtrArray *problems)
{
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	const char *name = am_config_string(core, "group");
	if (name == NULL) {
		if (identity->is_root && identity->uid != 0 && identity->gid == 0)
			identity_problem(config, "user", problems,
					 "has root's group; name another by group", identity->user);
		return;
	}
	const struct group *entry = getgrnam(name);
	if (entry == NULL && identity->is_root)
		identity_problem(config, "group", problems, "is not known to this system", name);
	if (entry != NULL && entry->gr_gid == 0)
		identity_problem(config, "group", problems,
				 "is root's; mail is never served as root", name);
	if (entry != NULL)
		identity->gid = entry->gr_gid;
}

static void
identity_find_groups(AmIdentity *identity)
{
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;
	if (getgrouplist(identity->user, identity->gid, groups, &n) < 0)
		n = 0; /* more than we take: the main group alone is the safe side */
	for (int i = 0; i < n; i++)
		if (groups[i] != 0)
			g_array_append_val(identity->groups, groups[i]);
}

AmIdentity *
am_identity_new(const AmConfig *config, GPtrArray *problems)
{
	AmIdentity *identity = g_new0(AmIdentity, 1);
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	identity->is_root = geteuid() == 0;
	identity->user = g_strdup(am_config_string(core, "user"));
	identity->groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
	identity_find_user(identity, config, problems);
	identity_find_group(identity, config, problems);
	if (identity->is_root) {
		identity_find_groups(identity);
	} else {
		identity->uid = geteuid();
		identity->gid = getegid();
	}
	return identity;
}

void
am_identity_free(AmIdentity *identity)
{
	if (identity == NULL)
		return;
	g_array_unref(identity->groups);
	g_free(identity->user);
	g_free(identity);
}

static gboolean
identity_change(const AmIdentity *identity, GError **error)
{
	uid_t uids[3];
	gid_t gids[3];
	const gid_t *groups = (const gid_t *)(gpointer)identity->groups->data;
	if (setgroups(identity->groups->len, groups) != 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "becoming user %s",
				   identity->user);
		return FALSE;
	}
	if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "asking for the own user");
		return FALSE;
	}
	for (guint i = 0; i < 3; i++) {
		if (uids[i] != identity->uid || uids[i] == 0 || gids[i] != identity->gid ||
		    gids[i] == 0) {
			g_set_error(error, AM_ERROR, AM_ERROR_SOFTWARE,
				    "becoming user %s did not take effect", identity->user);
			return FALSE;
		}
	}
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, 0, (gid_t)-1) == 0) {
		g_set_error(error, AM_ERROR, AM_ERROR_SOFTWARE, "user %s could become root again",
			    identity->user);
		return FALSE;
	}
	return TRUE;
}

gboolean
am_identity_assume(const AmIdentity *identity, GError **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "no new privileges");
		return FALSE;
	}
	return !identity->is_root || identity_change(identity, error);
}

gboolean
am_identity_confine(const AmIdentity *identity, GError **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "no new privileges");
		return FALSE;
	}
	if (!identity->is_root)
		return TRUE;
	guint kept = 0;
	for (guint i = 0; i < G_N_ELEMENTS(master_capabilities); i++)
		if (capng_have_capability(CAPNG_PERMITTED, master_capabilities[i]))
			kept |= 1U << i; /* a container may have taken some away already */
	/* without CAP_SETPCAP the bounding set cannot be lowered, and need not be: it bounds what
	 * exec() brings, and there is no exec() with new privileges any more */
	capng_select_t set = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP)
				     ? CAPNG_SELECT_BOTH
				     : CAPNG_SELECT_CAPS;
	capng_clear(set);
	for (guint i = 0; i < G_N_ELEMENTS(master_capabilities); i++)
		if ((kept & 1U << i) != 0)
			(void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
					   master_capabilities[i]);
	int result = capng_apply(set);
	if (result != 0) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE,
			    "giving up capabilities failed (libcap-ng: %d)", result);
		return FALSE;
	}
	return TRUE;
}

static gboolean
identity_may_write(const AmIdentity *identity, const struct stat *info)
{
	if (info->st_uid == identity->uid)
		return (info->st_mode & S_IWUSR) != 0;
	if (info->st_gid == identity->gid)
		return (info->st_mode & S_IWGRP) != 0;
	const gid_t *groups = (const gid_t *)(gpointer)identity->groups->data;
	for (guint i = 0; i < identity->groups->len; i++)
		if (groups[i] == info->st_gid)
			return (info->st_mode & S_IWGRP) != 0;
	return FALSE;
}

gboolean
am_identity_own_directory(const AmIdentity *identity, const char *key, const char *path,
			  GError **error)
{
	struct stat info;
	g_autofree char *parent = g_path_get_dirname(path);
	(void)g_mkdir_with_parents(parent, 0755); /* a failure shows in the next line */
	if (mkdir(path, 0750) == 0) {
		if (identity->is_root && lchown(path, identity->uid, identity->gid) != 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "%s %s: owner", key,
					   path);
			return FALSE;
		}
	} else if (errno != EEXIST) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "making %s %s", key, path);
		return FALSE;
	}
	if (stat(path, &info) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "%s %s", key, path);
		return FALSE;
	}
	if (!S_ISDIR(info.st_mode)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "%s %s: not a directory", key, path);
		return FALSE;
	}
	if (!identity_may_write(identity, &info)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "%s %s: the daemon's user (%s, uid %u) may not write there", key, path,
			    identity->is_root ? identity->user : g_get_user_name(),
			    (guint)identity->uid);
		return FALSE;
	}
	if ((info.st_mode & S_IWOTH) != 0) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "%s %s: everybody may write there; take that right away", key, path);
		return FALSE;
	}
	return TRUE;
}
