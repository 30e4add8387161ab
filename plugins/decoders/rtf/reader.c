/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* RTF 1.9.1:
 *
 *     group   = "{" *( text / control / group ) "}"
 *     control = "\" 1*ALPHA [ [ "-" ] 1*DIGIT ] [ SP ] / "\'" 2HEXDIG / "\" symbol
 *     binary  = "\bin" N SP N-bytes
 *
 * One pass without a stack: a destination of interest begins with its control word and ends with
 * the group it stands in, so depth is a number.  Within \objdata the text is hex digits, and
 * writers with something to hide put there whatever Word passes over: blanks, control words,
 * groups, \bin, halves of bytes.  On two points readers disagree - do digits in groups inside
 * count, and what becomes of half a byte in front of \'hh - so data are collected in both
 * readings, and when these differ both are handed on. */

#include "reader.h"

#include <string.h>

#include "../office/ole1.h"

#define WORD_MAX 64	  /* of a control word; longer ones are none that matter */
#define TEXT_MAX 2048	  /* of a destination that is text */
#define LATE_EVERY 0xffff /* bytes between looks at the clock */

typedef enum {
	READING_ALL,	/* digits in inner groups count; \'hh changes nothing */
	READING_DIRECT, /* they do not; \'hh drops half a byte */
	N_READINGS,
} RtfReading;

typedef enum {
	DESTINATION_NONE,
	DESTINATION_DATA,     /* \objdata */
	DESTINATION_TEMPLATE, /* \template */
	DESTINATION_FIELD,    /* \fldinst */
	DESTINATION_CLASS,    /* \objclass */
} RtfDestination;

typedef struct {
	GByteArray *bytes;
	int half; /* the first digit of a byte, -1 none */
} RtfHex;

typedef struct {
	Bytes bytes;
	gsize at;
	Output *output;
	gint64 depth;
	RtfDestination destination;
	gint64 destination_depth;
	RtfHex hex[N_READINGS];
	GString *text;
	char *class_name; /* of the object at hand */
	gboolean is_link, updates;
} RtfReader;

typedef struct {
	char word[WORD_MAX + 1];
	gboolean has_number;
	gint64 number;
} RtfControl;

gboolean
rtf_is_rtf(const guint8 *head, gsize len)
{
	gsize i = 0;
	if (len >= 3 && memcmp(head, "\357\273\277", 3) == 0)
		i = 3;
	while (i < len && g_ascii_isspace(head[i]))
		i++;
	return len - i >= 4 && memcmp(head + i, "{\\rt", 4) == 0;
}

/* ---- destinations -------------------------------------------------------------------------- */

static void
rtf_hex_add(RtfHex *hex, guint8 c)
{
	int digit = g_ascii_xdigit_value((char)c);
	if (digit < 0)
		return;
	if (hex->half < 0) {
		hex->half = digit;
		return;
	}
	guint8 byte = (guint8)(hex->half << 4 | digit);
	hex->half = -1;
	g_byte_array_append(hex->bytes, &byte, 1);
}

static void
rtf_add_object(RtfReader *reader, Bytes data)
{
	static const guint8 compound[] = { 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1 };
	Ole1Object object;
	if (data.len == 0)
		return;
	if (ole1_parse(data, &object)) {
		ole1_add(reader->output, &object);
		ole1_clear(&object);
		return;
	}
	/* its head is not what it should be: some readers look for the data all the same */
	gssize at = bytes_find(data, 0, compound, sizeof compound);
	output_finding(reader->output, "embedded",
		       reader->class_name != NULL ? reader->class_name : "object", "broken head");
	(void)output_child(reader->output, NULL, NULL,
			   bytes_sub(data, at > 0 ? (gsize)at : 0, data.len));
}

