/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Kinds of XML, of which tags and their attributes are all that is needed:
 *
 *     *.rels        [ECMA-376-2 9.3] <Relationship Id= Type=".../KIND" Target="URL"
 *                   TargetMode="External"/>: a template, an object, a picture from elsewhere;
 *                   kinds of macro sheets tell that there are such
 *     flat files    a whole document in one XML: <pkg:part pkg:name="/word/vbaProject.bin">
 *                   <pkg:binaryData>BASE64; of Word 2003 <w:binData w:name="editdata.mso">BASE64
 *     Basic/...     <script:module script:language="StarBasic">: a macro of OpenDocument
 *     manifest.xml  <manifest:encryption-data>: members of this OpenDocument file are encrypted
 *
 * In UTF-16 the NULs are left out in front. */

#include "relations.h"

#include <string.h>

#define DECODE_BYTES 49152 /* of base64 in one step */
#define TAGS_AT_ONCE 1000
#define HEAD_MAX_BYTES 4096
#define DETAIL_MAX 1000

static const char *const marks[] = {
	"package/2006/relationships",
	"script:module",
	"urn:oasis:names:tc:opendocument:xmlns:manifest",
	"schemas.microsoft.com/office/2006/xmlPackage",
	"schemas.microsoft.com/office/word/2003/wordml",
};

/* One pass over a text. */
typedef struct {
	Bytes text;
	Output *output;
	char *part_name; /* of the flat file's part at hand */
	Bytes root;	 /* the tag of the first element */
	gboolean is_whole; /* its end was the last tag */
	gboolean has_macro, is_encrypted;
} RelationsRun;

/* The text without NULs; *copy, when one had to be made, is what it lies in. */
static Bytes
relations_narrow(Bytes bytes, guint8 **copy)
{
	gsize len = 0;
	*copy = NULL;
	if (bytes.len == 0 || memchr(bytes.data, '\0', bytes.len) == NULL)
		return bytes;
	*copy = g_malloc(bytes.len);
	for (gsize i = 0; i < bytes.len; i++)
		if (bytes.data[i] != '\0')
			(*copy)[len++] = bytes.data[i];
	return (Bytes){ *copy, len };
}

