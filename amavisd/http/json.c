/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* object = "{" [ member *( "," member ) ] "}"; member = string ":" ( string / array of strings )
 *
 * Bytes of a string are gathered in one buffer.  At its end it is a member's name or value; that of
 * a message goes on to the spool whenever the buffer is full, through base64 when it is
 * "message_base64". */

#include <config.h>

#include "http/json.h"

#include <string.h>

#define JSON_TEXT_MAX 4096u /* bytes of a string that is not the message */

typedef enum {
	JSON_START,	   /* { */
	JSON_FIRST_MEMBER, /* " or } */
	JSON_MEMBER,	   /* " */
	JSON_COLON,
	JSON_VALUE,	  /* " or [ */
	JSON_AFTER_VALUE, /* , or } */
	JSON_FIRST_ITEM,  /* " or ] */
	JSON_ITEM,	  /* " */
	JSON_AFTER_ITEM,  /* , or ] */
	JSON_END,
} JsonState;

typedef enum {
	STRING_NONE,
	STRING_PLAIN,
	STRING_ESCAPE,	/* behind a backslash */
	STRING_UNICODE, /* in the digits */
} JsonString;

typedef enum {
	MEMBER_FIELD, /* of the envelope */
	MEMBER_TEXT,
	MEMBER_BASE64,
} JsonMember;

struct _AmHttpJson {
	AmHttpRequest *request;
	JsonState state;
	JsonString string;
	GString *text; /* of the open string */
	guint n_digits;
	guint32 digits, high; /* high: of a surrogate pair, 0 none */
	JsonMember member;
	AmHttpFieldId field;
	char *name; /* of the member */
	gboolean has_message;
	gboolean is_padded; /* base64 is at its end */
	gint base64_state;
	guint base64_save;
	guint n_base64; /* characters, modulo 4 */
};

AmHttpJson *
am_http_json_new(AmHttpRequest *request)
{
	AmHttpJson *json = g_new0(AmHttpJson, 1);
	json->request = request;
	json->text = g_string_new(NULL);
	return json;
}

void
am_http_json_free(AmHttpJson *json)
{
	if (json == NULL)
		return;
	(void)g_string_free(json->text, TRUE);
	g_free(json->name);
	g_free(json);
}

static gboolean
json_bad(AmHttpJson *json, const char *text)
{
	return am_http_problem_set(&json->request->problem, 400, json->name,
				   "one JSON object, its values strings and arrays of strings",
				   "JSON: %s", text);
}

/* ---- strings ------------------------------------------------------------------------------- */

/* white space is allowed between, RFC 2045 6.8; what is behind the padding is not */
static gboolean
json_check_base64(AmHttpJson *json)
{
	for (gsize i = 0; i < json->text->len; i++) {
		char c = json->text->str[i];
		if (g_ascii_isspace(c))
			continue;
		gboolean is_padding = c == '=';
		if (!is_padding &&
		    (json->is_padded || (!g_ascii_isalnum(c) && c != '+' && c != '/')))
			return json_bad(json, "this is no base64");
		json->is_padded |= is_padding;
		json->n_base64 = (json->n_base64 + 1) % 4;
	}
	return TRUE;
}

/* Hands on what there is of the message. */
static gboolean
json_flush(AmHttpJson *json)
{
	guint8 bytes[JSON_TEXT_MAX];
	const char *data = json->text->str;
	gsize len = json->text->len;
	if (json->member == MEMBER_BASE64) {
		if (!json_check_base64(json))
			return FALSE;
		/* 4 bytes become 3, and up to 3 are left over from before */
		G_STATIC_ASSERT(sizeof bytes >= JSON_TEXT_MAX / 4 * 3 + 6);
		len = g_base64_decode_step(data, len, bytes, &json->base64_state,
					   &json->base64_save);
		data = (const char *)bytes;
	}
	gboolean ok = am_http_request_append(json->request, data, len);
	g_string_truncate(json->text, 0);
	return ok;
}

static gboolean
json_is_message(const AmHttpJson *json)
{
	return (json->state == JSON_VALUE) && json->member != MEMBER_FIELD;
}