static void
rtf_end_data(RtfReader *reader)
{
	Bytes readings[N_READINGS];
	for (guint i = 0; i < N_READINGS; i++) {
		RtfHex *hex = &reader->hex[i];
		readings[i] = (Bytes){ hex->bytes->data, hex->bytes->len };
		hex->half = -1;
	}
	const Bytes *all = &readings[READING_ALL], *direct = &readings[READING_DIRECT];
	rtf_add_object(reader, *all);
	if (direct->len > 0 &&
	    (direct->len != all->len || memcmp(direct->data, all->data, all->len) != 0))
		rtf_add_object(reader, *direct);
	for (guint i = 0; i < N_READINGS; i++)
		g_byte_array_set_size(reader->hex[i].bytes, 0);
	if (reader->updates)
		output_finding(reader->output, "active", "objupdate", reader->class_name);
	if (reader->is_link)
		output_finding(reader->output, "external", "objautlink", reader->class_name);
	reader->updates = reader->is_link = FALSE;
	g_clear_pointer(&reader->class_name, g_free);
}

static void
rtf_end_field(RtfReader *reader, const char *text)
{
	static const struct {
		const char *word, *kind;
	} fields[] = {
		{ "DDE", "dde" },
		{ "DDEAUTO", "dde" },
		{ "INCLUDETEXT", "external" },
		{ "INCLUDEPICTURE", "external" },
		{ "INCLUDE", "external" },
		{ "IMPORT", "external" },
		{ "LINK", "external" },
		{ "RD", "external" },
		{ "SUBSCRIBER", "external" },
		{ "MACROBUTTON", "active" },
	};
	gsize len = strcspn(text, " \t\r\n");
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
		if (strlen(fields[i].word) == len &&
		    g_ascii_strncasecmp(text, fields[i].word, len) == 0)
			output_finding(reader->output, fields[i].kind, fields[i].word, text);
}

static void
rtf_end_destination(RtfReader *reader)
{
	RtfDestination destination = reader->destination;
	reader->destination = DESTINATION_NONE;
	if (destination == DESTINATION_DATA) {
		rtf_end_data(reader);
		return;
	}
	g_autofree char *text =
		bytes_text((Bytes){ (const guint8 *)reader->text->str, reader->text->len });
	g_string_truncate(reader->text, 0);
	(void)g_strstrip(text);
	if (*text == '\0')
		return;
	if (destination == DESTINATION_TEMPLATE) {
		output_finding(reader->output, "external", "template", text);
	} else if (destination == DESTINATION_FIELD) {
		rtf_end_field(reader, text);
	} else {
		g_free(reader->class_name);
		reader->class_name = g_steal_pointer(&text);
	}
}

static void
rtf_begin(RtfReader *reader, RtfDestination destination)
{
	if (reader->destination == DESTINATION_DATA)
		return; /* nothing begins inside data */
	if (reader->destination != DESTINATION_NONE)
		rtf_end_destination(reader);
	reader->destination = destination;
	reader->destination_depth = reader->depth;
}

/* ---- tokens -------------------------------------------------------------------------------- */

static void
rtf_text(RtfReader *reader, guint8 c)
{
	if (reader->destination == DESTINATION_DATA) {
		rtf_hex_add(&reader->hex[READING_ALL], c);
		if (reader->depth == reader->destination_depth)
			rtf_hex_add(&reader->hex[READING_DIRECT], c);
	} else if (reader->destination != DESTINATION_NONE && c != '\r' && c != '\n' &&
		   reader->text->len < TEXT_MAX) {
		g_string_append_c(reader->text, (char)c);
	}
}

/* Behind "\bin": so many bytes as they are.  A number that cannot be is passed over, lest it hide
 * the rest. */
static void
rtf_binary(RtfReader *reader, gint64 number)
{
	gsize left = reader->bytes.len - reader->at;
	if (number <= 0 || (guint64)number > left)
		return;
	Bytes data = bytes_sub(reader->bytes, reader->at, (gsize)number);
	reader->at += data.len;
	if (reader->destination != DESTINATION_DATA)
		return;
	g_byte_array_append(reader->hex[READING_ALL].bytes, data.data, (guint)data.len);
	if (reader->depth == reader->destination_depth)
		g_byte_array_append(reader->hex[READING_DIRECT].bytes, data.data, (guint)data.len);
}

