/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The text of a notice to an admin: multipart/mixed of text/plain, what we know of the mail and what
 * became of it, and text/rfc822-headers.  All is 7bit, and nothing of the body is repeated. */

#include <config.h>

#include "pipeline/notify.h"

#include <string.h>

#include "mail/address.h"
#include "pipeline/notify-private.h"

#define ADMIN_RECIPIENTS_MAX 100u /* that are named */

AmCategory
am_notify_category(const AmDisposition *disposition)
{
	if (disposition->blocking != AM_CATEGORY_NONE)
		return disposition->blocking;
	if (!disposition->is_delivered &&
	    am_category_set_has(&disposition->categories, AM_CATEGORY_MTA_ERROR))
		return AM_CATEGORY_MTA_ERROR;
	return disposition->main_category;
}

static const char *
admin_outcome(const AmDisposition *disposition)
{
	switch (disposition->destiny) {
	case AM_DESTINY_BOUNCE:
		return "bounced";
	case AM_DESTINY_REJECT:
		return "rejected";
	case AM_DESTINY_DISCARD:
		return "discarded";
	case AM_DESTINY_TEMPFAIL:
		return "put off";
	case AM_DESTINY_PASS:
		break;
	}
	return disposition->is_delivered ? "delivered" : "refused by the next hop";
}

static void
admin_append(GString *out, const char *title, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	g_string_append_printf(out, "%s:\r\n", title);
	am_notify_append_wrapped(out, text);
}

static void
admin_recipients(GString *out, GPtrArray *dispositions)
{
	g_string_append(out, "Recipients:\r\n");
	for (guint i = 0; i < dispositions->len && i < ADMIN_RECIPIENTS_MAX; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		g_string_append(out, "    ");
		am_notify_append_path(out, disposition->recipient->address);
		g_string_append_printf(out, ": %s\r\n", admin_outcome(disposition));
	}
	if (dispositions->len > ADMIN_RECIPIENTS_MAX)
		g_string_append_printf(out, "    and %u more\r\n",
				       dispositions->len - ADMIN_RECIPIENTS_MAX);
}

static void
admin_people(GString *out, const AmMail *mail, const char *hostname, const AmDisposition *first,
	     GPtrArray *dispositions, const char *quarantine)
{
	const AmEnvelope *envelope = mail->envelope;
	g_string_append_printf(out, "This is the mail content filter at %s.\r\n\r\n", hostname);
	admin_append(out, "Category", am_category_name(am_notify_category(first)));
	admin_append(out, "Reason", first->reason);
	admin_append(out, "Our id", mail->id);
	admin_append(out, "Client", envelope->client_address);
	g_string_append(out, "Sender:\r\n    ");
	am_notify_append_path(out, envelope->sender);
	g_string_append(out, "\r\n");
	admin_recipients(out, dispositions);
	if (mail->report != NULL) {
		admin_append(out, "Subject", mail->report->subject);
		admin_append(out, "Message-ID", mail->report->message_id);
	}
	admin_append(out, "Kept in quarantine", quarantine);
	if (am_notify_category(first) == AM_CATEGORY_BAD_HEADER)
		am_notify_append_defects(out, mail, first->settings);
}

GString *
am_notify_compose_admin(const AmMail *mail, const char *hostname, const char *address,
			GPtrArray *dispositions, const char *quarantine, GError **error)
{
	char id[AM_MAIL_ID_LEN + 1];
	const AmDisposition *first = dispositions->pdata[0];
	g_autofree char *now = am_deliver_date(g_get_real_time());
	g_autoptr(GString) out = g_string_new(NULL);
	am_mail_make_id(id);
	g_string_append_printf(out,
			       "From: \"Mail content filter\" <postmaster@%s>\r\nTo: ", hostname);
	if (am_address_is_ascii(address))
		am_notify_append_path(out, address);
	else /* RFC 6532; the envelope says SMTPUTF8 */
		g_string_append_printf(out, "<%s>", address);
	g_string_append_printf(out,
			       "\r\nSubject: Mail content filter: %s (%s)\r\n"
			       "Date: %s\r\n"
			       "Message-ID: <N%s@%s>\r\n"
			       "Auto-Submitted: auto-generated\r\n" /* RFC 3834 5 */
			       "MIME-Version: 1.0\r\n"
			       "Content-Type: multipart/mixed; boundary=\"=_amavisd_%s\"\r\n"
			       "Content-Transfer-Encoding: 7bit\r\n"
			       "\r\n--=_amavisd_%s\r\n"
			       "Content-Type: text/plain; charset=us-ascii\r\n"
			       "Content-Transfer-Encoding: 7bit\r\n\r\n",
			       am_category_name(am_notify_category(first)), mail->id, now, id,
			       hostname, id, id);
	admin_people(out, mail, hostname, first, dispositions, quarantine);
	g_string_append_printf(out, "\r\n--=_amavisd_%s\r\n", id);
	if (!am_notify_append_header_part(out, mail, error)) {
		g_prefix_error(error, "notice: ");
		return NULL;
	}
	g_string_append_printf(out, "\r\n--=_amavisd_%s--\r\n", id);
	return g_steal_pointer(&out);
}
