/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* RFC 5322 2.2 and 3.6:
 *
 *     section = *field CRLF
 *     field   = 1*(%d33-57 / %d59-126) *WSP ":" unstructured *( CRLF WSP unstructured ) CRLF
 *
 * One pass, line by line and in pieces of a line when it is long.  Each field is tested in the order
 * that Amavis has: syntax, empty folded line, length, control bytes, 8-bit; the first hit is the
 * field's defect.  After the last field come missing and repeated ones. */

#include <config.h>

#include "content/header-checks.h"

#include <gmime/gmime.h>
#include <string.h>

#include "content/names.h"
#include "content/reader.h"

#define LINE_PIECE_BYTES 8192
#define LINE_MAX_BYTES 998   /* RFC 5322 2.1.1, without CRLF */
#define NAME_MAX_BYTES 255   /* of a field; a longer one is no field */
#define UTF8_HITS 10	     /* that are told; mostly nobody wants them */
#define VALUE_MAX_BYTES 8192 /* of the few values that are looked at */

/* In the order of testing. */
typedef enum { HIT_SYNTAX, HIT_EMPTY, HIT_LONG, HIT_CONTROL, HIT_8BIT, HIT_UTF8, N_HITS } Hit;

static const struct {
	const char *kind, *section, *detail;
} hits[N_HITS] = {
	[HIT_SYNTAX] = { "syntax", "RFC 5322 2.2", "line is not a header field" },
	[HIT_EMPTY] = { "empty", "RFC 5322 3.2.2", "folded line of blanks only" },
	[HIT_LONG] = { "long", "RFC 5322 2.1.1", "line longer than 998 bytes" },
	[HIT_CONTROL] = { "control", "RFC 5322 2.2", "NUL or bare CR" },
	/* a defect of mail that is not SMTPUTF8 only, which is for policy to know */
	[HIT_UTF8] = { "utf8", "RFC 5322 2.2", "UTF-8, for which SMTPUTF8 is needed" },
	[HIT_8BIT] = { "8bit", "RFC 6532 3.2", "control characters or bytes that are not UTF-8" },
};

static const char *const single_names[] = {
	"Date",
	"From",
	"Sender",
	"Reply-To",
	"To",
	"Cc",
	"Bcc",
	"Subject",
	"Message-ID",
	"References",
	"In-Reply-To",
	"MIME-Version",
	"Content-Type",
	"Content-Transfer-Encoding",
	"Content-ID",
	"Content-Description",
	"Content-Disposition",
	"Auto-Submitted",
};

/* Fields whose value is kept for the facts. */
typedef enum { KEEP_SUBJECT, KEEP_FROM, KEEP_ID, KEEP_PRECEDENCE, KEEP_AUTO, N_KEPT } Kept;

static const char *const kept_names[N_KEPT] = {
	[KEEP_SUBJECT] = "Subject",	  [KEEP_FROM] = "From",		  [KEEP_ID] = "Message-ID",
	[KEEP_PRECEDENCE] = "Precedence", [KEEP_AUTO] = "Auto-Submitted",
};

typedef struct {
	AmReport *report;
	AmReader reader;
	/* the field at hand */
	gboolean is_open;
	gboolean is_field; /* it has a name */
	char name[NAME_MAX_BYTES + 1];
	guint64 start, value, name_len;
	gint64 hit[N_HITS]; /* offset of the first, -1 none */
	GString *target;    /* gathers its value, NULL */
	guint n_utf8;	    /* fields so far that are UTF-8 and have no other fault */
	/* the line at hand */
	guint64 line_len;
	gboolean is_blank, is_continuation, is_crlf;
	guint8 last;		    /* byte of the piece before */
	guint utf8_more;	    /* continuation bytes still wanted */
	guint8 utf8_low, utf8_high; /* range of the next one */
	guint8 utf8_lead;
	/* the section */
	guint seen[G_N_ELEMENTS(single_names)];
	guint64 second[G_N_ELEMENTS(single_names)];
	GString *kept[N_KEPT];
} Checker;

static void
checker_hit(Checker *checker, Hit hit, guint64 offset)
{
	if (checker->hit[hit] < 0)
		checker->hit[hit] = (gint64)offset;
}

/* ---- fields -------------------------------------------------------------------------------- */