/* The word at reader->at, behind the backslash. */
static void
rtf_take_control(RtfReader *reader, RtfControl *control)
{
	const guint8 *data = reader->bytes.data;
	gsize len = 0, end = reader->bytes.len;
	*control = (RtfControl){ 0 };
	for (; reader->at < end && g_ascii_isalpha(data[reader->at]); reader->at++)
		if (len < WORD_MAX)
			control->word[len++] = (char)g_ascii_tolower(data[reader->at]);
	gboolean is_negative = reader->at + 1 < end && data[reader->at] == '-' &&
			       g_ascii_isdigit(data[reader->at + 1]);
	if (is_negative)
		reader->at++;
	for (; reader->at < end && g_ascii_isdigit(data[reader->at]); reader->at++) {
		control->has_number = TRUE;
		if (control->number < G_MAXINT32)
			control->number = control->number * 10 + (data[reader->at] - '0');
	}
	if (is_negative)
		control->number = -control->number;
	if (reader->at < end && data[reader->at] == ' ')
		reader->at++;
}

static void
rtf_control(RtfReader *reader)
{
	static const struct {
		const char *word;
		RtfDestination destination;
	} destinations[] = {
		{ "objdata", DESTINATION_DATA },
		{ "template", DESTINATION_TEMPLATE },
		{ "fldinst", DESTINATION_FIELD },
		{ "objclass", DESTINATION_CLASS },
	};
	RtfControl control;
	rtf_take_control(reader, &control);
	for (gsize i = 0; i < G_N_ELEMENTS(destinations); i++)
		if (strcmp(control.word, destinations[i].word) == 0)
			rtf_begin(reader, destinations[i].destination);
	if (strcmp(control.word, "bin") == 0)
		rtf_binary(reader, control.number);
	else if (strcmp(control.word, "objupdate") == 0)
		reader->updates = TRUE;
	else if (strcmp(control.word, "objautlink") == 0 || strcmp(control.word, "objlink") == 0)
		reader->is_link = TRUE;
	else if (strcmp(control.word, "u") == 0 && control.has_number && control.number > 0 &&
		 control.number < 0x80 && reader->destination != DESTINATION_DATA)
		rtf_text(reader, (guint8)control.number); /* letters of an URL written so */
}

/* Behind a backslash. */
static void
rtf_escape(RtfReader *reader)
{
	const guint8 *data = reader->bytes.data;
	if (reader->at >= reader->bytes.len)
		return;
	guint8 c = data[reader->at];
	if (g_ascii_isalpha(c)) {
		rtf_control(reader);
		return;
	}
	reader->at++;
	if (c == '\\' || c == '{' || c == '}') {
		if (reader->destination != DESTINATION_DATA)
			rtf_text(reader, c);
	} else if (c == '\'' && reader->at + 2 <= reader->bytes.len &&
		   g_ascii_isxdigit(data[reader->at]) && g_ascii_isxdigit(data[reader->at + 1])) {
		int high = g_ascii_xdigit_value((char)data[reader->at]);
		int low = g_ascii_xdigit_value((char)data[reader->at + 1]);
		reader->at += 2;
		if (reader->destination == DESTINATION_DATA)
			reader->hex[READING_DIRECT].half = -1;
		else
			rtf_text(reader, (guint8)(high << 4 | low));
	}
}

static void
rtf_byte(RtfReader *reader, guint8 c)
{
	switch (c) {
	case '{':
		reader->depth++;
		break;
	case '}':
		if (reader->destination != DESTINATION_NONE &&
		    reader->depth <= reader->destination_depth)
			rtf_end_destination(reader);
		reader->depth--;
		break;
	case '\\':
		rtf_escape(reader);
		break;
	default:
		rtf_text(reader, c);
		break;
	}
}

void
rtf_read(Bytes bytes, Output *output)
{
	RtfReader reader = { .bytes = bytes, .output = output, .text = g_string_new(NULL) };
	gsize looked = 0;
	for (guint i = 0; i < N_READINGS; i++)
		reader.hex[i] = (RtfHex){ g_byte_array_new(), -1 };
	while (reader.at < bytes.len && !output->is_full) {
		rtf_byte(&reader, bytes.data[reader.at++]);
		if (reader.at - looked > LATE_EVERY) {
			looked = reader.at;
			(void)output_is_over(output); /* is_full ends the loop */
		}
	}
	if (reader.destination != DESTINATION_NONE)
		rtf_end_destination(&reader); /* cut short: Word shows it all the same */
	for (guint i = 0; i < N_READINGS; i++)
		g_byte_array_unref(reader.hex[i].bytes);
	(void)g_string_free(reader.text, TRUE);
	g_free(reader.class_name);
}
