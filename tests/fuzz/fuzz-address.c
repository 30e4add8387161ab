/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A path of MAIL or RCPT: refused, or read as an address that is read the same when quoted. */

#include <config.h>

#include "mail/address.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *internal = NULL, *again = NULL;
	const char *end;
	for (guint lax = 0; lax < 2; lax++) {
		g_clear_pointer(&internal, g_free);
		if (!am_address_parse_path(text, lax != 0, &internal, &end, NULL))
			continue;
		g_assert(end > text && end <= text + strlen(text));
		g_autofree char *quoted = am_address_quote(internal);
		g_autofree char *path = g_strdup_printf("<%s>", quoted);
		g_clear_pointer(&again, g_free);
		g_assert(am_address_parse_path(path, FALSE, &again, NULL, NULL));
		g_assert(strcmp(internal, again) == 0);
	}
	/* keys are asked for addresses of other sources, too */
	g_auto(GStrv) keys = am_address_lookup_keys(text, "+-");
	g_assert(keys[0] != NULL);
	return 0;
}
