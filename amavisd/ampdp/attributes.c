/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* request   = *( attribute / malformed ) line-end
 * attribute = name ( "=" / ":" *WSP ) value line-end
 * line-end  = [CR] LF
 *
 * There is no standard; this is what Amavis reads.  A malformed line is passed over. */

#include <config.h>

#include "ampdp/attributes.h"

#include <stdarg.h>
#include <string.h>

static void
attribute_clear(gpointer data)
{
	AmPdpAttribute *attribute = data;
	g_free(attribute->name);
	g_free(attribute->value);
}

void
am_pdp_request_init(AmPdpRequest *request)
{
	*request = (AmPdpRequest){ .attributes = g_array_new(FALSE, FALSE, sizeof(AmPdpAttribute)),
				   .line = g_string_new(NULL) };
	g_array_set_clear_func(request->attributes, attribute_clear);
}

void
am_pdp_request_clear(AmPdpRequest *request)
{
	g_array_unref(request->attributes);
	(void)g_string_free(request->line, TRUE);
	*request = (AmPdpRequest){ 0 };
}

void
am_pdp_request_reset(AmPdpRequest *request)
{
	am_pdp_request_clear(request); /* and not merely truncate: a large one is not kept */
	am_pdp_request_init(request);
}

gboolean
am_pdp_request_is_empty(const AmPdpRequest *request)
{
	return request->n_bytes == 0;
}

/* NULL: there is a NUL in it. */
static char *
attribute_decode(const char *text, gsize len)
{
	g_autoptr(GString) out = g_string_sized_new(len);
	for (gsize i = 0; i < len; i++) {
		char c = text[i];
		if (c == '%' && len - i > 2 && g_ascii_isxdigit(text[i + 1]) &&
		    g_ascii_isxdigit(text[i + 2])) {
			c = (char)(g_ascii_xdigit_value(text[i + 1]) << 4 |
				   g_ascii_xdigit_value(text[i + 2]));
			i += 2;
		}
		if (c == '\0')
			return NULL;
		g_string_append_c(out, c);
	}
	return g_strdup(out->str);
}

/* FALSE: it is none. */
static gboolean
request_add_line(AmPdpRequest *request, const char *line, gsize len)
{
	gsize name_len = 0;
	while (name_len < len && line[name_len] != '=' && line[name_len] != ':')
		name_len++;
	if (name_len == 0 || name_len == len)
		return FALSE;
	gsize at = name_len + 1;
	while (line[name_len] == ':' && at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	AmPdpAttribute attribute = { .name = attribute_decode(line, name_len),
				     .value = attribute_decode(line + at, len - at) };
	if (attribute.name == NULL || attribute.value == NULL) {
		attribute_clear(&attribute);
		return FALSE;
	}
	g_array_append_val(request->attributes, attribute);
	return TRUE;
}

/* The open line is whole; TRUE: it ends the request. */
static gboolean
request_end_line(AmPdpRequest *request)
{
	gsize len = request->line->len;
	if (len > 0 && request->line->str[len - 1] == '\r')
		len--;
	if (len == 0 && request->attributes->len == 0 && request->n_malformed == 0) {
		request->n_bytes = 0; /* nothing was said yet */
		g_string_truncate(request->line, 0);
		return FALSE;
	}
	if (len > 0 && !request_add_line(request, request->line->str, len))
		request->n_malformed++;
	g_string_truncate(request->line, 0);
	return len == 0;
}

AmPdpStep
am_pdp_request_feed(AmPdpRequest *request, const guint8 *data, gsize len, gsize *used)
{
	*used = 0;
	while (*used < len) {
		const guint8 *start = data + *used;
		const guint8 *end = memchr(start, '\n', len - *used);
		gsize n = end != NULL ? (gsize)(end - start) + 1 : len - *used;
		if (n > AM_PDP_MAX_BYTES - request->n_bytes ||
		    request->attributes->len + request->n_malformed >= AM_PDP_MAX_ATTRIBUTES)
			return AM_PDP_LARGE;
		*used += n;
		request->n_bytes += n;
		g_string_append_len(request->line, (const char *)start, n - (end != NULL));
		if (end != NULL && request_end_line(request))
			return AM_PDP_DONE;
	}
	return AM_PDP_MORE;
}

const char *
am_pdp_get(const AmPdpRequest *request, const char *name)
{
	for (guint i = 0; i < request->attributes->len; i++) {
		const AmPdpAttribute *one = &g_array_index(request->attributes, AmPdpAttribute, i);
		if (strcmp(one->name, name) == 0)
			return one->value;
	}
	return NULL;
}

const char **
am_pdp_get_all(const AmPdpRequest *request, const char *name)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new();
	for (guint i = 0; i < request->attributes->len; i++) {
		const AmPdpAttribute *one = &g_array_index(request->attributes, AmPdpAttribute, i);
		if (strcmp(one->name, name) == 0)
			g_ptr_array_add(list, one->value);
	}
	g_ptr_array_add(list, NULL);
	return (const char **)g_ptr_array_free(g_steal_pointer(&list), FALSE);
}

void
am_pdp_encode(GString *out, const char *field)
{
	for (; *field != '\0'; field++) {
		guchar c = (guchar)*field;
		if (c <= ' ' || c >= 0x7f || c == '%')
			g_string_append_printf(out, "%%%02x", c);
		else
			g_string_append_c(out, (char)c);
	}
}

void
am_pdp_say(GString *out, const char *name, ...)
{
	va_list fields;
	const char *field;
	char separator = '=';
	g_string_append(out, name);
	va_start(fields, name);
	while ((field = va_arg(fields, const char *)) != NULL) {
		g_string_append_c(out, separator);
		am_pdp_encode(out, field);
		separator = ' ';
	}
	va_end(fields);
	g_string_append(out, "\r\n");
}
