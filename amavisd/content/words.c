/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* How people write passwords into mails: "Password: abc123", "das Passwort lautet »abc123«.", "use
 * abc123 to open it".  The text is cut at blanks; what stands around a word for "password" comes
 * first.  Every word is offered without the punctuation of the sentence, without any, and as it
 * stands, since nobody knows whether the full stop belongs to it. */

#include <config.h>

#include "content/words.h"

#include <string.h>

#define WORDS_MAX 5000 /* of one text */
#define WORDS_AFTER 6  /* a word for "password" that are near it */
#define WORDS_BEFORE 3
#define STEM_MAX_BYTES 96 /* longer words name nothing */

typedef struct {
	const char *at;
	gsize len;
} Word;

/* Casefolded; found anywhere in a word. */
static const char *const word_stems[] = {
	"password", "passwort",	  "passwd",    "passcode", "passphrase", "pwd",	       "kennwort",
	"codewort", "contraseña", "contrasena", "senha",	   "wachtwoord", "hasło",     "haslo",
	"heslo",    "lozink",	  "lösenord",  "losenord", "adgangskode", "kodeord",   "salasana",
	"jelszó",   "parola",	  "parol",     "şifre",	   "sifre",	 "пароль",     "пароля",
	"парола",   "κωδικ",	  "密码",      "密碼",	   "口令",	 "パスワード", "비밀번호",
	"암호",	    "mật",	  "سر",	       "סיסמ",
};

/* The whole word, without punctuation. */
static const char *const word_names[] = {
	"pin",	  "pw",	  "pass", "passe", "code",   "key",    "clave",
	"código", "codigo", "kod",  "код",   "пин",    "chiave", "codice",
};

/* ---- one word ------------------------------------------------------------------------------ */

static gboolean
word_is_opening(gunichar c)
{
	return g_unichar_isspace(c) || (c < 0x80 && strchr("\"'`([{<", (int)c) != NULL) ||
	       g_unichar_type(c) == G_UNICODE_OPEN_PUNCTUATION ||
	       g_unichar_type(c) == G_UNICODE_INITIAL_PUNCTUATION ||
	       g_unichar_type(c) == G_UNICODE_FINAL_PUNCTUATION;
}

static gboolean
word_is_closing(gunichar c)
{
	return (c < 0x80 && strchr("\"'`)]}>.,;:", (int)c) != NULL) || g_unichar_isspace(c) ||
	       (c >= 0x80 && g_unichar_ispunct(c));
}

static gboolean
word_is_punctuation(gunichar c)
{
	return g_unichar_ispunct(c) || g_unichar_isspace(c) ||
	       g_unichar_type(c) == G_UNICODE_MATH_SYMBOL;
}

typedef gboolean (*WordTest)(gunichar c);

static Word
word_trim(Word word, WordTest front, WordTest back)
{
	const char *end = word.at + word.len;
	while (word.at < end && front(g_utf8_get_char(word.at)))
		word.at = g_utf8_next_char(word.at);
	while (end > word.at) {
		const char *last = g_utf8_find_prev_char(word.at, end);
		if (last == NULL || !back(g_utf8_get_char(last)))
			break;
		end = last;
	}
	return (Word){ word.at, (gsize)(end - word.at) };
}

/* Letters with digits, a capital within, a sign within; no addresses. */
static gboolean
word_is_strange(Word word)
{
	guint n_digits = 0, n_letters = 0, n_capitals = 0, n_signs = 0, n = 0;
	word = word_trim(word, word_is_punctuation, word_is_punctuation);
	if (word.len < 4 || word.len > AM_WORD_BYTES ||
	    g_strstr_len(word.at, (gssize)word.len, "://") != NULL ||
	    g_ascii_strncasecmp(word.at, "www.", 4) == 0)
		return FALSE;
	const char *address = memchr(word.at, '@', word.len);
	if (address != NULL && memchr(address, '.', word.len - (gsize)(address - word.at)) != NULL)
		return FALSE;
	for (const char *at = word.at; at < word.at + word.len; at = g_utf8_next_char(at), n++) {
		gunichar c = g_utf8_get_char(at);
		n_digits += g_unichar_isdigit(c);
		n_letters += g_unichar_isalpha(c);
		n_capitals += g_unichar_isupper(c) && n > 0;
		n_signs += c < 0x80 && strchr("!@#$%^&*_+=?", (int)c) != NULL;
	}
	return (n_digits > 0 && n_letters > 0) || n_digits == n || n_signs > 0 ||
	       (n_capitals > 0 && n_capitals + 1 < n);
}

