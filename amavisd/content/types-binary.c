/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Types that take more than a signature: Windows programs and libraries, OLE2 files by what they hold,
 * CMS by its object identifier, disk images by what stands far behind; and texts by their first
 * line. */

#include <config.h>

#include "content/types-private.h"

#include <string.h>

#define OLE_ENTRY_BYTES 128 /* MS-CFB 2.6 */
#define OLE_ENTRIES 64	    /* that are looked at */
#define KOLY_BYTES 512	    /* trailer of a UDIF disk image */
#define VHD_FOOTER_BYTES 512

static guint32
binary_u32(const guint8 *at)
{
	return (guint32)at[0] | (guint32)at[1] << 8 | (guint32)at[2] << 16 | (guint32)at[3] << 24;
}

static gboolean
binary_has(const guint8 *head, gsize len, gsize offset, const char *bytes, gsize n)
{
	return len >= n && offset <= len - n && memcmp(head + offset, bytes, n) == 0;
}

#define HAS(offset, bytes) binary_has(head, len, offset, bytes, sizeof(bytes) - 1)

/* MZ alone starts many a text; a program has zeros in its header. */
static const char *
binary_program(const guint8 *head, gsize len)
{
	if (!HAS(0, "MZ") || memchr(head, 0, MIN(len, 64)) == NULL)
		return NULL;
	if (len >= 64) {
		gsize pe = binary_u32(head + 60);
		/* IMAGE_FILE_HEADER.Characteristics: IMAGE_FILE_DLL */
		if (pe < len && len - pe >= 24 && memcmp(head + pe, "PE\0\0", 4) == 0 &&
		    (head[pe + 23] & 0x20) != 0)
			return "application/x-ms-dll";
	}
	return "application/x-dosexec";
}

/* Root entry's class id, and names of streams in the first sector of the directory. */
static const char *
ole_by_entries(const guint8 *entries, gsize len)
{
	static const struct {
		const char *name; /* UTF-16LE without its high bytes; a prefix */
		const char *type;
	} streams[] = {
		{ "__nameid_version1.0", "application/vnd.ms-outlook" },
		{ "__properties_version1.0", "application/vnd.ms-outlook" },
		{ "WordDocument", "application/msword" },
		{ "Workbook", "application/vnd.ms-excel" },
		{ "Book", "application/vnd.ms-excel" },
		{ "PowerPoint Document", "application/vnd.ms-powerpoint" },
		{ "VisioDocument", "application/vnd.visio" },
		{ "EncryptedPackage", "application/vnd.ms-office" },
	};
	static const guint8 installer[] = { 0x84, 0x10, 0x0c, 0, 0, 0, 0, 0,
					    0xc0, 0,	0,    0, 0, 0, 0, 0x46 };
	if (len >= OLE_ENTRY_BYTES && memcmp(entries + 80, installer, sizeof installer) == 0)
		return "application/x-msi";
	for (guint n = 0; n < OLE_ENTRIES && len >= OLE_ENTRY_BYTES; n++) {
		char name[33];
		guint used = 0;
		while (used < 32 && entries[used * 2] != 0 && entries[used * 2 + 1] == 0) {
			name[used] = (char)entries[used * 2];
			used++;
		}
		name[used] = '\0';
		for (gsize i = 0; i < G_N_ELEMENTS(streams); i++)
			if (strcmp(name, streams[i].name) == 0)
				return streams[i].type;
		entries += OLE_ENTRY_BYTES;
		len -= OLE_ENTRY_BYTES;
	}
	return "application/x-ole-storage";
}

