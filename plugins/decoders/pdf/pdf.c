/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* PDF by qpdf: embedded files and scripts become children; scripts, programs to be launched and what
 * is fetched from elsewhere become findings.  Damaged files are repaired as qpdf does, encrypted ones
 * opened without a password or with one that the core knows.
 *
 * qpdf is used through its C functions, which catch what is thrown; it works on the part's content in
 * memory and opens no file. */

#include <string.h>

#include <qpdf/qpdflogger-c.h>

#include "../bytes/bytes.h"
#include "look.h"
#include "walk.h"

#define HEADER_BYTES 1024 /* readers look that far for the header */

typedef struct {
	const AmHost *host;
	gint64 memory_max;
} Pdf;

static const AmSettingSpec pdf_settings[] = {
	{ "memory", AM_SETTING_SIZE, "512M", "16M..", "for the objects of one document" },
	{ NULL },
};

/* ---- life ---------------------------------------------------------------------------------- */

static qpdf_data
pdf_new(void)
{
	qpdf_data qpdf = qpdf_init();
	qpdflogger_handle logger = qpdflogger_create();
	qpdflogger_set_info(logger, qpdf_log_dest_discard, NULL, NULL);
	qpdflogger_set_warn(logger, qpdf_log_dest_discard, NULL, NULL);
	qpdflogger_set_error(logger, qpdf_log_dest_discard, NULL, NULL);
	qpdf_set_logger(qpdf, logger);
	qpdflogger_cleanup(&logger);
	qpdf_silence_errors(qpdf);
	qpdf_set_suppress_warnings(qpdf, QPDF_TRUE);
	return qpdf;
}

/* An error that nobody asked for would be printed. */
static void
pdf_free(qpdf_data qpdf)
{
	if (qpdf_has_error(qpdf))
		(void)qpdf_get_error(qpdf);
	qpdf_cleanup(&qpdf);
}

static gpointer
pdf_load(const AmHost *host, AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Pdf *self = g_new0(Pdf, 1);
	self->host = host;
	self->memory_max = host->setting_int(instance, "memory");
	/* whatever it sets up when it is first used: in the sandbox it would be too late */
	qpdf_data qpdf = pdf_new();
	(void)qpdf_read_memory(qpdf, "nothing", "%PDF-1.4\n", 9, NULL);
	pdf_free(qpdf);
	return self;
}

static int
pdf_bid(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const AmPartInfo *info, const guint8 *head,
	gsize len)
{
	if (len < 5)
		return 0;
	if (memcmp(head, "%PDF-", 5) == 0)
		return 90;
	return memmem(head, MIN(len, HEADER_BYTES), "%PDF-", 5) != NULL ? 30 : 0;
}

/* ---- encryption ---------------------------------------------------------------------------- */

static int
pdf_int(qpdf_data qpdf, qpdf_oh dict, const char *key)
{
	int number = 0;
	qpdf_oh value = qpdf_oh_get_key(qpdf, dict, key);
	if (!qpdf_oh_get_value_as_int(qpdf, value, &number))
		number = 0;
	qpdf_oh_release(qpdf, value);
	return number;
}

/* The method of the crypt filter for streams: "/AESV2" (7.6.6). */
static gboolean
pdf_has_method(qpdf_data qpdf, qpdf_oh encrypt, const char *method)
{
	qpdf_oh filters = qpdf_oh_get_key(qpdf, encrypt, "/CF");
	qpdf_oh name = qpdf_oh_get_key(qpdf, encrypt, "/StmF");
	gboolean has = FALSE;
	if (qpdf_oh_is_name(qpdf, name) && qpdf_oh_is_dictionary(qpdf, filters)) {
		qpdf_oh filter = qpdf_oh_get_key(qpdf, filters, qpdf_oh_get_name(qpdf, name));
		qpdf_oh cfm = qpdf_oh_get_key_if_dict(qpdf, filter, "/CFM");
		has = qpdf_oh_is_name_and_equals(qpdf, cfm, method);
		qpdf_oh_release(qpdf, cfm);
		qpdf_oh_release(qpdf, filter);
	}
	qpdf_oh_release(qpdf, name);
	qpdf_oh_release(qpdf, filters);
	return has;
}

/* "pdf AES-256"; to be freed by g_free(). */
static char *
pdf_encryption(qpdf_data qpdf)
{
	qpdf_oh trailer = qpdf_get_trailer(qpdf);
	qpdf_oh encrypt = qpdf_oh_get_key(qpdf, trailer, "/Encrypt");
	qpdf_oh filter = qpdf_oh_get_key_if_dict(qpdf, encrypt, "/Filter");
	char *text;
	if (!qpdf_oh_is_dictionary(qpdf, encrypt) || !qpdf_oh_is_name(qpdf, filter)) {
		text = g_strdup("pdf of an unknown kind");
	} else if (!qpdf_oh_is_name_and_equals(qpdf, filter, "/Standard")) {
		text = g_strdup_printf("pdf%.40s", qpdf_oh_get_name(qpdf, filter));
	} else {
		int version = pdf_int(qpdf, encrypt, "/V"), revision = pdf_int(qpdf, encrypt, "/R");
		int bits = pdf_int(qpdf, encrypt, "/Length");
		if (version >= 5)
			text = g_strdup_printf("pdf AES-256 R%d", revision);
		else if (version == 4 && pdf_has_method(qpdf, encrypt, "/AESV2"))
			text = g_strdup("pdf AES-128");
		else if (version == 1 || bits < 40 || bits > 128)
			text = g_strdup_printf("pdf RC4 %d", version == 4 ? 128 : 40);
		else
			text = g_strdup_printf("pdf RC4 %d", version == 4 ? 128 : bits);
	}
	qpdf_oh_release(qpdf, filter);
	qpdf_oh_release(qpdf, encrypt);
	qpdf_oh_release(qpdf, trailer);
	return text;
}

