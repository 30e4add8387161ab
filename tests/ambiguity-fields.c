/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Cases of test-ambiguity.c: several fields, encodings, and headers that end in several places. */

#include <config.h>

#include "ambiguity-cases.h"

const AmbiguityCase ambiguity_fields[] = {
	{ "several types: the last is the multipart",
	  MAIL(HEAD TYPE "text/plain\r\n" MIXED "b\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 text/plain text/plain 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "several-types:1" },
	{ "several types: the first is the multipart",
	  MAIL(HEAD MIXED "b\r\n" TYPE "text/plain\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "several-types:1" },
	{ "several types: two boundaries",
	  MAIL(HEAD MIXED "a\r\n" MIXED "b\r\n\r\n--a\r\n" TEXT "--a--\r\n--b\r\n" EVIL
			  "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 155 A+.\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 multipart/mixed - 155 Aa+.\n"
	  "1.1.2.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.3 application/x-evil text/plain 6 Aa+. evil.exe\n"
	  "1.1.2.2 text/plain text/plain 12 Aa.\n"
	  "1.1.3.1 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.1.3.2 application/x-evil text/plain 17 Aa. evil.exe\n",
	  "several-types:1 epilogue:1 preamble:3 base64-junk:5 base64-plain:5" },
	{ "several types: a leaf of another kind",
	  MAIL(HEAD TYPE "text/plain\r\n" TYPE "text/html\r\n\r\n<p>hello"), "<p>hello",
	  "1.1 text/plain text/html 8 A+.\n"
	  "1.1.1 text/html text/html 8 Aa.\n",
	  "several-types:1" },
	{ "the same type twice", MAIL(HEAD TYPE "text/plain\r\n" TYPE "text/plain\r\n\r\nhello"),
	  "hello", "1.1 text/plain text/plain 5 .\n", "" },
	{ "several encodings: the last",
	  MAIL(HEAD CODING "7bit\r\n" CODING "base64\r\n\r\n" EVIL64), "MZevil",
	  "1.1 text/plain text/plain 8 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n",
	  "several-encodings:1" },
	{ "several encodings: the first",
	  MAIL(HEAD CODING "base64\r\n" CODING "7bit\r\n\r\n" EVIL64), "MZevil",
	  "1.1 text/plain text/plain 6 A+.\n"
	  "1.1.1 text/plain text/plain 8 Aa.\n",
	  "several-encodings:1" },
	{ "several encodings: the middle one",
	  MAIL(HEAD CODING "7bit\r\n" CODING "base64\r\n" CODING "quoted-printable\r\n\r\n" EVIL64),
	  "MZevil",
	  "1.1 text/plain text/plain 8 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n"
	  "1.1.2 text/plain text/plain 8 Aa.\n",
	  "several-encodings:1" },
	{ "several dispositions",
	  MAIL(HEAD "Content-Disposition: inline; filename=a.txt\r\nContent-Disposition: "
		    "attachment; filename=evil.exe\r\n\r\nMZevil"),
	  "MZevil", "1.1 text/plain text/plain 6 A. a.txt\n", "several-dispositions:1" },
	{ "unknown encoding like base64", MAIL(HEAD CODING "base-64\r\n\r\n" EVIL64), "MZevil",
	  "1.1 text/plain text/plain 8 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n",
	  "unknown-encoding:1" },
	{ "unknown encoding", MAIL(HEAD CODING "x-any\r\n\r\n" EVIL64), "MZevil",
	  "1.1 text/plain text/plain 8 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n",
	  "unknown-encoding:1" },
	{ "unknown encoding that nobody decodes", MAIL(HEAD CODING "utf-8\r\n\r\nMZevil"), "MZevil",
	  "1.1 text/plain text/plain 6 .\n", "" },
	{ "encoding in quotes", MAIL(HEAD CODING "\"base64\"\r\n\r\n" EVIL64), "MZevil",
	  "1.1 text/plain text/plain 8 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n",
	  "unknown-encoding:1" },
	{ "encoding with more behind it", MAIL(HEAD CODING "base64 x\r\n\r\n" EVIL64), "MZevil",
	  "1.1 text/plain text/plain 8 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n",
	  "unknown-encoding:1" },
	{ "encoding with a parameter", MAIL(HEAD CODING "base64; x=y\r\n\r\nMZevilABCD"),
	  "MZevilABCD",
	  "1.1 text/plain application/octet-stream 7 A+.\n"
	  "1.1.1 text/plain text/plain 10 Aa.\n",
	  "encoding-form:1" },
	{ "encoding like quoted-printable", MAIL(HEAD CODING "quotedprintable\r\n\r\nMZ=65vil"),
	  "MZevil",
	  "1.1 text/plain text/plain 8 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n",
	  "unknown-encoding:1" },
	{ "uuencode",
	  MAIL(HEAD CODING "x-uuencode\r\n\r\nbegin 644 evil.exe\r\n&35IE=FEL\r\n`\r\nend\r\n"),
	  "MZevil",
	  "1.1 text/plain text/plain 6 A+.\n"
	  "1.1.1 text/plain text/x-uuencode 39 Aae.\n",
	  "uuencode:1" },
	{ "multipart with an encoding, that is used",
	  MAIL(HEAD MIXED
	       "b\r\n" CODING
	       "base64\r\n\r\nLS1iDQpDb250ZW50LVR5cGU6IGFwcGxpY2F0aW9uL3gtZXZpbDsgbmFtZT1ldmlsLmV4Z"
	       "Q0KQ29udGVudC1UcmFuc2Zlci1FbmNvZGluZzogYmFzZTY0DQoNClRWcGxkbWxzDQotLWItLQ0K\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 146 A+.\n"
	  "1.1.1 multipart/mixed text/plain 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 146 Aa.\n",
	  "encoded-multipart:1 no-parts:1" },
	{ "multipart with an encoding, that is not",
	  MAIL(HEAD MIXED "b\r\n" CODING "quoted-printable\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed text/plain 108 Aa+.\n"
	  "1.1.2.1 application/x-evil text/plain 6 . evil.exe\n",
	  "encoded-multipart:1" },
	{ "multipart with an encoding: quoted-printable",
	  MAIL(HEAD MIXED "b\r\n" CODING "quoted-printable\r\n\r\n=2D-b\r\n" EVIL "=2D-b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 112 A+.\n"
	  "1.1.1 multipart/mixed text/plain 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 112 Aa.\n",
	  "encoded-multipart:1 no-parts:1" },
	{ "mail with an encoding, that is used",
	  MAIL(HEAD TYPE
	       "message/rfc822\r\n" CODING
	       "base64\r\n\r\nU3ViamVjdDogeA0KQ29udGVudC1UeXBlOiBhcHBsaWNhdGlvbi94LWV2aWw7IG5hbWU9Z"
	       "XZpbC5leGUNCkNvbnRlbnQtVHJhbnNmZXItRW5jb2Rpbmc6IGJhc2U2NA0KDQpUVnBsZG1scw0K"),
	  "MZevil",
	  "1.1 message/rfc822 text/plain 108 +.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ "mail with an encoding, that is not",
	  MAIL(HEAD TYPE "message/rfc822\r\n" CODING "base64\r\n\r\nSubject: x\r\n" EVIL), "MZevil",
	  "1.1 message/rfc822 application/octet-stream 63 A+.\n"
	  "1.1.1 message/rfc822 application/octet-stream 30 Aa+.\n"
	  "1.1.2 message/rfc822 application/octet-stream 63 Aa+.\n"
	  "1.1.3 message/rfc822 text/plain 5 Aa+.\n"
	  "1.1.4 message/rfc822 text/plain 108 Aa+.\n"
	  "1.1.5 message/rfc822 message/rfc822 108 Aa+.\n"
	  "1.1.5.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.6 text/plain - 0 A+.\n"
	  "1.1.6.1 text/plain application/octet-stream 63 Aa.\n"
	  "1.1.1.1 text/plain - 0 A+.\n"
	  "1.1.1.1.1 text/plain application/octet-stream 30 Aa.\n"
	  "1.1.2.1 text/plain - 0 A+.\n"
	  "1.1.2.1.1 text/plain application/octet-stream 63 Aa.\n"
	  "1.1.3.1 text/plain - 0 A+.\n"
	  "1.1.3.1.1 text/plain text/plain 5 Aa.\n"
	  "1.1.4.1 application/x-evil text/plain 6 . evil.exe\n",
	  "base64-padding:1 base64-junk:1 base64-plain:1 encoded-message:1 header-line:8 "
	  "header-line:10 header-line:12 header-line:14" },
	{ "mail with an encoding: quoted-printable",
	  MAIL(HEAD TYPE "message/rfc822\r\n" CODING "quoted-printable\r\n\r\nSubject: x\r\n" TYPE
			 "text/plain\r\n\r\na=3Db"),
	  "a=3Db",
	  "1.1 message/rfc822 text/plain 43 A+.\n"
	  "1.1.1 message/rfc822 message/rfc822 45 Aa+.\n"
	  "1.1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 text/plain text/plain 3 .\n",
	  "encoded-message:1" },
	{ "blank line that folds",
	  MAIL(HEAD "X: y\r\n \r\n" TYPE "application/x-evil\r\n" CODING "base64\r\n\r\n" EVIL64),
	  "MZevil",
	  "1.1 application/x-evil text/plain 6 A+.\n"
	  "1.1.1 text/plain text/plain 79 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 Aa.\n",
	  "blank-line:1 second-header:2" },
	{ "blank line that ends the header",
	  MAIL(HEAD CODING "base64\r\n \r\n" TYPE "text/plain\r\n\r\n" EVIL64), "MZevil",
	  "1.1 text/plain text/plain 6 A+.\n"
	  "1.1.1 text/plain application/octet-stream 21 Aa+.\n"
	  "1.1.1.1 text/plain text/plain 36 Aa.\n",
	  "blank-line:1 base64-plain:2" },
	{ "blank line in a value",
	  MAIL(HEAD TYPE "multipart/mixed;\r\n \r\n boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed text/plain 123 Aa+.\n"
	  "1.1.2.1 multipart/mixed - 123 Aa+.\n"
	  "1.1.2.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "blank-line:1 no-boundary:3" },
	{ "blanks before the colon",
	  MAIL(HEAD "Content-Type : multipart/mixed; boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "blank-colon:1" },
	{ "blanks before the colon, not for others",
	  MAIL(HEAD "Content-Transfer-Encoding : base64\r\n\r\nMZevil"), "MZevil",
	  "1.1 text/plain text/plain 4 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n",
	  "blank-colon:1" },
	{ "no colon", MAIL(HEAD "Content-Type multipart/mixed\r\n" CODING "base64\r\n\r\n" EVIL64),
	  "MZevil",
	  "1.1 text/plain text/plain 6 A+.\n"
	  "1.1.1 text/plain text/plain 75 Aa.\n",
	  "header-line:1" },
	{ "no blank before what goes on",
	  MAIL(HEAD TYPE "multipart/mixed;\r\nboundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed text/plain 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed text/plain 122 Aa+.\n"
	  "1.1.3 multipart/mixed - 108 Aa+.\n"
	  "1.1.3.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2.1 multipart/mixed - 122 Aa+.\n"
	  "1.1.2.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "no-boundary:1 header-line:1" },
	{ "a body that begins in the header", MAIL(HEAD CODING "base64\r\n" EVIL64 "\r\n\r\n"),
	  "MZevil",
	  "1.1 text/plain - 0 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n"
	  "1.1.2 text/plain - 0 Aa+.\n"
	  "1.1.2.1 text/plain - 0 Aa.\n",
	  "header-line:1 unknown-encoding:3" },
	{ "a second header", MAIL(HEAD TYPE "text/plain\r\n\r\n" EVIL), "MZevil",
	  "1.1 text/plain text/plain 96 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "second-header:1" },
	{ "a header behind an empty line", MAIL(HEAD MIXED "b\r\n\r\n--b\r\n\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 110 +.\n"
	  "1.1.1 text/plain text/plain 94 A+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "second-header:2" },
	{ "a second header that starts with another field",
	  MAIL(HEAD "X: y\r\n\r\nReceived: x\r\n y\r\n" EVIL), "MZevil",
	  "1.1 text/plain message/rfc822 113 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "second-header:1" },
	{ .name = NULL },
};
