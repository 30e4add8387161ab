/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* In the place of the server in a build without libsoup.  No listener gets here: the configuration
 * is refused. */

#include <config.h>

#include "http/http.h"

AmHttpServer *
am_http_server_new(G_GNUC_UNUSED AmStream *stream, G_GNUC_UNUSED const AmHttpConfig *config,
		   G_GNUC_UNUSED const AmHttpOps *ops, G_GNUC_UNUSED gpointer user)
{
	g_assert_not_reached();
}

char *
am_http_refusal(G_GNUC_UNUSED guint status, G_GNUC_UNUSED const char *text)
{
	return g_strdup("");
}

const AmServerKind am_http_server_kind = { 0 };
