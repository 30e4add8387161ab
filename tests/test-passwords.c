/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Passwords to try: found where people write them, in the right order, within the budget. */

#include <config.h>

#include "content/passwords.h"

#include <glib/gstdio.h>
#include <gmime/gmime.h>
#include <string.h>
#include <sys/mman.h>

#include "content/part.h"
#include "content/words.h"
#include "mail/fd.h"
#include "mail/spool.h"

/* ---- words --------------------------------------------------------------------------------- */

static const struct {
	const char *text, *word;
	AmWordRank rank;
} words[] = {
	{ "Password: infected", "infected", AM_WORD_NEAR },
	{ "The password is Rechnung2024.", "Rechnung2024", AM_WORD_NAMED },
	{ "The password is Rechnung2024.", "Rechnung2024.", AM_WORD_NAMED },
	{ "PASSWORD=abc!", "abc!", AM_WORD_NAMED },
	{ "password:(secret!)", "secret!", AM_WORD_NAMED },
	{ "password:(secret!)", "(secret!)", AM_WORD_NAMED },
	{ "Das Passwort lautet »geheim«.", "geheim", AM_WORD_NEAR },
	{ "Kennwort für das Archiv: 4711", "4711", AM_WORD_NAMED },
	{ "pwd 99x", "99x", AM_WORD_NEAR },
	{ "PIN: 1234", "1234", AM_WORD_NAMED },
	{ "code:1234", "1234", AM_WORD_NAMED },
	{ "Le mot de passe est soleil", "soleil", AM_WORD_NEAR },
	{ "La contraseña es manzana", "manzana", AM_WORD_NEAR },
	{ "A senha: banana", "banana", AM_WORD_NEAR },
	{ "Пароль: привет", "привет", AM_WORD_NEAR },
	{ "Hasło: tajne", "tajne", AM_WORD_NEAR },
	{ "解压密码：abc123，谢谢", "abc123", AM_WORD_NAMED },
	{ "abc123 is the password", "abc123", AM_WORD_NAMED },
	{ "password: correct horse battery", "correct horse battery", AM_WORD_NEAR },
	{ "open it with \"blue moon\" please", "blue moon", AM_WORD_QUOTED },
	{ "mit „Montag“ öffnen", "Montag", AM_WORD_QUOTED },
	{ "the file, see x9Kq7 here", "x9Kq7", AM_WORD_STRANGE },
	{ "a plain letter", "letter", AM_WORD_PLAIN },
	{ "see http://example.org/a1b2", "http://example.org/a1b2", AM_WORD_PLAIN },
	{ "someone1@example.org wrote", "someone1@example.org", AM_WORD_PLAIN },
	{ "encode: decoder1", "decoder1", AM_WORD_STRANGE }, /* "code" is a word of its own */
};

typedef struct {
	const char *word;
	guint best, n;
} Found;

static void
found_word(const char *word, AmWordRank rank, gpointer user_data)
{
	Found *found = user_data;
	g_assert_true(g_utf8_validate(word, -1, NULL));
	g_assert_cmpuint(strlen(word), <=, AM_WORD_BYTES);
	found->n++;
	if (found->word != NULL && strcmp(word, found->word) == 0)
		found->best = MIN(found->best, rank);
}

static void
test_words(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		Found found = { .word = words[i].word, .best = AM_WORD_RANKS };
		am_words_find(words[i].text, found_word, &found);
		if (found.best != words[i].rank)
			g_error("%s: %s has rank %u", words[i].text, words[i].word, found.best);
	}
}

