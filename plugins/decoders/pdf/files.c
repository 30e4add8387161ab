/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* qpdf gives a stream's data as a whole.  What is packed by Flate alone, as nearly everything is, is
 * therefore asked for as it stands in the file (decrypted) and unpacked here, piece by piece under
 * the budget.  Other filters are left to qpdf, bounded by the worker's memory. */

#include "files.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK_BYTES 65536

void
pdf_mark(const PdfRun *run, const char *text)
{
	g_autofree char *reason = g_strdup_printf("pdf: %s", text);
	run->host->decode_mark(run->decode, AM_PART_UNDECODED, reason);
}

char *
pdf_text(const PdfRun *run, qpdf_oh oh)
{
	size_t len = 0;
	if (qpdf_oh_is_name(run->qpdf, oh)) {
		const char *name = qpdf_oh_get_name(run->qpdf, oh);
		return g_strdup(name[0] == '/' ? name + 1 : name);
	}
	if (!qpdf_oh_is_string(run->qpdf, oh))
		return g_strdup("");
	const char *text = qpdf_oh_get_binary_utf8_value(run->qpdf, oh, &len);
	return g_strndup(text, len);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void
pdf_write(PdfRun *run, AmChild *child, const guint8 *data, gsize len)
{
	for (; len > 0 && !run->is_over;
	     data += MIN(len, CHUNK_BYTES), len -= MIN(len, CHUNK_BYTES))
		if (!run->host->child_write(child, data, MIN(len, CHUNK_BYTES)))
			run->is_over = TRUE;
}

static AmChild *
pdf_open_child(PdfRun *run, const char *name)
{
	AmChild *child = run->is_over ? NULL : run->host->child_open(run->decode, name, 0);
	if (child == NULL)
		run->is_over = TRUE;
	return child;
}

static void
pdf_close_child(PdfRun *run, AmChild *child)
{
	if (!run->host->child_close(child))
		run->is_over = TRUE;
}

void
pdf_add_bytes(PdfRun *run, const char *name, gconstpointer data, gsize len)
{
	AmChild *child = pdf_open_child(run, name);
	if (child == NULL)
		return;
	pdf_write(run, child, data, len);
	pdf_close_child(run, child);
}

/* FALSE: the data is broken. */
static gboolean
pdf_write_inflated(PdfRun *run, AmChild *child, const guint8 *data, gsize len)
{
	guint8 out[CHUNK_BYTES];
	z_stream zlib = { 0 };
	int rc = Z_OK;
	if (len == 0)
		return TRUE;
	if (len > G_MAXUINT || inflateInit(&zlib) != Z_OK)
		return FALSE;
	zlib.next_in = (Bytef *)data;
	zlib.avail_in = (uInt)len;
	do {
		zlib.next_out = out;
		zlib.avail_out = sizeof out;
		rc = inflate(&zlib, Z_NO_FLUSH);
		pdf_write(run, child, out, sizeof out - zlib.avail_out);
	} while (rc == Z_OK && !run->is_over && zlib.avail_out == 0);
	(void)inflateEnd(&zlib);
	return rc == Z_STREAM_END || run->is_over;
}

/* ---- filters ------------------------------------------------------------------------------- */

typedef enum {
	PACKED_NOT,
	PACKED_FLATE,
	PACKED_OTHERWISE,
} PdfPacking;

/* A filter's parameters say nothing that would change its output. */
static gboolean
pdf_has_no_predictor(const PdfRun *run, qpdf_oh dict)
{
	qpdf_oh parms = qpdf_oh_get_key(run->qpdf, dict, "/DecodeParms");
	gboolean is_plain = qpdf_oh_is_null(run->qpdf, parms) ||
			    (qpdf_oh_is_dictionary(run->qpdf, parms) &&
			     !qpdf_oh_has_key(run->qpdf, parms, "/Predictor"));
	qpdf_oh_release(run->qpdf, parms);
	return is_plain && !qpdf_oh_has_key(run->qpdf, dict, "/DP");
}

static PdfPacking
pdf_packing(const PdfRun *run, qpdf_oh dict)
{
	qpdf_oh filter = qpdf_oh_get_key(run->qpdf, dict, "/Filter");
	PdfPacking packing = PACKED_OTHERWISE;
	if (qpdf_oh_is_null(run->qpdf, filter)) {
		packing = PACKED_NOT;
	} else if (qpdf_oh_is_array(run->qpdf, filter)) {
		int n = qpdf_oh_get_array_n_items(run->qpdf, filter);
		qpdf_oh item = qpdf_oh_get_array_item(run->qpdf, filter, 0);
		if (n == 0)
			packing = PACKED_NOT;
		else if (n == 1 && qpdf_oh_is_name_and_equals(run->qpdf, item, "/FlateDecode"))
			packing = PACKED_FLATE;
		qpdf_oh_release(run->qpdf, item);
	} else if (qpdf_oh_is_name_and_equals(run->qpdf, filter, "/FlateDecode")) {
		packing = PACKED_FLATE;
	}
	qpdf_oh_release(run->qpdf, filter);
	if (packing == PACKED_FLATE && !pdf_has_no_predictor(run, dict))
		packing = PACKED_OTHERWISE;
	return packing;
}

/* ---- streams ------------------------------------------------------------------------------- */

/* Forgets the error that qpdf keeps; TRUE when there was one. */
static gboolean
pdf_take_error(const PdfRun *run)
{
	if (!qpdf_has_error(run->qpdf))
		return FALSE;
	(void)qpdf_get_error(run->qpdf);
	return TRUE;
}

static void
pdf_copy_stream(PdfRun *run, AmChild *child, qpdf_oh stream, PdfPacking packing)
{
	unsigned char *data = NULL;
	size_t len = 0;
	QPDF_BOOL is_filtered = QPDF_FALSE;
	enum qpdf_stream_decode_level_e level =
		packing == PACKED_OTHERWISE ? qpdf_dl_specialized : qpdf_dl_none;
	QPDF_ERROR_CODE rc =
		qpdf_oh_get_stream_data(run->qpdf, stream, level, &is_filtered, &data, &len);
	gboolean has_failed = pdf_take_error(run) || (rc & QPDF_ERRORS) != 0;
	if (data != NULL && packing == PACKED_FLATE) {
		if (!pdf_write_inflated(run, child, data, len))
			pdf_mark(run, "an embedded file is broken");
	} else if (data != NULL) {
		pdf_write(run, child, data, len);
	}
	free(data);
	if (has_failed)
		pdf_mark(run, "an embedded file cannot be read");
	else if (packing == PACKED_OTHERWISE && !is_filtered)
		pdf_mark(run, "an embedded file is packed in an unknown way");
}

void
pdf_add_stream(PdfRun *run, const char *name, qpdf_oh stream)
{
	int id = qpdf_oh_get_object_id(run->qpdf, stream);
	if (!qpdf_oh_is_stream(run->qpdf, stream) ||
	    !g_hash_table_add(run->written, GINT_TO_POINTER(id)))
		return;
	AmChild *child = pdf_open_child(run, name);
	if (child == NULL)
		return;
	qpdf_oh dict = qpdf_oh_get_dict(run->qpdf, stream);
	qpdf_oh subtype = qpdf_oh_get_key(run->qpdf, dict, "/Subtype");
	g_autofree char *type = pdf_text(run, subtype);
	if (strchr(type, '/') != NULL)
		run->host->child_declare(child, type);
	pdf_copy_stream(run, child, stream, pdf_packing(run, dict));
	pdf_close_child(run, child);
	qpdf_oh_release(run->qpdf, subtype);
	qpdf_oh_release(run->qpdf, dict);
}
