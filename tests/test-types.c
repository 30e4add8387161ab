/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Types by content and their short names. */

#include <config.h>

#include "content/types.h"

#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	const char *bytes;
	gsize len;
	const char *type;     /* NULL: libmagic has to be asked */
	const char *detected; /* NULL: as type */
} contents[] = {
	{ "empty", "", 0, "", NULL },
	{ "ascii", BYTES("Hello,\r\n\r\nthis is a text.\r\n"), "text/plain", NULL },
	{ "utf8", BYTES("Gr\xc3\xbc\xc3\x9f Gott\n"), "text/plain", NULL },
	{ "latin1", BYTES("Gr\xfc\xdf Gott, liebe Leute\n"), "text/plain", NULL },
	{ "html", BYTES("  <HTML><body>x</body>"), "text/html", NULL },
	{ "doctype", BYTES("<!DOCTYPE html>\n<html>"), "text/html", NULL },
	{ "html after comment", BYTES("<!-- a --> <!-- b -->\n<p>x"), "text/html", NULL },
	{ "comment without end", BYTES("<!-- a "), "text/html", NULL },
	{ "word that is no tag", BYTES("<htmlx>hello there</htmlx>"), NULL, "text/plain" },
	{ "xml of Word", BYTES("<?xml version=\"1.0\"?>\r\n<w:document xmlns:w=\"x\"/>"), "text/xml",
	  NULL },
	{ "xml of Office", BYTES("<?xml version='1.0'?><Types xmlns=\"x\"/>"), "text/xml", NULL },
	{ "xml of another root", BYTES("<?xml version='1.0'?><TypesX xmlns=\"x\"/>"), NULL,
	  "text/xml" },
	{ "xml of a drawing", BYTES("<?xml version=\"1.0\"?>\n<svg xmlns=\"x\"/>"), NULL,
	  "image/svg+xml" },
	{ "xml without a root", BYTES("<?xml version=\"1.0\"?>\n"), NULL, "text/xml" },
	{ "xml", BYTES("<?xml version=\"1.0\"?>\n<a/>"), NULL, "text/xml" },
	{ "shell", BYTES("#!/bin/sh\necho x\n"), NULL, "text/x-shellscript" },
	{ "mail", BYTES("Received: from x\r\n\tby y\r\nSubject: a\r\n\r\nx"), "message/rfc822",
	  NULL },
	{ "mail that starts with From", BYTES("From: a@b\r\nSubject: c\r\n\r\nx"), "message/rfc822",
	  NULL },
	{ "text that starts with From", BYTES("From: here to there\r\n"), "text/plain", NULL },
	{ "pdf", BYTES("%PDF-1.4\n%\xe2\xe3"), "application/pdf", NULL },
	{ "png", BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png", NULL },
	{ "gif", BYTES("GIF89a\1\0\1\0"), "image/gif", NULL },
	{ "gzip", BYTES("\x1f\x8b\x08\0\0\0\0\0"), "application/gzip", NULL },
	{ "zip", BYTES("PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0a.txtx"),
	  "application/zip", NULL },
	{ "docx",
	  BYTES("PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml"
		"PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x11\0\0\0word/document.xml"),
	  "application/vnd.openxmlformats-officedocument.wordprocessingml.document", NULL },
	{ "odt",
	  BYTES("PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0mimetypeapplication/"
		"vnd.oasis.opendocument.textPK"),
	  "application/vnd.oasis.opendocument.text", NULL },
	{ "zip cut in its name",
	  BYTES("PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x11\0\0\0wor"),
	  "application/zip", NULL },
	{ "program",
	  BYTES("MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0"
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80\0\0\0\x0e\x1f"),
	  "application/x-dosexec", NULL },
	{ "short program", BYTES("MZ\0\0"), "application/x-dosexec", NULL },
	{ "text that starts with MZ",
	  BYTES("MZ is a signature that many know, as it stands at the start of programs."),
	  "text/plain", NULL },
	{ "7z", BYTES("7z\xbc\xaf\x27\x1c\0\4"), "application/x-7z-compressed", NULL },
	{ "rar", BYTES("Rar!\x1a\x07\1\0"), "application/x-rar", NULL },
	{ "lha", BYTES("\x20\x30-lh5-\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "application/x-lha", NULL },
	{ "pgp", BYTES("-----BEGIN PGP MESSAGE-----\n\nhQEMA"), "application/pgp-encrypted", NULL },
	{ "noise", BYTES("\x01\x02\x03\x04\xf0\xf1"), NULL, "application/octet-stream" },
};

static void
test_detect(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmTypes) types = am_types_new(&error);
	g_assert_no_error(error);
	for (gsize i = 0; i < G_N_ELEMENTS(contents); i++) {
		g_autofree guint8 *exact = g_memdup2(contents[i].bytes, contents[i].len);
		g_test_message("%s", contents[i].name);
		g_assert_cmpstr(am_types_recognise(exact, contents[i].len, TRUE), ==,
				contents[i].type);
		g_assert_cmpstr(am_types_detect(types, exact, contents[i].len, TRUE), ==,
				contents[i].detected != NULL ? contents[i].detected
							     : contents[i].type);
	}
}

static void
test_far_signatures(void)
{
	g_autofree guint8 *tar = g_malloc0(512);
	memcpy(tar, "name", 4);
	memcpy(tar + 257, "ustar", 5);
	g_assert_cmpstr(am_types_recognise(tar, 512, TRUE), ==, "application/x-tar");
	g_assert_cmpstr(am_types_recognise(tar, 261, TRUE), ==, NULL);
	g_autofree guint8 *iso = g_malloc0(32774);
	memcpy(iso + 32769, "CD001", 5);
	g_assert_cmpstr(am_types_recognise(iso, 32774, TRUE), ==, "application/x-iso9660-image");
}

/* A letter that the end of the head cuts in two is no reason to doubt the text. */
static void
test_cut_letter(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	while (text->len < AM_TYPES_MAGIC_BYTES - 1)
		g_string_append_c(text, 'a');
	g_string_append(text, "\xc3\xbc and more");
	g_assert_cmpstr(am_types_recognise((guint8 *)text->str, text->len, TRUE), ==, "text/plain");
	g_assert_cmpstr(am_types_recognise((guint8 *)text->str, AM_TYPES_MAGIC_BYTES, FALSE), ==,
			"text/plain");
}

static void
test_short(void)
{
	static const struct {
		const char *type, *names;
	} cases[] = {
		{ "application/x-dosexec", "exe-ms,exe" },
		{ "application/zip", "zip" },
		{ "application/msword", "doc" },
		{ "application/pdf", "pdf" },
		{ "text/plain", "asc,txt" },
		{ "text/html", "html,txt" },
		{ "image/png", "png" },
		{ "text/x-unheard-of", "txt" },
		{ "image/x-unheard-of", "image" },
		{ "application/dicom", "dat" },
		{ "video/x-msvideo", "avi,riff,movie" },
		{ "application/unheard-of", "" },
		{ "", "" },
		{ "zzz", "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpstr(am_types_short(cases[i].type), ==, cases[i].names);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/types/detect", test_detect);
	g_test_add_func("/types/far-signatures", test_far_signatures);
	g_test_add_func("/types/cut-letter", test_cut_letter);
	g_test_add_func("/types/short", test_short);
	return g_test_run();
}
