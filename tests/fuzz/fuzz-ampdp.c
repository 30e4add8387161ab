/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* AM.PDP: the first byte says where the rest is cut.  Both ways must find the same requests, and the
 * server must live through them. */

#include <config.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ampdp/ampdp.h"
#include "ampdp/attributes.h"
#include "log/log.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static guint
fuzz_parse(AmPdpRequest *request, const guint8 *data, gsize len, guint hash)
{
	while (len > 0) {
		gsize used;
		AmPdpStep step = am_pdp_request_feed(request, data, len, &used);
		g_assert_cmpuint(used, <=, len);
		if (step == AM_PDP_LARGE)
			return hash;
		if (step == AM_PDP_DONE) {
			for (guint i = 0; i < request->attributes->len; i++) {
				const AmPdpAttribute *one =
					&g_array_index(request->attributes, AmPdpAttribute, i);
				hash = hash * 33 + g_str_hash(one->name);
				hash = hash * 33 + g_str_hash(one->value);
			}
			hash = hash * 33 + request->n_malformed;
			am_pdp_request_reset(request);
		}
		data += used;
		len -= used;
	}
	return hash;
}

/* -- a server without a pipeline -- */

static GPtrArray *
fuzz_replies(void)
{
	GPtrArray *replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	g_ptr_array_add(replies, am_reply_new(250, "2.0.0", "ok"));
	return replies;
}

static void
fuzz_mail(gpointer user, AmMail *mail, G_GNUC_UNUSED AmHandback *handback)
{
	*(AmMail **)user = mail;
}

static void
fuzz_done(gpointer user)
{
	g_clear_pointer((AmMail **)user, am_mail_free);
}

static GPtrArray *
fuzz_deliver(G_GNUC_UNUSED gpointer user, AmMail *mail)
{
	am_mail_free(mail);
	return fuzz_replies();
}

static GPtrArray *
fuzz_release(G_GNUC_UNUSED gpointer user, const AmReleaseRequest *request)
{
	g_assert_nonnull(request->ids[0]);
	return fuzz_replies();
}

static void
fuzz_serve(const guint8 *data, gsize len)
{
	static const char *const directories[] = { "/dev", NULL };
	static const AmHandbackOps check = { .on_mail = fuzz_mail, .on_done = fuzz_done };
	static const AmPdpOps ops = { .check = &check,
				      .on_deliver = fuzz_deliver,
				      .on_release = fuzz_release };
	const AmPdpConfig config = { .intake.spool_directory = "/tmp",
				     .intake.spool_memory = 4096,
				     .intake.size_limit = 4096,
				     .intake.recipient_limit = 100,
				     .intake.listener = "in",
				     .mail_directories = directories };
	int fds[2];
	AmMail *mail = NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return;
	(void)send(fds[1], data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fds[1], SHUT_WR);
	AmPdpServer *server = am_pdp_server_new(am_stream_new(fds[0]), &config, &ops, &mail);
	while (am_pdp_server_kind.step(server) == AM_SERVER_YIELD)
		;
	am_pdp_server_kind.free(server);
	(void)close(fds[1]);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	if (size < 1)
		return 0;
	(void)am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_ERROR, NULL);
	gsize cut = MIN(*data, size - 1);
	AmPdpRequest whole, parts;
	am_pdp_request_init(&whole);
	am_pdp_request_init(&parts);
	guint one = fuzz_parse(&whole, data + 1, size - 1, 0);
	guint two = fuzz_parse(&parts, data + 1, cut, 0);
	two = fuzz_parse(&parts, data + 1 + cut, size - 1 - cut, two);
	g_assert_cmpuint(one, ==, two);
	g_assert_cmpuint(whole.attributes->len, ==, parts.attributes->len);
	g_assert_cmpuint(whole.n_malformed, ==, parts.n_malformed);
	g_assert_cmpuint(whole.line->len, ==, parts.line->len);
	am_pdp_request_clear(&whole);
	am_pdp_request_clear(&parts);
	fuzz_serve(data + 1, size - 1);
	return 0;
}
