/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Tags and their attributes, in one pass and without a tree: what a page brings along lies in
 * attributes, in scripts, in styles, and in texts that a script reads.  As browsers do, a tag is
 * what begins with "<" and a letter, and ends with the next ">" that is not in quotes.
 * HTML living standard, 13.2.5. */

#include "tags.h"

#include <string.h>

#define ATTRIBUTES_MAX 64 /* of one tag that are looked at */
#define HIDDEN_MIN 1000	  /* characters of a text that may be a file */
#define CHECK_EVERY 256	  /* tags between two looks at the clock */

typedef struct {
	const char *name, *value;
	gsize name_len, value_len;
} Attribute;

typedef struct {
	Page *page;
	const char *at, *end;
	const char *tag;
	gsize tag_len;
	Attribute attributes[ATTRIBUTES_MAX];
	guint n_attributes;
	guint n_tags;
} Tags;

static gboolean
tags_is(const char *text, gsize len, const char *word)
{
	return strlen(word) == len && g_ascii_strncasecmp(text, word, len) == 0;
}

/* ---- character references ------------------------------------------------------------------ */

static gsize
tags_reference(const char *text, gsize len, gunichar *c)
{
	static const struct {
		const char *name;
		gunichar c;
	} names[] = {
		{ "amp;", '&' },      { "lt;", '<' },	 { "gt;", '>' },    { "quot;", '"' },
		{ "apos;", '\'' },    { "colon;", ':' }, { "comma;", ',' }, { "Tab;", '\t' },
		{ "NewLine;", '\n' }, { "sol;", '/' },	 { "plus;", '+' },  { "equals;", '=' },
		{ "lpar;", '(' },     { "rpar;", ')' },	 { "semi;", ';' },  { "nbsp;", ' ' },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		gsize n = strlen(names[i].name);
		if (len > n && strncmp(text + 1, names[i].name, n) == 0) {
			*c = names[i].c;
			return n + 1;
		}
	}
	if (len < 3 || text[1] != '#')
		return 0;
	gboolean is_hex = (text[2] | 0x20) == 'x';
	gsize i = is_hex ? 3 : 2, start = i;
	guint32 value = 0;
	for (; i < len; i++) {
		int digit = is_hex ? g_ascii_xdigit_value(text[i]) : g_ascii_digit_value(text[i]);
		if (digit < 0)
			break;
		value = MIN(value * (is_hex ? 16 : 10) + (guint32)digit, 0x110000);
	}
	if (i == start)
		return 0;
	*c = g_unichar_validate(value) && value != 0 ? value : 0xfffd;
	return i < len && text[i] == ';' ? i + 1 : i;
}

static GString *
tags_unescape(const char *text, gsize len)
{
	GString *plain = g_string_sized_new(len);
	const char *end = text + len;
	while (text < end) {
		const char *mark = memchr(text, '&', (gsize)(end - text));
		gunichar c = '&';
		if (mark == NULL)
			mark = end;
		g_string_append_len(plain, text, mark - text);
		if (mark == end)
			break;
		gsize n = tags_reference(mark, (gsize)(end - mark), &c);
		g_string_append_unichar(plain, c);
		text = mark + MAX(n, 1);
	}
	return plain;
}

/* ---- attributes ---------------------------------------------------------------------------- */

static const Attribute *
tags_attribute(const Tags *tags, const char *name)
{
	for (guint i = 0; i < tags->n_attributes; i++)
		if (tags_is(tags->attributes[i].name, tags->attributes[i].name_len, name))
			return &tags->attributes[i];
	return NULL;
}

static gboolean
tags_has_value(const Tags *tags, const char *name, const char *value)
{
	const Attribute *attribute = tags_attribute(tags, name);
	return attribute != NULL && tags_is(attribute->value, attribute->value_len, value);
}

/* As browsers strip an URL: blanks in front, tabs and line ends anywhere in the scheme. */
static void
tags_strip_url(GString *url)
{
	gsize i = 0;
	while (i < url->len && (guint8)url->str[i] <= ' ')
		i++;
	g_string_erase(url, 0, (gssize)i);
	for (i = 0; i < MIN(url->len, 16);) {
		if (strchr("\t\r\n", url->str[i]) != NULL && url->str[i] != '\0')
			g_string_erase(url, (gssize)i, 1);
		else
			i++;
	}
}

