/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A mail and its id.  The id is random, not counted: it names quarantined mail, and who knows one
 * must not be able to guess another. */

#include <config.h>

#include "mail/mail.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* base64url (RFC 4648 5); the last two must not start a file name or look like an option */
static const char mail_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
mail_get_random(guint8 *bytes, gsize len)
{
	ssize_t n;
	do {
		n = getrandom(bytes, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)len) /* cannot be: so few bytes always come whole (getrandom(2)) */
		g_error("getrandom: %s", g_strerror(errno));
}

void
am_mail_make_id(char *id)
{
	guint8 bytes[AM_MAIL_ID_LEN];
	do {
		mail_get_random(bytes, sizeof bytes);
	} while ((bytes[0] & 63) >= 62);
	for (gsize i = 0; i < AM_MAIL_ID_LEN; i++)
		id[i] = mail_alphabet[bytes[i] & 63];
	id[AM_MAIL_ID_LEN] = '\0';
}

AmMail *
am_mail_new(AmEnvelope *envelope, AmSpool *spool)
{
	AmMail *mail = g_new0(AmMail, 1);
	am_mail_make_id(mail->id);
	am_mail_make_id(mail->secret);
	mail->envelope = envelope;
	mail->spool = spool;
	return mail;
}

void
am_mail_free(AmMail *mail)
{
	if (mail == NULL)
		return;
	am_envelope_free(mail->envelope);
	am_spool_free(mail->spool);
	am_report_free(mail->report);
	g_free(mail);
}
