/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Three kinds of small XML:
 *
 *     *.rels        [ECMA-376-2 9.3] <Relationship Id= Type=".../KIND" Target="URL"
 *                   TargetMode="External"/>: a template, an object, a picture from elsewhere;
 *                   kinds of macro sheets tell that there are such
 *     Basic/...     <script:module script:language="StarBasic">: a macro of OpenDocument
 *     manifest.xml  <manifest:encryption-data>: members of this OpenDocument file are encrypted
 *
 * Tags are gone through with their attributes; nothing else of XML is needed to see these.  NULs are
 * left out in front, so that UTF-16 is read as well. */

#include "relations.h"

#include <string.h>

#define READ_MAX_BYTES (1 << 20)
#define HEAD_MAX_BYTES 4096
#define DETAIL_MAX 1000

static const char *const marks[] = {
	"package/2006/relationships",
	"script:module",
	"urn:oasis:names:tc:opendocument:xmlns:manifest",
};

static GByteArray *
relations_narrow(Bytes bytes)
{
	GByteArray *narrow = g_byte_array_sized_new((guint)bytes.len);
	for (gsize i = 0; i < bytes.len; i++)
		if (bytes.data[i] != '\0')
			g_byte_array_append(narrow, bytes.data + i, 1);
	return narrow;
}

gboolean
relations_are(const guint8 *head, gsize len)
{
	gsize i = 0;
	while (i < len && i < 64 && head[i] != '<' &&
	       (head[i] >= 0x80 || g_ascii_isspace(head[i]) || head[i] == '\0'))
		i++; /* byte order marks */
	if (i == len || head[i] != '<')
		return FALSE;
	g_autoptr(GByteArray) narrow = relations_narrow((Bytes){ head, MIN(len, HEAD_MAX_BYTES) });
	for (gsize k = 0; k < G_N_ELEMENTS(marks); k++)
		if (bytes_find((Bytes){ narrow->data, narrow->len }, 0, marks[k],
			       strlen(marks[k])) >= 0)
			return TRUE;
	return FALSE;
}

/* The value of an attribute of the tag; NULL: it has none of that name. */
static char *
relations_attribute(Bytes tag, const char *name)
{
	gsize name_len = strlen(name);
	for (gssize found = 0; (found = bytes_find(tag, (gsize)found, name, name_len)) >= 0;
	     found++) {
		gsize at = (gsize)found + name_len;
		if (found == 0 || !g_ascii_isspace(tag.data[found - 1]))
			continue;
		while (at < tag.len && g_ascii_isspace(tag.data[at]))
			at++;
		if (at >= tag.len || tag.data[at] != '=')
			continue;
		at++;
		while (at < tag.len && g_ascii_isspace(tag.data[at]))
			at++;
		if (at >= tag.len || (tag.data[at] != '"' && tag.data[at] != '\''))
			continue;
		Bytes rest = bytes_sub(tag, at + 1, tag.len);
		const guint8 *end = rest.len > 0 ? memchr(rest.data, tag.data[at], rest.len) : NULL;
		return bytes_text(
			bytes_sub(rest, 0, end != NULL ? (gsize)(end - rest.data) : rest.len));
	}
	return NULL;
}

/* A link to click on, as any text has them, and not one that does something else. */
static gboolean
relations_is_plain_link(const char *kind, const char *target)
{
	static const char *const plain[] = { "http:", "https:", "mailto:", "ftp:", "tel:", "#" };
	if (strcmp(kind, "hyperlink") != 0)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(plain); i++)
		if (g_ascii_strncasecmp(target, plain[i], strlen(plain[i])) == 0)
			return TRUE;
	return FALSE;
}

static void
relations_read_tag(Bytes tag, Output *output)
{
	g_autofree char *type = relations_attribute(tag, "Type");
	g_autofree char *mode = relations_attribute(tag, "TargetMode");
	g_autofree char *target = relations_attribute(tag, "Target");
	if (type == NULL)
		return;
	const char *slash = strrchr(type, '/');
	const char *kind = slash != NULL ? slash + 1 : type;
	if (g_ascii_strcasecmp(kind, "xlMacrosheet") == 0 ||
	    g_ascii_strcasecmp(kind, "xlIntlMacrosheet") == 0)
		output_finding(output, "macro", "XLM", target);
	if (mode == NULL || target == NULL || g_ascii_strcasecmp(mode, "External") != 0 ||
	    relations_is_plain_link(kind, target))
		return;
	if (strlen(target) > DETAIL_MAX)
		target[DETAIL_MAX] = '\0';
	output_finding(output, "external", kind, target);
}

void
relations_read(Bytes bytes, Output *output)
{
	g_autoptr(GByteArray) narrow = relations_narrow(bytes_sub(bytes, 0, READ_MAX_BYTES));
	Bytes text = { narrow->data, narrow->len };
	gboolean has_macro = FALSE, is_encrypted = FALSE;
	for (gssize at = 0; (at = bytes_find(text, (gsize)at, "<", 1)) >= 0;) {
		Bytes rest = bytes_sub(text, (gsize)at + 1, text.len);
		const guint8 *end = rest.len > 0 ? memchr(rest.data, '>', rest.len) : NULL;
		Bytes tag = bytes_sub(rest, 0, end != NULL ? (gsize)(end - rest.data) : rest.len);
		relations_read_tag(tag, output);
		has_macro |= bytes_starts(tag, "script:module", 13);
		is_encrypted |= bytes_starts(tag, "manifest:encryption-data", 24);
		at += 1 + (gssize)tag.len;
	}
	if (has_macro)
		output_finding(output, "macro", "Basic", NULL);
	if (is_encrypted)
		output_mark(output, AM_PART_ENCRYPTED, "office OpenDocument");
	if (bytes.len > READ_MAX_BYTES)
		output_mark(output, AM_PART_UNDECODED, "office: too long to be read");
}