/* Does the word stand for "password"?  *rest: what of it stands behind that, without ":" or "=". */
static gboolean
word_is_name(Word word, Word *rest)
{
	*rest = (Word){ word.at + word.len, 0 };
	if (word.len > STEM_MAX_BYTES)
		return FALSE;
	g_autofree char *folded = g_utf8_casefold(word.at, (gssize)word.len);
	Word bare = word_trim((Word){ folded, strlen(folded) }, word_is_punctuation,
			      word_is_punctuation);
	gboolean is_name = FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(word_stems) && !is_name; i++)
		is_name = strstr(folded, word_stems[i]) != NULL;
	const char *colon = strpbrk(folded, ":=");
	gsize name_len = colon != NULL && colon > bare.at ? (gsize)(colon - bare.at) : bare.len;
	name_len = MIN(name_len, bare.len);
	for (gsize i = 0; i < G_N_ELEMENTS(word_names) && !is_name; i++)
		is_name = name_len == strlen(word_names[i]) &&
			  memcmp(bare.at, word_names[i], name_len) == 0;
	if (!is_name)
		return FALSE;
	for (const char *at = word.at; at < word.at + word.len; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);
		if (c != ':' && c != '=' && c != 0xff1a)
			continue;
		at = g_utf8_next_char(at);
		*rest = (Word){ at, (gsize)(word.at + word.len - at) };
		break;
	}
	return TRUE;
}

/* ---- a text -------------------------------------------------------------------------------- */

typedef struct {
	GArray *words; /* Word */
	AmWordFunc func;
	gpointer user_data;
} Search;

static void
search_tell(const Search *search, Word word, AmWordRank rank)
{
	char text[AM_WORD_BYTES + 1];
	if (word.len < 2 || word.len > AM_WORD_BYTES)
		return;
	memcpy(text, word.at, word.len);
	text[word.len] = '\0';
	search->func(text, rank, search->user_data);
}

static void
search_offer(const Search *search, Word word, AmWordRank rank)
{
	search_tell(search, word_trim(word, word_is_opening, word_is_closing), rank);
	search_tell(search, word_trim(word, word_is_punctuation, word_is_punctuation), rank);
	search_tell(search, word, rank);
}

static void
search_cut(Search *search, const char *text)
{
	const char *start = NULL;
	for (const char *at = text; search->words->len < WORDS_MAX; at = g_utf8_next_char(at)) {
		gboolean is_blank = *at == '\0' || g_unichar_isspace(g_utf8_get_char(at));
		if (!is_blank && start == NULL) {
			start = at;
		} else if (is_blank && start != NULL) {
			Word word = { start, (gsize)(at - start) };
			g_array_append_val(search->words, word);
			start = NULL;
		}
		if (*at == '\0')
			break;
	}
}

static void
search_near(const Search *search, guint index)
{
	const Word *words = (const Word *)(gpointer)search->words->data;
	Word rest;
	guint n = search->words->len;
	if (!word_is_name(words[index], &rest))
		return;
	if (rest.len > 0) {
		const char *end = rest.at; /* "密码:abc123，谢谢" */
		while (end < rest.at + rest.len && (guint8)*end < 0x80)
			end++;
		search_offer(search, (Word){ rest.at, (gsize)(end - rest.at) }, AM_WORD_NAMED);
		search_offer(search, rest, AM_WORD_NAMED);
	}
	for (guint i = index + 1; i < n && i <= index + WORDS_AFTER; i++)
		search_offer(search, words[i],
			     word_is_strange(words[i]) ? AM_WORD_NAMED : AM_WORD_NEAR);
	for (guint i = 1; i <= MIN(index, WORDS_BEFORE); i++)
		search_offer(search, words[index - i],
			     word_is_strange(words[index - i]) ? AM_WORD_NAMED : AM_WORD_NEAR);
	if (index + 1 < n) { /* several words */
		const char *line = words[index + 1].at;
		search_offer(search, (Word){ line, strcspn(line, "\r\n") }, AM_WORD_NEAR);
	}
}

