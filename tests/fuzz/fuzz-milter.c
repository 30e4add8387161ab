/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The milter protocol: the first byte says where the rest is cut, and whether all is well with the
 * mail.  The server must live through it, say the same whole and cut, and be done with every mail that it
 * began. */

#include <config.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"
#include "milter/milter.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

typedef struct {
	guint begun, ended;
	gboolean is_refusing;
	AmMail *mail;
	GByteArray *answers;
} Fuzz;

static AmReply *
fuzz_begin(gpointer user)
{
	((Fuzz *)user)->begun++;
	return NULL;
}

static void
fuzz_abandon(gpointer user)
{
	((Fuzz *)user)->ended++;
}

static void
fuzz_mail(gpointer user, AmMail *mail, AmHandback *handback)
{
	Fuzz *fuzz = user;
	guint last = mail->envelope->recipients->len - 1;
	fuzz->mail = mail;
	if (fuzz->is_refusing) {
		handback->reply = am_reply_new(550, "5.7.1", "%s", mail->envelope->sender);
		return;
	}
	const AmRecipient *recipient = mail->envelope->recipients->pdata[last];
	g_array_append_val(handback->removed, last);
	g_ptr_array_add(handback->added, g_strdup(recipient->address));
}

static void
fuzz_done(gpointer user)
{
	Fuzz *fuzz = user;
	g_clear_pointer(&fuzz->mail, am_mail_free);
	fuzz->ended++;
}

/* FALSE: the server has closed. */
static gboolean
fuzz_drive(Fuzz *fuzz, AmMilterServer *server, int peer, const guint8 *data, gsize len)
{
	guint8 buffer[4096];
	gssize n;
	AmServerStep step;
	do {
		n = len > 0 ? send(peer, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
		data += MAX(n, 0);
		len -= (gsize)MAX(n, 0);
		step = am_milter_server_kind.step(server);
		while ((n = recv(peer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
			g_byte_array_append(fuzz->answers, buffer, (guint)n);
	} while (step != AM_SERVER_CLOSE && (len > 0 || step == AM_SERVER_YIELD));
	return step != AM_SERVER_CLOSE;
}

static GByteArray *
fuzz_serve(const guint8 *data, gsize len, gsize cut, gboolean is_refusing)
{
	static const AmHandbackOps ops = { .on_begin = fuzz_begin,
					   .on_abandon = fuzz_abandon,
					   .on_mail = fuzz_mail,
					   .on_done = fuzz_done };
	const AmIntake intake = { .spool_directory = "/tmp",
				  .spool_memory = 4096,
				  .size_limit = 4096,
				  .recipient_limit = 10,
				  .listener = "in" };
	int fds[2];
	Fuzz fuzz = { .is_refusing = is_refusing, .answers = g_byte_array_new() };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return fuzz.answers;
	AmMilterServer *server = am_milter_server_new(am_stream_new(fds[0]), &intake, &ops, &fuzz);
	if (fuzz_drive(&fuzz, server, fds[1], data, cut))
		(void)fuzz_drive(&fuzz, server, fds[1], data + cut, len - cut);
	am_milter_server_kind.free(server);
	(void)close(fds[1]);
	g_assert_cmpuint(fuzz.begun, ==, fuzz.ended);
	return fuzz.answers;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	if (size < 1)
		return 0;
	(void)am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_ERROR, NULL);
	gboolean is_refusing = (*data & 1) != 0;
	gsize cut = MIN(*data, size - 1);
	g_autoptr(GByteArray) whole = fuzz_serve(data + 1, size - 1, size - 1, is_refusing);
	g_autoptr(GByteArray) parts = fuzz_serve(data + 1, size - 1, cut, is_refusing);
	g_assert_cmpmem(whole->data, whole->len, parts->data, parts->len);
	return 0;
}
