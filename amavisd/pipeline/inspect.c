/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Stage inspect: has a mail looked at by a content worker (mail/exchange.h has the protocol).
 *
 * The request is sent at once; the kernel keeps it until a worker accepts, and its hello ends the
 * wait for a free one.  From then on the worker's time runs.  A worker that has not reported by then
 * is killed, for it may never come back; so is one whose report is not a report, for it is no longer
 * ours.  The mail then gets one more worker: a second failure lies with the mail and is for policy to
 * judge.  A mail that only had to wait too long is not tried again, its time is up.
 *
 * While the zygote restarts there is no socket, or one nobody listens on; that looks like a long
 * queue and is treated so. */

#include <config.h>

#include "pipeline/inspect.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/exchange.h"
#include "mail/fd.h"

#define INSPECT_ATTEMPTS 2
#define INSPECT_RETRY_US 20000 /* between two attempts to connect */

/* A worker at work on our mail. */
typedef struct {
	AmFd socket;
	pid_t pid; /* 0: no hello yet */
} InspectWorker;

static void
inspect_worker_clear(InspectWorker *worker)
{
	am_fd_clear(&worker->socket);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(InspectWorker, inspect_worker_clear)

static void
inspect_count(gint64 *counter)
{
	(void)__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* One attempt.  0, or the errno value; EAGAIN: the queue of connections is full. */
static int
inspect_connect_once(const struct sockaddr_un *address, AmFd *result)
{
	g_auto(AmFd) fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
		return errno;
	*result = fd;
	fd = -1;
	return 0;
}

static gboolean
inspect_connect(const char *path, gint64 deadline_us, AmFd *fd, GError **error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path) {
		am_error_set_errno(error, AM_ERROR_CONFIG, ENAMETOOLONG, "content socket");
		return FALSE;
	}
	for (;;) {
		int errnum = inspect_connect_once(&address, fd);
		if (errnum == 0)
			return TRUE;
		gboolean may_pass = errnum == ENOENT || errnum == ECONNREFUSED || errnum == EINTR ||
				    errnum == EAGAIN;
		if (!may_pass || g_get_monotonic_time() + INSPECT_RETRY_US >= deadline_us) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errnum,
					   "connecting to a content worker");
			return FALSE;
		}
		if (errnum != EINTR)
			g_usleep(INSPECT_RETRY_US);
	}
}

static gboolean
inspect_send(const InspectWorker *worker, const AmMail *mail, gint64 deadline_us, GError **error)
{
	const AmEnvelope *envelope = mail->envelope;
	guint n = envelope->recipients->len;
	g_autofree char **recipients = g_new0(char *, n + 1); /* borrowed addresses */
	for (guint i = 0; i < n; i++)
		recipients[i] = ((AmRecipient *)envelope->recipients->pdata[i])->address;
	AmInspectRequest request = {
		.mail_size = am_spool_size(mail->spool),
		.deadline_us = deadline_us,
		.sender = envelope->sender,
		.recipients = recipients,
		.client_address = envelope->client_address,
		.helo = envelope->helo,
		.smtputf8 = envelope->smtputf8,
	};
	(void)g_strlcpy(request.mail_id, mail->id, sizeof request.mail_id);
	return am_exchange_send_request(worker->socket, &request, am_spool_fd(mail->spool), error);
}

/* The worker holds the other end of the socket for its whole life.  That end being open means that it
 * is alive, and so was when the pidfd was opened: the pid cannot have become another's. */
static gboolean
inspect_worker_is_alive(const InspectWorker *worker)
{
	struct pollfd pfd = { .fd = worker->socket, .events = POLLRDHUP };
	return poll(&pfd, 1, 0) == 0;
}

static void
inspect_kill(const InspectWorker *worker, const AmMail *mail)
{
	if (worker->pid <= 0)
		return;
	g_auto(AmFd) pidfd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
	if (!inspect_worker_is_alive(worker))
		return;
	long rc = pidfd >= 0 ? syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0)
			     : kill(worker->pid, SIGKILL); /* the kernel has no pidfd */
	if (rc != 0 && errno != ESRCH)
		am_log(AM_LOG_ERROR, mail->id, "inspect: killing worker %d: %s", (int)worker->pid,
		       g_strerror(errno));
}

static AmReport *
inspect_receive(const InspectWorker *worker, const AmMail *mail, gint64 deadline_us, GError **error)
{
	g_autoptr(GBytes) bytes = am_exchange_receive_report(worker->socket, deadline_us, error);
	if (bytes == NULL || !am_exchange_receive_end(worker->socket, deadline_us, error))
		return NULL;
	return am_report_parse(bytes, am_spool_size(mail->spool), error);
}

/* One worker.  *may_retry: the failure is the worker's, another one may do better. */
static AmReport *
inspect_once(const AmInspectContext *context, const AmMail *mail, gint64 deadline_us,
	     gboolean *may_retry, GError **error)
{
	g_auto(InspectWorker) worker = { .socket = -1 };
	gint64 queue_deadline_us = MIN(g_get_monotonic_time() + context->queue_us, deadline_us);
	*may_retry = FALSE;
	if (!inspect_connect(context->socket_path, queue_deadline_us, &worker.socket, error))
		return NULL;
	/* the worker may start this late and so take this long; a shorter time would make a full
	 * queue look like a mail over its limits */
	gint64 last_us = MIN(queue_deadline_us + context->time_us, deadline_us);
	if (!inspect_send(&worker, mail, last_us, error) ||
	    !am_exchange_receive_hello(worker.socket, queue_deadline_us, &worker.pid, error)) {
		*may_retry = error != NULL && !g_error_matches(*error, AM_ERROR, AM_ERROR_RESOURCE);
		g_prefix_error(error, "waiting for a content worker: ");
		return NULL;
	}
	AmReport *report = inspect_receive(
		&worker, mail, MIN(g_get_monotonic_time() + context->time_us, deadline_us), error);
	if (report == NULL) {
		*may_retry = TRUE;
		inspect_kill(&worker, mail);
		g_prefix_error(error, "content worker %d: ", (int)worker.pid);
	}
	return report;
}

AmReport *
am_inspect(const AmInspectContext *context, const AmMail *mail, gint64 deadline_us, GError **error)
{
	for (guint attempt = 1;; attempt++) {
		g_autoptr(GError) local = NULL;
		gboolean may_retry;
		AmReport *report = inspect_once(context, mail, deadline_us, &may_retry, &local);
		if (report != NULL)
			return report;
		if (!may_retry || attempt == INSPECT_ATTEMPTS ||
		    g_get_monotonic_time() >= deadline_us) {
			if (context->statistics != NULL)
				inspect_count(&context->statistics->inspect_failures);
			g_propagate_error(error, g_steal_pointer(&local));
			return NULL;
		}
		am_log(AM_LOG_WARNING, mail->id, "inspect: %s; once more in another worker",
		       local->message);
		if (context->statistics != NULL)
			inspect_count(&context->statistics->inspect_retries);
	}
}
