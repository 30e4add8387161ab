/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* An abuse report in the format of RFC 5965 (ARF): a multipart/report of a text for people, one for
 * programs, and the mail as it came. */

#include <config.h>

#include "mail/address.h"
#include "mail/mail.h"
#include "pipeline/deliver.h"
#include "pipeline/release.h"

#include <string.h>

#define REPORT_SUBJECT_CHARACTERS 150

char *
am_release_format_recipients(const AmEnvelope *envelope)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < envelope->recipients->len; i++) {
		const AmRecipient *recipient = envelope->recipients->pdata[i];
		g_autofree char *quoted = am_address_quote(recipient->address);
		g_string_append_printf(out, "%s<%s>", i > 0 ? ",\r\n\t" : "", quoted);
	}
	return g_string_free(out, FALSE);
}

char *
am_release_format_date(void)
{
	return am_deliver_date(g_get_real_time());
}

/* Text of the mail in a field of ours: printable ASCII, in one line. */
static char *
report_clean(const char *text)
{
	GString *out = g_string_new(NULL);
	for (; text != NULL && *text != '\0' && out->len < REPORT_SUBJECT_CHARACTERS; text++)
		g_string_append_c(out, g_ascii_isprint(*text) ? *text : '?');
	return g_string_free(out, FALSE);
}

static void
report_append_header(GString *out, const AmStoredMail *mail, const AmEnvelope *envelope,
		     const char *hostname, const char *boundary)
{
	char id[AM_MAIL_ID_LEN + 1];
	am_mail_make_id(id);
	g_autofree char *to = am_release_format_recipients(envelope);
	g_autofree char *date = am_release_format_date();
	g_autofree char *subject = report_clean(mail->subject);
	g_string_append_printf(out,
			       "From: <postmaster@%s>\r\nTo: %s\r\nSubject: Abuse report: %s\r\n"
			       "Date: %s\r\nMessage-ID: <A%s@%s>\r\n"
			       "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
			       "Content-Type: multipart/report; report-type=feedback-report;\r\n"
			       "\tboundary=\"%s\"\r\n\r\n",
			       hostname, to, subject, date, id, hostname, boundary);
}

void
am_release_report_compose(const AmStoredMail *mail, const AmEnvelope *envelope,
			  const char *hostname, GString *before, GString *behind)
{
	char boundary[AM_MAIL_ID_LEN + 1];
	am_mail_make_id(boundary);
	g_autofree char *sender = report_clean(mail->sender);
	g_autofree char *category = report_clean(mail->category);
	g_autofree char *arrival = am_deliver_date(mail->time * G_USEC_PER_SEC);
	report_append_header(before, mail, envelope, hostname, boundary);
	g_string_append_printf(before,
			       "--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
			       "This is an abuse report for a mail of %s from %s,\r\n"
			       "kept here as %s (%s).\r\n\r\n",
			       boundary, arrival, sender, mail->id, category);
	g_string_append_printf(before,
			       "--%s\r\nContent-Type: message/feedback-report\r\n\r\n"
			       "Feedback-Type: %s\r\nUser-Agent: %s/%s\r\nVersion: 1\r\n"
			       "Original-Mail-From: %s\r\nArrival-Date: %s\r\n"
			       "Reporting-MTA: dns; %s\r\n\r\n",
			       boundary, strcmp(category, "virus") == 0 ? "virus" : "abuse",
			       PACKAGE_NAME, PACKAGE_VERSION, sender, arrival, hostname);
	g_string_append_printf(before,
			       "--%s\r\nContent-Type: message/rfc822\r\n"
			       "Content-Transfer-Encoding: 8bit\r\n"
			       "Content-Disposition: attachment\r\n\r\n",
			       boundary);
	g_string_append_printf(behind, "\r\n--%s--\r\n", boundary);
}
