/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The report: what the content process found in a mail.  Facts only, typed, versioned, bounded.
 * It travels as packed bytes (pack.h) from a writer that may be hostile, and is checked on arrival:
 * version, counts, indexes, offsets against the mail's size, UTF-8 of every text.  Session-side
 * scanners add their findings to the same value.  One thread at a time. */

#include <glib.h>

#include <amavisd/plugin.h>

#include "mail/error.h"

#define AM_REPORT_VERSION 1
#define AM_REPORT_MAX_BYTES (8u << 20) /* serialised */
#define AM_REPORT_MAX_PARTS 100000u
#define AM_REPORT_MAX_DEPTH 250u /* levels of parts; deeper ones are hung in at this level */
#define AM_REPORT_MAX_NAMES 64u  /* readings of the name of one part */
/* Further findings are counted, not kept; but the first of each kind is kept always, so that no
 * flood of small findings hides a virus. */
#define AM_REPORT_MAX_FINDINGS 1000u
#define AM_REPORT_MAX_KINDS 32u
#define AM_REPORT_MAX_TESTS 1000u   /* further ones are dropped; the score has them all */
#define AM_REPORT_MAX_FAILURES 100u /* further ones are dropped */
#define AM_REPORT_MAX_SCANNERS 250u /* further ones are dropped */
#define AM_REPORT_MAX_DEFECTS 100u   /* as Amavis; the first of each kind is kept always */
#define AM_REPORT_MAX_FIELDS 10000u  /* header fields in the table */

typedef struct {
	char *path;          /* "1.2.1" */
	gint32 parent;       /* index, -1 for the root; always less than the own index */
	char *declared_type; /* lower case, "" none */
	char *type;          /* real type, "" not looked at */
	char *short_type;    /* Amavis' short names, comma separated ("exe-ms,exe"), "" none */
	char *name;          /* decoded, "" none */
	char **names;        /* every reading of the name, raw and decoded; never NULL */
	char *digest;        /* SHA-256 of the content, hex, "" none */
	guint64 size;        /* decoded bytes */
	guint32 flags;       /* AmPartFlags */
	char *reason;        /* why undecoded, "" none */
	guint32 depth;       /* 0 for the root */
	guint32 n_children;  /* so far */
} AmReportPart;

typedef struct {
	char *kind; /* virus phishing encrypted ambiguous limit undecoded partial macro ... */
	char *name;
	char *scanner; /* instance that says so; "core" for the part tree itself */
	gint32 part;   /* index, -1 the whole mail */
	char *detail;  /* "" none */
} AmFinding;

typedef struct {
	char *kind;       /* mime 8bit control empty long syntax missing multiple utf8 other */
	char *field;      /* name of the field, "" none */
	guint64 position; /* byte offset in the mail */
	char *section;    /* "RFC 5322 2.1.1" */
	char *detail;
} AmHeaderDefect;

typedef struct {
	char *name;       /* as written */
	guint64 offset;   /* of its first byte in the mail */
	guint32 name_len; /* bytes before blanks and ':' */
	guint32 value;    /* of the first byte behind the ':', from offset */
	guint32 len;      /* whole field with its line ends */
} AmHeaderField;

typedef struct {
	char *scanner;
	char *name; /* of the test */
	double points;
} AmTest;

typedef struct {
	char *scanner;
	char *text; /* what failed */
} AmScanFailure;

typedef struct {
	char *scanner;
	guint32 duration_us;
} AmScanTime;

typedef struct {
	guint32 version;
	char *digest;        /* SHA-256 of the whole mail, hex */
	guint64 header_size; /* bytes up to and with the empty line (or the whole mail) */
	char *subject;       /* decoded to UTF-8, "" none */
	char *from;          /* address of the first author, "" none */
	char *message_id;    /* without <>, "" none */
	guint32 n_received;  /* Received fields */
	gboolean is_bulk;    /* Precedence: bulk/list/junk, List-Id, Auto-Submitted ... */
	gboolean has_scanned_field; /* foreign X-Virus-Scanned */
	GPtrArray *fields;   /* AmHeaderField; by am_report_add_field() */
	GPtrArray *parts;    /* AmReportPart, a parent before its children; [0] is the mail */
	GPtrArray *findings; /* AmFinding */
	guint32 n_findings_lost;
	GPtrArray *defects;  /* AmHeaderDefect */
	guint32 defect_kinds; /* bits of those seen; not sent */
	GPtrArray *tests;    /* AmTest */
	GPtrArray *failures; /* AmScanFailure: sandbox and session scanners alike */
	GPtrArray *scanners; /* AmScanTime: which scanners looked, and how long */
	gboolean is_scored;
	double score;        /* sum over scanners */
	guint32 decode_us, scan_us; /* time spent in the worker */
	GPtrArray *kinds;    /* of findings, each once; kept by am_report_add_finding() */
	gboolean has_more_fields; /* not sent; there is a "limit" finding */
} AmReport;

AmReport *am_report_new(void);
void am_report_free(AmReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmReport, am_report_free)

/* Sets a text of the report or of a part to a copy made valid UTF-8; NULL stands for "". */
void am_report_set_text(char **slot, const char *text);

/* All texts are copied and made valid UTF-8; NULL stands for "". */
AmReportPart *am_report_add_part(AmReport *report, gint32 parent); /* path is made; borrowed */
/* name: as written, name_len bytes; for the rest see AmHeaderField.  Not checked here.  What is
 * over AM_REPORT_MAX_FIELDS is not kept, and a "limit" finding says so. */
void am_report_add_field(AmReport *report, const char *name, guint32 name_len, guint64 offset,
			 guint32 value, guint32 len);
void am_report_add_finding(AmReport *report, const char *kind, const char *name,
			   const char *scanner, gint32 part, const char *detail);
void am_report_add_defect(AmReport *report, const char *kind, const char *field, guint64 position,
			  const char *section, const char *detail);
void am_report_add_test(AmReport *report, const char *scanner, const char *name, double points);
void am_report_add_failure(AmReport *report, const char *scanner, const char *text);
void am_report_add_scanner(AmReport *report, const char *scanner, guint32 duration_us);
/* First field of that name (ASCII case-insensitive) or NULL. */
const AmHeaderField *am_report_field(const AmReport *report, const char *name);
gboolean am_report_has_finding(const AmReport *report, const char *kind);

/* What can be said of the content.  Three values and no fourth: what was not seen whole is neither
 * clean nor infected. */
typedef enum { AM_CONTENT_UNCHECKED, AM_CONTENT_CLEAN, AM_CONTENT_INFECTED } AmContent;
const char *am_content_name(AmContent content); /* "unchecked" "clean" "infected" */
/* Infected: a scanner found a virus or phishing.  Unchecked: something is encrypted, over limits,
 * ambiguous, undecodable or a piece only, a scanner failed, findings were lost, nobody looked (report
 * NULL).  Why, in words, is appended to reasons (NULL: nobody wants them), g_free'd with it, a few at
 * most. */
AmContent am_report_content(const AmReport *report, GPtrArray *reasons);

/* Serialise; what is beyond the limits is left out, texts are cut (of a part's names the end is
 * kept, where the extension is), and if parts, names or fields had to go a "limit" finding says so.
 * 8 MiB hold 20,000 parts and more. */
GBytes *am_report_serialize(const AmReport *report);
/* Reads and checks; mail_size bounds the offsets.  SCANNER error with what is wrong.  A part's path
 * is not sent, it follows from the parents. */
AmReport *am_report_parse(GBytes *bytes, guint64 mail_size, GError **error);
