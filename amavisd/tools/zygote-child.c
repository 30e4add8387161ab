/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See zygote-child.h. */

#include <config.h>

#include "tools/zygote-child.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/zygote.h"
#include "log/log.h"

#define START_TIMEOUT_MS 300000 /* a large virus engine on a slow disk */
#define SCAN_WORKERS 1
#define LINE_MAX_BYTES 4096

static gboolean
child_fork(AmZygoteChild *child, GError **error)
{
	int fds[2];
	if (pipe(fds) < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "pipe");
		return FALSE;
	}
	child->generation.tell_fd = fds[1];
	child->pid = fork();
	if (child->pid < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "fork");
		(void)close(fds[0]);
		(void)close(fds[1]);
		return FALSE;
	}
	if (child->pid == 0) {
		(void)close(fds[0]);
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		am_log_set_process("content");
		_exit(am_zygote_run(&child->generation));
	}
	(void)close(fds[1]);
	child->tell_read_fd = fds[0];
	return TRUE;
}

/* Reads what the zygote tells until READY, ERROR or its end; text gathers the ERROR lines. */
static gboolean
child_read(AmZygoteChild *child, GString *text, GError **error)
{
	char buffer[LINE_MAX_BYTES];
	struct pollfd poll_fd = { .fd = child->tell_read_fd, .events = POLLIN };
	g_autoptr(GString) lines = g_string_new(NULL);

	for (;;) {
		int n = poll(&poll_fd, 1, START_TIMEOUT_MS);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "the content process was not ready in time");
			return FALSE;
		}
		gssize got = read(child->tell_read_fd, buffer, sizeof(buffer));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		g_string_append_len(lines, buffer, got);
		char *end;
		while ((end = strchr(lines->str, '\n')) != NULL) {
			*end = '\0';
			if (strcmp(lines->str, "READY") == 0)
				return TRUE;
			if (g_str_has_prefix(lines->str, "ERROR "))
				g_string_append_printf(text, "%s%s", text->len ? "\n" : "",
						       lines->str + 6);
			g_string_erase(lines, 0, end - lines->str + 1);
		}
	}
	g_set_error(error, AM_ERROR, AM_ERROR_SCANNER, "%s",
		    text->len ? text->str : "the content process ended at its start");
	return FALSE;
}

gboolean
am_zygote_child_start(AmZygoteChild *child, AmConfig *config, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	memset(child, 0, sizeof(*child));
	child->tell_read_fd = -1;
	child->generation.tell_fd = -1;
	child->directory = g_dir_make_tmp("amavisctl-XXXXXX", error);
	if (child->directory == NULL)
		return FALSE;
	child->generation.number = 1;
	child->generation.config = config;
	child->generation.workers = SCAN_WORKERS;
	child->generation.spool_directory = child->directory;
	child->generation.listeners = g_ptr_array_new();
	child->generation.content_socket = g_build_filename(child->directory, "content.sock", NULL);
	child->generation.statistics = g_new0(AmStatistics, 1);
	return child_fork(child, error) && child_read(child, text, error);
}

void
am_zygote_child_stop(AmZygoteChild *child)
{
	if (child->pid > 0) {
		(void)kill(child->pid, SIGTERM);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (child->tell_read_fd >= 0)
		(void)close(child->tell_read_fd);
	if (child->generation.content_socket != NULL)
		(void)g_unlink(child->generation.content_socket);
	if (child->directory != NULL) {
		g_autofree char *work = g_build_filename(child->directory, "work", NULL);
		(void)g_rmdir(work);
		if (g_rmdir(child->directory) < 0 && errno != ENOENT)
			am_warning("cannot remove %s: %s", child->directory, g_strerror(errno));
	}
	g_clear_pointer(&child->generation.listeners, g_ptr_array_unref);
	g_clear_pointer(&child->generation.content_socket, g_free);
	g_clear_pointer(&child->generation.statistics, g_free);
	g_clear_pointer(&child->directory, g_free);
	child->pid = 0;
	child->tell_read_fd = -1;
}