static gboolean
json_put(AmHttpJson *json, const char *data, gsize len)
{
	while (len > 0) {
		if (json->text->len == JSON_TEXT_MAX) {
			if (!json_is_message(json))
				return json_bad(json, "a string is too long");
			if (!json_flush(json))
				return FALSE;
		}
		gsize n = MIN(len, JSON_TEXT_MAX - json->text->len);
		g_string_append_len(json->text, data, n);
		data += n;
		len -= n;
	}
	return TRUE;
}

/* \uXXXX; two of them are one character beyond the basic plane. */
static gboolean
json_put_unicode(AmHttpJson *json, guint32 code)
{
	char utf8[6];
	gboolean is_low = code >= 0xdc00 && code <= 0xdfff;
	if ((json->high != 0) != is_low)
		return json_bad(json, "half of a surrogate pair");
	if (code >= 0xd800 && code <= 0xdbff) {
		json->high = code;
		return TRUE;
	}
	if (is_low)
		code = 0x10000 + ((json->high - 0xd800) << 10) + (code - 0xdc00);
	json->high = 0;
	return json_put(json, utf8, g_unichar_to_utf8(code, utf8));
}

static gboolean
json_escape(AmHttpJson *json, char c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (c == 'u') {
		json->string = STRING_UNICODE;
		json->n_digits = 0;
		json->digits = 0;
		return TRUE;
	}
	const char *found = c != '\0' ? strchr(from, c) : NULL;
	json->string = STRING_PLAIN;
	if (found == NULL)
		return json_bad(json, "unknown escape");
	if (json->high != 0)
		return json_bad(json, "half of a surrogate pair");
	return json_put(json, &to[found - from], 1);
}

static gboolean
json_digit(AmHttpJson *json, char c)
{
	gint value = g_ascii_xdigit_value(c);
	if (value < 0)
		return json_bad(json, "\\u wants four hexadecimal digits");
	json->digits = json->digits << 4 | (guint32)value;
	if (++json->n_digits < 4)
		return TRUE;
	json->string = STRING_PLAIN;
	return json_put_unicode(json, json->digits);
}

/* ---- members ------------------------------------------------------------------------------- */

static gboolean
json_begin_member(AmHttpJson *json)
{
	g_free(json->name);
	json->name = g_strdup(json->text->str);
	json->state = JSON_COLON;
	json->member = MEMBER_FIELD;
	for (json->field = 0; json->field < AM_HTTP_N_FIELDS; json->field++)
		if (strcmp(json->name, am_http_fields[json->field].member) == 0)
			return (json->request->seen & 1u << json->field) == 0 ||
			       json_bad(json, "a member is there twice");
	if (strcmp(json->name, "message") != 0 && strcmp(json->name, "message_base64") != 0)
		return am_http_problem_set(
			&json->request->problem, 400, json->name,
			"sender, recipients, client, client_name, helo, authenticated, queue_id, "
			"protocol, policy_banks, message or message_base64",
			"JSON: unknown member");
	if (json->has_message)
		return json_bad(json, "the message is there twice");
	json->has_message = TRUE;
	json->member = strcmp(json->name, "message") == 0 ? MEMBER_TEXT : MEMBER_BASE64;
	return TRUE;
}

static gboolean
json_end_value(AmHttpJson *json)
{
	json->state = json->state == JSON_VALUE ? JSON_AFTER_VALUE : JSON_AFTER_ITEM;
	return am_http_request_set(json->request, json->field, json->name, json->text->str);
}

static gboolean
json_end_message(AmHttpJson *json)
{
	gboolean is_base64 = json->member == MEMBER_BASE64;
	if (!json_flush(json))
		return FALSE;
	json->state = JSON_AFTER_VALUE;
	return !is_base64 || json->n_base64 == 0 || json_bad(json, "base64 is cut short");
}

static gboolean
json_end_string(AmHttpJson *json)
{
	json->string = STRING_NONE;
	if (json->high != 0)
		return json_bad(json, "half of a surrogate pair");
	if (json_is_message(json))
		return json_end_message(json);
	if (!g_utf8_validate_len(json->text->str, json->text->len, NULL))
		return json_bad(json, "a string is not UTF-8, or holds U+0000");
	return json->state == JSON_MEMBER ? json_begin_member(json) : json_end_value(json);
}

