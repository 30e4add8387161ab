/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Which types hold files; and short names of types, which administrators of Amavis write their banned rules with: ".exe-ms",
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
	{ "application/CDFV2", "doc,cdf-ms" },
	{ "application/dicom", "dat" },
	{ "application/epub+zip", "epub,zip" },
	{ "application/gzip", "gz" },
	{ "application/hta", "hta,html,txt" },
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
	{ "application/pgp-encrypted", "pgp,pgp.enc" },
	{ "application/pgp-keys", "pgp,pgp.asc" },
	{ "application/pgp-signature", "pgp,pgp.asc" },
	{ "application/pkcs7-mime", "p7m,smime" },
	{ "application/pkcs7-signature", "p7s,smime" },
	{ "application/postscript", "ps" },
	{ "application/rtf", "rtf,txt" },
	{ "application/vnd.android.package-archive", "apk,zip" },
	{ "application/vnd.debian.binary-package", "deb,a" },
	{ "application/vnd.google-earth.kmz", "kmz,zip" },
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
	{ "application/vnd.ms-word.document.macroenabled.12", "docm,docx,zip" },
	{ "application/vnd.oasis.opendocument.graphics", "odg,zip" },
	{ "application/vnd.oasis.opendocument.presentation", "odp,zip" },
	{ "application/vnd.oasis.opendocument.spreadsheet", "ods,zip" },
	{ "application/vnd.oasis.opendocument.text", "odt,zip" },
	{ "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx,zip" },
	{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx,zip" },
	{ "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx,zip" },
	{ "application/vnd.rar", "rar" },
	{ "application/vnd.rn-realmedia", "rmf" },
	{ "application/vnd.visio", "vsd,doc" },
	{ "application/x-7z-compressed", "7z" },
	{ "application/x-ace", "ace" },
	{ "application/x-ace-compressed", "ace" },
	{ "application/x-apple-diskimage", "dmg" },
	{ "application/x-arc", "arc" },
	{ "application/x-archive", "a" },
	{ "application/x-arj", "arj" },
	{ "application/x-bat", "bat,txt" },
	{ "application/x-bzip", "bz" },
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
	{ "application/x-installshield", "installshield" },
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
	{ "application/x-ms-dll", "exe-ms,exe,dll" },
	{ "application/x-ms-reader", "lit" },
	{ "application/x-ms-shortcut", "lnk" },
	{ "application/x-ms-wim", "wim" },
	{ "application/x-msaccess", "mdb,dat" },
	{ "application/x-msdos-program", "exe-ms,exe" },
	{ "application/x-msdownload", "exe-ms,exe" },
	{ "application/x-msi", "msi,doc" },
	{ "application/x-mswinurl", "url,txt" },
	{ "application/x-object", "exe-unix,exe" },
	{ "application/x-ole-storage", "doc,cdf-ms" },
	{ "application/x-pie-executable", "exe-unix,exe" },
	{ "application/x-pkcs7-mime", "p7m,smime" },
	{ "application/x-qemu-disk", "qcow" },
	{ "application/x-rar", "rar" },
	{ "application/x-rar-compressed", "rar" },
	{ "application/x-rpm", "rpm" },
	{ "application/x-setupscript", "inf,txt" },
	{ "application/x-sharedlib", "exe-unix,exe" },
	{ "application/x-shockwave-flash", "swf" },
	{ "application/x-stuffit", "sit" },
	{ "application/x-stuffitx", "sitx,sit" },
	{ "application/x-tar", "tar" },
	{ "application/x-tex-tfm", "tfm" },
	{ "application/x-udf-image", "udf,iso" },
	{ "application/x-vhd", "vhd" },
	{ "application/x-vhdx", "vhdx" },
	{ "application/x-virtualbox-vhd", "vhd" },
	{ "application/x-virtualbox-vmdk", "vmdk" },
	{ "application/x-vmdk", "vmdk" },
	{ "application/x-wine-extension-ini", "ini,txt" },
	{ "application/x-xar", "xar" },
	{ "application/x-xz", "xz" },
	{ "application/x-zoo", "zoo" },
	{ "application/x-zstd", "zst" },
	{ "application/zip", "zip" },
	{ "application/zlib", "zlib" },
	{ "application/zstd", "zst" },
	{ "audio/basic", "au,audio" },
	{ "audio/flac", "flac,audio" },
	{ "audio/midi", "mid,audio" },
	{ "audio/mpeg", "mpa,mp3,audio" },
	{ "audio/x-aiff", "aiff,audio" },
	{ "audio/x-m4a", "m4a,audio" },
	{ "audio/x-wav", "wav,riff,audio" },
	{ "font/woff", "woff" },
	{ "font/woff2", "woff" },
	{ "image/avif", "avif,image" },
	{ "image/bmp", "bmp,image" },
	{ "image/emf", "emf,image" },
	{ "image/gif", "gif,image" },
	{ "image/heic", "heic,image" },
	{ "image/jp2", "jpeg,image" },
	{ "image/jpeg", "jpg,image" },
	{ "image/png", "png,image" },
	{ "image/svg+xml", "svg,xml,txt,image" },
	{ "image/tiff", "tif,image" },
	{ "image/vnd.adobe.photoshop", "psd,image" },
	{ "image/vnd.djvu", "djv,image" },
	{ "image/vnd.microsoft.icon", "ico,image" },
	{ "image/vnd.zbrush.pcx", "pcx,image" },
	{ "image/webp", "webp,riff,image" },
	{ "image/wmf", "wmf,image" },
	{ "image/x-icon", "ico,image" },
	{ "image/x-ms-bmp", "bmp,image" },
	{ "image/x-pcx", "pcx,image" },
	{ "image/x-portable-bitmap", "pbm,image" },
	{ "image/x-portable-greymap", "pgm,image" },
	{ "image/x-portable-pixmap", "ppm,image" },
	{ "image/x-xcf", "xcf,image" },
	{ "image/x-xpixmap", "xpm,image" },
	{ "message/news", "mail,txt" },
	{ "message/rfc822", "mail,txt" },
	{ "text/PGP", "pgp,pgp.asc" },
	{ "text/calendar", "ics,txt" },
	{ "text/html", "html,txt" },
	{ "text/javascript", "js,txt" },
	{ "text/plain", "asc,txt" },
	{ "text/rtf", "rtf,txt" },
	{ "text/vcard", "vcf,txt" },
	{ "text/x-java", "java,txt" },
	{ "text/x-lisp", "el,txt" },
	{ "text/x-ms-regedit", "reg,txt" },
	{ "text/x-msdos-batch", "bat,txt" },
	{ "text/x-perl", "pl,txt" },
	{ "text/x-php", "php,txt" },
	{ "text/x-python", "py,txt" },
	{ "text/x-script.python", "py,txt" },
	{ "text/x-shellscript", "sh,txt" },
	{ "text/x-tex", "tex,txt" },
	{ "text/x-uuencode", "uue,uu,asc,txt" },
	{ "text/x-vcard", "vcf,txt" },
	{ "text/x-wsf", "wsf,txt" },
	{ "text/x-yenc", "ync,asc,txt" },
	{ "text/xml", "xml,txt" },
	{ "video/3gpp", "3gpp,movie" },
	{ "video/mp4", "mp4,movie" },
	{ "video/mpeg", "mpv,movie" },
	{ "video/quicktime", "mov,movie" },
	{ "video/x-flv", "flv,movie" },
	{ "video/x-matroska", "mkv,movie" },
	{ "video/x-ms-asf", "wmv,movie" },
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

gboolean
am_types_is_container(const char *type)
{
	static const char *const containers[] = {
		/* archives of old */
		"application/vnd.ms-htmlhelp",
		"application/x-ace",
		"application/x-ace-compressed",
		"application/x-arc",
		"application/x-arj",
		"application/x-stuffit",
		"application/x-stuffitx",
		"application/x-zoo",
		/* disk images */
		"application/x-apple-diskimage",
		"application/x-ms-wim",
		"application/x-qemu-disk",
		"application/x-udf-image",
		"application/x-vhd",
		"application/x-vhdx",
		"application/x-virtualbox-vhd",
		"application/x-virtualbox-vmdk",
		"application/x-vmdk",
		/* compressed files */
		"application/x-freeze",
		"application/x-lrzip",
		"application/x-lzop",
		"application/x-ms-compress-kwaj",
		"application/x-ms-compress-szdd",
		NULL,
	};
	return g_strv_contains(containers, type);
}