/* ---- opening ------------------------------------------------------------------------------- */

typedef enum {
	OPEN_GOOD,
	OPEN_LOCKED, /* another password */
	OPEN_BROKEN,
} PdfOpen;

/* *reason: why it is broken. */
static PdfOpen
pdf_open(qpdf_data qpdf, const char *data, gsize len, const char *password, char **reason)
{
	QPDF_ERROR_CODE rc = qpdf_read_memory(qpdf, "pdf", data, len, password);
	if ((rc & QPDF_ERRORS) == 0)
		return OPEN_GOOD;
	qpdf_error error = qpdf_has_error(qpdf) ? qpdf_get_error(qpdf) : NULL;
	if (error != NULL && qpdf_get_error_code(qpdf, error) == qpdf_e_password)
		return OPEN_LOCKED;
	*reason = g_strdup(error != NULL ? qpdf_get_error_message_detail(qpdf, error) : "broken");
	/* with another security handler than the standard one */
	return qpdf_is_encrypted(qpdf) ? OPEN_LOCKED : OPEN_BROKEN;
}

static gboolean
pdf_is_late(const PdfRun *run)
{
	return run->deadline_us != 0 && g_get_monotonic_time() >= run->deadline_us;
}

/* Tries passwords until one opens it; run->qpdf is then the opened document. */
static gboolean
pdf_unlock(PdfRun *run, const char *data, gsize len)
{
	const char *password;
	for (guint i = 0;
	     !pdf_is_late(run) && (password = run->host->decode_password(run->decode, i)) != NULL;
	     i++) {
		g_autofree char *reason = NULL;
		pdf_free(run->qpdf);
		run->qpdf = pdf_new();
		if (pdf_open(run->qpdf, data, len, password, &reason) != OPEN_GOOD)
			continue;
		run->host->decode_opened(run->decode, i);
		return TRUE;
	}
	return FALSE;
}

/* Opens the document.  FALSE: it cannot be, which is told. */
static gboolean
pdf_open_document(PdfRun *run, const char *data, gsize len)
{
	g_autofree char *reason = NULL;
	PdfOpen open = pdf_open(run->qpdf, data, len, NULL, &reason);
	if (open == OPEN_BROKEN) {
		pdf_mark(run, reason);
		return FALSE;
	}
	if (open == OPEN_GOOD && !qpdf_is_encrypted(run->qpdf))
		return TRUE;
	g_autofree char *kind = pdf_encryption(run->qpdf);
	if (open == OPEN_GOOD) {
		run->host->decode_finding(run->decode, "protected", kind,
					  "opens without a password");
		return TRUE;
	}
	if (pdf_unlock(run, data, len))
		return TRUE;
	run->host->decode_mark(run->decode, AM_PART_ENCRYPTED, kind);
	return FALSE;
}

/* What qpdf put a null in place of.  Other warnings are of things that it has put right. */
static void
pdf_mark_skipped(const PdfRun *run)
{
	while (qpdf_more_warnings(run->qpdf)) {
		qpdf_error warning = qpdf_next_warning(run->qpdf);
		const char *text = qpdf_get_error_message_detail(run->qpdf, warning);
		if (strstr(text, "deeply nested") == NULL && strstr(text, "giving up") == NULL)
			continue;
		pdf_mark(run, text);
		return;
	}
}

static void
pdf_run(const Pdf *self, AmDecode *decode, const char *data, gsize len)
{
	PdfRun run = {
		.host = self->host,
		.decode = decode,
		.deadline_us = self->host->decode_deadline_us(decode),
		.memory_max = self->memory_max,
		.size = (guint32)MIN(len, G_MAXINT32),
		.qpdf = pdf_new(),
		.written = g_hash_table_new(NULL, NULL),
	};
	const char *why_not = pdf_look((const guint8 *)data, len);
	if (why_not != NULL)
		pdf_mark(&run, why_not);
	else if (pdf_open_document(&run, data, len))
		pdf_walk(&run);
	if (why_not == NULL)
		pdf_mark_skipped(&run);
	g_hash_table_unref(run.written);
	pdf_free(run.qpdf);
}

static void
pdf_read(Bytes bytes, Output *output)
{
	if (bytes.len >= 5)
		pdf_run(output->plugin, output->decode, (const char *)bytes.data, bytes.len);
}

static gboolean
pdf_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Pdf *self = data;
	return bytes_decode(self->host, decode, pdf_read, self, error);
}

static const AmDecoderOps pdf_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = pdf_bid,
	.decode = pdf_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	/* beside others: a file may be a PDF and an archive at once */
	.caps = AM_CAP_SANDBOX | AM_CAP_BESIDE,
	.name = "pdf",
	.version = "1.0",
	.licence = "GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception",
	.summary = "files and scripts in PDF, by qpdf",
	.settings = pdf_settings,
	.load = pdf_load,
	.unload = g_free,
	.decoder = &pdf_ops,
};
