/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Types by content.  libmagic takes 200 to 350 us for a text, more than all the rest of the work on
 * a small mail, so the common cases are recognised here first: signatures at fixed places, HTML by
 * its first tag, text by having no byte that texts do not have.  libmagic is asked for what remains,
 * once, with 4 KiB. */

#include <config.h>

#include "content/types.h"

#include <magic.h>
#include <string.h>

#include "content/types-private.h"

#define ZIP_ENTRY_BYTES 30 /* of a local file header before the name */

struct _AmTypes {
	magic_t magic;
	gboolean is_dirty; /* used since am_types_forget() */
};

typedef struct {
	guint16 offset;
	guint8 len;
	const char *bytes;
	const char *type;
} Signature;

#define SIGNATURE(offset, bytes, type)                                                             \
	{                                                                                          \
		offset, sizeof(bytes) - 1, bytes, type                                             \
	}

/* Order matters where one is the start of another. */
static const Signature signatures[] = {
	SIGNATURE(0, "%PDF-", "application/pdf"),
	SIGNATURE(0, "\x89PNG\r\n\x1a\n", "image/png"),
	SIGNATURE(0, "\xff\xd8\xff", "image/jpeg"),
	SIGNATURE(0, "GIF87a", "image/gif"),
	SIGNATURE(0, "GIF89a", "image/gif"),
	SIGNATURE(0, "\x1f\x8b\x08", "application/gzip"),
	SIGNATURE(0,
		  "\xfd"
		  "7zXZ\0",
		  "application/x-xz"),
	SIGNATURE(0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
	SIGNATURE(0, "Rar!\x1a\x07", "application/x-rar"),
	SIGNATURE(0, "\x28\xb5\x2f\xfd", "application/zstd"),
	SIGNATURE(0, "\x04\x22\x4d\x18", "application/x-lz4"),
	SIGNATURE(0, "LZIP\x01", "application/x-lzip"),
	SIGNATURE(0, "\x89LZO\0\r\n\x1a\n", "application/x-lzop"),
	SIGNATURE(0, "LRZI", "application/x-lrzip"),
	SIGNATURE(0, "\x1f\x9d", "application/x-compress"),
	SIGNATURE(0, "MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
	SIGNATURE(0,
		  "\x7f"
		  "ELF",
		  "application/x-executable"),
	SIGNATURE(0, "\xed\xab\xee\xdb", "application/x-rpm"),
	SIGNATURE(0, "!<arch>\ndebian-binary", "application/vnd.debian.binary-package"),
	SIGNATURE(0, "!<arch>\n", "application/x-archive"),
	SIGNATURE(0, "\x78\x9f\x3e\x22", "application/vnd.ms-tnef"),
	SIGNATURE(0, "ITSF", "application/vnd.ms-htmlhelp"),
	SIGNATURE(0, "L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
	SIGNATURE(0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "application/onenote"),
	SIGNATURE(0, "{\\rtf", "text/rtf"),
	SIGNATURE(0, "%!PS", "application/postscript"),
	SIGNATURE(0, "-----BEGIN PGP MESSAGE-----", "application/pgp-encrypted"),
	SIGNATURE(0, "-----BEGIN PGP SIGNATURE-----", "application/pgp-signature"),
	SIGNATURE(0, "-----BEGIN PGP PUBLIC KEY", "application/pgp-keys"),
	SIGNATURE(7, "**ACE**", "application/x-ace"),
	SIGNATURE(20, "\xdc\xa7\xc4\xfd", "application/x-zoo"),
	SIGNATURE(257, "ustar", "application/x-tar"),
	SIGNATURE(0, "070701", "application/x-cpio"),
	SIGNATURE(0, "070702", "application/x-cpio"),
	SIGNATURE(0, "070707", "application/x-cpio"),
	SIGNATURE(0, "\xc7\x71", "application/x-cpio"),
	SIGNATURE(0, "\xd7\xcd\xc6\x9a", "image/wmf"),
	SIGNATURE(40, " EMF", "image/emf"),
	SIGNATURE(0, "vhdxfile", "application/x-vhdx"),
	SIGNATURE(0, "conectix", "application/x-vhd"),
	SIGNATURE(0, "KDMV", "application/x-vmdk"),
	SIGNATURE(0, "MSWIM\0\0\0", "application/x-ms-wim"),
	SIGNATURE(0, "ISc(", "application/x-installshield"),
	SIGNATURE(0, "SIT!", "application/x-stuffit"),
	SIGNATURE(0, "StuffIt (c)", "application/x-stuffit"),
	SIGNATURE(0, "StuffIt!", "application/x-stuffitx"),
	SIGNATURE(0, "\x1f\x9f", "application/x-freeze"),
	SIGNATURE(0, "\x1f\x9e", "application/x-freeze"),
	SIGNATURE(0, "wOFF", "font/woff"),
	SIGNATURE(0, "wOF2", "font/woff2"),
	SIGNATURE(0, "II*\0", "image/tiff"),
	SIGNATURE(0, "MM\0*", "image/tiff"),
	SIGNATURE(0, "OggS\0", "application/ogg"),
	SIGNATURE(0, "ID3", "audio/mpeg"),
	SIGNATURE(0, "!BDN", "application/vnd.ms-outlook"),
};

static gboolean
types_starts(const guint8 *head, gsize len, gsize offset, const char *text, gsize text_len)
{
	return len >= text_len && offset <= len - text_len &&
	       memcmp(head + offset, text, text_len) == 0;
}

/* A zip by what its first entries are called: office documents, Java, Android. */
static const char *
types_recognise_zip(const guint8 *head, gsize len)
{
	static const struct {
		const char *name; /* prefix of an entry's name */
		const char *type;
	} kinds[] = {
		{ "word/",
		  "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
		{ "xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
		{ "ppt/",
		  "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
		{ "META-INF/MANIFEST.MF", "application/java-archive" },
		{ "AndroidManifest.xml", "application/vnd.android.package-archive" },
	};
	static const char *const documents[] = {
		"application/vnd.oasis.opendocument.text",
		"application/vnd.oasis.opendocument.spreadsheet",
		"application/vnd.oasis.opendocument.presentation",
		"application/vnd.oasis.opendocument.graphics",
		"application/epub+zip",
	};
	/* OpenDocument: the first entry is stored, and called "mimetype" */
	if (types_starts(head, len, ZIP_ENTRY_BYTES, "mimetype", 8))
		for (gsize i = 0; i < G_N_ELEMENTS(documents); i++)
			if (types_starts(head, len, ZIP_ENTRY_BYTES + 8, documents[i],
					 strlen(documents[i])))
				return documents[i];
	const guint8 *at = head;
	while ((at = memmem(at, len - (gsize)(at - head), "PK\3\4", 4)) != NULL) {
		gsize entry = (gsize)(at - head);
		for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
			if (types_starts(head, len, entry + ZIP_ENTRY_BYTES, kinds[i].name,
					 strlen(kinds[i].name)))
				return kinds[i].type;
		at += 4;
	}
	return "application/zip";
}

static const char *
types_recognise_signature(const guint8 *head, gsize len, gboolean is_whole)
{
	const char *binary = am_types_recognise_binary(head, len, is_whole);
	if (binary != NULL)
		return binary;
	if (types_starts(head, len, 0, "PK\3\4", 4) || types_starts(head, len, 0, "PK00PK\3\4", 8))
		return types_recognise_zip(head, len);
	if (types_starts(head, len, 0, "PK\5\6", 4))
		return "application/zip"; /* an empty one */
	if (types_starts(head, len, 0, "BZh", 3) && len > 9 && head[3] >= '1' && head[3] <= '9' &&
	    memcmp(head + 4, "1AY&SY", 6) == 0)
		return "application/x-bzip2";
	/* Flash: how it is packed, and a version */
	if (len > 8 && (*head == 'F' || *head == 'C' || *head == 'Z') && head[1] == 'W' &&
	    head[2] == 'S' && head[3] < 100)
		return "application/x-shockwave-flash";
	if (types_starts(head, len, 0, "RIFF", 4) && types_starts(head, len, 8, "WEBP", 4))
		return "image/webp";
	if (types_starts(head, len, 0, "\x60\xea", 2) && len > 34 && head[2] > 10)
		return "application/x-arj";
	if (len > 20 && head[2] == '-' && head[3] == 'l' && head[6] == '-' &&
	    (head[4] == 'h' || head[4] == 'z') && g_ascii_isalnum(head[5]))
		return "application/x-lha";
	for (gsize i = 0; i < G_N_ELEMENTS(signatures); i++)
		if (types_starts(head, len, signatures[i].offset, signatures[i].bytes,
				 signatures[i].len))
			return signatures[i].type;
	return NULL;
}

/* Tags (and declarations) that pages start with; what follows must end the word. */
static gboolean
types_is_html(const char *text, gsize len)
{
	static const char *const tags[] = {
		"!doctype html", "html",   "head", "body",   "title", "script", "meta",
		"style",	 "table",  "div",  "p",	     "br",    "font",	"a",
		"span",		 "iframe", "h1",   "center", "img",   "form"
	};
	gsize i = 0;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	for (;;) {
		while (i < len && g_ascii_isspace(text[i]))
			i++;
		if (len - i < 4 || memcmp(text + i, "<!--", 4) != 0)
			break;
		const char *end = memmem(text + i, len - i, "-->", 3);
		if (end == NULL)
			return TRUE; /* a text that starts with a comment is for a browser */
		i = (gsize)(end - text) + 3;
	}
	if (i == len || text[i++] != '<')
		return FALSE;
	for (gsize t = 0; t < G_N_ELEMENTS(tags); t++) {
		gsize n = strlen(tags[t]);
		if (len - i > n && g_ascii_strncasecmp(text + i, tags[t], n) == 0 &&
		    !g_ascii_isalnum(text[i + n]))
			return TRUE;
	}
	return FALSE;
}

/* XML of the kinds that office documents are made of, a dozen to a document; of other roots libmagic
 * knows more. */
static gboolean
types_is_office_xml(const char *text, gsize len)
{
	static const char *const roots[] = {
		"Types",    "Relationships", "Properties", "worksheet", "workbook",
		"sst",	    "styleSheet",    "cp:",	   "w:",	"p:",
		"a:",	    "c:",	     "office:",	   "manifest:",
	};
	const char *end = text + len, *at;
	if (len < 6 || memcmp(text, "<?xml ", 6) != 0 || (at = memmem(text, len, "?>", 2)) == NULL)
		return FALSE;
	for (at += 2; at < end && g_ascii_isspace(*at);)
		at++;
	if (at == end || *at++ != '<')
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(roots); i++) {
		gsize n = strlen(roots[i]);
		if ((gsize)(end - at) > n && memcmp(at, roots[i], n) == 0 &&
		    (roots[i][n - 1] == ':' || !g_ascii_isalnum(at[n])))
			return TRUE;
	}
	return FALSE;
}

/* Text: no control bytes but blanks, line ends, form feed, bell, backspace, escape (as file(1)).
 * Without a branch for each byte: this is where a small mail spends its time. */
static gboolean
types_is_text(const guint8 *head, gsize len)
{
	static const guint8 odd[256] = {
		[0] = 1,  [1] = 1,  [2] = 1,  [3] = 1,	[4] = 1,   [5] = 1,  [6] = 1,
		[11] = 1, [14] = 1, [15] = 1, [16] = 1, [17] = 1,  [18] = 1, [19] = 1,
		[20] = 1, [21] = 1, [22] = 1, [23] = 1, [24] = 1,  [25] = 1, [26] = 1,
		[28] = 1, [29] = 1, [30] = 1, [31] = 1, [127] = 1,
	};
	guint found = 0;
	for (gsize i = 0; i < len; i++)
		found |= odd[head[i]];
	return found == 0;
}

/* Bytes above 127 in the first part: whether they make sense as UTF-8 or as a Latin text. */
static gboolean
types_has_plain_letters(const guint8 *head, gsize len, gboolean is_whole)
{
	const char *end;
	if (g_utf8_validate_len((const char *)head, len, &end))
		return TRUE;
	if (!is_whole && (gsize)((const guint8 *)end - head) + 4 > len)
		return TRUE; /* a letter cut in two */
	gsize high = 0;
	for (gsize i = 0; i < len; i++)
		high += head[i] >= 0xa0;
	return high * 3 < len * 2 && high > 0;
}

/* A mail in a mail, as archives and forwarders carry it. */
static gboolean
types_is_mail(const guint8 *head, gsize len)
{
	static const char *const starts[] = {
		"Received:",	   "Return-Path:",     "Delivered-To:", "MIME-Version:",
		"DKIM-Signature:", "X-Envelope-From:", "Message-ID:"
	};
	for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
		gsize n = strlen(starts[i]);
		if (len > n && g_ascii_strncasecmp((const char *)head, starts[i], n) == 0)
			return TRUE;
	}
	if (len < 6 || (g_ascii_strncasecmp((const char *)head, "From:", 5) != 0 &&
			g_ascii_strncasecmp((const char *)head, "Date:", 5) != 0))
		return FALSE; /* either starts a quoted text too: wants company */
	return memmem(head, len, "\nSubject:", 9) != NULL ||
	       memmem(head, len, "\nMIME-Version:", 14) != NULL ||
	       memmem(head, len, "\nMessage-ID:", 12) != NULL;
}

const char *
am_types_recognise(const guint8 *head, gsize len, gboolean is_whole)
{
	if (len == 0)
		return "";
	const char *type = types_recognise_signature(head, len, is_whole);
	if (type != NULL)
		return type;
	gsize text_len = MIN(len, AM_TYPES_MAGIC_BYTES);
	if (!types_is_text(head, text_len) ||
	    !types_has_plain_letters(head, text_len, is_whole && text_len == len))
		return NULL;
	type = am_types_recognise_text((const char *)head, text_len);
	if (type != NULL)
		return type;
	if (types_is_html((const char *)head, text_len))
		return am_types_is_application((const char *)head, text_len) ? "application/hta"
									     : "text/html";
	if (types_is_mail(head, text_len))
		return "message/rfc822";
	if (types_is_office_xml((const char *)head, text_len))
		return "text/xml";
	/* scripts and markup have types of their own, which libmagic knows */
	if (head[0] == '<' || head[0] == '#' || head[0] == '@' || head[0] == '{')
		return NULL;
	return "text/plain";
}

const char *
am_types_detect(AmTypes *types, const guint8 *head, gsize len, gboolean is_whole)
{
	const char *type = am_types_recognise(head, len, is_whole);
	if (type != NULL)
		return type;
	types->is_dirty = TRUE;
	type = magic_buffer(types->magic, head, MIN(len, AM_TYPES_MAGIC_BYTES));
	if (type == NULL || strchr(type, '/') == NULL)
		return "application/octet-stream";
	return type;
}

AmTypes *
am_types_new(GError **error)
{
	/* what it would unpack or interpret by itself is our decoders' work */
	magic_t magic = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF);
	if (magic == NULL || magic_load(magic, NULL) != 0) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "libmagic: %s",
			    magic != NULL ? magic_error(magic) : "out of memory");
		if (magic != NULL)
			magic_close(magic);
		return NULL;
	}
	AmTypes *types = g_new0(AmTypes, 1);
	types->magic = magic;
	return types;
}

void
am_types_forget(AmTypes *types)
{
	static const guint8 nothing[512];
	if (!types->is_dirty)
		return;
	/* it has the last bytes it compared in its state */
	(void)magic_buffer(types->magic, nothing, sizeof nothing);
	types->is_dirty = FALSE;
}

void
am_types_free(AmTypes *types)
{
	if (types == NULL)
		return;
	magic_close(types->magic);
	g_free(types);
}
