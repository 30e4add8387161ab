/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Mostly the directories are empty and go at once.  Otherwise a child, a broom, sees to them: a tree that
 * a hostile worker made may take its time, and nobody shall wait for a new worker till then.
 *
 * A directory may resist for a moment: the keeper of the worker is just about to kill the program
 * that writes there.  So it is tried some times before anybody is told. */

#include <config.h>

#include "content/leftovers.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/remove.h"
#include "log/log.h"

#define TRIES 10
#define TRY_AGAIN_US (G_USEC_PER_SEC / 5)

struct _AmLeftovers {
	const AmWorkerSetup *setup;
	GArray *brooms; /* pid_t */
};

AmLeftovers *
am_leftovers_new(const AmWorkerSetup *setup)
{
	AmLeftovers *leftovers = g_new0(AmLeftovers, 1);
	leftovers->setup = setup;
	leftovers->brooms = g_array_new(FALSE, FALSE, sizeof(pid_t));
	return leftovers;
}

void
am_leftovers_free(AmLeftovers *leftovers)
{
	if (leftovers == NULL)
		return;
	g_array_free(leftovers->brooms, TRUE);
	g_free(leftovers);
}

static void
leftovers_remove_old(const char *directory, const char *prefix)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		if (!g_str_has_prefix(name, prefix))
			continue;
		guint64 pid;
		if (!g_ascii_string_to_unsigned(name + strlen(prefix), 10, 2, G_MAXINT, &pid,
						NULL) ||
		    kill((pid_t)pid, 0) == 0 || errno != ESRCH)
			continue;
		g_autofree char *path = g_build_filename(directory, name, NULL);
		g_autoptr(GError) error = NULL;
		if (!am_remove_tree(path, &error))
			am_warning("content: %s", error->message);
	}
}

void
am_leftovers_remove_old(const AmLeftovers *leftovers)
{
	leftovers_remove_old(leftovers->setup->work_root, "");
	leftovers_remove_old(leftovers->setup->spool_directory, "work-");
}

/* FALSE: something is left. */
static gboolean
leftovers_remove(const char *const *paths, gboolean is_told)
{
	gboolean is_clean = TRUE;
	for (; *paths != NULL; paths++) {
		g_autoptr(GError) error = NULL;
		if (am_remove_tree(*paths, &error))
			continue;
		is_clean = FALSE;
		if (is_told)
			am_warning("content: %s", error->message);
	}
	return is_clean;
}

static void
leftovers_sweep(const char *const *paths)
{
	for (guint i = 1; i < TRIES && !leftovers_remove(paths, FALSE); i++)
		g_usleep(TRY_AGAIN_US);
	(void)leftovers_remove(paths, TRUE);
}

void
am_leftovers_add(AmLeftovers *leftovers, pid_t worker)
{
	g_autofree char *work = am_worker_work_directory(leftovers->setup, worker);
	g_autofree char *spool = am_worker_spool_directory(leftovers->setup, worker);
	const char *const paths[] = { work, spool, NULL };
	gboolean is_gone = TRUE;
	for (guint i = 0; paths[i] != NULL; i++)
		is_gone &= rmdir(paths[i]) == 0 || errno == ENOENT;
	if (is_gone)
		return;
	pid_t broom = fork();
	if (broom > 0) {
		g_array_append_val(leftovers->brooms, broom);
		return;
	}
	leftovers_sweep(paths); /* or there are no processes left: then by ourselves */
	if (broom == 0)
		_exit(0);
}

void
am_leftovers_wait(AmLeftovers *leftovers)
{
	for (guint i = 0; i < leftovers->brooms->len; i++)
		(void)waitpid(g_array_index(leftovers->brooms, pid_t, i), NULL, 0);
	g_array_set_size(leftovers->brooms, 0);
}

void
am_leftovers_reaped(AmLeftovers *leftovers, pid_t pid)
{
	for (guint i = 0; i < leftovers->brooms->len; i++)
		if (g_array_index(leftovers->brooms, pid_t, i) == pid) {
			g_array_remove_index_fast(leftovers->brooms, i);
			return;
		}
}
