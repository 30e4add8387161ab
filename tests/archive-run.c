/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "archive-run.h"

#include <string.h>

MockHost run_host;

void
run_load(void)
{
	g_autoptr(GError) error = NULL;
	if (!mock_host_load(&run_host, mock_host_open("decoders", "archive"), AM_KIND_DECODER, "",
			    &error))
		g_error("%s", error->message);
}

void
run_unload(void)
{
	mock_host_clear(&run_host);
}

void
run_bid(Run *run, const char *name, gconstpointer data, gsize len)
{
	decode_run_bid(run, &run_host, name, NULL, data, len);
}

void
run_decode(Run *run)
{
	decode_run_decode(run, &run_host);
}

void
run_init(Run *run, const char *name, gconstpointer data, gsize len)
{
	run_bid(run, name, data, len);
	run_decode(run);
}

void
run_clear(Run *run)
{
	decode_run_clear(run);
}

const AmChild *
run_find(const Run *run, const char *name)
{
	for (guint i = 0; i < run->decode.children->len; i++) {
		const AmChild *child = g_ptr_array_index(run->decode.children, i);
		/* some formats have a slash behind a directory or in front of a name */
		if (child->name != NULL && (strcmp(child->name, name) == 0 ||
					    (g_str_has_prefix(child->name, name) &&
					     strcmp(child->name + strlen(name), "/") == 0)))
			return child;
	}
	return NULL;
}

void
run_assert_child(const Run *run, const char *name, guint32 flags, gconstpointer data, gsize len)
{
	const AmChild *child = run_find(run, name);
	if (child == NULL) {
		for (guint i = 0; i < run->decode.children->len; i++)
			g_printerr("# there is: %s\n",
				   ((AmChild *)g_ptr_array_index(run->decode.children, i))->name);
		g_error("no child %s in %s (%s)", name, run->part->name, run->decode.reasons->str);
	}
	g_assert_cmphex(child->flags, ==, flags);
	g_assert_cmpmem(child->data->data, child->data->len, data, len);
}
