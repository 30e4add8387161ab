/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* An object: version, format (1 link, 2 embedded), then class, topic and item, each with its length
 * in front; an embedded one has the length of its data and the data.  Lengths that say more than is
 * there are taken for what is there: Office does, and so such objects are written.
 *
 * A package: 2, label, path of the file, two words of flags, path of a temporary copy with its
 * length in front, length of the file, the file.  The extension of the path decides which program
 * opens it, whatever the label says. */

#include "ole1.h"

#include <string.h>

#define FORMAT_LINK 1
#define FORMAT_EMBEDDED 2
#define NAME_MAX_BYTES 4096 /* class, topic and item */
#define PATH_MAX_BYTES 2048

/* A string with its length in front; FALSE: not one. */
static gboolean
ole1_take_string(Bytes bytes, gsize *at, char **text)
{
	Bytes head = bytes_sub(bytes, *at, 4);
	if (head.len < 4)
		return FALSE;
	guint32 len = bytes_u32(head.data);
	if (len > NAME_MAX_BYTES || len > bytes.len - *at - 4)
		return FALSE;
	*text = bytes_text(bytes_sub(bytes, *at + 4, len));
	*at += 4 + len;
	return TRUE;
}

gboolean
ole1_parse(Bytes bytes, Ole1Object *object)
{
	gsize at = 8;
	g_autofree char *item = NULL;
	*object = (Ole1Object){ 0 };
	if (bytes.len < 12)
		return FALSE;
	guint32 format = bytes_u32(bytes.data + 4);
	if (format != FORMAT_LINK && format != FORMAT_EMBEDDED)
		return FALSE;
	if (!ole1_take_string(bytes, &at, &object->class_name) ||
	    !ole1_take_string(bytes, &at, &object->topic) || !ole1_take_string(bytes, &at, &item)) {
		ole1_clear(object);
		return FALSE;
	}
	object->is_link = format == FORMAT_LINK;
	if (object->is_link)
		return TRUE;
	Bytes size = bytes_sub(bytes, at, 4);
	if (size.len < 4) {
		ole1_clear(object);
		return FALSE;
	}
	object->native = bytes_sub(bytes, at + 4, bytes_u32(size.data));
	return TRUE;
}

void
ole1_clear(Ole1Object *object)
{
	g_clear_pointer(&object->class_name, g_free);
	g_clear_pointer(&object->topic, g_free);
}

/* A string that ends with NUL; FALSE: it does not end. */
static gboolean
ole1_take_path(Bytes bytes, gsize *at, Bytes *path)
{
	Bytes rest = bytes_sub(bytes, *at, PATH_MAX_BYTES);
	const guint8 *end = rest.len > 0 ? memchr(rest.data, '\0', rest.len) : NULL;
	if (end == NULL)
		return FALSE;
	*path = (Bytes){ rest.data, (gsize)(end - rest.data) };
	*at += path->len + 1;
	return TRUE;
}

/* Without folders, as either system writes them. */
static char *
ole1_base_name(Bytes path)
{
	for (gsize i = path.len; i > 0; i--)
		if (path.data[i - 1] == '\\' || path.data[i - 1] == '/')
			return bytes_text(bytes_sub(path, i, path.len));
	return bytes_text(path);
}

gboolean
ole1_add_package(Output *output, Bytes native)
{
	Bytes label, path, temporary = { NULL, 0 };
	gsize at = 2;
	if (native.len < 16 || bytes_u16(native.data) != 2 ||
	    !ole1_take_path(native, &at, &label) || !ole1_take_path(native, &at, &path))
		return FALSE;
	Bytes rest = bytes_sub(native, at, native.len);
	if (rest.len < 8)
		return FALSE;
	guint16 kind = bytes_u16(rest.data + 2); /* 3 embedded, 1 a link to the path */
	guint32 temporary_len = bytes_u32(rest.data + 4);
	if (temporary_len > PATH_MAX_BYTES || rest.len < 12 + (gsize)temporary_len)
		return FALSE;
	temporary = bytes_sub(rest, 8, temporary_len);
	guint32 len = bytes_u32(rest.data + 8 + temporary_len);
	Bytes data = bytes_sub(rest, 12 + (gsize)temporary_len, len);
	g_autofree char *name = ole1_base_name(path.len > 0 ? path : temporary);
	g_autofree char *shown = bytes_text(label);
	if (kind == 1) {
		g_autofree char *target = bytes_text(path);
		output_finding(output, "external", "package", target);
		return TRUE;
	}
	output_finding(output, "embedded", *name != '\0' ? name : "package",
		       strcmp(name, shown) != 0 ? shown : NULL);
	(void)output_child(output, *name != '\0' ? name : shown, NULL, data);
	return TRUE;
}

void
ole1_add(Output *output, const Ole1Object *object)
{
	const char *name = *object->class_name != '\0' ? object->class_name : "object";
	if (object->is_link) {
		output_finding(output, "external", name, object->topic);
		return;
	}
	if (ole1_add_package(output, object->native))
		return;
	output_finding(output, "embedded", name, NULL);
	(void)output_child(output, NULL, NULL, object->native);
}
