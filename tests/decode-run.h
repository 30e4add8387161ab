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

/* bid() alone; name and type (as the core has found it) may be NULL. */
void decode_run_bid(DecodeRun *run, MockHost *mock, const char *name, const char *type,
		    gconstpointer data, gsize len);
/* decode() behind it: it does not fail, and keeps to the rules. */
void decode_run_decode(DecodeRun *run, MockHost *mock);
/* Both, with a budget of `bytes_left` (0: that of the mock) and these passwords. */
void decode_run_limited(DecodeRun *run, MockHost *mock, const char *name, gconstpointer data,
			gsize len, guint64 bytes_left, const char *const *passwords);
void decode_run(DecodeRun *run, MockHost *mock, gconstpointer data, gsize len);
void decode_run_clear(DecodeRun *run);
/* NULL: there is none.  name NULL: one without a name. */
const AmChild *decode_run_find(const DecodeRun *run, const char *name);
/* There is a child of that name with this content. */
void decode_run_assert_child(const DecodeRun *run, const char *name, gconstpointer data, gsize len);
/* "name:length:declared type:first two bytes " of all children; to be freed. */
char *decode_run_children(const DecodeRun *run);
/* What that seed of a fuzz target has in it; to be freed. */
char *decode_run_seed(const char *target, const char *name, gsize *len);
/* Each beginning of the data, and the data with each of some bytes changed: nothing must break. */
void decode_run_broken(MockHost *mock, gconstpointer data, gsize len, gsize step);