static void
test_html(void)
{
	static const struct {
		const char *html, *text;
	} cases[] = {
		{ "<p>Password: <b>abc</b></p>", " Password:  abc  " },
		{ "a<!-- hidden > --> b", "a  b" },
		{ "<script>var password=1</script>x", " x" },
		{ "<style>p{}</style>x<", " x<" },
		{ "&lt;a&amp;b&#x21;&#33;&unknown; &", "<a&b!!&unknown; &" },
		{ "1 < 2", "1 < 2" },
		{ "<unclosed", " " },
		{ "<script>never ends", " " },
		{ "caf\351", "café" },
		{ "before\0after", "before" },
		{ "&#0;&#99999999;", "&#0;&#99999999;" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		gsize len = i == 9 ? 12 : strlen(cases[i].html);
		g_autofree guint8 *exact = g_memdup2(cases[i].html, len);
		g_autofree char *text = am_words_html(exact, len);
		g_assert_cmpstr(text, ==, cases[i].text);
	}
	g_autofree char *cut = am_words_text((const guint8 *)"\303\251\303", 3);
	g_assert_cmpstr(cut, ==, "\303\251");
}

/* A text made to be slow: one that names the password everywhere. */
static void
test_hostile(void)
{
	static const char *const pieces[] = { "password ", "\"", "'\"`", "<", "<!--", "& ", "a=",
					      "pin:", "((((", "\xef\xbc\x9a" };
	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		while (text->len < 32768)
			g_string_append(text, pieces[i]);
		gint64 start = g_get_monotonic_time();
		Found found = { .word = NULL };
		g_autofree char *html = am_words_html((const guint8 *)text->str, text->len);
		am_words_find(html, found_word, &found);
		am_words_find(text->str, found_word, &found);
		g_assert_cmpint(g_get_monotonic_time() - start, <, 2 * G_USEC_PER_SEC);
		g_assert_cmpuint(found.n, <, 1000000);
	}
}

/* ---- of a mail ----------------------------------------------------------------------------- */

typedef struct {
	AmContentLimits limits;
	AmPartTree *tree;
	AmReport *report;
	int fd;
} Mail;

/* texts: "TYPE|content", NULL-ended. */
static void
mail_init(Mail *mail, const char *const *listed, guint tries, const char *subject,
	  const char *const *texts)
{
	*mail = (Mail){ .limits = { .max_depth = 10, .max_parts = 100, .password_tries = tries,
				    .passwords = listed, .part_memory_bytes = 65536 } };
	mail->fd = memfd_create("mail", MFD_CLOEXEC);
	mail->report = am_report_new();
	g_free(mail->report->subject);
	mail->report->subject = g_strdup(subject);
	mail->tree = am_part_tree_new(NULL, &mail->limits, NULL, NULL);
	am_part_tree_start(mail->tree, mail->report, 1000, 0);
	AmPart *root = am_part_tree_add(mail->tree, NULL, AM_PART_MIME);
	guint64 offset = 0;
	for (; texts != NULL && *texts != NULL; texts++) {
		const char *content = strchr(*texts, '|') + 1;
		AmPart *part = am_part_tree_add(mail->tree, root, AM_PART_MIME);
		g_autofree char *type = g_strndup(*texts, (gsize)(content - *texts - 1));
		g_free(part->facts->type);
		part->facts->type = g_strdup(type);
		part->source = AM_SOURCE_RANGE;
		part->fd = mail->fd;
		part->offset = offset;
		part->len = part->facts->size = strlen(content);
		part->encoding = GMIME_CONTENT_ENCODING_DEFAULT;
		g_assert_true(am_write_all(mail->fd, content, part->len, NULL));
		offset += part->len;
	}
}

static void
mail_clear(Mail *mail)
{
	am_part_tree_free(mail->tree);
	am_report_free(mail->report);
	am_fd_clear(&mail->fd);
}

/* All of one part, a blank behind each. */
static char *
mail_ask(Mail *mail, guint most)
{
	GString *out = g_string_new(NULL);
	const char *word;
	guint n_tried = 0;
	for (guint i = 0; i < most && (word = am_passwords_get(mail->tree, &n_tried, i)) != NULL;
	     i++)
		g_string_append_printf(out, "%s ", word);
	return g_string_free(out, FALSE);
}

static void
test_order(void)
{
	static const char *const listed[] = { "one", "two", "three", "four", NULL };
	static const char *const texts[] = {
		"image/png|password: png", "text/plain|letter Password: x9y8",
		"text/html|<b>pwd</b> html", NULL
	};
	Mail mail;
	mail_init(&mail, listed, 6, "subject", texts);
	g_autofree char *all = mail_ask(&mail, 100);
	g_assert_cmpstr(all, ==, "one two three x9y8 letter html ");
	mail_clear(&mail);
	mail_init(&mail, listed, 100, "subject", texts);
	g_autofree char *more = mail_ask(&mail, 100);
	g_assert_cmpstr(more, ==, "one two three four x9y8 letter html subject Password Password: pwd ");
	mail_clear(&mail);
	mail_init(&mail, NULL, 100, "", NULL);
	g_autofree char *none = mail_ask(&mail, 100);
	g_assert_cmpstr(none, ==, "");
	mail_clear(&mail);
}

