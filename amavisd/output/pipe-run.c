/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Running a program with a mail, and what its end means.
 *
 * It has no terminal, no variables of ours, no descriptors but the three, a process group of its own, and a
 * time.  What it writes is read to its end, so that it never waits; the start of it is kept for the reply. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "output/output-private.h"

#define RUN_SAID_MAX 400u /* bytes kept of what it says */
#define RUN_PAUSE_MS 50	  /* between looks where the kernel has no pidfd */

/* In the child; async-signal-safe alone (signal-safety(7)). */
static void
run_prepare(G_GNUC_UNUSED gpointer user_data)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)setpgid(0, 0); /* a child is no leader of a group: it cannot fail */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Reads what is there; FALSE at the end. */
static gboolean
run_listen(int fd, GString *said)
{
	char buffer[4096];
	gssize n = read(fd, buffer, sizeof buffer);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n > 0 && said->len < RUN_SAID_MAX)
		g_string_append_len(said, buffer, MIN(n, (gssize)(RUN_SAID_MAX - said->len)));
	return n > 0;
}

static gboolean
run_is_over(GPid pid, int *status)
{
	pid_t ended;
	do {
		ended = waitpid(pid, status, WNOHANG);
	} while (ended < 0 && errno == EINTR);
	if (ended < 0)
		*status = SIGKILL; /* how it ended is lost: never a success */
	return ended != 0;
}

/* Until it has ended or the time has; it is reaped either way. */
static void
run_await(GPid pid, int pidfd, int fd, gint64 until_us, AmPipeResult *result, GString *said)
{
	struct pollfd watched[] = { { .fd = fd, .events = POLLIN },
				    { .fd = pidfd, .events = POLLIN } };
	while (!run_is_over(pid, &result->status)) {
		gint64 left_ms = (until_us - g_get_monotonic_time() + 999) / 1000;
		if (left_ms <= 0) {
			result->is_timed_out = TRUE;
			(void)kill(-pid,
				   SIGKILL); /* its group is there as long as it is not reaped */
			while (waitpid(pid, &result->status, 0) < 0 && errno == EINTR)
				;
			return;
		}
		int wait_ms = (int)MIN(left_ms, pidfd >= 0 ? G_MAXINT : RUN_PAUSE_MS);
		if (poll(watched, G_N_ELEMENTS(watched), wait_ms) > 0 && watched[0].revents != 0 &&
		    !run_listen(fd, said))
			watched[0].fd = -1;
	}
	/* what it said last; its children may hold the pipe for ever */
	while (watched[0].fd >= 0 && poll(watched, 1, 0) > 0 && run_listen(fd, said))
		;
}

gboolean
am_pipe_run(char **argv, const char *directory, int mail_fd, gint64 until_us, AmPipeResult *result,
	    GError **error)
{
	static const char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
						   "LANG=C.UTF-8", NULL };
	int ends[2];
	GPid pid;
	*result = (AmPipeResult){ 0 };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return am_file_error("pipe to", argv[0], error);
	g_auto(AmFd) from = ends[0];
	g_auto(AmFd) to = ends[1];
	if (!g_spawn_async_with_pipes_and_fds(directory, (const char *const *)argv, environment,
					      G_SPAWN_DO_NOT_REAP_CHILD, run_prepare, NULL, mail_fd,
					      to, to, NULL, NULL, 0, &pid, NULL, NULL, NULL, error))
		return FALSE;
	am_fd_clear(&to);
	g_auto(AmFd) pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	g_autoptr(GString) said = g_string_new(NULL);
	run_await(pid, pidfd, from, until_us, result, said);
	result->said = g_utf8_make_valid(said->str, (gssize)said->len);
	return TRUE;
}

/* -- what it means -- */

/* sysexits.h; what is not here, and signals, may be better the next time: 4xx, the mail stays with the
 * client. */
static const struct {
	int status, code;
	const char *enhanced, *text;
} run_codes[] = {
	{ EX_OK, 250, "2.6.0", "delivered" },
	{ EX_DATAERR, 554, "5.6.0", "the mail's format is wrong" },
	{ EX_NOUSER, 554, "5.1.1", "no such user" },
	{ EX_NOHOST, 554, "5.1.2", "no such host" },
	{ EX_UNAVAILABLE, 554, "5.5.0", "refused" },
	{ EX_CANTCREAT, 554, "5.2.0", "cannot be delivered" },
	{ EX_NOPERM, 554, "5.7.1", "not permitted" },
	{ EX_TEMPFAIL, 450, "4.2.0", "try again later" },
};

/* Takes an enhanced code off the start of what was said, when it is of that class (RFC 3463). */
static char *
run_take_enhanced(int code, const char **said)
{
	const char *at = *said;
	if (*at != '0' + code / 100 || at[1] != '.' || !g_ascii_isdigit(at[2]))
		return NULL;
	gsize len = strspn(at, "0123456789.");
	g_autofree char *word = g_strndup(at, len);
	if (len > 9 || !g_regex_match_simple("^[245]\\.[0-9]{1,3}\\.[0-9]{1,3}$", word, 0, 0))
		return NULL;
	*said = at + len + strspn(at + len, " \t");
	return g_steal_pointer(&word);
}

AmReply *
am_pipe_reply(const AmPipe *pipe, const AmPipeResult *result)
{
	gsize i = 0;
	const char *said = result->said != NULL ? result->said : "";
	int status = WIFEXITED(result->status) ? WEXITSTATUS(result->status) : -1;
	if (result->is_timed_out)
		return am_reply_new(451, "4.3.0", "%s took too long", pipe->name);
	while (i < G_N_ELEMENTS(run_codes) && run_codes[i].status != status)
		i++;
	int code = i < G_N_ELEMENTS(run_codes) ? run_codes[i].code : 451;
	g_autofree char *enhanced = run_take_enhanced(code, &said);
	g_autofree char *text = g_strdup(said);
	g_strdelimit(text, "\r\n\t", ' ');
	g_strstrip(text);
	if (i < G_N_ELEMENTS(run_codes))
		return am_reply_new(code, enhanced != NULL ? enhanced : run_codes[i].enhanced, "%s",
				    *text != '\0' ? text : run_codes[i].text);
	if (status >= 0)
		return am_reply_new(code, enhanced != NULL ? enhanced : "4.3.0",
				    "%s ended with status %d%s%s", pipe->name, status,
				    *text != '\0' ? ": " : "", text);
	return am_reply_new(code, "4.3.0", "%s was ended by signal %d", pipe->name,
			    WTERMSIG(result->status));
}
