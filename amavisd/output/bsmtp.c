/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* bsmtp:/PATH, a file for each mail with the SMTP commands of its delivery (RFC 2442), for spools of other
 * systems and for `sendmail -bs`-like readers.  It is written under another name and appears whole. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output/output-private.h"
#include "smtp/client-private.h"

#define BSMTP_TEXT_MAX 100u  /* bytes of a sender in the name */
#define BSMTP_NAMES_MAX 100u /* tried for one mail */

/* All that a reader may know; what the mail does not use does not appear. */
#define BSMTP_EXTENSIONS (AM_SMTP_SIZE | AM_SMTP_8BITMIME | AM_SMTP_SMTPUTF8 | AM_SMTP_DSN)

/* A stranger's text as a part of a file's name: short, since names end at 255 bytes. */
static void
bsmtp_append_safe(GString *out, const char *text)
{
	for (guint n = 0; *text != '\0' && n < BSMTP_TEXT_MAX; text++, n++)
		g_string_append_c(out, g_ascii_isalnum(*text) || strchr("._@+-", *text) != NULL
					       ? *text
					       : '=');
}

static void
bsmtp_append_time(GString *out)
{
	char text[32];
	struct tm now;
	time_t seconds = time(NULL);
	(void)gmtime_r(&seconds, &now);
	(void)strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &now);
	g_string_append(out, text);
}

/* %m and %n: the mail's id, %i: the time, %s: the sender, %b and %P: nothing, as in Amavis where there is
 * none; %%: '%'. */
static char *
bsmtp_path(const AmSmtpTransaction *transaction, const char *pattern)
{
	GString *out = g_string_new(NULL);
	for (const char *at = pattern; *at != '\0'; at++) {
		if (*at != '%' || at[1] == '\0') {
			g_string_append_c(out, *at);
			continue;
		}
		switch (*++at) {
		case 'm':
		case 'n':
			bsmtp_append_safe(out, transaction->mail_id);
			break;
		case 'i':
			bsmtp_append_time(out);
			break;
		case 's':
			bsmtp_append_safe(out, *am_output_sender(transaction) != '\0'
						       ? am_output_sender(transaction)
						       : "MAILER-DAEMON");
			break;
		case 'b':
		case 'P':
			break;
		default:
			g_string_append_c(out, *at);
		}
	}
	return g_string_free(out, FALSE);
}

/* EHLO to RCPT; NULL with error where an address cannot be said. */
static char *
bsmtp_envelope(const AmOutputs *outputs, const AmSmtpTransaction *transaction, GPtrArray *batch,
	       GError **error)
{
	AmSmtpCommandContext context = { .extensions = BSMTP_EXTENSIONS };
	g_autoptr(AmReply) refusal = am_smtp_check_extensions(&context, transaction);
	g_autofree char *mail =
		refusal == NULL ? am_smtp_mail_command(&context, transaction) : NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	g_string_printf(out, "EHLO %s\r\n%s", outputs->hostname, mail != NULL ? mail : "");
	for (guint i = 0; i < batch->len && mail != NULL; i++) {
		const AmDelivery *delivery = batch->pdata[i];
		g_autofree char *rcpt = am_smtp_rcpt_command(&context, delivery->recipient);
		if (rcpt == NULL)
			g_clear_pointer(&mail, g_free);
		else
			g_string_append(out, rcpt);
	}
	if (mail == NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_SOFTWARE, "bsmtp: %s",
			    refusal != NULL ? refusal->text : "an address cannot be written");
		return NULL;
	}
	g_string_append(out, "DATA\r\n");
	return g_strdup(out->str);
}

static gboolean
bsmtp_write(const AmOutputs *outputs, int fd, const AmSmtpTransaction *transaction,
	    GPtrArray *batch, GError **error)
{
	g_auto(AmFileWriter) file;
	am_file_writer_init(&file, fd);
	AmDotWriter dots = { .write = am_file_writer_write, .user_data = &file };
	g_autofree char *envelope = bsmtp_envelope(outputs, transaction, batch, error);
	return envelope != NULL && am_file_writer_write(envelope, strlen(envelope), &file, error) &&
	       am_output_write(transaction, am_dot_writer_write, &dots, error) &&
	       am_dot_writer_finish(&dots, error) &&
	       am_file_writer_write("QUIT\r\n", 6, &file, error) &&
	       am_file_writer_finish(&file, error);
}

/* Gives the file its name.  What is there stays: the copies of one mail, its bounce, or senders with the same
 * text may ask for the same name, and get it with a number. */
static gboolean
bsmtp_appear(int place, const char *hidden, char **name, GError **error)
{
	g_autofree char *wanted = g_strdup(*name);
	for (guint n = 1; linkat(place, hidden, place, *name, 0) < 0; n++) {
		if (errno != EEXIST || n == BSMTP_NAMES_MAX)
			return am_file_error("name", wanted, error);
		g_free(*name);
		*name = g_strdup_printf("%s.%u", wanted, n);
	}
	return TRUE;
}

gboolean
am_output_bsmtp(const AmOutputs *outputs, const AmSmtpTransaction *transaction, const char *path,
		GPtrArray *batch, GError **error)
{
	g_autofree char *whole = bsmtp_path(transaction, path);
	g_autofree char *directory = g_path_get_dirname(whole);
	g_autofree char *name = g_path_get_basename(whole);
	g_autofree char *hidden = g_strdup_printf(".%s.%08x", name, g_random_int());
	g_auto(AmFd) place = am_file_open_directory(AT_FDCWD, directory, error);
	if (place < 0)
		return FALSE;
	g_auto(AmFd) fd =
		openat(place, hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return am_file_error("file", whole, error);
	gboolean is_done = bsmtp_write(outputs, fd, transaction, batch, error);
	is_done = is_done && bsmtp_appear(place, hidden, &name, error);
	if (is_done && !am_file_sync_directory(place, directory, error)) {
		(void)unlinkat(place, name, 0);
		is_done = FALSE;
	}
	(void)unlinkat(place, hidden, 0); /* a hidden file that stays is no mail */
	return is_done;
}
