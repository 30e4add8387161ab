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
decode_run_bid(DecodeRun *run, MockHost *mock, const char *name, const char *type,
	       gconstpointer data, gsize len)
{
	run->part = mock_part_new("1", type, NULL, name, data, len);
	mock_decode_init(&run->decode, run->part);
	gsize head_len = MIN(len, HEAD_BYTES);
	guint8 *head = g_memdup2(data, head_len); /* exact: an overrun shows */
	run->bid = mock->loaded.plugin.decoder->bid(mock->self, &run->part->info, head, head_len);
	g_free(head);
}

void
decode_run_decode(DecodeRun *run, MockHost *mock)
{
	g_autoptr(GError) error = NULL;
	gboolean is_good = mock->loaded.plugin.decoder->decode(mock->self, &run->decode, &error);
	g_assert_no_error(error);
	g_assert_true(is_good);
	g_assert_cmpuint(run->decode.n_after_refusal, ==, 0);
	g_assert_cmpuint(run->decode.max_write, <=, WRITE_MAX);
	g_assert_cmpint(lseek(run->part->fd, 0, SEEK_CUR), ==, 0);
}

void
decode_run_limited(DecodeRun *run, MockHost *mock, const char *name, gconstpointer data, gsize len,
		   guint64 bytes_left, const char *const *passwords)
{
	decode_run_bid(run, mock, name, NULL, data, len);
	run->decode.passwords = passwords;
	if (bytes_left > 0)
		run->decode.bytes_left = bytes_left;
	decode_run_decode(run, mock);
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

char *
decode_run_children(const DecodeRun *run)
{
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < run->decode.children->len; i++) {
		const AmChild *child = g_ptr_array_index(run->decode.children, i);
		g_string_append_printf(
			text, "%s:%u:%s:%.*s ", child->name != NULL ? child->name : "",
			child->data->len, child->declared != NULL ? child->declared : "",
			(int)MIN(child->data->len, 2), (const char *)child->data->data);
	}
	return g_string_free(text, FALSE);
}

char *
decode_run_seed(const char *target, const char *name, gsize *len)
{
	g_autoptr(GError) error = NULL;
	char *data = NULL;
	g_autofree char *path =
		g_test_build_filename(G_TEST_DIST, "fuzz", "corpus", target, name, NULL);
	if (!g_file_get_contents(path, &data, len, &error))
		g_error("%s", error->message);
	return data;
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
