/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* One plugin in several files; see hostile.c. */

#include <amavisd/plugin.h>

#include <errno.h>

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	int maps_fd;	 /* of the worker, opened while that was allowed */
	unsigned n_seen; /* what no plugin may do: state that outlives a mail */
} Hostile;

/* One try at work. */
typedef struct {
	Hostile *self;
	AmScan *scan;
	const char *argument; /* NULL none */
} Try;

/* The function returns errno, 0 when it worked. */
typedef struct {
	const char *word;
	int (*func)(const Try *try);
} HostileWord;

extern const HostileWord hostile_files[], hostile_talk[], hostile_kernel[], hostile_excess[];

static inline int
result(long rc)
{
	return rc >= 0 ? 0 : errno;
}
