/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The archive decoder at work on bytes, with what it made of them. */

#include "decode-run.h"

typedef DecodeRun Run;

extern MockHost run_host;

void run_load(void);
void run_unload(void);

void run_bid(Run *run, const char *name, gconstpointer data, gsize len);
/* Asserts that it is no failure of the decoder's, and that it kept to the rules. */
void run_decode(Run *run);
void run_init(Run *run, const char *name, gconstpointer data, gsize len); /* both */
void run_clear(Run *run);
const AmChild *run_find(const Run *run, const char *name);
void run_assert_child(const Run *run, const char *name, guint32 flags, gconstpointer data,
		      gsize len);
