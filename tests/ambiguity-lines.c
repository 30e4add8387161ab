/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Cases of test-ambiguity.c: boundary lines, line ends and NULs. */

#include <config.h>

#include "ambiguity-cases.h"

#define BLANKS10 "          "
#define BLANKS100                                                                                  \
	BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10
#define BLANKS500 BLANKS100 BLANKS100 BLANKS100 BLANKS100 BLANKS100
#define BLANKS BLANKS500 BLANKS500 BLANKS500 BLANKS500 BLANKS100

const AmbiguityCase ambiguity_lines[] = {
	{ "no closing boundary", MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TEXT "--b\r\n" EVIL), "MZevil",
	  "1.1 multipart/mixed - 141 +.\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ "a boundary that goes on",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TEXT "--bX\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 149 +.\n"
	  "1.1.1 text/plain text/plain 107 .\n"
	  "1.2 multipart/mixed - 149 Aa+.\n"
	  "1.2.1 text/plain text/plain 5 .\n"
	  "1.2.2 application/x-evil text/plain 6 . evil.exe\n",
	  "boundary-prefix:0" },
	{ "a closing boundary that goes on",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TEXT "--b--x\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 151 +.\n"
	  "1.1.1 text/plain text/plain 109 .\n"
	  "1.2 multipart/mixed - 151 Aa+.\n"
	  "1.2.1 text/plain text/plain 5 .\n"
	  "1.2.2 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "boundary-prefix:0 epilogue:3 behind-end:3" },
	{ "behind the closing boundary",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TEXT "--b--\r\n--b\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 155 A+.\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/x-evil text/plain 6 . evil.exe\n",
	  "behind-end:1" },
	{ "a long boundary line",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TEXT "--b" BLANKS "\r\n" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 2248 +.\n"
	  "1.1.1 text/plain text/plain 2206 .\n"
	  "1.2 multipart/mixed - 2248 Aa+.\n"
	  "1.2.1 text/plain text/plain 5 .\n"
	  "1.2.2 application/x-evil text/plain 6 . evil.exe\n",
	  "boundary-prefix:0" },
	{ "inner boundary is a prefix",
	  MAIL(HEAD MIXED "bb\r\n\r\n--bb\r\n" MIXED "b\r\n\r\n--b\r\n" TEXT "--bb\r\n" EVIL
			  "--b--\r\n--bb--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 208 +.\n"
	  "1.1.1 multipart/mixed - 38 +.\n"
	  "1.1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/x-evil text/plain 6 A+. evil.exe\n"
	  "1.1.2.1 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.1.2.2 application/x-evil text/plain 15 Aa. evil.exe\n"
	  "1.2 multipart/mixed - 208 Aa+.\n"
	  "1.2.1 multipart/mixed - 157 A+.\n"
	  "1.2.1.1 text/plain text/plain 5 .\n"
	  "1.2.1.2 application/x-evil text/plain 6 . evil.exe\n"
	  "1.2.1.3 text/plain - 0 .\n"
	  "1.3 multipart/mixed - 208 Aa+.\n"
	  "1.3.1 multipart/mixed - 149 +.\n"
	  "1.3.1.1 text/plain text/plain 107 .\n"
	  "1.4 multipart/mixed - 208 Aa+.\n"
	  "1.4.1 multipart/mixed - 157 A+.\n"
	  "1.4.1.1 text/plain text/plain 5 .\n"
	  "1.4.1.2 application/x-evil text/plain 6 . evil.exe\n"
	  "1.4.1.3 text/plain - 0 .\n",
	  "base64-junk:4 base64-plain:4 boundary-prefix:0 boundary-overlap:0 behind-end:8" },
	{ "outer boundary is a prefix",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" MIXED "bb\r\n\r\n--bb\r\n" EVIL "--bb--\r\n--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 168 +.\n"
	  "1.1.1 multipart/mixed - 110 +.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "" },
	{ "the same boundary inside, for the inner one",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" MIXED "b\r\n\r\n--b\r\n" EVIL "--b--\r\n--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 165 +.\n"
	  "1.1.1 multipart/mixed - 115 A+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.2 multipart/mixed - 165 Aa+.\n"
	  "1.2.1 multipart/mixed - 0 .\n"
	  "1.2.2 application/x-evil text/plain 6 . evil.exe\n",
	  "behind-end:2 boundary-reused:0" },
	{ "the same boundary inside, for the outer one",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" MIXED "b\r\n" CODING "base64\r\n\r\n" EVIL64
			  "\r\n--b\r\n" TEXT "--b--\r\n--b\r\n" TEXT "--b--\r\n"),
	  "hello",
	  "1.1 multipart/mixed - 189 +.\n"
	  "1.1.1 multipart/mixed - 104 A+.\n"
	  "1.1.1.1 text/plain text/plain 5 .\n"
	  "1.1.1.2 text/plain text/plain 5 .\n"
	  "1.1.1.3 multipart/mixed text/plain 48 Aa.\n"
	  "1.2 multipart/mixed - 189 Aa+.\n"
	  "1.2.1 multipart/mixed - 8 A+.\n"
	  "1.2.2 text/plain text/plain 5 .\n"
	  "1.2.3 text/plain text/plain 5 .\n"
	  "1.2.1.1 multipart/mixed text/plain 6 Aa.\n"
	  "1.2.1.2 text/plain text/plain 8 Aa.\n",
	  "encoded-multipart:2 behind-end:2 boundary-reused:0 no-parts:7" },
	{ "inner multipart not closed",
	  MAIL(HEAD MIXED
	       "a\r\n\r\n--a\r\n" MIXED "b\r\n\r\n--b\r\n" TYPE
	       "application/x-evil; name=evil.exe\r\n\r\nMZ\r\n--a\r\n\r\nx\r\n--b--\r\n--a--\r\n"),
	  "MZ\r\n--a\r\n\r\nx",
	  "1.1 multipart/mixed - 134 +.\n"
	  "1.1.1 multipart/mixed - 58 +.\n"
	  "1.1.1.1 application/x-evil text/plain 2 . evil.exe\n"
	  "1.1.2 text/plain text/plain 8 .\n"
	  "1.2 multipart/mixed - 134 Aa+.\n"
	  "1.2.1 multipart/mixed - 77 +.\n"
	  "1.2.1.1 application/x-evil text/plain 12 . evil.exe\n",
	  "boundary-overlap:0" },
	{ "inner boundary comes late",
	  MAIL(HEAD MIXED "a\r\n\r\n--a\r\n" MIXED "b\r\n\r\n--a\r\n\r\nx\r\n--b\r\n" EVIL
			  "--b--\r\n--a--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 175 +.\n"
	  "1.1.1 multipart/mixed - 0 .\n"
	  "1.1.2 text/plain text/plain 109 .\n"
	  "1.2 multipart/mixed - 175 Aa+.\n"
	  "1.2.1 multipart/mixed - 118 +.\n"
	  "1.2.1.1 application/x-evil text/plain 6 . evil.exe\n",
	  "boundary-overlap:0" },
	{ "dashes that close or not",
	  MAIL(HEAD MIXED "\"b--\"\r\n\r\n--b--\r\n" MIXED "b\r\n\r\n--b\r\n" TEXT "--b--\r\n" EVIL
			  "--b----\r\n"),
	  "hello",
	  "1.1 multipart/mixed - 204 +.\n"
	  "1.1.1 multipart/mixed - 38 +.\n"
	  "1.1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/x-evil text/plain 6 . evil.exe\n"
	  "1.2 multipart/mixed - 204 Aa+.\n"
	  "1.2.1 multipart/mixed - 152 A+.\n"
	  "1.2.1.1 text/plain text/plain 5 .\n"
	  "1.3 multipart/mixed - 204 Aa+.\n"
	  "1.3.1 multipart/mixed - 152 +.\n"
	  "1.3.1.1 text/plain text/plain 119 .\n"
	  "1.4 multipart/mixed - 204 Aa+.\n"
	  "1.4.1 multipart/mixed - 141 A+.\n"
	  "1.4.1.1 text/plain text/plain 5 .\n"
	  "1.2.1.2 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.5 multipart/mixed - 204 Aa+.\n"
	  "1.5.1 multipart/mixed - 152 A+.\n"
	  "1.5.1.1 text/plain text/plain 5 .\n"
	  "1.6 multipart/mixed - 204 Aa+.\n"
	  "1.6.1 multipart/mixed - 152 A+.\n"
	  "1.6.1.1 text/plain text/plain 5 .\n"
	  "1.7 multipart/mixed - 204 Aa+.\n"
	  "1.7.1 multipart/mixed - 141 A+.\n"
	  "1.7.1.1 text/plain text/plain 5 .\n"
	  "1.4.1.2 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.5.1.2 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.6.1.2 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.8 multipart/mixed - 204 Aa+.\n"
	  "1.8.1 multipart/mixed - 152 A+.\n"
	  "1.8.1.1 text/plain text/plain 5 .\n"
	  "1.7.1.2 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.8.1.2 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "boundary-prefix:0 boundary-overlap:0 boundary-dashes:0 epilogue:6 behind-end:6" },
	{ "a boundary in a header",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" CODING "base64\r\n--b\r\nX: y\r\n\r\n" EVIL64
			  "\r\n--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 70 +.\n"
	  "1.1.1 text/plain - 0 .\n"
	  "1.1.2 text/plain text/plain 8 .\n"
	  "1.2 multipart/mixed - 70 Aa+.\n"
	  "1.2.1 text/plain text/plain 6 A+.\n"
	  "1.2.1.1 text/plain text/plain 8 Aa+.\n"
	  "1.2.1.2 text/plain text/plain 8 Aa+.\n"
	  "1.2.1.1.1 text/plain text/plain 21 Aa.\n"
	  "1.2.1.2.1 text/plain text/plain 6 Aa.\n",
	  "boundary-in-header:0 header-line:5 base64-plain:6 unknown-encoding:7" },
	{ "a part in the preamble",
	  MAIL(HEAD MIXED "b\r\n\r\n" EVIL "\r\n--b\r\n" TEXT "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 145 A+.\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "preamble:1" },
	{ "a part in the epilogue", MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TEXT "--b--\r\n\r\n" EVIL),
	  "MZevil",
	  "1.1 multipart/mixed - 145 A+.\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "epilogue:1" },
	{ "uuencode in the epilogue",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TEXT
			  "--b--\r\n\r\nbegin 644 evil.exe\r\n&35IE=FEL\r\n`\r\nend\r\n"),
	  "begin 644 evil.exe\r\n&35IE=FEL\r\n`\r\nend\r\n",
	  "1.1 multipart/mixed - 88 A+.\n"
	  "1.1.1 text/plain text/plain 5 .\n"
	  "1.1.2 text/plain text/x-uuencode 39 Aae.\n",
	  "epilogue:1" },
	{ "bare CR in a header",
	  MAIL(HEAD "X: y\r" TYPE "application/x-evil; name=evil.exe\r" CODING
		    "base64\r\n\r\n" EVIL64),
	  "MZevil",
	  "1.1 text/plain text/plain 8 .\n"
	  "1.2 application/x-evil text/plain 6 Aa. evil.exe\n",
	  "bare-cr:0" },
	{ "bare CR behind a boundary",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TEXT "--b\r" EVIL "--b--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 147 +.\n"
	  "1.1.1 text/plain text/plain 105 .\n"
	  "1.2 multipart/mixed - 147 Aa+.\n"
	  "1.2.1 text/plain text/plain 5 .\n"
	  "1.2.2 application/x-evil text/plain 6 . evil.exe\n"
	  "1.3 multipart/mixed - 147 Aa+.\n"
	  "1.3.1 text/plain text/plain 5 .\n"
	  "1.3.2 text/plain text/plain 6 .\n"
	  "1.4 multipart/mixed - 147 Aa+.\n"
	  "1.4.1 text/plain text/plain 5 .\n"
	  "1.4.2 application/x-evil text/plain 6 . evil.exe\n",
	  "bare-cr:0 boundary-prefix:0" },
	{ "bare CR before a boundary",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TYPE "text/plain\r\n\r\nhello\r--b\r\n" EVIL
			  "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 147 +.\n"
	  "1.1.1 text/plain text/plain 105 .\n"
	  "1.2 multipart/mixed - 147 Aa+.\n"
	  "1.2.1 text/plain text/plain 5 .\n"
	  "1.2.2 application/x-evil text/plain 6 . evil.exe\n",
	  "bare-cr:0" },
	{ "bare CR everywhere",
	  MAIL("Date: x\rFrom: a@b\r" MIXED "b\r\r--b\r" TYPE
	       "application/x-evil; name=evil.exe\r" CODING "base64\r\r" EVIL64 "\r--b--\r"),
	  "MZevil",
	  "1.1 text/plain - 0 .\n"
	  "1.2 multipart/mixed - 102 Aa+.\n"
	  "1.2.1 application/x-evil text/plain 6 . evil.exe\n",
	  "bare-cr:0" },
	{ "bare LF at a boundary",
	  MAIL(HEAD MIXED "b\r\n\r\n--b\r\n" TYPE
			  "application/x-evil\r\n\r\nMZ\n--b\n\nx\r\n--b--\r\n"),
	  "MZ\r--b\r\rx",
	  "1.1 multipart/mixed - 59 +.\n"
	  "1.1.1 application/x-evil text/plain 2 .\n"
	  "1.1.2 text/plain text/plain 1 .\n"
	  "1.2 multipart/mixed - 59 Aa+.\n"
	  "1.2.1 application/x-evil text/plain 9 .\n",
	  "bare-lf:0" },
	{ "NUL in a field's name",
	  MAIL(HEAD "Content-\0Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 text/plain text/plain 108 A+.\n"
	  "1.1.1 text/plain application/octet-stream 154 Aa.\n"
	  "1.2 multipart/mixed - 108 Aa+.\n"
	  "1.2.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 108 Aa+.\n"
	  "1.1.2.1 application/x-evil text/plain 6 . evil.exe\n",
	  "header-line:1 nul:0" },
	{ "NUL in a boundary", MAIL(HEAD MIXED "b\0c\r\n\r\n--bc\r\n" EVIL "--bc--\r\n"), "MZevil",
	  "1.1 multipart/mixed - 110 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 multipart/mixed - 110 Aa.\n"
	  "1.1.3 text/plain text/plain 110 Aa.\n"
	  "1.2 multipart/mixed - 110 Aa+.\n"
	  "1.2.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.4 multipart/mixed - 110 Aa+.\n"
	  "1.1.4.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.4.2 text/plain - 0 .\n",
	  "several-boundaries:1 type-form:1 nul:0 boundary-prefix:1" },
	{ "NUL that ends a boundary", MAIL(HEAD MIXED "b\0c\r\n\r\n--b\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 108 A+.\n"
	  "1.1.1 multipart/mixed - 108 Aa+.\n"
	  "1.1.1.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.2 text/plain text/plain 108 Aa.\n"
	  "1.2 multipart/mixed - 108 Aa+.\n"
	  "1.2.1 text/plain text/plain 108 Aa.\n"
	  "1.2.2 multipart/mixed - 108 Aa+.\n"
	  "1.2.2.1 application/x-evil text/plain 6 . evil.exe\n",
	  "several-boundaries:1 type-form:1 no-parts:1 nul:0" },
	{ "NUL in a boundary line", MAIL(HEAD MIXED "bc\r\n\r\n--b\0c\r\n" EVIL "--b\0c--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 112 A+.\n"
	  "1.1.1 text/plain application/octet-stream 112 Aa.\n"
	  "1.1.2 multipart/mixed - 112 Aa.\n"
	  "1.2 multipart/mixed - 112 Aa+.\n"
	  "1.2.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.3 multipart/mixed - 112 Aa.\n"
	  "1.1.4 multipart/mixed - 112 Aa+.\n"
	  "1.1.4.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.4.2 text/plain - 0 .\n"
	  "1.1.5 multipart/mixed - 112 Aa+.\n"
	  "1.1.5.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.1.5.2 text/plain - 0 .\n",
	  "no-parts:1 nul:0 boundary-prefix:1" },
	{ "NUL behind a boundary", MAIL(HEAD MIXED "b\r\n\r\n--b\0x\r\n" EVIL "--b--\r\n"),
	  "MZevil",
	  "1.1 multipart/mixed - 110 A+.\n"
	  "1.1.1 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.2 multipart/mixed - 110 Aa+.\n"
	  "1.3 multipart/mixed - 110 Aa+.\n"
	  "1.3.1 application/x-evil text/plain 6 . evil.exe\n"
	  "1.2.1 application/x-evil text/plain 6 Aa. evil.exe\n"
	  "1.4 multipart/mixed - 110 Aa+.\n"
	  "1.4.1 application/x-evil text/plain 6 . evil.exe\n",
	  "preamble:1 nul:0 boundary-prefix:0" },
	{ "NUL in base64",
	  MAIL(HEAD TYPE "application/x-evil; name=evil.exe\r\n" CODING "base64\r\n\r\nTVpl\0dmls"),
	  "MZevil",
	  "1.1 application/x-evil text/plain 6 A+. evil.exe\n"
	  "1.1.1 application/x-evil text/plain 3 Aa. evil.exe\n"
	  "1.1.2 application/x-evil application/octet-stream 9 Aa. evil.exe\n",
	  "base64-junk:1 base64-plain:1" },
	{ "NUL in an encoding", MAIL(HEAD CODING "base64\0x\r\n\r\n" EVIL64), "MZevil",
	  "1.1 text/plain text/plain 8 A+.\n"
	  "1.1.1 text/plain text/plain 6 Aa.\n"
	  "1.2 text/plain text/plain 8 Aa+.\n"
	  "1.2.1 text/plain text/plain 6 Aa.\n",
	  "unknown-encoding:1 nul:0" },
	{ .name = NULL },
};
