/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* One page at work: what was seen on it, and the children that are made of it. */

#include <amavisd/plugin.h>

/* What scripts call to make bytes of text, and files of bytes; bits of Page.traits. */
typedef enum {
	TRAIT_DECODES = 1 << 0,
	TRAIT_DELIVERS = 1 << 1,
} PageTraits;

typedef struct {
	const AmHost *host;
	AmDecode *decode;
	gint64 deadline_us;
	gboolean is_over; /* the budget, or the time, is used up */
	guint n_children;
	guint n_findings;
	/* of all scripts */
	guint32 traits;
	GString *trait_names; /* ", " between */
	guint n_literals;     /* long enough to be a file */
	gsize literal_bytes;
	/* of the form */
	gboolean has_password;
	char *action;
} Page;

void page_tell(Page *page, const char *kind, const char *name, const char *detail);
/* A child; name and type may be NULL.  Nothing is made of pictures and fonts: TRUE when it was
 * something else. */
gboolean page_add(Page *page, const char *name, const char *type, const guint8 *data, gsize len);

/* ---- encodings, all tolerant; NULL: it is none ---- */

/* Base64 of either alphabet, with blanks and %-escapes; all of it must be. */
GByteArray *blob_base64(const char *text, gsize len);
GByteArray *blob_hex(const char *text, gsize len);
/* %41, %u0041; what is not escaped stands for itself. */
GByteArray *blob_percent(const char *text, gsize len);
/* A long text in one of these, as scripts and hidden elements carry files. */
GByteArray *blob_guess(const char *text, gsize len);

/* The data: URI at the start (RFC 2397).  *end: where it ends, at the latest at `len`; in a style it
 * ends with the bracket or quote.  Makes a child.  tag, attribute: where it stands. */
void blob_data_uri(Page *page, const char *uri, gsize len, gboolean is_style, const char *name,
		   gboolean is_told, gsize *end);
/* All data: URIs in a style sheet. */
void blob_style(Page *page, const char *style, gsize len);

/* ---- scripts ---- */

/* Long literals become children, calls of interest traits. */
void script_scan(Page *page, const char *script, gsize len);
/* Says what is to be said of all scripts of the page. */
void script_end(Page *page);
