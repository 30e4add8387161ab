/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Who sends an encrypted archive to many tells them the password in the same mail.  Candidates come in
 * this order: what has opened another part of the mail, the administrator's list (half of the tries
 * at most, its rest comes last), then words by rank (see words.h).  Texts are read once, their first
 * TEXT_BYTES, as far as they were found when a decoder asks; what is found later counts for the next
 * part. */

#include <config.h>

#include "content/passwords.h"

#include <string.h>

#include "content/part.h"
#include "content/reader.h"
#include "content/words.h"
#include "mail/error.h"
#include "mail/spool.h"

#define LIST_BYTES_MAX (1u << 20)
#define TEXT_BYTES (32u << 10) /* of each text */
#define TEXTS_MAX 20	       /* of a mail */
#define RANK_MAX 1000	       /* words kept of each rank */
#define MAIL_FACTOR 4	       /* tries for a mail, times those for a part */

typedef struct {
	char *text;
	char *origin;
	AmWordRank rank;
	gboolean has_opened;
} Password;

struct _AmPasswords {
	const char *const *listed;
	guint tries;

	/* of the mail at hand */
	GHashTable *seen;  /* text -> Password; they are owned here */
	GPtrArray *ranks[AM_WORD_RANKS]; /* Password */
	GPtrArray *list;   /* Password */
	GPtrArray *order;  /* Password, as they are tried */
	guint n_tries;	   /* of all parts */
	guint next_part;   /* first whose text was not looked at */
	guint n_texts;
	gint64 start_us;   /* of the first question */
	char *origin;	   /* of what is being read */
};

static void
password_free(gpointer data)
{
	Password *password = data;
	g_free(password->text);
	g_free(password->origin);
	g_free(password);
}

/* ---- the list ------------------------------------------------------------------------------ */

char **
am_passwords_read(const char *path, GError **error)
{
	g_autofree char *data = NULL;
	gsize len;
	if (!g_file_get_contents(path, &data, &len, error))
		return NULL;
	if (len > LIST_BYTES_MAX || memchr(data, '\0', len) != NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "%s is no list of passwords", path);
		return NULL;
	}
	g_auto(GStrv) lines = g_strsplit(data, "\n", -1);
	g_autoptr(GPtrArray) list = g_ptr_array_new();
	for (char **line = lines; *line != NULL; line++) {
		gsize n = strlen(*line);
		if (n > 0 && (*line)[n - 1] == '\r')
			(*line)[--n] = '\0';
		if (n > 0)
			g_ptr_array_add(list, g_strdup(*line));
	}
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&list), FALSE);
}

/* ---- life ---------------------------------------------------------------------------------- */

AmPasswords *
am_passwords_new(const char *const *listed, guint tries)
{
	AmPasswords *passwords = g_new0(AmPasswords, 1);
	passwords->listed = listed;
	passwords->tries = tries;
	passwords->seen = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, password_free);
	passwords->list = g_ptr_array_new();
	passwords->order = g_ptr_array_new();
	for (guint i = 0; i < AM_WORD_RANKS; i++)
		passwords->ranks[i] = g_ptr_array_new();
	return passwords;
}

void
am_passwords_clear(AmPasswords *passwords)
{
	g_ptr_array_set_size(passwords->list, 0);
	g_ptr_array_set_size(passwords->order, 0);
	for (guint i = 0; i < AM_WORD_RANKS; i++)
		g_ptr_array_set_size(passwords->ranks[i], 0);
	g_hash_table_remove_all(passwords->seen);
	g_clear_pointer(&passwords->origin, g_free);
	passwords->n_tries = passwords->next_part = passwords->n_texts = 0;
	passwords->start_us = 0;
}

void
am_passwords_free(AmPasswords *passwords)
{
	if (passwords == NULL)
		return;
	am_passwords_clear(passwords);
	g_ptr_array_unref(passwords->list);
	g_ptr_array_unref(passwords->order);
	for (guint i = 0; i < AM_WORD_RANKS; i++)
		g_ptr_array_unref(passwords->ranks[i]);
	g_hash_table_unref(passwords->seen);
	g_free(passwords);
}

/* ---- collecting ---------------------------------------------------------------------------- */

static Password *
passwords_add(AmPasswords *passwords, const char *text, AmWordRank rank)
{
	Password *password = g_new0(Password, 1);
	password->text = g_strdup(text);
	password->origin = g_strdup(passwords->origin);
	password->rank = rank;
	g_hash_table_insert(passwords->seen, password->text, password);
	return password;
}

static void
passwords_found(const char *word, AmWordRank rank, gpointer user_data)
{
	AmPasswords *passwords = user_data;
	Password *known = g_hash_table_lookup(passwords->seen, word);
	if (passwords->ranks[rank]->len >= RANK_MAX || (known != NULL && known->rank <= rank))
		return;
	if (known != NULL) { /* a better place of the same word */
		g_ptr_array_remove(passwords->ranks[known->rank], known);
		known->rank = rank;
		g_free(known->origin);
		known->origin = g_strdup(passwords->origin);
	} else {
		known = passwords_add(passwords, word, rank);
	}
	g_ptr_array_add(passwords->ranks[rank], known);
}

static void
passwords_take_list(AmPasswords *passwords)
{
	g_free(passwords->origin);
	passwords->origin = g_strdup("from the list");
	for (const char *const *text = passwords->listed; text != NULL && *text != NULL; text++)
		if (!g_hash_table_contains(passwords->seen, *text))
			g_ptr_array_add(passwords->list,
					passwords_add(passwords, *text, AM_WORD_NAMED));
}

