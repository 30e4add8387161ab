/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Streams and strings of a PDF as children. */

#include <qpdf/qpdf-c.h>

#include <amavisd/plugin.h>

typedef struct {
	const AmHost *host;
	AmDecode *decode;
	qpdf_data qpdf;
	gint64 deadline_us;
	gint64 memory_max;
	guint32 size;	     /* of the document in bytes, or the most a number can say */
	gboolean is_over;    /* the budget, or the time, is used up */
	GHashTable *written; /* numbers of the streams that are children already */
	guint n_scripts;
} PdfRun;

/* Marks the PDF undecoded. */
void pdf_mark(const PdfRun *run, const char *text);
/* The text of a string or name in UTF-8, "" when it is neither; g_free() it. */
char *pdf_text(const PdfRun *run, qpdf_oh oh);
/* A child with these bytes. */
void pdf_add_bytes(PdfRun *run, const char *name, gconstpointer data, gsize len);
/* A child with what a stream has unpacked, once for each stream; its /Subtype is the declared type. */
void pdf_add_stream(PdfRun *run, const char *name, qpdf_oh stream);
