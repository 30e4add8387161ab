/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "decode-run.h"

#include <string.h>
#include <unistd.h>

#define HEAD_BYTES 4096
#define WRITE_MAX 65536

void
decode_run_limited(DecodeRun *run, MockHost *mock, const char *name, gconstpointer data, gsize len,
		   guint64 bytes_left, const char *const *passwords)
{
	g_autoptr(GError) error = NULL;
	const AmDecoderOps *ops = mock->loaded.plugin.decoder;
	run->part = mock_part_new("1", NULL, NULL, name, data, len);
	mock_decode_init(&run->decode, run->part);
	run->decode.passwords = passwords;
	if (bytes_left > 0)
		run->decode.bytes_left = bytes_left;
	gsize head_len = MIN(len, HEAD_BYTES);
	guint8 *head = g_memdup2(data, head_len); /* exact: an overrun shows */
	run->bid = ops->bid(mock->self, &run->part->info, head, head_len);
	g_free(head);
	g_assert_true(ops->decode(mock->self, &run->decode, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(run->decode.n_after_refusal, ==, 0);
	g_assert_cmpuint(run->decode.max_write, <=, WRITE_MAX);
	g_assert_cmpint(lseek(run->part->fd, 0, SEEK_CUR), ==, 0);
}

void
decode_run(DecodeRun *run, MockHost *mock, gconstpointer data, gsize len)
{
	decode_run_limited(run, mock, NULL, data, len, 0, NULL);
}

void
decode_run_clear(DecodeRun *run)
{
	mock_decode_clear(&run->decode);
	mock_part_free(run->part);
}

const AmChild *
decode_run_find(const DecodeRun *run, const char *name)
{
	for (guint i = 0; i < run->decode.children->len; i++) {
		const AmChild *child = g_ptr_array_index(run->decode.children, i);
		if (g_strcmp0(child->name, name) == 0)
			return child;
	}
	return NULL;
}

void
decode_run_assert_child(const DecodeRun *run, const char *name, gconstpointer data, gsize len)
{
	const AmChild *child = decode_run_find(run, name);
	if (child == NULL) {
		for (guint i = 0; i < run->decode.children->len; i++)
			g_printerr("# there is: %s\n",
				   ((AmChild *)g_ptr_array_index(run->decode.children, i))->name);
		g_error("no child %s (%s)", name, run->decode.reasons->str);
	}
	g_assert_cmpmem(child->data->data, child->data->len, data, len);
}

void
decode_run_broken(MockHost *mock, gconstpointer data, gsize len, gsize step)
{
	DecodeRun run;
	for (gsize i = 0; i < len; i += step) {
		decode_run(&run, mock, data, i);
		decode_run_clear(&run);
	}
	g_autofree guint8 *copy = g_memdup2(data, len);
	for (gsize i = 0; i < len; i += step) {
		guint8 kept = copy[i];
		copy[i] = (guint8)(i % 2 == 0 ? 0xff : kept ^ 1 << i % 8);
		decode_run(&run, mock, copy, len);
		decode_run_clear(&run);
		copy[i] = kept;
	}
}
