/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Words of a text that may be a password, the likeliest in the lowest rank. */

#include <glib.h>

#define AM_WORD_BYTES 64 /* longer ones are none */

typedef enum {
	AM_WORD_NAMED,	 /* near a word for "password", and looks like one */
	AM_WORD_NEAR,	 /* near a word for "password" */
	AM_WORD_QUOTED,	 /* between quotation marks */
	AM_WORD_STRANGE, /* letters and digits mixed and the like */
	AM_WORD_PLAIN,	 /* any other */
	AM_WORD_RANKS,
} AmWordRank;

typedef void (*AmWordFunc)(const char *word, AmWordRank rank, gpointer user_data);

/* Calls func for each, with and without punctuation around it; the same word may come again.
 * text: UTF-8. */
void am_words_find(const char *text, AmWordFunc func, gpointer user_data);
/* The text as UTF-8: bytes that are none are taken as Latin-1; up to the first NUL. g_free() */
char *am_words_text(const guint8 *data, gsize len);
/* The same of HTML, without tags, comments, scripts and styles, with its commonest entities. */
char *am_words_html(const guint8 *data, gsize len);
