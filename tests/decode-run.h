/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* One part through a decoder with the mock host, and what must hold whatever the part is. */

#include "mock-host.h"

typedef struct {
	AmPart *part;
	AmDecode decode;
	int bid;
} DecodeRun;

/* bid() and decode(), with a budget of `bytes_left` (0: that of the mock) and these passwords. */
void decode_run_limited(DecodeRun *run, MockHost *mock, const char *name, gconstpointer data,
			gsize len, guint64 bytes_left, const char *const *passwords);
void decode_run(DecodeRun *run, MockHost *mock, gconstpointer data, gsize len);
void decode_run_clear(DecodeRun *run);
/* NULL: there is none.  name NULL: one without a name. */
const AmChild *decode_run_find(const DecodeRun *run, const char *name);
/* There is a child of that name with this content. */
void decode_run_assert_child(const DecodeRun *run, const char *name, gconstpointer data, gsize len);
/* Each beginning of the data, and the data with each of some bytes changed: nothing must break. */
void decode_run_broken(MockHost *mock, gconstpointer data, gsize len, gsize step);