static void
checker_count(Checker *checker)
{
	AmReport *report = checker->report;
	const char *name = checker->name;
	for (gsize i = 0; i < G_N_ELEMENTS(single_names); i++)
		if (g_ascii_strcasecmp(name, single_names[i]) == 0 && ++checker->seen[i] == 2)
			checker->second[i] = checker->start;
	if (g_ascii_strcasecmp(name, "Received") == 0)
		report->n_received++;
	else if (g_ascii_strncasecmp(name, "List-", 5) == 0)
		report->is_bulk = TRUE; /* RFC 2919, RFC 2369 */
	else if (g_ascii_strcasecmp(name, "X-Virus-Scanned") == 0)
		report->has_scanned_field = TRUE;
}

static void
checker_end_field(Checker *checker, guint64 end)
{
	if (!checker->is_open)
		return;
	checker->is_open = FALSE;
	for (guint i = 0; i < N_HITS; i++) {
		if (checker->hit[i] < 0)
			continue;
		if (i == HIT_UTF8 && checker->n_utf8++ >= UTF8_HITS)
			break;
		am_report_add_defect(checker->report, hits[i].kind,
				     checker->is_field ? checker->name : "",
				     (guint64)checker->hit[i], hits[i].section, hits[i].detail);
		break; /* the first hit ends the field */
	}
	guint64 len = end - checker->start;
	if (!checker->is_field || len > G_MAXUINT32)
		return;
	am_report_add_field(checker->report, checker->name, (guint32)checker->name_len,
			    checker->start, (guint32)(checker->value - checker->start),
			    (guint32)len);
}

/* The name before the ':'; FALSE when the line is no field. */
static gboolean
checker_read_name(Checker *checker, const guint8 *line, gsize len, guint64 offset)
{
	const guint8 *colon = memchr(line, ':', MIN(len, NAME_MAX_BYTES + 1));
	if (colon == NULL || colon == line) {
		checker_hit(checker, HIT_SYNTAX, offset);
		return FALSE;
	}
	gsize name_len = (gsize)(colon - line);
	checker->value = offset + name_len + 1;
	while (name_len > 0 && (line[name_len - 1] == ' ' || line[name_len - 1] == '\t'))
		name_len--; /* obs-optional, RFC 5322 4.5.8 */
	for (gsize i = 0; i < name_len; i++) {
		if (line[i] < 33 || line[i] > 126) {
			checker_hit(checker, HIT_SYNTAX, offset + i);
			return FALSE;
		}
	}
	if (name_len >= 2 && line[0] == '-' && line[1] == '-') /* a MIME boundary went astray */
		checker_hit(checker, HIT_SYNTAX, offset);
	memcpy(checker->name, line, name_len);
	checker->name[name_len] = '\0';
	checker->name_len = name_len;
	return name_len > 0;
}

