/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Cases of test-ambiguity.c: boundary parameters. */

#include <config.h>

#include "ambiguity-cases.h"

const AmbiguityCase ambiguity_boundaries[] = {
	{ "several boundaries: the first",
	  MAIL(HEAD MIXED "a; boundary=b\r\n\r\n--a\r\n" EVIL "--a--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 108 Aa.\n",
	  "several-boundaries:1 several-parameters:1" },
	{ "several boundaries: the last",
	  MAIL(HEAD MIXED "a; boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "several-boundaries:1 several-parameters:1 no-parts:1" },
	{ "several boundaries: three",
	  MAIL(HEAD MIXED "a; boundary=b; boundary=c\r\n\r\n--a\r\n" TEXT "--a--\r\n--b\r\n" TEXT
			  "--b--\r\n--c\r\n" EVIL "--c--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 202 A+.\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 multipart/mixed - 202 Aa+.\n"
	  "1.1.2.1 text/plain text/plain 5 .\n"
	  "1.1.3 multipart/mixed - 202 Aa+.\n"
	  "1.1.3.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.4 text/plain text/plain 122 Aa.\n"
	  "1.1.2.2 text/plain text/plain 12 Aa.\n"
	  "1.1.2.3 application/x-evil text/plain 6 Aa+. evil.exe\n"
	  "1.1.3.2 text/plain text/plain 59 Aa.\n"
	  "1.1.2.3.1 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.1.2.3.2 application/x-evil text/plain 17 Aa. evil.exe\n",
	  "several-boundaries:1 several-parameters:1 epilogue:1 preamble:3 base64-junk:9 "
	  "base64-plain:9" },
	{ "RFC 2231 against plain",
	  MAIL(HEAD MIXED "a; boundary*=us-ascii''b\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 108 Aa.\n"
	  "1.1.3 text/plain text/plain 108 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "RFC 2231 in pieces against plain",
	  MAIL(HEAD MIXED "a; boundary*0=b; boundary*1=c\r\n\r\n--bc\r\n" EVIL "--bc--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 110 A+.\n"
	  "1.1.1 multipart/mixed - 110 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 110 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "RFC 2231 in another charset",
	  MAIL(HEAD TYPE "multipart/mixed; boundary*=iso-8859-1''%62%fc\r\n\r\n--b\xc3\xbc\r\n" EVIL
			 "--b\xc3\xbc--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 112 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 112 Aa.\n",
	  "several-boundaries:1" },
	{ "RFC 2231 by a reader that does not know it",
	  MAIL(HEAD TYPE
	       "multipart/mixed; boundary*=us-ascii''b%63\r\n\r\n--us-ascii''b%63\r\n" EVIL
	       "--us-ascii''b%63--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 134 A+.\n"
	  "1.1.1 multipart/mixed - 134 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 134 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "RFC 2047 in a boundary",
	  MAIL(HEAD MIXED "\"=?us-ascii?q?b?=\"\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "no semicolon",
	  MAIL(HEAD TYPE "multipart/mixed boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed boundary=b - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "type-form:1" },
	{ "no semicolon behind the boundary",
	  MAIL(HEAD MIXED "b\r\n\tcharset=x\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "blanks around '='",
	  MAIL(HEAD TYPE "multipart/mixed; boundary = b\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 +.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ "a comment behind the boundary",
	  MAIL(HEAD MIXED "b (comment)\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 108 Aa.\n",
	  "several-boundaries:1" },
	{ "a comment that is none", MAIL(HEAD MIXED "b(x)\r\n\r\n--b(x)\r\n" EVIL "--b(x)--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 114 A+.\n"
	  "1.1.1 multipart/mixed - 114 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 114 Aa.\n"
	  "1.2 multipart/mixed - 114 Aa+.\n"
	  "1.2.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.2.2 text/plain - 0 .\n"
	  "1.2.3 multipart/mixed - 114 Aa+.\n"
	  "1.2.3.1 application/x-evil text/plain 6 . evil.exe\n",
	  "several-boundaries:1 no-parts:1 boundary-prefix:0" },
	{ "a boundary in a comment",
	  MAIL(HEAD MIXED "a (; boundary=b)\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa.\n"
	  "1.1.2 multipart/mixed - 108 Aa.\n"
	  "1.1.3 text/plain text/plain 108 Aa.\n"
	  "1.1.4 multipart/mixed - 108 Aa+.\n"
	  "1.1.4.1 application/x-evil text/plain 6 . evil.exe\n",
	  "several-boundaries:1 no-parts:1" },
	{ "a comment in the type",
	  MAIL(HEAD TYPE "multi(x)part/mixed; boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multi text/plain 108 A+.\n"
	  "1.1.1 multi - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "type-form:1" },
	{ "quotes never closed", MAIL(HEAD MIXED "\"b; charset=x\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 108 Aa.\n"
	  "1.1.3 text/plain text/plain 108 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "quotes twice", MAIL(HEAD MIXED "\"\"b\"\"\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 108 Aa.\n",
	  "several-boundaries:1" },
	{ "text behind the quotes", MAIL(HEAD MIXED "\"a\"b\r\n\r\n--ab\r\n" EVIL "--ab--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 110 A+.\n"
	  "1.1.1 multipart/mixed - 110 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 110 Aa.\n"
	  "1.1.3 text/plain text/plain 110 Aa.\n"
	  "1.2 multipart/mixed - 110 Aa+.\n"
	  "1.2.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.2.2 text/plain - 0 .\n"
	  "1.2.3 multipart/mixed - 110 Aa+.\n"
	  "1.2.3.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.2.4 multipart/mixed - 110 Aa.\n",
	  "several-boundaries:1 no-parts:1 boundary-prefix:0" },
	{ "quotes that count", MAIL(HEAD MIXED "\"b\r\n\r\n--\"b\r\n" EVIL "--\"b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 110 A+.\n"
	  "1.1.1 multipart/mixed - 110 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 110 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "single quotes", MAIL(HEAD MIXED "'b'\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "single quotes that count", MAIL(HEAD MIXED "'b'\r\n\r\n--'b'\r\n" EVIL "--'b'--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 112 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 112 Aa.\n",
	  "several-boundaries:1" },
	{ "backslashes", MAIL(HEAD MIXED "\"a\\b\"\r\n\r\n--a\\b\r\n" EVIL "--a\\b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 112 A+.\n"
	  "1.1.1 multipart/mixed - 112 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 112 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "trailing blanks", MAIL(HEAD MIXED "\"b  \"\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 +.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ "an unquoted blank", MAIL(HEAD MIXED "a b\r\n\r\n--a\r\n" EVIL "--a--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "several-boundaries:1 no-parts:1" },
	{ "boundary of 8-bit text",
	  MAIL(HEAD MIXED "b\xc3\xbc\r\n\r\n--b\xc3\xbc\r\n" EVIL "--b\xc3\xbc--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 112 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 112 Aa.\n",
	  "type-form:1" },
	{ "no boundary", MAIL(HEAD TYPE "multipart/mixed\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed text/plain 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "no-boundary:1" },
	{ "a boundary that never comes", MAIL(HEAD MIXED "a\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 text/plain text/plain 108 Aa.\n"
	  "1.1.2 multipart/mixed - 108 Aa+.\n"
	  "1.1.2.1 application/x-evil text/plain 6 . evil.exe\n",
	  "no-parts:1" },
	{ "type without a slash",
	  MAIL(HEAD TYPE "multipart; boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart text/plain 108 A+.\n"
	  "1.1.1 multipart - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "type-form:1" },
	{ "type with more behind it",
	  MAIL(HEAD TYPE "multipart/mixed x; boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed x - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "type-form:1" },
	{ "no type but a boundary", MAIL(HEAD TYPE "; boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 text/plain text/plain 108 A+.\n"
	  "1.1.1 text/plain - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "type-form:1" },
	{ "8-bit in the type",
	  MAIL(HEAD TYPE "multipart/mixed\xc2\xa0; boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed\xc2\xa0 - 108 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n",
	  "type-form:1" },
	{ "multipart with a file name",
	  MAIL(HEAD MIXED
	       "b\r\nContent-Disposition: attachment; filename=evil.html\r\n\r\n--b\r\n" TEXT
	       "--b--\r\n"),
	  "--b\r\n" TEXT "--b--\r\n",
	  "1.1 multipart/mixed - 47 A+. evil.html\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/octet-stream text/plain 47 Aa. evil.html\n",
	  "named-multipart:1" },
	{ .name = NULL },
};