static gboolean
passwords_keep_head(gconstpointer data, gsize len, gpointer user_data)
{
	GByteArray *head = user_data;
	g_byte_array_append(head, data, (guint)MIN(len, TEXT_BYTES - head->len));
	return head->len < TEXT_BYTES;
}

/* The first bytes of a text; of a MIME leaf without decoding all of it. */
static GByteArray *
passwords_head(AmPart *part)
{
	GByteArray *head = g_byte_array_new();
	if (part->source == AM_SOURCE_RANGE && part->view_fd < 0) {
		AmReader reader;
		AmTransferDecoder decoder;
		am_reader_init(&reader, part->fd, part->offset, MIN(part->len, 4 * TEXT_BYTES),
			       NULL);
		am_transfer_decoder_init(&decoder, part->encoding);
		gboolean is_on = TRUE;
		while (is_on && am_reader_fill(&reader)) {
			is_on = am_transfer_decoder_feed(&decoder, reader.window, reader.len,
							 passwords_keep_head, head);
			reader.pos = reader.len;
		}
		(void)am_transfer_decoder_end(&decoder, passwords_keep_head, head);
		am_reader_clear(&reader);
		return head;
	}
	int fd = am_part_view(part);
	g_byte_array_set_size(head, TEXT_BYTES);
	gssize got = fd >= 0 ? am_read_at(fd, head->data, TEXT_BYTES, 0, NULL) : -1;
	g_byte_array_set_size(head, (guint)MAX(got, 0));
	return head;
}

static void
passwords_take_part(AmPasswords *passwords, AmPart *part)
{
	const char *type = part->facts->type, *declared = part->facts->declared_type;
	gboolean is_html = strcmp(type, "text/html") == 0 || strcmp(declared, "text/html") == 0;
	if (part->source == AM_SOURCE_NONE || part->facts->size == 0 || part->is_mail ||
	    (part->facts->flags & AM_PART_CONTAINER) != 0 ||
	    !(is_html || g_str_has_prefix(type, "text/plain") ||
	      g_str_has_prefix(declared, "text/plain")))
		return;
	passwords->n_texts++;
	g_autoptr(GByteArray) head = passwords_head(part);
	g_autofree char *text = is_html ? am_words_html(head->data, head->len)
					: am_words_text(head->data, head->len);
	g_free(passwords->origin);
	passwords->origin = g_strdup_printf("from the text of part %s", part->facts->path);
	am_words_find(text, passwords_found, passwords);
}

static void
passwords_collect(AmPartTree *tree)
{
	AmPasswords *passwords = tree->passwords;
	if (passwords->start_us == 0) {
		passwords->start_us = g_get_monotonic_time();
		passwords_take_list(passwords);
		g_free(passwords->origin);
		passwords->origin = g_strdup("from the subject");
		if (tree->report->subject != NULL) {
			g_autofree char *subject = g_utf8_make_valid(
				tree->report->subject,
				(gssize)strnlen(tree->report->subject, TEXT_BYTES));
			am_words_find(subject, passwords_found, passwords);
		}
	}
	for (; passwords->next_part < tree->parts->len && passwords->n_texts < TEXTS_MAX;
	     passwords->next_part++)
		passwords_take_part(passwords, tree->parts->pdata[passwords->next_part]);
}

/* ---- asking -------------------------------------------------------------------------------- */

static void
passwords_put(AmPasswords *passwords, const GPtrArray *from, guint start, guint end,
	      gboolean has_opened)
{
	for (guint i = start; i < MIN(end, from->len); i++) {
		Password *password = from->pdata[i];
		if (password->has_opened == has_opened)
			g_ptr_array_add(passwords->order, password);
	}
}

static void
passwords_sort(AmPasswords *passwords)
{
	guint half = passwords->tries / 2;
	g_ptr_array_set_size(passwords->order, 0);
	for (guint has_opened = 2; has_opened-- > 0;) {
		passwords_put(passwords, passwords->list, 0, has_opened ? G_MAXUINT : half,
			      has_opened);
		for (guint i = 0; i < AM_WORD_RANKS; i++)
			passwords_put(passwords, passwords->ranks[i], 0, G_MAXUINT, has_opened);
	}
	passwords_put(passwords, passwords->list, half, G_MAXUINT, FALSE);
}

/* The other half of the time is for what comes behind this part. */
static gboolean
passwords_are_late(const AmPartTree *tree)
{
	gint64 now = g_get_monotonic_time();
	return tree->deadline_us != 0 &&
	       now - tree->passwords->start_us >= (tree->deadline_us - tree->passwords->start_us) / 2;
}

const char *
am_passwords_get(AmPartTree *tree, guint *n_tried, guint index)
{
	AmPasswords *passwords = tree->passwords;
	if (*n_tried == 0) {
		passwords_collect(tree);
		passwords_sort(passwords);
	}
	if (index >= passwords->order->len || index >= passwords->tries)
		return NULL;
	if (index >= *n_tried) {
		if (passwords->n_tries >= MAIL_FACTOR * passwords->tries ||
		    passwords_are_late(tree))
			return NULL;
		passwords->n_tries += index + 1 - *n_tried;
		*n_tried = index + 1;
	}
	return ((const Password *)passwords->order->pdata[index])->text;
}

const char *
am_passwords_opened(AmPartTree *tree, guint index)
{
	AmPasswords *passwords = tree->passwords;
	if (index >= passwords->order->len)
		return NULL;
	Password *password = passwords->order->pdata[index];
	password->has_opened = TRUE;
	return password->origin;
}