/* Between marks on one line; a mark closes where one of its kind stands next. */
static void
search_quoted(const Search *search, const char *text)
{
	static const char *const marks[][2] = {
		{ "\"", "\"" }, { "'", "'" }, { "`", "`" }, { "“", "”" }, { "„", "“" },
		{ "»", "«" },	{ "«", "»" }, { "‘", "’" }, { "‚", "‘" }, { "「", "」" },
		{ "【", "】" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(marks); i++) {
		const char *at = text;
		for (guint n = 0; n < WORDS_MAX && (at = strstr(at, marks[i][0])) != NULL; n++) {
			at += strlen(marks[i][0]);
			gsize line = strcspn(at, "\r\n");
			const char *end = g_strstr_len(at, (gssize)MIN(line, 2 * AM_WORD_BYTES),
						       marks[i][1]);
			if (end == NULL || end == at)
				continue;
			search_tell(search, (Word){ at, (gsize)(end - at) }, AM_WORD_QUOTED);
			at = strcmp(marks[i][0], marks[i][1]) == 0 ? end + 1 : end;
		}
	}
}

void
am_words_find(const char *text, AmWordFunc func, gpointer user_data)
{
	g_autoptr(GArray) words = g_array_new(FALSE, FALSE, sizeof(Word));
	Search search = { .words = words, .func = func, .user_data = user_data };
	search_cut(&search, text);
	for (guint i = 0; i < words->len; i++)
		search_near(&search, i);
	search_quoted(&search, text);
	for (guint i = 0; i < words->len; i++) {
		Word word = g_array_index(words, Word, i);
		search_offer(&search, word,
			     word_is_strange(word) ? AM_WORD_STRANGE : AM_WORD_PLAIN);
	}
}

/* ---- what a text is ------------------------------------------------------------------------ */

static gboolean
text_is_ascii(const char *text, gsize len)
{
	gsize i = 0;
	while (i < len && (guint8)text[i] < 0x80)
		i++;
	return i == len;
}

char *
am_words_text(const guint8 *data, gsize len)
{
	const char *start = (const char *)data, *end;
	gsize used = strnlen(start, len);
	gboolean is_utf8 = g_utf8_validate(start, (gssize)used, &end);
	gsize valid = (gsize)(end - start);
	/* cut within a character, not the first */
	if (!is_utf8 && used == len && used - valid < 6)
		is_utf8 = !text_is_ascii(start, valid);
	if (is_utf8)
		return g_strndup(start, valid);
	GString *text = g_string_sized_new(used + used / 8);
	for (gsize i = 0; i < used; i++)
		g_string_append_unichar(text, data[i]);
	return g_string_free(text, FALSE);
}

/* An entity at `at`, which is at "&"; returns what stands behind it. */
static const char *
html_entity(const char *at, GString *out)
{
	static const struct {
		const char *name;
		gunichar c;
	} names[] = {
		{ "amp;", '&' },    { "lt;", '<' },	{ "gt;", '>' },	   { "quot;", '"' },
		{ "apos;", '\'' },  { "nbsp;", ' ' },	{ "auml;", 0xe4 }, { "ouml;", 0xf6 },
		{ "uuml;", 0xfc },  { "szlig;", 0xdf }, { "eacute;", 0xe9 }, { "ntilde;", 0xf1 },
		{ "laquo;", 0xab }, { "raquo;", 0xbb }, { "ldquo;", 0x201c }, { "rdquo;", 0x201d },
		{ "bdquo;", 0x201e },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		if (!g_str_has_prefix(at + 1, names[i].name))
			continue;
		g_string_append_unichar(out, names[i].c);
		return at + 1 + strlen(names[i].name);
	}
	if (at[1] == '#') {
		gboolean is_hex = at[2] == 'x' || at[2] == 'X';
		const char *digits = at + 2 + is_hex;
		char *end;
		guint64 c = g_ascii_strtoull(digits, &end, is_hex ? 16 : 10);
		if (end != digits && g_ascii_isxdigit(*digits) && c > 0 && c <= 0x10ffff &&
		    g_unichar_validate((gunichar)c)) {
			g_string_append_unichar(out, (gunichar)c);
			return *end == ';' ? end + 1 : end;
		}
	}
	g_string_append_c(out, '&');
	return at + 1;
}

/* Behind the tag at `at`, with what it hides. */
static const char *
html_tag(const char *at)
{
	static const char *const hiding[][2] = {
		{ "<!--", "-->" }, { "<script", "</script" }, { "<style", "</style" }
	};
	const char *end = at;
	for (gsize i = 0; i < G_N_ELEMENTS(hiding); i++) {
		if (g_ascii_strncasecmp(at, hiding[i][0], strlen(hiding[i][0])) != 0)
			continue;
		gsize len = strlen(hiding[i][1]);
		for (end = at + 1; *end != '\0'; end++)
			if (g_ascii_strncasecmp(end, hiding[i][1], len) == 0)
				break;
		break;
	}
	end = strchr(end, '>');
	return end != NULL ? end + 1 : NULL;
}

char *
am_words_html(const guint8 *data, gsize len)
{
	g_autofree char *html = am_words_text(data, len);
	GString *out = g_string_sized_new(strlen(html));
	const char *at = html;
	while (at != NULL && *at != '\0') {
		if (*at == '<' && (g_ascii_isalpha(at[1]) || at[1] == '/' || at[1] == '!')) {
			at = html_tag(at);
			g_string_append_c(out, ' ');
		} else if (*at == '&') {
			at = html_entity(at, out);
		} else {
			g_string_append_c(out, *at++);
		}
	}
	return g_string_free(out, FALSE);
}
