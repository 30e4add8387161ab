/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The asking side of the control socket; see control-server.c for the other. */

#include <config.h>

#include "master/control.h"

#include <string.h>

#include "wire/stream.h"

#define ANSWER_MAX_BYTES (1024 * 1024)

static gboolean
control_exchange(AmStream *stream, const char *request, GString *answer, gint64 deadline_us,
		 GError **error)
{
	char buf[4096];
	if (!am_stream_write(stream, request, strlen(request), deadline_us, error) ||
	    !am_stream_write(stream, "\n", 1, deadline_us, error) ||
	    !am_stream_flush(stream, deadline_us, error))
		return FALSE;
	for (;;) {
		gssize n = am_stream_read(stream, buf, sizeof(buf), deadline_us, error);
		if (n <= 0)
			return n == 0;
		g_string_append_len(answer, buf, n);
		if (answer->len > ANSWER_MAX_BYTES) {
			g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "the answer is too long");
			return FALSE;
		}
	}
}

char *
am_control_request(const char *run_directory, const char *request, gint64 deadline_us,
		   GError **error)
{
	g_autofree char *address = g_strdup_printf("unix:%s/%s", run_directory, AM_CONTROL_SOCKET);
	g_autoptr(GString) answer = g_string_new(NULL);
	g_autoptr(AmStream) stream = am_stream_connect(address, 0, deadline_us, error);
	if (stream == NULL) {
		g_prefix_error(error, "is amavisd running? ");
		return NULL;
	}
	if (!control_exchange(stream, request, answer, deadline_us, error)) {
		g_prefix_error(error, "%s: ", address);
		return NULL;
	}
	if (answer->len == 0 || answer->str[answer->len - 1] != '\n') {
		g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "%s: no whole answer", address);
		return NULL;
	}
	g_string_truncate(answer, answer->len - 1);
	return g_string_free(g_steal_pointer(&answer), FALSE);
}
