/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Short names of types, which administrators of Amavis write their banned rules with: ".exe-ms",
 * ".zip".  A type may have several, the most special first.  Exact types are looked at first, then
 * families: all types that begin so. */

#include <config.h>

#include "content/types.h"

#include <string.h>

typedef struct {
	const char *type;
	const char *names;
} ShortType;

/* Sorted by type: found by bisection. */
static const ShortType exact[] = {
	{ "application/dicom", "dat" },
	{ "application/epub+zip", "epub,zip" },
	{ "application/gzip", "gz" },
	{ "application/java-archive", "jar,zip" },
	{ "application/javascript", "js,txt" },
	{ "application/json", "json,txt" },
	{ "application/mac-binhex40", "hqx" },
	{ "application/mbox", "mail,txt" },
	{ "application/msaccess", "mdb,dat" },
	{ "application/msword", "doc" },
	{ "application/octet-stream", "dat" },
	{ "application/ogg", "ogg" },
	{ "application/onenote", "one" },
	{ "application/pdf", "pdf" },
	{ "application/pgp", "pgp" },
	{ "application/pgp-encrypted", "pgp,pgp.asc" },
	{ "application/pgp-keys", "pgp,pgp.asc" },
	{ "application/pgp-signature", "pgp,pgp.asc" },
	{ "application/postscript", "ps" },
	{ "application/rtf", "rtf,txt" },
	{ "application/vnd.android.package-archive", "apk,zip" },
	{ "application/vnd.debian.binary-package", "deb,a" },
	{ "application/vnd.iccprofile", "icc" },
	{ "application/vnd.microsoft.portable-executable", "exe-ms,exe" },
	{ "application/vnd.ms-cab-compressed", "cab" },
	{ "application/vnd.ms-excel", "xls,doc" },
	{ "application/vnd.ms-fontobject", "eot" },
	{ "application/vnd.ms-htmlhelp", "chm" },
	{ "application/vnd.ms-office", "doc" },
	{ "application/vnd.ms-opentype", "otf" },
	{ "application/vnd.ms-outlook", "msg,doc" },
	{ "application/vnd.ms-powerpoint", "ppt,doc" },
	{ "application/vnd.ms-project", "doc" },
	{ "application/vnd.ms-tnef", "tnef" },
	{ "application/vnd.oasis.opendocument.graphics", "odg,zip" },
	{ "application/vnd.oasis.opendocument.presentation", "odp,zip" },
	{ "application/vnd.oasis.opendocument.spreadsheet", "ods,zip" },
	{ "application/vnd.oasis.opendocument.text", "odt,zip" },
	{ "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx,zip" },
	{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx,zip" },
	{ "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx,zip" },
	{ "application/vnd.rar", "rar" },
	{ "application/vnd.rn-realmedia", "rmf" },
	{ "application/x-7z-compressed", "7z" },
	{ "application/x-ace", "ace" },
	{ "application/x-ace-compressed", "ace" },
	{ "application/x-apple-diskimage", "dmg" },
	{ "application/x-arc", "arc" },
	{ "application/x-archive", "a" },
	{ "application/x-arj", "arj" },
	{ "application/x-bat", "bat,txt" },
	{ "application/x-bzip2", "bz2" },
	{ "application/x-compress", "Z" },
	{ "application/x-coredump", "exe-unix,exe" },
	{ "application/x-cpio", "cpio" },
	{ "application/x-dbf", "dat" },
	{ "application/x-dbt", "dat" },
	{ "application/x-dosexec", "exe-ms,exe" },
	{ "application/x-dvi", "dvi" },
	{ "application/x-elc", "elc" },
	{ "application/x-executable", "exe-unix,exe" },
	{ "application/x-freeze", "F" },
	{ "application/x-gzip", "gz" },
	{ "application/x-hdf", "hdf" },
	{ "application/x-iso9660-image", "iso" },
	{ "application/x-java-applet", "class,java" },
	{ "application/x-java-pack200", "jar" },
	{ "application/x-lha", "lha" },
	{ "application/x-lharc", "lha" },
	{ "application/x-lrzip", "lrz" },
	{ "application/x-lz4", "lz4" },
	{ "application/x-lzh-compressed", "lha" },
	{ "application/x-lzip", "lz" },
	{ "application/x-lzma", "lzma" },
	{ "application/x-lzop", "lzo" },
	{ "application/x-mach-binary", "exe-unix,exe" },
	{ "application/x-ms-reader", "lit" },
	{ "application/x-ms-shortcut", "lnk" },
	{ "application/x-msaccess", "mdb,dat" },
	{ "application/x-msdownload", "exe-ms,exe" },
	{ "application/x-object", "exe-unix,exe" },
	{ "application/x-ole-storage", "doc" },
	{ "application/x-pie-executable", "exe-unix,exe" },
	{ "application/x-rar", "rar" },
	{ "application/x-rar-compressed", "rar" },
	{ "application/x-rpm", "rpm" },
	{ "application/x-setupscript", "inf,txt" },
	{ "application/x-sharedlib", "exe-unix,exe" },
	{ "application/x-shockwave-flash", "swf" },
	{ "application/x-stuffit", "sit" },
	{ "application/x-tar", "tar" },
	{ "application/x-tex-tfm", "tfm" },
	{ "application/x-wine-extension-ini", "ini,txt" },
	{ "application/x-xar", "xar" },
	{ "application/x-xz", "xz" },
	{ "application/x-zoo", "zoo" },
	{ "application/x-zstd", "zst" },
	{ "application/zip", "zip" },
	{ "application/zlib", "zlib" },
	{ "application/zstd", "zst" },
	{ "audio/basic", "au" },
	{ "audio/midi", "mid" },
	{ "audio/mpeg", "mpa,mp3" },
	{ "audio/x-aiff", "aiff" },
	{ "audio/x-wav", "wav,riff" },
	{ "font/woff", "woff" },
	{ "font/woff2", "woff" },
	{ "image/bmp", "bmp" },
	{ "image/emf", "emf" },
	{ "image/gif", "gif" },
	{ "image/jp2", "jpeg" },
	{ "image/jpeg", "jpg" },
	{ "image/png", "png" },
	{ "image/svg+xml", "svg,xml,txt" },
	{ "image/tiff", "tif" },
	{ "image/vnd.adobe.photoshop", "psd" },
	{ "image/vnd.djvu", "djv" },
	{ "image/vnd.microsoft.icon", "ico" },
	{ "image/webp", "webp,riff" },
	{ "image/wmf", "wmf" },
	{ "image/x-icon", "ico" },
	{ "image/x-ms-bmp", "bmp" },
	{ "image/x-portable-bitmap", "pbm" },
	{ "image/x-portable-greymap", "pgm" },
	{ "image/x-portable-pixmap", "ppm" },
	{ "image/x-xcf", "xcf" },
	{ "image/x-xpixmap", "xpm" },
	{ "message/news", "mail,txt" },
	{ "message/rfc822", "mail,txt" },
	{ "text/html", "html,txt" },
	{ "text/javascript", "js,txt" },
	{ "text/plain", "asc,txt" },
	{ "text/rtf", "rtf,txt" },
	{ "text/x-java", "java,txt" },
	{ "text/x-lisp", "el,txt" },
	{ "text/x-msdos-batch", "bat,txt" },
	{ "text/x-perl", "pl,txt" },
	{ "text/x-php", "php,txt" },
	{ "text/x-python", "py,txt" },
	{ "text/x-script.python", "py,txt" },
	{ "text/x-shellscript", "sh,txt" },
	{ "text/x-tex", "tex,txt" },
	{ "text/x-vcard", "vcf,txt" },
	{ "text/xml", "xml,txt" },
	{ "video/mp4", "mp4,movie" },
	{ "video/mpeg", "mpv,movie" },
	{ "video/quicktime", "mov,movie" },
	{ "video/x-flv", "flv,movie" },
	{ "video/x-msvideo", "avi,riff,movie" },
};

static const ShortType families[] = {
	{ "application/vnd.ms-word", "doc" },
	{ "application/vnd.oasis.opendocument", "odt,zip" },
	{ "application/vnd.openxmlformats", "zip" },
	{ "application/x-font", "font" },
	{ "application/x-iso", "iso" },
	{ "text/", "txt" },
	{ "image/", "image" },
	{ "audio/", "audio" },
	{ "video/", "movie" },
};

const char *
am_types_short(const char *type)
{
	gsize low = 0, high = G_N_ELEMENTS(exact);
	while (low < high) {
		gsize middle = (low + high) / 2;
		int order = strcmp(type, exact[middle].type);
		if (order == 0)
			return exact[middle].names;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(families); i++)
		if (g_str_has_prefix(type, families[i].type))
			return families[i].names;
	return "";
}