static const char *
binary_ole(const guint8 *head, gsize len)
{
	if (!HAS(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
		return NULL;
	if (len < 52 || (head[30] != 9 && head[30] != 12) || head[31] != 0)
		return "application/x-ole-storage";
	guint64 directory = ((guint64)binary_u32(head + 48) + 1) << head[30];
	if (directory >= len)
		return "application/x-ole-storage";
	gsize have = len - (gsize)directory;
	return ole_by_entries(head + directory, MIN(have, (gsize)1 << head[30]));
}

/* RFC 5652 3: SEQUENCE { OBJECT IDENTIFIER 1.2.840.113549.1.7.N ... */
static const char *
binary_cms(const guint8 *head, gsize len)
{
	static const char id[] = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07";
	if (len < 16 || head[0] != 0x30)
		return NULL;
	gsize offset = 2 + ((head[1] & 0x80) != 0 ? (head[1] & 0x7f) : 0);
	return offset <= 6 && HAS(offset, id) ? "application/pkcs7-mime" : NULL;
}

/* What stands at the end; only of what lies whole in the head. */
static const char *
binary_by_trailer(const guint8 *head, gsize len)
{
	if (len >= KOLY_BYTES && HAS(len - KOLY_BYTES, "koly\0\0\0\4"))
		return "application/x-apple-diskimage";
	if (len >= VHD_FOOTER_BYTES && HAS(len - VHD_FOOTER_BYTES, "conectix"))
		return "application/x-vhd";
	return NULL;
}

static const char *
binary_image(const guint8 *head, gsize len)
{
	gboolean is_udf = HAS(32769, "BEA01") || HAS(34817, "NSR0") || HAS(36865, "NSR0");
	if (HAS(32769, "CD001"))
		return "application/x-iso9660-image"; /* perhaps UDF too */
	return is_udf ? "application/x-udf-image" : NULL;
}

const char *
am_types_recognise_binary(const guint8 *head, gsize len, gboolean is_whole)
{
	const char *type = binary_program(head, len);
	if (type == NULL)
		type = binary_ole(head, len);
	if (type == NULL)
		type = binary_cms(head, len);
	if (type == NULL && len > 32768)
		type = binary_image(head, len);
	if (type == NULL && is_whole)
		type = binary_by_trailer(head, len);
	return type;
}

/* ---- texts --------------------------------------------------------------------------------- */

/* begin 644 name */
static gboolean
text_is_uuencoded(const char *text, gsize len)
{
	if (len < 11 || memcmp(text, "begin ", 6) != 0)
		return FALSE;
	for (guint i = 6; i < 9; i++)
		if (text[i] < '0' || text[i] > '7')
			return FALSE;
	return text[9] == ' ' || (text[9] >= '0' && text[9] <= '7');
}

const char *
am_types_recognise_text(const char *text, gsize len)
{
	static const struct {
		const char *start;
		const char *type;
	} starts[] = {
		{ "begin-base64 ", "text/x-uuencode" },
		{ "=ybegin ", "text/x-yenc" },
		{ "(This file must be converted with BinHex", "application/mac-binhex40" },
		{ "BEGIN:VCALENDAR", "text/calendar" },
		{ "BEGIN:VCARD", "text/vcard" },
		{ "[InternetShortcut]", "application/x-mswinurl" },
		{ "Windows Registry Editor ", "text/x-ms-regedit" },
		{ "REGEDIT4", "text/x-ms-regedit" },
		{ "# Disk DescriptorFile", "application/x-vmdk" },
		{ "-----BEGIN PKCS7-----", "application/pkcs7-mime" },
		{ "<job>", "text/x-wsf" },
		{ "<job ", "text/x-wsf" },
		{ "<package>", "text/x-wsf" },
		{ "<?wsf", "text/x-wsf" },
		{ "<?component", "text/x-wsf" },
	};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (text_is_uuencoded(text, len))
		return "text/x-uuencode";
	for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
		gsize n = strlen(starts[i].start);
		if (len >= n && g_ascii_strncasecmp(text, starts[i].start, n) == 0)
			return starts[i].type;
	}
	return NULL;
}

gboolean
am_types_is_application(const char *html, gsize len)
{
	static const char tag[] = "<hta:application";
	const char *end = html + len;
	while ((html = memchr(html, '<', (gsize)(end - html))) != NULL) {
		if ((gsize)(end - html) >= sizeof tag - 1 &&
		    g_ascii_strncasecmp(html, tag, sizeof tag - 1) == 0)
			return TRUE;
		html++;
	}
	return FALSE;
}