static void
tags_at_url(const Tags *tags, const char *value, gsize len, gboolean is_style, const char *name)
{
	gsize n;
	if (len > 11 && g_ascii_strncasecmp(value, "javascript:", 11) == 0) {
		script_scan(tags->page, value + 11, len - 11);
	} else if (len > 5 && g_ascii_strncasecmp(value, "data:", 5) == 0) {
		blob_data_uri(tags->page, value, len, FALSE, name, TRUE, &n);
	} else if (is_style) {
		blob_style(tags->page, value, len);
	}
}

static void
tags_at_attribute(const Tags *tags, const Attribute *attribute, const char *name)
{
	const char *value = attribute->value;
	gsize len = attribute->value_len;
	gboolean is_handler =
		attribute->name_len > 2 && g_ascii_strncasecmp(attribute->name, "on", 2) == 0;
	gboolean is_page = tags_is(attribute->name, attribute->name_len, "srcdoc");
	/* a refresh has its URL behind other words, a style and a list of sources several */
	gboolean is_style = tags_is(attribute->name, attribute->name_len, "style") ||
			    tags_is(attribute->name, attribute->name_len, "content") ||
			    tags_is(attribute->name, attribute->name_len, "srcset");
	g_autoptr(GByteArray) hidden = NULL;
	g_autoptr(GString) plain = NULL;
	if (len < 6)
		return;
	/* the common case must cost nothing: an URL or a word without anything of this */
	if (memchr(value, '&', len) != NULL || (guint8)value[0] <= ' ' ||
	    memchr(value, '\n', MIN(len, 20)) != NULL ||
	    memchr(value, '\t', MIN(len, 20)) != NULL ||
	    memchr(value, '\r', MIN(len, 20)) != NULL) {
		plain = tags_unescape(value, len);
		if (!is_page && !is_handler)
			tags_strip_url(plain);
		value = plain->str;
		len = plain->len;
	}
	if (is_page)
		(void)page_add(tags->page, "srcdoc.html", "text/html", (const guint8 *)value, len);
	else if (is_handler)
		script_scan(tags->page, value, len);
	else if (memchr(value, ':', len) != NULL)
		tags_at_url(tags, value, len, is_style, name);
	else if (len >= HIDDEN_MIN && (hidden = blob_guess(value, len)) != NULL)
		(void)page_add(tags->page, "attribute.bin", NULL, hidden->data, hidden->len);
}

static void
tags_at_tag(Tags *tags)
{
	const Attribute *download = tags_attribute(tags, "download");
	g_autofree char *name = NULL;
	if (download != NULL && download->value_len > 0)
		name = g_strndup(download->value, MIN(download->value_len, 255));
	for (guint i = 0; i < tags->n_attributes && !tags->page->is_over; i++)
		tags_at_attribute(tags, &tags->attributes[i], name);
	if (tags_is(tags->tag, tags->tag_len, "input") && tags_has_value(tags, "type", "password"))
		tags->page->has_password = TRUE;
	const Attribute *action = tags_attribute(tags, "action");
	if (action != NULL && tags->page->action == NULL &&
	    tags_is(tags->tag, tags->tag_len, "form") && action->value_len > 4 &&
	    g_ascii_strncasecmp(action->value, "http", 4) == 0)
		tags->page->action = g_strndup(action->value, MIN(action->value_len, 255));
}

/* ---- syntax -------------------------------------------------------------------------------- */

static void
tags_skip_space(Tags *tags)
{
	while (tags->at < tags->end && (g_ascii_isspace(*tags->at) || *tags->at == '/'))
		tags->at++;
}

static void
tags_read_value(Tags *tags, Attribute *attribute)
{
	char quote = *tags->at;
	if (quote == '"' || quote == '\'') {
		attribute->value = ++tags->at;
		const char *end = memchr(tags->at, quote, (gsize)(tags->end - tags->at));
		tags->at = end != NULL ? end : tags->end;
		attribute->value_len = (gsize)(tags->at - attribute->value);
		tags->at += end != NULL;
		return;
	}
	attribute->value = tags->at;
	while (tags->at < tags->end && !g_ascii_isspace(*tags->at) && *tags->at != '>')
		tags->at++;
	attribute->value_len = (gsize)(tags->at - attribute->value);
}

