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

/* Amavis' short name of a content, the first that rules see; minimal bytes of each format. */
static const struct {
	const char *bytes;
	gsize len;
	const char *names;
} short_contents[] = {
	{ BYTES("\x60\xea\x2c\0\x1e\x06\1\0\x10\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		"\0\0\0\0"),
	  "arj" },
	{ BYTES("\x1a\x08name.txt\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "arc" },
	{ BYTES("ZOO 2.10 Archive.\x1a\0\0\xdc\xa7\xc4\xfd\0\0"), "zoo" },
	{ BYTES("\0\0\x31\0\0\0\0**ACE**\x14"), "ace" },
	{ BYTES("Rar!\x1a\x07\0\0"), "rar" },
	{ BYTES("Rar!\x1a\x07\1\0"), "rar" },
	{ BYTES("\x20\x30-lh5-\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "lha" },
	{ BYTES("7z\xbc\xaf\x27\x1c\0\4"), "7z" },
	{ BYTES("PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5\0\0\0a.txtx"), "zip" },
	{ BYTES("PK\3\4\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0"
		"META-INF/MANIFEST.MFx"),
	  "jar,zip" },
	{ BYTES("MSCF\0\0\0\0\x10\0\0\0"), "cab" },
	{ BYTES("ISc(\0\0\0\0"), "installshield" },
	{ BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0"), "doc,cdf-ms" },
	{ BYTES("\x78\x9f\x3e\x22\1\0"), "tnef" },
	{ BYTES("ITSF\3\0\0\0"), "chm" },
	{ BYTES("CWS\x0a\0\1\0\0\x78\x9c"), "swf" },
	{ BYTES("FWS\x08\0\1\0\0\0\0"), "swf" },
	{ BYTES("ZWS\x0d\0\1\0\0\0\0"), "swf" },
	{ BYTES("conectix\0\0\0\2"), "vhd" },
	{ BYTES("vhdxfileM\0i\0"), "vhdx" },
	{ BYTES("MSWIM\0\0\0\xd0\0\0\0"), "wim" },
	{ BYTES("KDMV\1\0\0\0"), "vmdk" },
	{ BYTES("QFI\xfb\0\0\0\2\0\0\0\0"), "qcow" },
	{ BYTES("\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d"), "one" },
	{ BYTES("{\\rtf1 x}"), "rtf,txt" },
	{ BYTES("%PDF-1.7\n"), "pdf" },
	{ BYTES("\x89LZO\0\r\n\x1a\n\x10"), "lzo" },
	{ BYTES("LRZI\0\6"), "lrz" },
	{ BYTES("\x04\x22\x4d\x18\x64"), "lz4" },
	{ BYTES("\x28\xb5\x2f\xfd\x24"), "zst" },
	{ BYTES("LZIP\1\x0c"), "lz" },
	{ BYTES("\xfd"
		"7zXZ\0\0\4"),
	  "xz" },
	{ BYTES("\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"), "lzma" },
	{ BYTES("BZh91AY&SY\0\0"), "bz2" },
	{ BYTES("\x1f\x8b\x08\0\0"), "gz" },
	{ BYTES("\x1f\x9d\x90x"), "Z" },
	{ BYTES("\x1f\x9f\x90x"), "F" },
	{ BYTES("070701000000"), "cpio" },
	{ BYTES("\xc7\x71\0\0"), "cpio" },
	{ BYTES("!<arch>\ndebian-binary   1234567890  0     0     100644  4         `\n2.0\n"),
	  "deb,a" },
	{ BYTES("!<arch>\nx.o/            0"), "a" },
	{ BYTES("\xed\xab\xee\xdb\3\0"), "rpm" },
	{ BYTES("SIT!\0\1\0\0\0\0rLau"), "sit" },
	{ BYTES("StuffIt (c)1997-2002 Aladdin Systems, Inc."), "sit" },
	{ BYTES("StuffIt!\0\0\0"), "sitx,sit" },
	{ BYTES("(This file must be converted with BinHex 4.0)\r\n\r\n:$f*TEQ:\r\n"), "hqx" },
	{ BYTES("begin 644 a.txt\n#86)C\n`\nend\n"), "uue,uu,asc,txt" },
	{ BYTES("begin-base64 644 a.txt\nYQ==\n====\n"), "uue,uu,asc,txt" },
	{ BYTES("begin 64x a.txt\n"), "asc,txt" },
	{ BYTES("=ybegin line=128 size=3 name=a.txt\r\nabc\r\n=yend size=3\r\n"),
	  "ync,asc,txt" },
	{ BYTES("\x7f"
		"ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x3e\0"),
	  "exe-unix,exe" },
	{ BYTES("\xcf\xfa\xed\xfe\7\0\0\1\0\0\0\0\2\0\0\0\0\0\0\0"), "exe-unix,exe" },
	{ BYTES("L\0\0\0\1\x14\2\0\0\0\0\0"), "lnk" },
	{ BYTES("<html><head><HTA:APPLICATION id=\"x\"></head></html>"), "hta,html,txt" },
	{ BYTES("<job><script language=\"VBScript\">MsgBox 1</script></job>"), "wsf,txt" },
	{ BYTES("[InternetShortcut]\r\nURL=file://x/y.exe\r\n"), "url,txt" },
	{ BYTES("Windows Registry Editor Version 5.00\r\n"), "reg,txt" },
	{ BYTES("@echo off\r\nstart x.exe\r\n"), "bat,txt" },
	{ BYTES("#!/bin/sh\necho\n"), "sh,txt" },
	{ BYTES("<!DOCTYPE html><p>"), "html,txt" },
	{ BYTES("<?xml version=\"1.0\"?>\n<svg xmlns=\"x\"/>"), "svg,xml,txt,image" },
	{ BYTES("<?xml version=\"1.0\"?>\n<a/>"), "xml,txt" },
	{ BYTES("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"), "ics,txt" },
	{ BYTES("BEGIN:VCARD\r\nVERSION:3.0\r\n"), "vcf,txt" },
	{ BYTES("Received: from x\r\nSubject: y\r\n\r\n"), "mail,txt" },
	{ BYTES("-----BEGIN PGP MESSAGE-----\n\nhQEMA"), "pgp,pgp.enc" },
	{ BYTES("-----BEGIN PGP SIGNATURE-----\n\niQEz"), "pgp,pgp.asc" },
	{ BYTES("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30"), "p7m,smime" },
	{ BYTES("\x30\x82\5\0\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0"), "p7m,smime" },
	{ BYTES("\xff\xd8\xff\xe0\0\x10JFIF"), "jpg,image" },
	{ BYTES("GIF89a\1\0\1\0"), "gif,image" },
	{ BYTES("BM\x76\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0\1\0\0\0\1\0\x18\0\0\0\0\0"),
	  "bmp,image" },
	{ BYTES("II*\0\x08\0\0\0"), "tif,image" },
	{ BYTES("\xd7\xcd\xc6\x9a\0\0"), "wmf,image" },
	{ BYTES("ID3\3\0\0\0\0\0\0"), "mpa,mp3,audio" },
	{ BYTES("RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0"), "wav,riff,audio" },
	{ BYTES("\0\0\0\x18" "ftypisom\0\0\2\0isomiso2"), "mp4,movie" },
};

static void
test_short_contents(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmTypes) types = am_types_new(&error);
	g_assert_no_error(error);
	for (gsize i = 0; i < G_N_ELEMENTS(short_contents); i++) {
		gsize len = short_contents[i].len;
		g_autofree guint8 *exact = g_memdup2(short_contents[i].bytes, len);
		const char *type = am_types_detect(types, exact, len, TRUE);
		g_test_message("%s: %s", short_contents[i].names, type);
		g_assert_cmpstr(am_types_short(type), ==, short_contents[i].names);
	}
}

/* OLE2 by the first sector of its directory. */
static void
test_ole(void)
{
	static const struct {
		const char *stream;
		const char *names;
	} cases[] = {
		{ "", "doc,cdf-ms" },
		{ "WordDocument", "doc" },
		{ "Workbook", "xls,doc" },
		{ "PowerPoint Document", "ppt,doc" },
		{ "__properties_version1.0", "msg,doc" },
		{ "EncryptedPackage", "doc" },
	};
	guint8 bytes[1024] = { 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1 };
	guint8 *entry = bytes + 512 + 128;
	bytes[30] = 9;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		memset(entry, 0, 128);
		for (gsize j = 0; cases[i].stream[j] != '\0'; j++)
			entry[j * 2] = (guint8)cases[i].stream[j];
		g_autofree guint8 *exact = g_memdup2(bytes, sizeof bytes);
		g_assert_cmpstr(am_types_short(am_types_recognise(exact, sizeof bytes, TRUE)), ==,
				cases[i].names);
	}
	memcpy(bytes + 512 + 80, "\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", 16);
	g_assert_cmpstr(am_types_short(am_types_recognise(bytes, sizeof bytes, TRUE)), ==,
			"msi,doc");
	memset(bytes + 48, 0xff, 4); /* a directory that is nowhere */
	g_assert_cmpstr(am_types_recognise(bytes, sizeof bytes, TRUE), ==,
			"application/x-ole-storage");
}

static void
test_programs(void)
{
	guint8 bytes[256] = { 'M', 'Z' };
	bytes[60] = 128;
	memcpy(bytes + 128, "PE\0\0", 4);
	g_assert_cmpstr(am_types_recognise(bytes, sizeof bytes, TRUE), ==,
			"application/x-dosexec");
	bytes[128 + 23] = 0x21;
	g_assert_cmpstr(am_types_short(am_types_recognise(bytes, sizeof bytes, TRUE)), ==,
			"exe-ms,exe,dll");
	bytes[63] = 0xff;
	g_assert_cmpstr(am_types_recognise(bytes, sizeof bytes, TRUE), ==,
			"application/x-dosexec");
}

static void
test_trailers(void)
{
	g_autofree guint8 *image = g_malloc0(2048);
	image[0] = 1;
	memcpy(image + 1536, "koly\0\0\0\4", 8);
	g_assert_cmpstr(am_types_short(am_types_recognise(image, 2048, TRUE)), ==, "dmg");
	g_assert_cmpstr(am_types_recognise(image, 2048, FALSE), ==, NULL);
	memcpy(image + 1536, "conectix", 8);
	g_assert_cmpstr(am_types_short(am_types_recognise(image, 2048, TRUE)), ==, "vhd");
	g_autofree guint8 *udf = g_malloc0(36000);
	memcpy(udf + 32769, "BEA01", 5);
	memcpy(udf + 34817, "NSR02", 5);
	g_assert_cmpstr(am_types_short(am_types_recognise(udf, 36000, TRUE)), ==, "udf,iso");
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
		{ "image/png", "png,image" },
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
	g_test_add_func("/types/short-contents", test_short_contents);
	g_test_add_func("/types/ole", test_ole);
	g_test_add_func("/types/programs", test_programs);
	g_test_add_func("/types/trailers", test_trailers);
	return g_test_run();
}
