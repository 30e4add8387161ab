/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Heap: free() and realloc() of the program stand before those of the C library, for all libraries and
 * plugins too, and overwrite what is given back.  M_PERTURB of glibc would not do: it passes over the
 * blocks that a thread keeps for itself.  Outside workers it is one test of a flag.
 *
 * GLib up to 2.74 has an allocator of its own for small blocks, with caches that nobody else can see
 * into.  It can be told to use malloc() instead, but only before its first use, which is in GLib's own
 * constructor; hence the function that runs before all constructors of libraries.
 *
 * Stack: the kernel's map of it only grows; what lies between its end and the caller is overwritten. */

#include <config.h>

#include "content/scrub.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECE_BYTES ((gsize)256 << 10) /* of this size the kernel exchanges pages more cheaply */
#define MAPPED_BYTES ((gsize)1 << 20)  /* as set in inspect.c: a larger one is mapped by itself */
#define STACK_BYTES ((gsize)32 << 10)  /* most mails stay within */
#define NEAR_BYTES 2048		       /* of stack below the caller */
#define FRAME_BYTES 256		       /* of am_scrub_stack() itself, with some to spare */

#if AM_CAN_SCRUB

/* set once, at a worker's start */
static gboolean scrub_is_on, scrub_is_forbidden;

void *__libc_malloc(size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

/* What lies in whole pages is given to the kernel, which hands out zeroes in its place. */
static void
scrub_bytes(void *block, gsize len)
{
	if (len >= PIECE_BYTES) {
		const uintptr_t page = 4096; /* or a part of one: then the kernel says EINVAL */
		uintptr_t start = ((uintptr_t)block + page - 1) & ~(page - 1);
		uintptr_t end = ((uintptr_t)block + len) & ~(page - 1);
		int saved = errno;
		if (madvise((void *)start, end - start, MADV_DONTNEED) == 0) {
			explicit_bzero(block, start - (uintptr_t)block);
			explicit_bzero((void *)end, (uintptr_t)block + len - end);
			len = 0;
		}
		errno = saved;
	}
	explicit_bzero(block, len);
}

__attribute__((visibility("default"))) void
free(void *block)
{
	if (scrub_is_on && block != NULL)
		scrub_bytes(block, malloc_usable_size(block));
	__libc_free(block);
}

/* Large blocks are moved by the kernel, page by page, and leave nothing behind. */
__attribute__((visibility("default"))) void *
realloc(void *block, size_t size)
{
	if (!scrub_is_on || block == NULL || size == 0)
		return __libc_realloc(block, size);
	gsize had = malloc_usable_size(block);
	if (size <= had && size >= had / 2)
		return block;
	if (had >= MAPPED_BYTES && size >= MAPPED_BYTES)
		return __libc_realloc(block, size);
	void *copy = __libc_malloc(size);
	if (copy == NULL)
		return NULL;
	memcpy(copy, block, MIN(had, size));
	free(block);
	return copy;
}

G_GNUC_BEGIN_IGNORE_DEPRECATIONS
static void
scrub_before_glib(void)
{
#if !GLIB_CHECK_VERSION(2, 76, 0)
	g_slice_set_config(G_SLICE_CONFIG_ALWAYS_MALLOC, TRUE);
#endif
}
G_GNUC_END_IGNORE_DEPRECATIONS

__attribute__((section(".preinit_array"),
	       used)) static void (*const scrub_preinit)(void) = scrub_before_glib;

void
am_scrub_start(void)
{
	scrub_is_on = !scrub_is_forbidden;
}

void
am_scrub_forbid(void)
{
	scrub_is_forbidden = TRUE;
}

/* The lowest page of the stack that is mapped. */
static uintptr_t
scrub_find_bottom(uintptr_t from, uintptr_t page)
{
	unsigned char resident;
	while (mincore((void *)(from - page), 1, &resident) == 0)
		from -= page;
	return from;
}

__attribute__((noinline)) void
am_scrub_stack(void)
{
	static uintptr_t bottom; /* only moves down */
	if (!scrub_is_on)
		return;
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) - FRAME_BYTES;
	uintptr_t near = here - NEAR_BYTES;
	bottom = scrub_find_bottom(bottom != 0 ? bottom : here & ~(page - 1), page);
	uintptr_t start = bottom;
	if (near - start > STACK_BYTES) { /* what few mails reach costs nothing for the others */
		uintptr_t end = (near - STACK_BYTES) & ~(page - 1);
		if (madvise((void *)start, end - start, MADV_DONTNEED) == 0)
			start = end;
	}
	explicit_bzero((void *)start, near - start);
	/* the rest not by a function, which would overwrite the way back to here */
	for (volatile guint64 *word = (volatile guint64 *)(near & ~(uintptr_t)7);
	     (uintptr_t)word < (here & ~(uintptr_t)7); word++)
		*word = 0;
}

#else

void
am_scrub_start(void)
{
}

void
am_scrub_forbid(void)
{
}

void
am_scrub_stack(void)
{
}

#endif