/* Behind "<" of a tag; then behind its ">". */
static void
tags_read(Tags *tags)
{
	tags->tag = tags->at;
	while (tags->at < tags->end && !g_ascii_isspace(*tags->at) && *tags->at != '>' &&
	       *tags->at != '/')
		tags->at++;
	tags->tag_len = (gsize)(tags->at - tags->tag);
	tags->n_attributes = 0;
	for (;;) {
		Attribute attribute = { .value = "" };
		tags_skip_space(tags);
		if (tags->at == tags->end || *tags->at == '>')
			break;
		attribute.name = tags->at++;
		while (tags->at < tags->end && !g_ascii_isspace(*tags->at) &&
		       strchr("=>/", *tags->at) == NULL)
			tags->at++;
		attribute.name_len = (gsize)(tags->at - attribute.name);
		const char *behind = tags->at;
		while (behind < tags->end && g_ascii_isspace(*behind))
			behind++;
		if (behind < tags->end && *behind == '=') {
			for (tags->at = behind + 1;
			     tags->at < tags->end && g_ascii_isspace(*tags->at);)
				tags->at++;
			if (tags->at < tags->end)
				tags_read_value(tags, &attribute);
		}
		if (tags->n_attributes < ATTRIBUTES_MAX)
			tags->attributes[tags->n_attributes++] = attribute;
	}
	if (tags->at < tags->end)
		tags->at++;
}

/* Content up to "</tag", which is no markup. */
static void
tags_read_raw(Tags *tags, const char **start, gsize *len)
{
	const char *at = tags->at;
	*start = at;
	while ((at = memmem(at, (gsize)(tags->end - at), "</", 2)) != NULL) {
		if ((gsize)(tags->end - at) >= tags->tag_len + 2 &&
		    g_ascii_strncasecmp(at + 2, tags->tag, tags->tag_len) == 0)
			break;
		at += 2;
	}
	tags->at = at != NULL ? at : tags->end;
	*len = (gsize)(tags->at - *start);
}

/* A text of one long word: an element that is not shown may hold a file for a script. */
static void
tags_at_text(Tags *tags, const char *text, gsize len)
{
	if (len < HIDDEN_MIN)
		return;
	for (; len > 0 && g_ascii_isspace(*text); len--)
		text++;
	g_autoptr(GByteArray) bytes = len >= HIDDEN_MIN ? blob_guess(text, len) : NULL;
	if (bytes != NULL)
		(void)page_add(tags->page, "text.bin", NULL, bytes->data, bytes->len);
}

static void
tags_at_markup(Tags *tags)
{
	const char *start, *end;
	gsize len;
	if (tags->end - tags->at >= 3 && memcmp(tags->at, "!--", 3) == 0) {
		end = memmem(tags->at, (gsize)(tags->end - tags->at), "-->", 3);
		tags->at = end != NULL ? end + 3 : tags->end;
		return;
	}
	if (tags->at == tags->end || !g_ascii_isalpha(*tags->at))
		return;
	tags_read(tags);
	tags_at_tag(tags);
	if (tags_is(tags->tag, tags->tag_len, "script")) {
		tags_read_raw(tags, &start, &len);
		script_scan(tags->page, start, len);
	} else if (tags_is(tags->tag, tags->tag_len, "style")) {
		tags_read_raw(tags, &start, &len);
		blob_style(tags->page, start, len);
	}
}

void
tags_scan(Page *page, const char *text, gsize len)
{
	Tags tags = { .page = page, .at = text, .end = text + len };
	while (tags.at < tags.end && !page->is_over) {
		const char *start = tags.at;
		const char *mark = memchr(start, '<', (gsize)(tags.end - start));
		tags.at = mark != NULL ? mark : tags.end;
		tags_at_text(&tags, start, (gsize)(tags.at - start));
		if (mark == NULL)
			break;
		tags.at++;
		tags_at_markup(&tags);
		if (++tags.n_tags % CHECK_EVERY == 0 && page->deadline_us != 0 &&
		    g_get_monotonic_time() >= page->deadline_us) {
			page->host->decode_mark(page->decode, AM_PART_UNDECODED,
						"html: no time left for all of it");
			page->is_over = TRUE;
		}
	}
	script_end(page);
	if (page->has_password)
		page_tell(page, "form", "password", page->action != NULL ? page->action : "");
}
