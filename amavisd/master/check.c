/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Plugins are shared objects and policy is Lua: neither is run by root, so both are checked in a
 * child that has become the daemon's user.  It sends its problems through a pipe, each as three
 * strings with their NUL: file, line, text. */

#include <config.h>

#include "master/check.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"
#include "master/listeners.h"
#include "pipeline/setup.h"
#include "session/session.h"

#define CHECK_TIME_US (60 * G_USEC_PER_SEC)
#define CHECK_MAX_BYTES (1024 * 1024)

/* RUN/content-4294967295.sock must fit into sockaddr_un */
#define RUN_DIRECTORY_MAX_BYTES 80

static G_GNUC_NORETURN void
check_child(AmConfig *config, const AmIdentity *identity, AmCheckFunc check, int fd)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autoptr(GError) error = NULL;
	am_log_set_process("check");
	if (am_identity_assume(identity, &error))
		check(config, problems);
	else
		am_config_add_problem(problems, "", 0, "%s", error->message);
	for (guint i = 0; i < problems->len; i++) {
		const AmConfigProblem *problem = g_ptr_array_index(problems, i);
		g_autofree char *line = g_strdup_printf("%u", problem->line);
		const char *const fields[] = { problem->file, line, problem->text };
		for (guint j = 0; j < G_N_ELEMENTS(fields); j++)
			g_byte_array_append(out, (const guint8 *)fields[j],
					    (guint)strlen(fields[j]) + 1);
	}
	for (gsize done = 0; done < out->len;) {
		ssize_t n = write(fd, out->data + done, out->len - done);
		if (n < 0 && errno != EINTR)
			_exit(EXIT_FAILURE);
		done += n > 0 ? (gsize)n : 0;
	}
	_exit(EXIT_SUCCESS);
}

/* All the child sends; FALSE when it took too long or sent too much. */
static gboolean
check_read(int fd, GByteArray *in)
{
	gint64 deadline_us = g_get_monotonic_time() + CHECK_TIME_US;
	guint8 buf[4096];
	for (;;) {
		struct pollfd item = { .fd = fd, .events = POLLIN };
		gint64 left_us = deadline_us - g_get_monotonic_time();
		if (left_us <= 0 || in->len > CHECK_MAX_BYTES)
			return FALSE;
		int ready = poll(&item, 1, (int)(left_us / 1000) + 1);
		if (ready < 0 && errno != EINTR)
			return FALSE;
		if (ready <= 0)
			continue;
		ssize_t n = read(fd, buf, sizeof(buf));
		if (n == 0)
			return TRUE;
		if (n < 0 && errno != EINTR)
			return FALSE;
		if (n > 0)
			g_byte_array_append(in, buf, (guint)n);
	}
}

static void
check_take(GByteArray *in, GPtrArray *problems)
{
	const char *fields[3];
	const char *p = (const char *)in->data, *end = p + in->len;
	for (guint n = 0; p < end; p++) {
		const char *nul = memchr(p, '\0', (gsize)(end - p));
		if (nul == NULL)
			return; /* cut short; its exit status tells */
		fields[n++] = p;
		p = nul;
		if (n == G_N_ELEMENTS(fields)) {
			am_config_add_problem(problems, fields[0],
					      (guint)g_ascii_strtoull(fields[1], NULL, 10), "%s",
					      fields[2]);
			n = 0;
		}
	}
}

static void
check_in_child(AmConfig *config, const AmIdentity *identity, AmCheckFunc check, GPtrArray *problems)
{
	int fds[2], status;
	g_autoptr(GByteArray) in = g_byte_array_new();
	if (pipe2(fds, O_CLOEXEC) != 0) {
		am_config_add_problem(problems, "", 0, "checking: pipe: %s", g_strerror(errno));
		return;
	}
	g_auto(AmFd) reading = fds[0];
	g_auto(AmFd) writing = fds[1];
	pid_t pid = fork();
	if (pid < 0) {
		am_config_add_problem(problems, "", 0, "checking: fork: %s", g_strerror(errno));
		return;
	}
	if (pid == 0)
		check_child(config, identity, check, writing);
	am_fd_clear(&writing);
	gboolean is_whole = check_read(reading, in);
	if (!is_whole)
		(void)kill(pid, SIGKILL); /* not collected yet, so it is surely ours */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return;
	check_take(in, problems);
	if (!is_whole)
		am_config_add_problem(problems, "", 0, "checking plugins and policy took too long");
	else if (WIFSIGNALED(status))
		am_config_add_problem(problems, "", 0,
				      "checking plugins and policy died by signal %d (%s)",
				      WTERMSIG(status), g_strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != 0)
		am_config_add_problem(problems, "", 0,
				      "checking plugins and policy ended with status %d",
				      WEXITSTATUS(status));
}

static void
check_log(const AmConfig *config, GPtrArray *problems)
{
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	const char *log = am_config_string(core, "log");
	if (strcmp(log, "syslog") != 0 && strcmp(log, "journal") != 0 &&
	    strcmp(log, "stderr") != 0 && !g_str_has_prefix(log, "file:/"))
		am_config_add_key_problem(problems, core, "log",
					  "log = \"%s\" is not allowed; allowed: syslog, "
					  "journal, stderr or file:/path",
					  log);
}

static void
check_run_directory(const AmConfig *config, GPtrArray *problems)
{
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	if (strlen(am_config_string(core, "run_directory")) > RUN_DIRECTORY_MAX_BYTES)
		am_config_add_key_problem(problems, core, "run_directory",
					  "run_directory is too long for the sockets in it; "
					  "allowed: %d bytes",
					  RUN_DIRECTORY_MAX_BYTES);
}

AmIdentity *
am_master_check(AmConfig *config, AmCheckFunc check, GPtrArray *problems)
{
	am_listeners_check(config, problems);
	check_log(config, problems);
	check_run_directory(config, problems);
	guint n_before = problems->len;
	AmIdentity *identity = am_identity_new(config, problems);
	/* a child can only become a user that is there and not root */
	if (check != NULL && problems->len == n_before)
		check_in_child(config, identity, check, problems);
	return identity;
}

void
am_master_check_content(AmConfig *config, GPtrArray *problems)
{
	am_session_check(config, problems);
	am_setup_check(config, problems);
}