static void
checker_begin_field(Checker *checker, const guint8 *line, gsize len, guint64 offset)
{
	checker->is_open = TRUE;
	checker->start = offset;
	checker->target = NULL;
	for (guint i = 0; i < N_HITS; i++)
		checker->hit[i] = -1;
	checker->is_field = checker_read_name(checker, line, len, offset);
	if (!checker->is_field)
		return;
	checker_count(checker);
	for (guint i = 0; i < N_KEPT; i++)
		if (checker->kept[i] == NULL &&
		    g_ascii_strcasecmp(checker->name, kept_names[i]) == 0)
			checker->target = checker->kept[i] = g_string_new(NULL);
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* First byte of a UTF-8 sequence (RFC 3629 4). */
static gboolean
utf8_begin(Checker *checker, guint8 byte)
{
	checker->utf8_low = 0x80;
	checker->utf8_high = 0xbf;
	checker->utf8_lead = byte;
	if (byte >= 0xc2 && byte <= 0xdf) {
		checker->utf8_more = 1;
		if (byte == 0xc2) /* U+0080 to U+009F are control characters */
			checker->utf8_low = 0xa0;
	} else if (byte >= 0xe0 && byte <= 0xef) {
		checker->utf8_more = 2;
		if (byte == 0xe0)
			checker->utf8_low = 0xa0;
		if (byte == 0xed)
			checker->utf8_high = 0x9f;
	} else if (byte >= 0xf0 && byte <= 0xf4) {
		checker->utf8_more = 3;
		if (byte == 0xf0)
			checker->utf8_low = 0x90;
		if (byte == 0xf4)
			checker->utf8_high = 0x8f;
	} else {
		return FALSE;
	}
	return TRUE;
}

static void
checker_8bit_byte(Checker *checker, guint8 byte, guint64 offset)
{
	gboolean ok;
	if (checker->utf8_more > 0) {
		ok = byte >= checker->utf8_low && byte <= checker->utf8_high;
		checker->utf8_more = ok ? checker->utf8_more - 1 : 0;
		checker->utf8_low = 0x80;
		checker->utf8_high = 0xbf;
	} else {
		ok = byte < 0x80 || utf8_begin(checker, byte);
	}
	checker_hit(checker, ok ? HIT_UTF8 : HIT_8BIT, offset);
}

/* One byte of a line that is not plain text. */
static void
checker_odd_byte(Checker *checker, guint8 byte, guint64 offset)
{
	if (checker->utf8_more > 0 || byte >= 0x80)
		checker_8bit_byte(checker, byte, offset);
	if (checker->last == '\r' && byte != '\n')
		checker_hit(checker, HIT_CONTROL, offset - 1);
	if (byte == 0)
		checker_hit(checker, HIT_CONTROL, offset);
	else if (byte < 32 && byte != '\t' && byte != '\r' && byte != '\n')
		checker_hit(checker, HIT_8BIT, offset);
}

static void
checker_bytes(Checker *checker, const guint8 *bytes, gsize len, guint64 offset)
{
	for (gsize i = 0; i < len; i++) {
		guint8 byte = bytes[i];
		if (byte < 32 || byte >= 0x80 || checker->utf8_more > 0 || checker->last == '\r')
			checker_odd_byte(checker, byte, offset + i);
		if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n')
			checker->is_blank = FALSE;
		checker->is_crlf = byte == '\n' && checker->last == '\r';
		checker->last = byte;
	}
	checker->line_len += len;
}

static void
checker_gather(Checker *checker, const guint8 *bytes, gsize len, guint64 offset)
{
	if (checker->target == NULL || checker->target->len >= VALUE_MAX_BYTES)
		return;
	gsize skip = offset < checker->value ? MIN(len, checker->value - offset) : 0;
	for (gsize i = skip; i < len; i++)
		if (bytes[i] != '\0')
			g_string_append_c(checker->target, (char)bytes[i]);
}

/* ---- lines --------------------------------------------------------------------------------- */

static void
checker_end_line(Checker *checker, guint64 start, guint64 end)
{
	guint64 line_end = (checker->last == '\n') + (checker->is_crlf ? 1 : 0);
	if (checker->line_len - line_end > LINE_MAX_BYTES)
		checker_hit(checker, HIT_LONG, start);
	if (checker->is_blank && checker->is_continuation)
		checker_hit(checker, HIT_EMPTY, start);
	if (checker->utf8_more > 0)
		checker_hit(checker, HIT_8BIT, end - 1);
	checker->utf8_more = 0;
}

static gboolean
line_is_empty(const guint8 *line, gsize len)
{
	return line[0] == '\n' || (len >= 2 && line[0] == '\r' && line[1] == '\n');
}

/* Reads all lines; sets header_size. */
static gboolean
checker_read(Checker *checker, gint64 deadline_us)
{
	gboolean is_start = TRUE, is_whole;
	guint64 offset = 0, line_start = 0;
	gsize len;
	const guint8 *line;
	for (guint n = 0;
	     (line = am_reader_line(&checker->reader, LINE_PIECE_BYTES, &len, &is_whole)) != NULL;
	     n++) {
		if (is_start) {
			if (line_is_empty(line, len)) {
				checker_end_field(checker, offset);
				checker->report->header_size = offset + len;
				return TRUE;
			}
			checker->is_continuation =
				checker->is_open && (*line == ' ' || *line == '\t');
			if (!checker->is_continuation) {
				checker_end_field(checker, offset);
				checker_begin_field(checker, line, len, offset);
			}
			line_start = offset;
			checker->line_len = 0;
			checker->is_blank = TRUE;
			checker->last = 0;
		}
		checker_bytes(checker, line, len, offset);
		checker_gather(checker, line, len, offset);
		offset += len;
		is_start = line[len - 1] == '\n';
		if (is_start)
			checker_end_line(checker, line_start, offset);
		if (n % 4096 == 4095 && deadline_us != 0 && g_get_monotonic_time() > deadline_us)
			return FALSE;
	}
	if (!is_start)
		checker_end_line(checker, line_start, offset);
	checker_end_field(checker, offset);
	checker->report->header_size = offset; /* no empty line: all of it is header */
	return !checker->reader.has_failed;
}

/* ---- after the last field ------------------------------------------------------------------ */

static void
checker_judge_section(Checker *checker)
{
	AmReport *report = checker->report;
	for (gsize i = 0; i < 2; i++) /* Date and From */
		if (checker->seen[i] == 0)
			am_report_add_defect(report, "missing", single_names[i], 0, "RFC 5322 3.6",
					     "required field is missing");
	for (gsize i = 0; i < G_N_ELEMENTS(single_names); i++)
		if (checker->seen[i] > 1)
			am_report_add_defect(report, "multiple", single_names[i],
					     checker->second[i], "RFC 5322 3.6",
					     "field may stand only once");
}

static const char *
checker_kept(const Checker *checker, Kept which)
{
	return checker->kept[which] != NULL ? checker->kept[which]->str : "";
}

/* Address of the first author, "" when there is none to be found. */
static char *
facts_author(const char *value)
{
	InternetAddressList *list = internet_address_list_parse(NULL, value);
	char *author = NULL;
	for (int i = 0; list != NULL && author == NULL && i < internet_address_list_length(list);
	     i++) {
		InternetAddress *address = internet_address_list_get_address(list, i);
		if (INTERNET_ADDRESS_IS_MAILBOX(address))
			author = g_strdup(internet_address_mailbox_get_addr(
				INTERNET_ADDRESS_MAILBOX(address)));
	}
	g_clear_object(&list);
	return author != NULL ? author : g_strdup("");
}

static char *
facts_message_id(const char *value)
{
	const char *start = strchr(value, '<');
	const char *end = start != NULL ? strchr(start, '>') : NULL;
	char *id = end != NULL ? g_strndup(start + 1, (gsize)(end - start - 1)) : g_strdup(value);
	for (char *c = id; *c != '\0'; c++)
		if ((guint8)*c < 32)
			*c = ' ';
	return g_strstrip(id);
}

static gboolean
facts_is_bulk(const char *precedence, const char *auto_submitted)
{
	g_autofree char *word = g_strstrip(g_strdup(precedence));
	g_autofree char *automatic = g_strstrip(g_strdup(auto_submitted));
	if (g_ascii_strcasecmp(word, "bulk") == 0 || g_ascii_strcasecmp(word, "list") == 0 ||
	    g_ascii_strcasecmp(word, "junk") == 0)
		return TRUE;
	/* RFC 3834 5: "no", or any keyword, perhaps with parameters */
	return *automatic != '\0' && !(g_ascii_strncasecmp(automatic, "no", 2) == 0 &&
				       !g_ascii_isalnum(automatic[2]) && automatic[2] != '-');
}

static void
checker_set_text(char **slot, char *text)
{
	g_free(*slot);
	*slot = g_utf8_make_valid(text, -1);
	g_free(text);
}

static void
checker_set_facts(Checker *checker)
{
	AmReport *report = checker->report;
	checker_set_text(&report->subject, am_names_decode_text(checker_kept(checker, KEEP_SUBJECT),
								VALUE_MAX_BYTES));
	checker_set_text(&report->from, facts_author(checker_kept(checker, KEEP_FROM)));
	checker_set_text(&report->message_id, facts_message_id(checker_kept(checker, KEEP_ID)));
	if (facts_is_bulk(checker_kept(checker, KEEP_PRECEDENCE), checker_kept(checker, KEEP_AUTO)))
		report->is_bulk = TRUE;
}

gboolean
am_header_check(AmReport *report, int fd, guint64 size, gint64 deadline_us)
{
	Checker checker = { .report = report };
	am_reader_init(&checker.reader, fd, 0, size, NULL);
	gboolean ok = checker_read(&checker, deadline_us);
	checker_judge_section(&checker);
	checker_set_facts(&checker);
	for (guint i = 0; i < N_KEPT; i++)
		if (checker.kept[i] != NULL)
			g_string_free(checker.kept[i], TRUE);
	am_reader_clear(&checker.reader);
	return ok;
}
