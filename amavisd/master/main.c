/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The program amavisd: options, the check of the configuration, going to the background.
 *
 * In the background the first process waits for one byte of the master, its exit status: 0 once mail
 * is served.  Until then the master keeps standard error, so that what goes wrong at the start is
 * seen where amavisd was started. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/zygote.h"
#include "log/log.h"
#include "mail/fd.h"
#include "master/check.h"
#include "master/master.h"
#include "session/session.h"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 78 /* EX_CONFIG of sysexits.h */ };

typedef struct {
	gboolean is_foreground;
	gboolean keeps_stderr; /* the log goes there */
	int status_fd;	       /* to the first process, -1 in the foreground */
} Background;

static void
main_redirect(int to, int flags)
{
	g_auto(AmFd) fd = open("/dev/null", flags | O_CLOEXEC);
	if (fd < 0 || dup2(fd, to) < 0)
		am_warning("/dev/null: %s", g_strerror(errno));
}

static void
main_tell_status(Background *background, int status)
{
	guint8 byte = (guint8)status;
	ssize_t n;
	if (background->status_fd < 0)
		return;
	do {
		n = write(background->status_fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	am_fd_clear(&background->status_fd); /* nobody waiting is no concern of the daemon */
}

static void
main_ready(gpointer user_data)
{
	Background *background = user_data;
	main_tell_status(background, EXIT_SUCCESS);
	if (!background->is_foreground && !background->keeps_stderr)
		main_redirect(STDERR_FILENO, O_WRONLY);
}

static void
main_in_child(gpointer user_data)
{
	Background *background = user_data;
	am_fd_clear(&background->status_fd);
	if (!background->is_foreground && !background->keeps_stderr)
		main_redirect(STDERR_FILENO, O_WRONLY);
}

/* In the first process: its exit status is what the master says. */
static G_GNUC_NORETURN void
main_wait_status(int fd)
{
	guint8 status;
	ssize_t n;
	do {
		n = read(fd, &status, 1);
	} while (n < 0 && errno == EINTR);
	if (n != 1) {
		(void)fprintf(stderr, "amavisd: died at its start\n");
		_exit(EXIT_FAILURE);
	}
	_exit(status);
}

/* Two forks: the daemon leads no session, so no terminal can become its own.  Returns in the
 * daemon. */
static gboolean
main_daemonise(Background *background, GError **error)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "pipe");
		return FALSE;
	}
	pid_t pid = fork();
	if (pid > 0) {
		(void)close(fds[1]);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		main_wait_status(fds[0]);
	}
	if (pid == 0 && setsid() >= 0)
		pid = fork();
	if (pid < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "going to the background");
		return FALSE;
	}
	if (pid > 0)
		_exit(EXIT_SUCCESS); /* the one in between */
	(void)close(fds[0]);
	background->status_fd = fds[1];
	if (chdir("/") != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "chdir");
		return FALSE;
	}
	main_redirect(STDIN_FILENO, O_RDONLY);
	main_redirect(STDOUT_FILENO, O_WRONLY);
	return TRUE;
}

static int
main_print_problems(GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = am_config_problem_to_string(g_ptr_array_index(problems, i));
		(void)fprintf(stderr, "%s\n", text);
	}
	(void)fprintf(stderr, "amavisd: %u problem%s in the configuration\n", problems->len,
		      problems->len == 1 ? "" : "s");
	return EXIT_CONFIG;
}

static int
main_serve(const char *file, Background *background)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(AmConfig) config = am_config_load(file, problems);
	g_autoptr(AmIdentity) identity =
		config != NULL ? am_master_check(config, am_master_check_content, problems) : NULL;
	if (problems->len > 0)
		return main_print_problems(problems);
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	background->keeps_stderr = strcmp(am_config_string(core, "log"), "stderr") == 0;
	const AmMasterOptions options = { .config_file = file,
					  .ops = { am_zygote_run, am_session_run },
					  .check = am_master_check_content,
					  .times = am_master_times,
					  .ready = main_ready,
					  .in_child = main_in_child,
					  .user_data = background };
	gboolean is_good = (background->is_foreground || main_daemonise(background, &error)) &&
			   am_master_open_log(config, &error) &&
			   am_master_run(config, identity, &options, &error);
	if (!is_good) {
		am_error("%s", error->message);
		if (!background->keeps_stderr)
			(void)fprintf(stderr, "amavisd: %s\n", error->message);
	}
	int status = is_good ? EXIT_SUCCESS : EXIT_FAILURE;
	main_tell_status(background, status);
	return status;
}

int
main(int argc, char **argv)
{
	gboolean is_foreground = FALSE, wants_version = FALSE;
	g_autofree char *config_file = NULL;
	const GOptionEntry entries[] = {
		{ "foreground", 'f', 0, G_OPTION_ARG_NONE, &is_foreground, "Stay in the foreground",
		  NULL },
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &config_file,
		  "Configuration (default: " AM_CONFIG_FILE ")", "FILE" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &wants_version, "Print the version", NULL },
		{ NULL },
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(GOptionContext) context = g_option_context_new("- a content filter for mail");
	(void)setlocale(LC_CTYPE, "C.UTF-8"); /* the same whoever starts us; else "C" stays */
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
		(void)fprintf(stderr, "amavisd: %s\nTry 'amavisd --help'.\n",
			      error != NULL ? error->message : "too many arguments");
		return EXIT_USAGE;
	}
	if (wants_version) {
		(void)printf("amavisd %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	Background background = { is_foreground, TRUE, -1 };
	/* the daemon's directory is not the one the name was given in */
	g_autofree char *file =
		g_canonicalize_filename(config_file != NULL ? config_file : AM_CONFIG_FILE, NULL);
	return main_serve(file, &background);
}
