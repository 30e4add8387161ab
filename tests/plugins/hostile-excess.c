/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Too much of everything, crashes, and state that outlives a mail. */

#define _GNU_SOURCE

#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int kept_in_data = 1;

/* ---- resources ----------------------------------------------------------------------------- */

static int
try_memory(const Try *try)
{
	const size_t piece = 16u << 20;
	(void)try;
	for (int i = 0; i < 4096; i++) {
		char *p = malloc(piece);
		if (p == NULL)
			return ENOMEM;
		for (size_t at = 0; at < piece; at += 4096)
			p[at] = 1;
	}
	return 0;
}

static int
fill(int fd)
{
	static const size_t most = (size_t)2 << 30;
	size_t len = 1u << 20;
	char *piece = calloc(1, len);
	for (size_t done = 0; done < most && piece != NULL; done += len)
		if (write(fd, piece, len) < 0)
			return errno;
	return 0;
}

static int
try_memfd(const Try *try)
{
	(void)try;
	for (int i = 0; i < 4; i++) {
		int rc = fill(memfd_create("fill", MFD_CLOEXEC));
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
try_disk(const Try *try)
{
	(void)try;
	for (int i = 0; i < 4; i++) {
		int rc = fill(open(try->argument != NULL ? try->argument : ".",
				   O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
try_descriptors(const Try *try)
{
	(void)try;
	for (int i = 0; i < 1 << 20; i++)
		if (memfd_create("fd", MFD_CLOEXEC) < 0)
			return errno;
	return 0;
}

static int
try_leak_descriptor(const Try *try)
{
	(void)try;
	return result(memfd_create("left", MFD_CLOEXEC));
}

static int
try_grow(const Try *try)
{
	size_t len = (size_t)atoi(try->argument) << 20;
	volatile char *p = malloc(len);
	if (p == NULL)
		return ENOMEM;
	for (size_t at = 0; at < len; at += 4096)
		p[at] = 1; /* never given back */
	return 0;
}

/* ---- crashes ------------------------------------------------------------------------------- */

static int
try_segv(const Try *try)
{
	(void)try;
	volatile uintptr_t nowhere = 8; /* the compiler is not to know */
	*(volatile char *)nowhere = 1;
	return 0;
}

static int
try_abort(const Try *try)
{
	(void)try;
	abort();
}

static int
try_exit(const Try *try)
{
	(void)try;
	_exit(0);
}

static int
try_double_free(const Try *try)
{
	char *volatile p = malloc(3000);
	char *volatile q = malloc(3000);
	(void)try;
	free(p);
	free(q);
#pragma GCC diagnostic push
#ifndef __clang__ /* which does not know it */
#pragma GCC diagnostic ignored "-Wuse-after-free"
#endif
	free(p);
#pragma GCC diagnostic pop
	return 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winfinite-recursion" /* with sanitizers gcc sees through it */
static __attribute__((noinline)) int
overflow(volatile char *above)
{
	volatile char frame[65536];
	frame[0] = (char)(above[0] + 1);
	return above == frame ? 0 : overflow(frame) + frame[0];
}
#pragma GCC diagnostic pop

static int
try_stack(const Try *try)
{
	(void)try;
	volatile char first = 0;
	return overflow(&first);
}

/* ---- state --------------------------------------------------------------------------------- */

static int
try_keep_data(const Try *try)
{
	(void)try;
	kept_in_data++;
	return 0;
}

static int
try_keep_heap(const Try *try)
{
	try->self->n_seen++;
	return 0;
}

static int
try_change_host(const Try *try)
{
	((AmHost *)(gpointer)try->self->host)->finding = NULL;
	return 0;
}

/* Looks through all memory for what the mail before had.  The words searched for are written with
 * every byte raised by one, so that the search does not find itself. */
static int
search_range(const Try *try, const char *start, const char *end)
{
	static const char raised[] = "nbslfs.pg.b.nbjm"; /* "marker-of-a-mail" */
	const size_t len = sizeof raised - 1;
	int n_found = 0;
	for (const char *p = start; p + len <= end; p++) {
		size_t i = 0;
		while (i < len && p[i] == (char)(raised[i] - 1))
			i++;
		if (i < len)
			continue;
		n_found++;
		/* behind it stands which one: an exclusive or keeps it from being found twice */
		char where[64];
		(void)snprintf(where, sizeof where, "%c%c%c at %p", p[len] ^ 1, p[len + 1] ^ 1,
			       p[len + 2] ^ 1, (const void *)p);
		try->self->host->finding(try->scan, NULL, "remembered", where, NULL);
	}
	return n_found;
}

static int
try_search(const Try *try)
{
	static char text[1 << 16]; /* before the first mail, or it would be state */
	size_t len = 0;
	ssize_t n;
	int n_found = 0;
	while (len < sizeof text - 1 &&
	       (n = pread(try->self->maps_fd, text + len, sizeof text - 1 - len, (off_t)len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
		unsigned long start, end;
		char rights[8];
		next = strchr(line, '\n');
		next = next != NULL ? next + 1 : NULL;
		if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 && rights[0] == 'r' &&
		    rights[1] == 'w')
			n_found += search_range(try, (const char *)start, (const char *)end);
	}
	return n_found > 0 ? 0 : ENOENT;
}

/* ---- the words */

const HostileWord hostile_excess[] = {
	{ "memory", try_memory },
	{ "memfd", try_memfd },
	{ "disk", try_disk },
	{ "descriptors", try_descriptors },
	{ "leak-descriptor", try_leak_descriptor },
	{ "grow", try_grow },
	{ "segv", try_segv },
	{ "abort", try_abort },
	{ "exit", try_exit },
	{ "double-free", try_double_free },
	{ "stack", try_stack },
	{ "keep-data", try_keep_data },
	{ "keep-heap", try_keep_heap },
	{ "change-host", try_change_host },
	{ "search", try_search },
	{ NULL, NULL },
};