static gboolean
json_string_byte(AmHttpJson *json, char c)
{
	if (json->string == STRING_ESCAPE)
		return json_escape(json, c);
	if (json->string == STRING_UNICODE)
		return json_digit(json, c);
	if (c == '"')
		return json_end_string(json);
	if (c == '\\') {
		json->string = STRING_ESCAPE;
		return TRUE;
	}
	if (json->high != 0)
		return json_bad(json, "half of a surrogate pair");
	return json_bad(json, "a control character in a string");
}

/* ---- between them -------------------------------------------------------------------------- */

static gboolean
json_open_string(AmHttpJson *json)
{
	switch (json->state) {
	case JSON_FIRST_MEMBER:
		json->state = JSON_MEMBER;
		break;
	case JSON_FIRST_ITEM:
		json->state = JSON_ITEM;
		break;
	case JSON_MEMBER:
	case JSON_ITEM:
		break;
	case JSON_VALUE:
		if (json->member == MEMBER_FIELD && am_http_fields[json->field].is_list)
			return json_bad(json, "this member is an array of strings");
		break;
	default:
		return json_bad(json, "a string where none may be");
	}
	json->string = STRING_PLAIN;
	g_string_truncate(json->text, 0);
	return TRUE;
}

static gboolean
json_open_array(AmHttpJson *json)
{
	if (json->member != MEMBER_FIELD || !am_http_fields[json->field].is_list)
		return json_bad(json, "this member is a string");
	json->request->seen |= 1u << json->field;
	json->state = JSON_FIRST_ITEM;
	return TRUE;
}

static gboolean
json_token(AmHttpJson *json, char c)
{
	static const struct {
		JsonState state;
		char c;
		JsonState next;
	} steps[] = {
		{ JSON_START, '{', JSON_FIRST_MEMBER }, { JSON_FIRST_MEMBER, '}', JSON_END },
		{ JSON_COLON, ':', JSON_VALUE },	{ JSON_AFTER_VALUE, ',', JSON_MEMBER },
		{ JSON_AFTER_VALUE, '}', JSON_END },	{ JSON_FIRST_ITEM, ']', JSON_AFTER_VALUE },
		{ JSON_AFTER_ITEM, ',', JSON_ITEM },	{ JSON_AFTER_ITEM, ']', JSON_AFTER_VALUE },
	};
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return TRUE;
	if (c == '"')
		return json_open_string(json);
	if (c == '[' && json->state == JSON_VALUE)
		return json_open_array(json);
	for (gsize i = 0; i < G_N_ELEMENTS(steps); i++)
		if (steps[i].state == json->state && steps[i].c == c) {
			json->state = steps[i].next;
			if (c == ',' && json->state == JSON_MEMBER)
				g_clear_pointer(&json->name, g_free);
			return TRUE;
		}
	return json_bad(json, "something unexpected");
}

/* How many bytes from there on stand for themselves in a string. */
static gsize
json_plain(const char *data, gsize len)
{
	gsize n = 0;
	while (n < len && data[n] != '"' && data[n] != '\\' && (guchar)data[n] >= ' ')
		n++;
	return n;
}

gboolean
am_http_json_feed(AmHttpJson *json, const char *data, gsize len)
{
	gboolean ok = json->request->problem.status == 0;
	for (gsize i = 0; ok && i < len;) {
		gboolean is_plain = json->string == STRING_PLAIN && json->high == 0;
		gsize n = is_plain ? json_plain(data + i, len - i) : 0;
		if (n > 0) {
			ok = json_put(json, data + i, n);
			i += n;
		} else {
			ok = json->string != STRING_NONE ? json_string_byte(json, data[i])
							 : json_token(json, data[i]);
			i++;
		}
	}
	return ok;
}

gboolean
am_http_json_end(AmHttpJson *json)
{
	if (json->request->problem.status != 0)
		return FALSE;
	g_clear_pointer(&json->name, g_free);
	return json->state == JSON_END || json_bad(json, "it ends too early");
}