gboolean
relations_are(const guint8 *head, gsize len)
{
	g_autofree guint8 *copy = NULL;
	gsize i = 0;
	while (i < len && i < 64 &&
	       (head[i] >= 0x80 || g_ascii_isspace(head[i]) || head[i] == '\0'))
		i++; /* byte order marks */
	if (i == len || head[i] != '<')
		return FALSE;
	Bytes text = relations_narrow((Bytes){ head, MIN(len, HEAD_MAX_BYTES) }, &copy);
	for (gsize k = 0; k < G_N_ELEMENTS(marks); k++)
		if (bytes_find(text, 0, marks[k], strlen(marks[k])) >= 0)
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

/* The base64 behind a tag, up to the next one, as a child. */
static void
relations_add_binary(RelationsRun *run, gsize from, const char *name)
{
	Bytes rest = bytes_sub(run->text, from, run->text.len);
	const guint8 *end = rest.len > 0 ? memchr(rest.data, '<', rest.len) : NULL;
	Bytes base64 = bytes_sub(rest, 0, end != NULL ? (gsize)(end - rest.data) : rest.len);
	g_autofree guint8 *plain = g_malloc(DECODE_BYTES);
	const char *slash = name != NULL ? strrchr(name, '/') : NULL;
	gint state = 0;
	guint save = 0;
	AmChild *child = output_open(run->output, slash != NULL ? slash + 1 : name, NULL);
	if (child == NULL)
		return;
	for (gsize at = 0; at < base64.len; at += DECODE_BYTES) {
		Bytes piece = bytes_sub(base64, at, DECODE_BYTES);
		gsize len = g_base64_decode_step((const char *)piece.data, piece.len, plain, &state,
						 &save);
		if (!output_write(run->output, child, (Bytes){ plain, len }))
			break;
	}
	(void)output_close(run->output, child); /* is_full remembers */
}

/* Its name without what stands in front of the colon. */
static gboolean
relations_tag_is(Bytes tag, const char *name)
{
	gsize len = 0, start = 0;
	while (len < tag.len && !g_ascii_isspace(tag.data[len]) && tag.data[len] != '/') {
		if (tag.data[len] == ':')
			start = len + 1;
		len++;
	}
	return len - start == strlen(name) && memcmp(tag.data + start, name, len - start) == 0;
}

/* Up to a blank or the slash of an empty element. */
static gsize
relations_name_len(Bytes tag)
{
	gsize len = 0;
	while (len < tag.len && !g_ascii_isspace(tag.data[len]) && tag.data[len] != '/')
		len++;
	return len;
}

/* Is it, without the slash in front, the end of the first element? */
static gboolean
relations_is_root_end(const RelationsRun *run, Bytes tag)
{
	Bytes name = bytes_sub(tag, 1, tag.len);
	gsize len = relations_name_len(run->root);
	if (tag.data[0] != '/') /* the first element is empty */
		return tag.data == run->root.data && tag.data[tag.len - 1] == '/';
	return relations_name_len(name) == len && memcmp(name.data, run->root.data, len) == 0;
}

/* Keeps in mind whether the document ends here. */
static void
relations_note_end(RelationsRun *run, Bytes tag, gsize end)
{
	if (tag.data[0] == '!' || tag.data[0] == '?')
		return;
	if (run->root.len == 0)
		run->root = tag;
	run->is_whole = end > 0 && run->text.data[end - 1] == '>' && relations_is_root_end(run, tag);
}

static void
relations_tag(RelationsRun *run, Bytes tag, gsize end)
{
	if (tag.len == 0)
		return;
	relations_note_end(run, tag, end);
	if (relations_tag_is(tag, "Relationship")) {
		relations_read_tag(tag, run->output);
	} else if (relations_tag_is(tag, "part")) {
		g_free(run->part_name);
		run->part_name = relations_attribute(tag, "pkg:name");
	} else if (tag.data[0] != '/' && relations_tag_is(tag, "binaryData")) {
		relations_add_binary(run, end, run->part_name);
	} else if (tag.data[0] != '/' && relations_tag_is(tag, "binData")) {
		g_autofree char *name = relations_attribute(tag, "w:name");
		relations_add_binary(run, end, name);
	}
	run->has_macro |= bytes_starts(tag, "script:module", 13);
	run->is_encrypted |= bytes_starts(tag, "manifest:encryption-data", 24);
}

static void
relations_scan(RelationsRun *run)
{
	Bytes text = run->text;
	guint n = 0;
	for (gssize at = 0; (at = bytes_find(text, (gsize)at, "<", 1)) >= 0;) {
		Bytes rest = bytes_sub(text, (gsize)at + 1, text.len);
		const guint8 *end = rest.len > 0 ? memchr(rest.data, '>', rest.len) : NULL;
		Bytes tag = bytes_sub(rest, 0, end != NULL ? (gsize)(end - rest.data) : rest.len);
		at += 1 + (gssize)tag.len;
		relations_tag(run, tag, MIN((gsize)at + 1, text.len));
		if (run->output->is_full ||
		    (n++ % TAGS_AT_ONCE == 0 && output_is_over(run->output)))
			return;
	}
}

void
relations_read(Bytes bytes, Output *output)
{
	g_autofree guint8 *copy = NULL;
	RelationsRun run = { .text = relations_narrow(bytes, &copy), .output = output };
	relations_scan(&run);
	if (!run.is_whole && !output->is_full)
		output_mark(output, AM_PART_UNDECODED, "office XML: cut short");
	g_free(run.part_name);
	if (run.has_macro)
		output_finding(output, "macro", "Basic", NULL);
	if (run.is_encrypted)
		output_mark(output, AM_PART_ENCRYPTED, "office OpenDocument");
}
