/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A directory may resist for a moment: the keeper of the worker is just about to kill the program
 * that writes there.  So it is tried some times before anybody is told. */

#include <config.h>

#include "content/leftovers.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "content/remove.h"
#include "log/log.h"

#define TRIES 10

typedef struct {
	pid_t pid;
	guint n_tries;
} Leftover;

struct _AmLeftovers {
	const AmWorkerSetup *setup;
	GArray *waiting; /* Leftover */
};

AmLeftovers *
am_leftovers_new(const AmWorkerSetup *setup)
{
	AmLeftovers *leftovers = g_new0(AmLeftovers, 1);
	leftovers->setup = setup;
	leftovers->waiting = g_array_new(FALSE, FALSE, sizeof(Leftover));
	return leftovers;
}

void
am_leftovers_free(AmLeftovers *leftovers)
{
	if (leftovers == NULL)
		return;
	g_array_free(leftovers->waiting, TRUE);
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
leftovers_remove(const AmLeftovers *leftovers, pid_t pid, gboolean is_told)
{
	g_autofree char *work = am_worker_work_directory(leftovers->setup, pid);
	g_autofree char *spool = am_worker_spool_directory(leftovers->setup, pid);
	const char *const paths[] = { work, spool };
	gboolean is_clean = TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autoptr(GError) error = NULL;
		if (am_remove_tree(paths[i], &error))
			continue;
		is_clean = FALSE;
		if (is_told)
			am_warning("content: %s", error->message);
	}
	return is_clean;
}

void
am_leftovers_add(AmLeftovers *leftovers, pid_t worker)
{
	Leftover leftover = { .pid = worker };
	if (!leftovers_remove(leftovers, worker, FALSE))
		g_array_append_val(leftovers->waiting, leftover);
}

void
am_leftovers_try_again(AmLeftovers *leftovers, gboolean is_last)
{
	for (guint i = leftovers->waiting->len; i-- > 0;) {
		Leftover *leftover = &g_array_index(leftovers->waiting, Leftover, i);
		gboolean is_told = is_last || ++leftover->n_tries >= TRIES;
		if (leftovers_remove(leftovers, leftover->pid, is_told) || is_told)
			g_array_remove_index(leftovers->waiting, i);
	}
}
