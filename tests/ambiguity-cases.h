/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Mails that can be read in more ways than one, and what is to be found in them; see
 * test-ambiguity.c. */

#include <glib.h>

typedef struct {
	const char *name;
	const char *mail;
	gsize len;
	const char *shown; /* what some mail reader shows: must be the content of a part */
	const char *tree;  /* path, declared type, type, size, flags, name */
	const char *findings;
} AmbiguityCase;

/* Each ends with a NULL name. */
extern const AmbiguityCase ambiguity_fields[];	   /* several fields, encodings, headers */
extern const AmbiguityCase ambiguity_boundaries[]; /* parameters */
extern const AmbiguityCase ambiguity_lines[];	   /* boundary lines, line ends, NUL */
extern const AmbiguityCase ambiguity_contents[];   /* base64 and quoted-printable; normal mails */

#define MAIL(text) (text), sizeof(text) - 1
#define HEAD "Date: x\r\nFrom: a@b\r\n"
#define TYPE "Content-Type: "
#define MIXED "Content-Type: multipart/mixed; boundary="
#define CODING "Content-Transfer-Encoding: "
#define EVIL64 "TVpldmls" /* MZevil */
#define EVIL                                                                                       \
	"Content-Type: application/x-evil; name=evil.exe\r\n"                                      \
	"Content-Transfer-Encoding: base64\r\n\r\nTVpldmls\r\n"
#define TEXT "Content-Type: text/plain\r\n\r\nhello\r\n"