static void
test_opened(void)
{
	static const char *const listed[] = { "one", "two", NULL };
	static const char *const texts[] = { "text/plain|password: x9y8", NULL };
	Mail mail;
	mail_init(&mail, listed, 10, "pin: 4711", texts);
	g_assert_null(am_passwords_opened(mail.tree, 0)); /* nobody has asked */
	guint n_tried = 0;
	for (guint i = 0; i < 4; i++)
		g_assert_nonnull(am_passwords_get(mail.tree, &n_tried, i));
	g_assert_cmpstr(am_passwords_opened(mail.tree, 1), ==, "from the list");
	g_assert_cmpstr(am_passwords_opened(mail.tree, 2), ==, "from the subject");
	g_assert_cmpstr(am_passwords_opened(mail.tree, 3), ==, "from the text of part 1.1");
	g_assert_null(am_passwords_opened(mail.tree, 999));
	g_autofree char *next = mail_ask(&mail, 4);
	g_assert_cmpstr(next, ==, "two 4711 x9y8 one ");
	mail_clear(&mail);
}

static void
test_tries(void)
{
	static const char *const texts[] = { "text/plain|a1 b2 c3 d4 e5 f6 g7 h8", NULL };
	Mail mail;
	guint n_tried = 0, n = 0;
	mail_init(&mail, NULL, 0, "subject", texts);
	g_assert_null(am_passwords_get(mail.tree, &n_tried, 0));
	mail_clear(&mail);
	mail_init(&mail, NULL, 5, "", texts);
	for (guint i = 0; i < 10; i++) /* the same ones over and over cost nothing */
		n += am_passwords_get(mail.tree, &n_tried, i % 5) != NULL;
	g_assert_cmpuint(n, ==, 10);
	g_assert_null(am_passwords_get(mail.tree, &n_tried, 5));
	for (guint part = 1; part < 4; part++) {
		g_autofree char *all = mail_ask(&mail, 100);
		g_assert_cmpuint(strlen(all), ==, 15);
	}
	g_autofree char *none = mail_ask(&mail, 100); /* a fifth part */
	g_assert_cmpstr(none, ==, "");
	mail_clear(&mail);
	mail_init(&mail, NULL, 5, "", texts);
	mail.tree->deadline_us = g_get_monotonic_time() - 1;
	n_tried = 0;
	g_assert_null(am_passwords_get(mail.tree, &n_tried, 0));
	mail_clear(&mail);
}

static void
test_read(void)
{
	g_autofree char *path = g_build_filename(g_get_tmp_dir(), "passwords-XXXXXX", NULL);
	g_autoptr(GError) error = NULL;
	g_auto(AmFd) fd = g_mkstemp(path);
	g_assert_cmpint(fd, >=, 0);
	g_assert_true(g_file_set_contents(path, "one\r\n\n#two\nthree four", -1, NULL));
	g_auto(GStrv) list = am_passwords_read(path, &error);
	g_assert_no_error(error);
	g_autofree char *joined = g_strjoinv("|", list);
	g_assert_cmpstr(joined, ==, "one|#two|three four");
	g_assert_true(g_file_set_contents(path, "a\0b", 3, NULL));
	g_assert_null(am_passwords_read(path, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	g_clear_error(&error);
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_null(am_passwords_read(path, &error));
	g_assert_nonnull(error);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	am_content_init();
	g_test_add_func("/passwords/words", test_words);
	g_test_add_func("/passwords/html", test_html);
	g_test_add_func("/passwords/hostile", test_hostile);
	g_test_add_func("/passwords/order", test_order);
	g_test_add_func("/passwords/opened", test_opened);
	g_test_add_func("/passwords/tries", test_tries);
	g_test_add_func("/passwords/read", test_read);
	return g_test_run();
}
