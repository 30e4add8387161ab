/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Cases of test-ambiguity.c: contents that are broken; and mails that are not. */

#include <config.h>

#include "ambiguity-cases.h"

const AmbiguityCase ambiguity_contents[] = {
	{ "base64 behind its padding", MAIL(HEAD CODING "base64\r\n\r\nTVpldg==\r\naWw="), "MZevil",
	  "1.1 text/plain text/plain 6 A+.\n"
	  "1.1.1 text/plain text/plain 4 Aa.\n"
	  "1.1.2 text/plain application/octet-stream 6 Aa.\n",
	  "base64-padding:1" },
	{ "base64 up to its padding", MAIL(HEAD CODING "base64\r\n\r\n" EVIL64 "\r\nTQ==\r\nQUJD"),
	  "MZevilM",
	  "1.1 text/plain text/plain 10 A+.\n"
	  "1.1.1 text/plain text/plain 7 Aa.\n"
	  "1.1.2 text/plain application/octet-stream 10 Aa.\n",
	  "base64-padding:1" },
	{ "base64 with padding passed over", MAIL(HEAD CODING "base64\r\n\r\nTVpl=dm=ls"), "MZevil",
	  "1.1 text/plain text/plain 5 A+.\n"
	  "1.1.1 text/plain text/plain 3 Aa.\n"
	  "1.1.2 text/plain text/plain 6 Aa.\n",
	  "base64-padding:1" },
	{ "base64 with a lone '='", MAIL(HEAD CODING "base64\r\n\r\nTV=pldmls"), "MZevil",
	  "1.1 text/plain text/plain 5 A+.\n"
	  "1.1.1 text/plain text/plain 1 Aa.\n"
	  "1.1.2 text/plain text/plain 6 Aa.\n",
	  "base64-padding:1" },
	{ "base64 with other bytes",
	  MAIL(HEAD TYPE "application/x-evil\r\n" CODING "base64\r\n\r\nTVpl!dm-ls"), "MZevil",
	  "1.1 application/x-evil text/plain 6 A+.\n"
	  "1.1.1 application/x-evil text/plain 3 Aa.\n"
	  "1.1.2 application/x-evil text/plain 10 Aa.\n",
	  "base64-junk:1 base64-plain:1" },
	{ "base64 up to another byte",
	  MAIL(HEAD TYPE "application/x-evil\r\n" CODING "base64\r\n\r\n" EVIL64 "!QUJD"), "MZevil",
	  "1.1 application/x-evil text/plain 9 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 Aa.\n"
	  "1.1.2 application/x-evil text/plain 13 Aa.\n",
	  "base64-junk:1 base64-plain:1" },
	{ "base64 that is none", MAIL(HEAD CODING "base64\r\n\r\nMZ evil, not encoded at all\r\n"),
	  "MZ evil, not encoded at all\r\n",
	  "1.1 text/plain text/plain 15 A+.\n"
	  "1.1.1 text/plain text/plain 29 Aa.\n",
	  "base64-plain:1" },
	{ "quoted-printable in lower case",
	  MAIL(HEAD CODING "quoted-printable\r\n\r\n=4d=5aevil=0d=0A"), "MZevil\r\n",
	  "1.1 text/plain text/plain 8 .\n", "" },
	{ "quoted-printable with a soft end",
	  MAIL(HEAD CODING "quoted-printable\r\n\r\nMZ=\r\nev= \r\nil="), "MZevil",
	  "1.1 text/plain text/plain 6 .\n", "" },
	{ "quoted-printable that is broken",
	  MAIL(HEAD TYPE "application/x-evil; name=evil.exe\r\n" CODING
			 "quoted-printable\r\n\r\nM=Zevil"),
	  "MZevil",
	  "1.1 application/x-evil text/plain 7 A+. evil.exe\n"
	  "1.1.1 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "quoted-printable:1" },
	{ "quoted-printable that is broken, as it stands",
	  MAIL(HEAD TYPE "application/x-evil; name=evil.exe\r\n" CODING
			 "quoted-printable\r\n\r\nM=Zevil=4"),
	  "M=Zevil=4",
	  "1.1 application/x-evil text/plain 9 A+. evil.exe\n"
	  "1.1.1 application/x-evil text/plain 7 Aa. evil.exe\n",
	  "quoted-printable:1" },
	{ "two ways at once",
	  MAIL(HEAD CODING "7bit\r\n" CODING "base64\r\n" TYPE "text/plain\r\n" TYPE
			   "application/x-evil; name=evil.exe\r\n\r\n" EVIL64),
	  "MZevil",
	  "1.1 text/plain text/plain 8 A+. evil.exe\n"
	  "1.1.1 text/plain text/plain 6 Aa. evil.exe\n"
	  "1.1.2 application/x-evil text/plain 8 Aa. evil.exe\n"
	  "1.1.3 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "several-encodings:1 several-types:1" },
	{ "a mail like others",
	  MAIL(HEAD MIXED "\"----=_Part_1\"\r\n\r\nThis is a multi-part message in MIME "
			  "format.\r\n------=_Part_1\r\n" TEXT "------=_Part_1\r\n" EVIL
			  "------=_Part_1--\r\n-- \r\nlist footer\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 245 +.\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ "a header alone in a bounce",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TYPE "message/rfc822\r\n\r\nFrom: x\r\n" MIXED
			  "c\r\n\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 201 +.\n"
	  "1.1.1 message/rfc822 message/rfc822 54 +.\n"
	  "1.1.1.1 multipart/mixed - 0 .\n"
	  "1.1.2 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ "a mail returned in part",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TYPE "message/rfc822\r\n\r\nFrom: x\r\n" MIXED
			  "c\r\n\r\n--c\r\n\r\nhello\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 213 +.\n"
	  "1.1.1 message/rfc822 message/rfc822 66 +.\n"
	  "1.1.1.1 multipart/mixed - 12 +.\n"
	  "1.1.1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ "fields where they belong",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TYPE "text/rfc822-headers\r\n\r\nFrom: x\r\n" TYPE
			  "text/plain\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 187 +.\n"
	  "1.1.1 text/rfc822-headers text/plain 35 .\n"
	  "1.1.2 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ .name = NULL },
};
