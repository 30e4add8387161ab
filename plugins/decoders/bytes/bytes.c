/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Contents are mapped, so that formats full of offsets are read by comparing each with the length;
 * what the parsers hand around are ranges of that one mapping. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem() */
#endif
#include "bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define WRITE_BYTES 65536
#define FINDINGS_MAX 100 /* of one part */

gssize
bytes_find(Bytes bytes, gsize from, gconstpointer needle, gsize needle_len)
{
	if (from > bytes.len)
		return -1;
	const guint8 *at = memmem(bytes.data + from, bytes.len - from, needle, needle_len);
	return at != NULL ? at - bytes.data : -1;
}

gboolean
bytes_starts(Bytes bytes, gconstpointer start, gsize start_len)
{
	return bytes.len >= start_len && memcmp(bytes.data, start, start_len) == 0;
}

int
bytes_base64_value(guint8 c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

char *
bytes_utf16(Bytes bytes)
{
	GString *text = g_string_new(NULL);
	for (gsize i = 0; i + 2 <= bytes.len; i += 2) {
		gunichar c = bytes_u16(bytes.data + i);
		if (c == 0)
			break;
		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= bytes.len) {
			gunichar low = bytes_u16(bytes.data + i + 2);
			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				i += 2;
			}
		}
		if (c < 0x20 || c == 0x7f)
			c = '?';
		g_string_append_unichar(text, g_unichar_validate(c) ? c : 0xfffd);
	}
	return g_string_free(text, FALSE);
}

char *
bytes_text(Bytes bytes)
{
	gsize len = strnlen((const char *)bytes.data, bytes.len);
	if (g_utf8_validate((const char *)bytes.data, (gssize)len, NULL))
		return g_strndup((const char *)bytes.data, len);
	GString *text = g_string_sized_new(len + 8);
	for (gsize i = 0; i < len; i++)
		g_string_append_unichar(text, bytes.data[i]);
	return g_string_free(text, FALSE);
}

/* ---- what comes out ------------------------------------------------------------------------ */

void
output_init(Output *output, const AmHost *host, AmDecode *decode)
{
	*output = (Output){ .host = host, .decode = decode };
	output->deadline_us = host->decode_deadline_us(decode);
}

gboolean
output_is_over(Output *output)
{
	if (output->is_full)
		return TRUE;
	if (g_get_monotonic_time() < output->deadline_us)
		return FALSE;
	output_mark(output, AM_PART_UNDECODED, "no time left");
	output->is_full = TRUE;
	return TRUE;
}

AmChild *
output_open(Output *output, const char *name, const char *type)
{
	AmChild *child = output->is_full ? NULL : output->host->child_open(output->decode, name, 0);
	if (child == NULL)
		output->is_full = TRUE;
	else if (type != NULL)
		output->host->child_declare(child, type);
	return child;
}

gboolean
output_write(Output *output, AmChild *child, Bytes bytes)
{
	for (gsize done = 0; done < bytes.len && !output->is_full;) {
		gsize n = MIN(bytes.len - done, WRITE_BYTES);
		if (!output->host->child_write(child, bytes.data + done, n))
			output->is_full = TRUE;
		done += n;
	}
	return !output->is_full;
}

gboolean
output_close(Output *output, AmChild *child)
{
	if (!output->host->child_close(child))
		output->is_full = TRUE;
	return !output->is_full;
}

gboolean
output_child(Output *output, const char *name, const char *type, Bytes bytes)
{
	AmChild *child = output_open(output, name, type);
	if (child == NULL)
		return FALSE;
	(void)output_write(output, child, bytes); /* is_full remembers */
	return output_close(output, child);
}

void
output_finding(Output *output, const char *kind, const char *name, const char *detail)
{
	if (output->n_findings++ < FINDINGS_MAX)
		output->host->decode_finding(output->decode, kind, name, detail);
}

void
output_mark(Output *output, guint32 flags, const char *reason)
{
	output->host->decode_mark(output->decode, flags, reason);
}

/* ---- the content --------------------------------------------------------------------------- */

/* "looking at the content: No such file"; FALSE. */
static gboolean
bytes_fail(const char *what, GError **error)
{
	int errnum = errno;
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errnum), "%s the content: %s",
		    what, g_strerror(errnum));
	return FALSE;
}

gboolean
bytes_decode(const AmHost *host, AmDecode *decode, BytesReader read, gconstpointer plugin,
	     GError **error)
{
	int fd = host->part_fd(host->decode_part(decode));
	struct stat st;
	Output output;
	if (fd < 0) {
		host->decode_mark(decode, AM_PART_UNDECODED, "its content is not there");
		return TRUE;
	}
	if (fstat(fd, &st) != 0)
		return bytes_fail("looking at", error);
	if (st.st_size <= 0)
		return TRUE;
	void *address = mmap(NULL, (gsize)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (address == MAP_FAILED)
		return bytes_fail("mapping", error);
	output_init(&output, host, decode);
	output.plugin = plugin;
	read((Bytes){ address, (gsize)st.st_size }, &output);
	(void)munmap(address, (gsize)st.st_size);
	return TRUE;
}
