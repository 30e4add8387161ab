/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Real type, declared type and extensions are put into a few classes each.  A table says which real
 * class may not pose as which other one: programs as anything that one opens without a thought;
 * archives, disk images and pages as pictures and sounds.  Office documents, texts and archives of
 * each other's kinds are mixed up by honest programs every day and say nothing. */

#include <config.h>

#include "content/mismatch.h"

#include <string.h>

#include "content/see-through.h"

typedef enum {
	CLASS_OTHER = 0, /* unknown, or of no consequence */
	CLASS_MEDIA = 1 << 0,
	CLASS_DOCUMENT = 1 << 1,
	CLASS_TEXT = 1 << 2,
	CLASS_PAGE = 1 << 3,
	CLASS_ARCHIVE = 1 << 4,
	CLASS_IMAGE = 1 << 5, /* of a disk */
	CLASS_PROGRAM = 1 << 6,
} TypeClass;

static const struct {
	const char *names; /* each with a blank before and behind */
	TypeClass class;
} short_classes[] = {
	{ " exe exe-ms exe-unix dll lnk msi chm apk class bat vbs hta js sh pl php py ps1 wsf sys ",
	  CLASS_PROGRAM },
	{ " iso udf vhd vhdx vmdk dmg wim qcow ", CLASS_IMAGE },
	{ " zip rar 7z arj arc zoo ace lha cab tar gz bz2 xz lzma lz lz4 zst lzo lrz Z F cpio a "
	  "deb "
	  "rpm jar sit sitx xar tnef hqx ",
	  CLASS_ARCHIVE },
	{ " html ", CLASS_PAGE },
	{ " doc xls ppt docx xlsx pptx odt ods odp rtf pdf one msg mdb ", CLASS_DOCUMENT },
	{ " jpg png gif bmp tif webp jpeg image audio mp3 mpa wav movie mp4 avi mov mpv ogg ico ",
	  CLASS_MEDIA },
};

static const struct {
	const char *names;
	TypeClass class;
} extension_classes[] = {
	{ " zip rar 7z arj ace lha lzh cab tar gz tgz bz2 tbz xz txz zst lz lz4 jar deb rpm cpio "
	  "sit "
	  "kmz epub ",
	  CLASS_ARCHIVE },
	{ " htm html xhtml shtml mht mhtml ", CLASS_PAGE },
	{ " doc dot docx docm dotx xls xlsx xlsm xlsb xlt ppt pptx pptm pps ppsx odt ods odp odg "
	  "rtf pdf "
	  "one msg eml vsd mdb ",
	  CLASS_DOCUMENT },
	{ " txt csv log xml json ics vcf md asc ", CLASS_TEXT },
	{ " jpg jpeg jpe png gif bmp tif tiff webp heic svg ico mp3 wav ogg m4a aac flac mp4 avi "
	  "mov mpg "
	  "mpeg mkv wmv webm ",
	  CLASS_MEDIA },
};

/* Beginnings of declared types. */
static const struct {
	const char *start;
	TypeClass class;
} declared_classes[] = {
	{ "image/", CLASS_MEDIA },
	{ "audio/", CLASS_MEDIA },
	{ "video/", CLASS_MEDIA },
	{ "text/html", CLASS_PAGE },
	{ "text/plain", CLASS_TEXT },
	{ "text/csv", CLASS_TEXT },
	{ "text/calendar", CLASS_TEXT },
	{ "application/pdf", CLASS_DOCUMENT },
	{ "application/rtf", CLASS_DOCUMENT },
	{ "application/msword", CLASS_DOCUMENT },
	{ "application/vnd.ms-excel", CLASS_DOCUMENT },
	{ "application/vnd.ms-powerpoint", CLASS_DOCUMENT },
	{ "application/vnd.openxmlformats", CLASS_DOCUMENT },
	{ "application/vnd.oasis.opendocument", CLASS_DOCUMENT },
	{ "application/zip", CLASS_ARCHIVE },
	{ "application/x-zip", CLASS_ARCHIVE },
	{ "application/x-rar", CLASS_ARCHIVE },
	{ "application/vnd.rar", CLASS_ARCHIVE },
	{ "application/x-7z", CLASS_ARCHIVE },
	{ "application/gzip", CLASS_ARCHIVE },
	{ "application/x-tar", CLASS_ARCHIVE },
};

/* What the real class must not be called. */
static const struct {
	TypeClass real;
	guint posed;
} forbidden[] = {
	{ CLASS_PROGRAM, CLASS_MEDIA | CLASS_DOCUMENT | CLASS_TEXT | CLASS_PAGE | CLASS_ARCHIVE },
	{ CLASS_IMAGE, CLASS_MEDIA | CLASS_DOCUMENT | CLASS_TEXT | CLASS_PAGE | CLASS_ARCHIVE },
	{ CLASS_ARCHIVE, CLASS_MEDIA | CLASS_PAGE },
	{ CLASS_PAGE, CLASS_MEDIA },
	{ CLASS_DOCUMENT, CLASS_MEDIA },
};

static gboolean
class_has(const char *names, const char *word)
{
	g_autofree char *key = g_strdup_printf(" %s ", word);
	return strstr(names, key) != NULL;
}

/* By the first of the short names, the most special one. */
static TypeClass
class_of_content(const char *short_type)
{
	g_autofree char *first = g_strndup(short_type, strcspn(short_type, ","));
	for (gsize i = 0; *first != '\0' && i < G_N_ELEMENTS(short_classes); i++)
		if (class_has(short_classes[i].names, first))
			return short_classes[i].class;
	return CLASS_OTHER;
}

static TypeClass
class_of_declared(const char *type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(declared_classes); i++)
		if (g_str_has_prefix(type, declared_classes[i].start))
			return declared_classes[i].class;
	return CLASS_OTHER;
}

static TypeClass
class_of_name(const char *name)
{
	g_autofree char *extension = am_extension_of(name);
	for (gsize i = 0; *extension != '\0' && i < G_N_ELEMENTS(extension_classes); i++)
		if (class_has(extension_classes[i].names, extension))
			return extension_classes[i].class;
	return CLASS_OTHER;
}

/* Source text of programs in mails is text for people; what counts is what it is called. */
static gboolean
mismatch_is_honest(const AmReportPart *part)
{
	return g_str_has_suffix(part->short_type, ",txt") &&
	       g_str_has_prefix(part->declared_type, "text/");
}

char *
am_mismatch_find(const AmReportPart *part)
{
	TypeClass real = class_of_content(part->short_type);
	guint posed = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(forbidden); i++)
		if (forbidden[i].real == real)
			posed = forbidden[i].posed;
	if (posed == 0)
		return NULL;
	gboolean is_declared =
		!mismatch_is_honest(part) && (posed & class_of_declared(part->declared_type)) != 0;
	const char *name = NULL;
	for (char **at = part->names; at != NULL && *at != NULL && name == NULL; at++)
		if ((posed & class_of_name(*at)) != 0)
			name = *at;
	if (!is_declared && name == NULL)
		return NULL;
	return g_strdup_printf("%.*s%s%s%s%s", (int)strcspn(part->short_type, ","),
			       part->short_type, is_declared ? " declared as " : "",
			       is_declared ? part->declared_type : "",
			       name != NULL ? (is_declared ? ", named " : " named ") : "",
			       name != NULL ? name : "");
}
