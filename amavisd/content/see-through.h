/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What a name comes to: what a file of that name would be called on disk, what the eye sees of it,
 * and by what it hides that. */

#include <glib.h>

/* Bits; am_trick_name() has the names of findings. */
typedef enum {
	AM_TRICK_BIDI,		   /* characters that turn the direction of writing */
	AM_TRICK_INVISIBLE,	   /* characters that nobody sees, in the extension */
	AM_TRICK_CONTROL,	   /* control characters, NUL */
	AM_TRICK_LOOK_ALIKE,	   /* full-width letters, dots that are none, in the extension */
	AM_TRICK_BLANKS,	   /* many blanks before the extension */
	AM_TRICK_TRAILING,	   /* dots and blanks at the end, which Windows drops */
	AM_TRICK_CLASS_ID,	   /* .{CLSID} */
	AM_TRICK_DOUBLE_EXTENSION, /* a.pdf.exe */
	AM_TRICK_PATH,		   /* "..", a drive, or from the root */
	AM_TRICK_STREAM,	   /* NTFS: name:stream */
	AM_TRICK_PERCENT,	   /* %2e, where it changes the extension */
	AM_TRICK_HIDDEN_EXTENSION, /* of a program, not seen at first sight */
	AM_N_TRICKS,
} AmTrick;

const char *am_trick_name(AmTrick trick);
/* Appends to readings of a name (elements are UTF-8, g_free'd by the array) what each comes to when
 * that is something else, without duplicates, at most `max` readings altogether.  Returns the tricks,
 * bits 1 << AmTrick. */
guint am_see_through(GPtrArray *names, guint max);
/* Is it, in lower case, the extension of what a system runs, installs or mounts by a click? */
gboolean am_extension_is_dangerous(const char *extension);
/* Behind the last dot of the last element of a path, in lower case; "" none. g_free() */
char *am_extension_of(const char *name);
