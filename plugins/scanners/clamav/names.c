/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include "names.h"

#include <string.h>

/* Only "virus" blocks by default, so what is here is what libclamav itself calls a heuristic, an
 * unwanted program or a limit, and signatures against phishing, which are no proof of malware. */
static const struct {
	const char *prefix, *kind;
} kinds[] = {
	{ "Heuristics.Phishing.", "phishing" },	   { "Phishing.", "phishing" },
	{ "Email.Phishing.", "phishing" },	   { "HTML.Phishing.", "phishing" },
	{ "Html.Phishing.", "phishing" },	   { "Heuristics.Encrypted.", "encrypted" },
	{ "Heuristics.Limits.Exceeded", "limit" }, { "Heuristics.OLE2.ContainsMacros", "macro" },
	{ "Heuristics.Broken.", "broken" },	   { "PUA.", "pua" },
};

/* Both ways of naming a type.  RAR is among them because libclamav needs a library for it that many
 * systems do not have. */
static const char *const closed_types[] = {
	"application/zstd",
	"application/x-zstd",
	"application/x-lz4",
	"application/x-lzip",
	"application/x-lzma",
	"application/x-lzop",
	"application/x-compress",
	"application/x-archive",
	"application/x-unix-archive",
	"application/vnd.debian.binary-package",
	"application/x-debian-package",
	"application/x-rpm",
	"application/x-rar",
	"application/vnd.rar",
	NULL,
};
static const char *const closed_short_types[] = {
	"zst", "zstd", "lz4", "lz",  "lzip", "lzma", "lzo", "lzop",
	"Z",   "ar",   "a",   "deb", "rpm",  "rar",  NULL,
};

/* A few of the beginnings libclamav knows; a mail that an MTA passed on has one of them. */
static const char *const mail_heads[] = {
	"Received: ", "Return-Path: ", "Delivered-To: ", "From: ",
	"Date: ",     "Message-ID: ",  "Subject: ",	 "To: ",
};

gboolean
clamav_is_mail_head(const char *head, gsize len)
{
	for (gsize i = 0; i < G_N_ELEMENTS(mail_heads); i++) {
		gsize n = strlen(mail_heads[i]);
		if (len >= n && memcmp(head, mail_heads[i], n) == 0)
			return TRUE;
	}
	return FALSE;
}

const char *
clamav_kind(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_str_has_prefix(name, kinds[i].prefix))
			return kinds[i].kind;
	return "virus";
}

gboolean
clamav_is_closed(const AmPartInfo *info)
{
	return g_strv_contains(closed_types, info->type) ||
	       g_strv_contains(closed_short_types, info->short_type);
}
