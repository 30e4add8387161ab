/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The text of a DSN:
 *
 *     multipart/report; report-type=delivery-status             RFC 6522
 *         text/plain                 for people: who did not get it, and why
 *         message/delivery-status    for programs                RFC 3464
 *         text/rfc822-headers        the mail's header section   RFC 6522 3
 *
 * All is 7bit.  Addresses outside of ASCII are written as RFC 6533 3 has them for that case,
 * "utf-8; \x{E4}@example.org"; a header section with other bytes or long lines goes as
 * quoted-printable.  Nothing of the mail's body is repeated. */

#include <config.h>

#include "pipeline/notify.h"

#include <string.h>

#include "mail/address.h"
#include "mail/spool.h"
#include "pipeline/notify-private.h"

#define COMPOSE_HEADER_MAX 65536u /* bytes of the mail's header section that go back */
#define COMPOSE_TEXT_MAX 800u	  /* bytes of a reply or reason */
#define COMPOSE_WRAP 72u	  /* columns of text for people */
#define COMPOSE_LINE_MAX 998u	  /* RFC 5322 2.1.1 */

/* ---- making text safe ---- */

void
am_notify_append_ascii(GString *out, const char *text)
{
	guint n = 0;
	for (const char *at = text; *at != '\0' && n < COMPOSE_TEXT_MAX; at++) {
		if (((guchar)*at & 0xc0) == 0x80)
			continue; /* the rest of a character that has its '?' */
		g_string_append_c(out, *at >= 0x20 && *at < 0x7f ? *at : *at == '\n' ? ' ' : '?');
		n++;
	}
}

/* RFC 6533 3 utf-8-addr-xtext */
static void
compose_append_utf8_xtext(GString *out, const char *address)
{
	for (const char *at = address; *at != '\0'; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);
		if (c > 0x20 && c < 0x7f && strchr("\\+=", (int)c) == NULL)
			g_string_append_c(out, (char)c);
		else
			g_string_append_printf(out, "\\x{%X}", c);
	}
}

/* "rfc822; a@example.org" */
static void
compose_append_address(GString *out, const char *address)
{
	g_autofree char *valid = g_utf8_make_valid(address, -1);
	if (am_address_is_ascii(valid)) {
		g_autofree char *quoted = am_address_quote(valid);
		g_string_append(out, "rfc822; ");
		am_notify_append_ascii(out, quoted);
	} else {
		g_string_append(out, "utf-8; ");
		compose_append_utf8_xtext(out, valid);
	}
}

/* RFC 3461 4: "+2B" is '+'.  The result may hold any byte but NUL. */
static char *
compose_decode_xtext(const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);
	for (const char *at = text; *at != '\0'; at++) {
		int high = *at == '+' ? g_ascii_xdigit_value(at[1]) : -1;
		int low = high >= 0 ? g_ascii_xdigit_value(at[2]) : -1;
		if (low >= 0 && high * 16 + low > 0) {
			g_string_append_c(out, (char)(high * 16 + low));
			at += 2;
		} else {
			g_string_append_c(out, *at);
		}
	}
	return g_utf8_make_valid(out->str, (gssize)out->len);
}

void
am_notify_append_wrapped(GString *out, const char *text)
{
	g_autoptr(GString) ascii = g_string_new(NULL);
	am_notify_append_ascii(ascii, text);
	g_auto(GStrv) words = g_strsplit(ascii->str, " ", -1);
	gsize column = 0;
	for (char **word = words; *word != NULL; word++) {
		gsize len = strlen(*word);
		if (len == 0)
			continue;
		if (column > 0 && column + 1 + len > COMPOSE_WRAP) {
			g_string_append(out, "\r\n");
			column = 0;
		}
		g_string_append(out, column == 0 ? "    " : " ");
		g_string_append(out, *word);
		column += (column == 0 ? 4 : 1) + len;
	}
	g_string_append(out, "\r\n");
}

void
am_notify_append_path(GString *out, const char *address)
{
	g_autofree char *valid = g_utf8_make_valid(address, -1);
	g_string_append_c(out, '<');
	if (am_address_is_ascii(valid))
		am_notify_append_ascii(out, valid);
	else
		compose_append_utf8_xtext(out, valid);
	g_string_append_c(out, '>');
}

/* ---- what happened to a recipient ---- */

/* RFC 3463 code for what our policy did, when no 5xx says it. */
static const char *
compose_policy_status(const AmDisposition *disposition)
{
	switch (disposition->blocking) {
	case AM_CATEGORY_OVERSIZED:
		return "5.3.4";
	case AM_CATEGORY_BAD_HEADER:
		return am_category_set_highest_minor(&disposition->categories,
						     AM_CATEGORY_BAD_HEADER) == 2
			       ? "5.6.3" /* 8-bit */
			       : "5.6.0";
	default:
		return "5.7.0";
	}
}

static gboolean
compose_has_refusal(const AmDisposition *disposition)
{
	return disposition->reply != NULL && am_reply_is_permanent(disposition->reply);
}

/* Of class 2 for what was relayed, else of class 5: the failure is final (RFC 3464 2.3.4). */
static const char *
compose_status(const AmDisposition *disposition)
{
	const char *enhanced = disposition->reply != NULL ? disposition->reply->enhanced : NULL;
	if (disposition->wants_relayed)
		return enhanced != NULL && *enhanced == '2' ? enhanced : "2.0.0";
	if (!compose_has_refusal(disposition))
		return compose_policy_status(disposition);
	return enhanced != NULL && *enhanced == '5' ? enhanced : "5.0.0";
}

static char *
compose_reason(const AmDisposition *disposition)
{
	if (compose_has_refusal(disposition) || disposition->wants_relayed)
		return am_reply_to_string(disposition->reply);
	if (disposition->reason != NULL && *disposition->reason != '\0')
		return g_strdup(disposition->reason);
	return g_strdup("refused by policy");
}

/* ---- the parts ---- */

static void
compose_people(GString *out, const AmMail *mail, const char *hostname, AmNotifyKind kind,
	       GPtrArray *dispositions)
{
	const AmSettings *bad_header = NULL; /* of the first whom it blocked for */
	g_string_append_printf(out, "This is the mail content filter at %s.\r\n\r\n", hostname);
	if (kind == AM_NOTIFY_RELAYED)
		g_string_append(out, "A mail from you was passed on to the mail system of the "
				     "recipients that\r\n"
				     "are listed below.  It sends no reports of success, so this "
				     "is the last.\r\n\r\n");
	else
		g_string_append(
			out, "A mail from you could not be delivered to one or more recipients.\r\n"
			     "They and the reason for each are listed below.\r\n\r\n");
	if (mail->report != NULL && *mail->report->subject != '\0') {
		g_string_append(out, "Subject of your mail:\r\n");
		am_notify_append_wrapped(out, mail->report->subject);
	}
	if (mail->report != NULL && *mail->report->message_id != '\0') {
		g_string_append(out, "Its Message-ID:\r\n");
		am_notify_append_wrapped(out, mail->report->message_id);
	}
	g_string_append_printf(out, "Our id for it:\r\n    %s\r\n", mail->id);
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		g_autofree char *reason = compose_reason(disposition);
		g_string_append(out, "\r\n");
		am_notify_append_path(out, disposition->recipient->address);
		g_string_append(out, ":\r\n");
		am_notify_append_wrapped(out, reason);
		if (disposition->blocking == AM_CATEGORY_BAD_HEADER && bad_header == NULL)
			bad_header = disposition->settings;
	}
	if (bad_header != NULL)
		am_notify_append_defects(out, mail, bad_header);
}

static void
compose_field(GString *out, const char *name, const char *type, const char *text)
{
	g_string_append_printf(out, "%s: %s", name, type);
	am_notify_append_ascii(out, text);
	g_string_append(out, "\r\n");
}

static void
compose_remote_mta(GString *out, const char *next_hop)
{
	if (g_str_has_prefix(next_hop, "unix:")) {
		compose_field(out, "Remote-MTA", "x-unix; ", next_hop + strlen("unix:"));
		return;
	}
	const char *port = strrchr(next_hop, ':');
	g_autofree char *host =
		g_strndup(next_hop, port != NULL ? (gsize)(port - next_hop) : strlen(next_hop));
	g_autofree char *literal = *host != '[' && g_hostname_is_ip_address(host)
					   ? g_strdup_printf("[%s]", host)
					   : g_strdup(host);
	compose_field(out, "Remote-MTA", "dns; ", literal);
}

static void
compose_original_recipient(GString *out, const char *orcpt)
{
	const char *address = orcpt != NULL ? strchr(orcpt, ';') : NULL;
	if (address == NULL)
		return;
	g_autofree char *type = g_strdup_printf("%.*s; ", (int)(address - orcpt), orcpt);
	g_autofree char *decoded = compose_decode_xtext(address + 1);
	g_string_append(out, "Original-Recipient: ");
	am_notify_append_ascii(out, type);
	if (am_address_is_ascii(decoded))
		am_notify_append_ascii(out, decoded);
	else
		compose_append_utf8_xtext(out, decoded);
	g_string_append(out, "\r\n");
}

static void
compose_recipient_status(GString *out, const AmMail *mail, const char *hostname, const char *date,
			 const AmDisposition *disposition)
{
	g_autofree char *reason = compose_reason(disposition);
	gboolean is_relayed = disposition->wants_relayed;
	gboolean has_reply = compose_has_refusal(disposition) || is_relayed;
	g_string_append(out, "\r\n");
	compose_original_recipient(out, disposition->recipient->orcpt);
	g_string_append(out, "Final-Recipient: ");
	compose_append_address(out, disposition->recipient->address);
	g_string_append_printf(out, "\r\nAction: %s\r\n", is_relayed ? "relayed" : "failed");
	compose_field(out, "Status", "", compose_status(disposition));
	if (has_reply && disposition->next_hop != NULL && *disposition->next_hop != '\0')
		compose_remote_mta(out, disposition->next_hop);
	/* what did not come out of SMTP has a type of its own (RFC 3464 2.3.6) */
	compose_field(out, "Diagnostic-Code", has_reply ? "smtp; " : "x-amavisd; ", reason);
	compose_field(out, "Last-Attempt-Date", "", date);
	g_string_append_printf(out, "Final-Log-ID: %s-%s\r\n", hostname, mail->id);
}

static void
compose_status_part(GString *out, const AmMail *mail, const char *hostname, const char *now,
		    GPtrArray *dispositions)
{
	const AmEnvelope *envelope = mail->envelope;
	g_autofree char *arrival = am_deliver_date(mail->arrival_us);
	compose_field(out, "Reporting-MTA", "dns; ", hostname);
	if (envelope->helo != NULL && *envelope->helo != '\0')
		compose_field(out, "Received-From-MTA", "dns; ", envelope->helo);
	compose_field(out, "Arrival-Date", "", arrival);
	if (envelope->envid != NULL && *envelope->envid != '\0') {
		g_autofree char *envid = compose_decode_xtext(envelope->envid);
		compose_field(out, "Original-Envelope-Id", "", envid);
	}
	for (guint i = 0; i < dispositions->len; i++)
		compose_recipient_status(out, mail, hostname, now, dispositions->pdata[i]);
}

/* ---- the header section of the mail ---- */

/* Bytes up to the empty line, without it; whole lines, at most COMPOSE_HEADER_MAX. */
static GString *
compose_read_header(const AmMail *mail, GError **error)
{
	guint64 want = MIN(am_spool_size(mail->spool), COMPOSE_HEADER_MAX);
	if (mail->report != NULL)
		want = MIN(want, mail->report->header_size);
	g_autoptr(GString) header = g_string_sized_new(want + 1);
	g_string_set_size(header, want);
	gssize n = am_read_at(am_spool_fd(mail->spool), header->str, want, 0, error);
	if (n < 0)
		return NULL;
	g_string_truncate(header, (gsize)n);
	gsize end = 0; /* behind the last whole line that is not empty */
	while (end < header->len && header->str[end] != '\r' && header->str[end] != '\n') {
		const char *lf = memchr(header->str + end, '\n', header->len - end);
		if (lf == NULL)
			break;
		end = (gsize)(lf - header->str) + 1;
	}
	if (end > 0) /* else it is one long line, or there is no header */
		g_string_truncate(header, end);
	else if (header->len > 0 && (*header->str == '\r' || *header->str == '\n'))
		g_string_truncate(header, 0);
	return g_steal_pointer(&header);
}

/* Fit for 7bit: CRLF lines of at most 998 bytes of ASCII (RFC 2045 2.7). */
static gboolean
compose_is_7bit(const GString *text)
{
	gsize column = 0;
	for (gsize i = 0; i < text->len; i++) {
		guchar c = (guchar)text->str[i];
		if (c == '\r' && i + 1 < text->len && text->str[i + 1] == '\n') {
			column = 0;
			i++;
		} else if (c == '\0' || c == '\r' || c == '\n' || c >= 0x80 ||
			   ++column > COMPOSE_LINE_MAX) {
			return FALSE;
		}
	}
	return TRUE;
}

/* RFC 2045 6.7 */
static void
compose_append_quoted_printable(GString *out, const GString *text)
{
	gsize column = 0;
	for (gsize i = 0; i < text->len; i++) {
		guchar c = (guchar)text->str[i];
		gboolean is_break = c == '\r' && i + 1 < text->len && text->str[i + 1] == '\n';
		if (is_break) {
			g_string_append(out, "\r\n");
			column = 0;
			i++;
			continue;
		}
		/* blanks are only safe inside of a line */
		gboolean is_last = i + 1 == text->len || text->str[i + 1] == '\r';
		gboolean is_plain =
			(c > 0x20 && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !is_last);
		if (column + (is_plain ? 1 : 3) > 75) {
			g_string_append(out, "=\r\n");
			column = 0;
		}
		if (is_plain)
			g_string_append_c(out, (char)c);
		else
			g_string_append_printf(out, "=%02X", c);
		column += is_plain ? 1 : 3;
	}
}

static void
compose_header_part(GString *out, const GString *header)
{
	gboolean is_7bit = compose_is_7bit(header);
	g_string_append_printf(out,
			       "Content-Type: text/rfc822-headers\r\n"
			       "Content-Description: Header of the mail\r\n"
			       "Content-Transfer-Encoding: %s\r\n\r\n",
			       is_7bit ? "7bit" : "quoted-printable");
	if (is_7bit)
		g_string_append_len(out, header->str, (gssize)header->len);
	else
		compose_append_quoted_printable(out, header);
	if (!g_str_has_suffix(out->str, "\r\n"))
		g_string_append(out, "\r\n");
}

gboolean
am_notify_append_header_part(GString *out, const AmMail *mail, GError **error)
{
	g_autoptr(GString) header = compose_read_header(mail, error);
	if (header == NULL)
		return FALSE;
	compose_header_part(out, header);
	return TRUE;
}

/* ---- the whole ---- */

static void
compose_head(GString *out, const AmMail *mail, const char *hostname, const char *now,
	     AmNotifyKind kind, const char *boundary)
{
	char id[AM_MAIL_ID_LEN + 1];
	g_autofree char *sender = am_address_quote(mail->envelope->sender);
	am_mail_make_id(id);
	g_string_append_printf(out,
			       "From: \"Mail content filter\" <postmaster@%s>\r\n"
			       "To: <%s>\r\n"
			       "Subject: %s\r\n"
			       "Date: %s\r\n"
			       "Message-ID: <DSN%s@%s>\r\n",
			       hostname, sender,
			       kind == AM_NOTIFY_RELAYED ? "Mail was passed on"
							 : "Undeliverable mail",
			       now, id, hostname);
	if (mail->report != NULL && *mail->report->message_id != '\0' &&
	    strlen(mail->report->message_id) < 250 &&
	    strpbrk(mail->report->message_id, "<> \t\r\n") == NULL &&
	    g_str_is_ascii(mail->report->message_id))
		g_string_append_printf(out, "In-Reply-To: <%s>\r\nReferences: <%s>\r\n",
				       mail->report->message_id, mail->report->message_id);
	/* RFC 3834 5: nobody should answer */
	g_string_append_printf(out,
			       "Auto-Submitted: auto-replied\r\n"
			       "MIME-Version: 1.0\r\n"
			       "Content-Type: multipart/report; report-type=delivery-status;\r\n"
			       "\tboundary=\"%s\"\r\n"
			       "Content-Transfer-Encoding: 7bit\r\n"
			       "\r\n"
			       "This is a MIME-encapsulated delivery status notification.\r\n",
			       boundary);
}

GString *
am_notify_compose(const AmMail *mail, const char *hostname, AmNotifyKind kind,
		  GPtrArray *dispositions, GError **error)
{
	char id[AM_MAIL_ID_LEN + 1];
	g_autoptr(GString) header = compose_read_header(mail, error);
	if (header == NULL) {
		g_prefix_error(error, "DSN: ");
		return NULL;
	}
	/* random, so no header section can hold it; "=_" appears in no quoted-printable */
	am_mail_make_id(id);
	g_autofree char *boundary = g_strdup_printf("=_amavisd_%s", id);
	g_autofree char *now = am_deliver_date(g_get_real_time());
	GString *out = g_string_new(NULL);
	compose_head(out, mail, hostname, now, kind, boundary);
	g_string_append_printf(out,
			       "\r\n--%s\r\n"
			       "Content-Type: text/plain; charset=us-ascii\r\n"
			       "Content-Description: Notification\r\n"
			       "Content-Transfer-Encoding: 7bit\r\n\r\n",
			       boundary);
	compose_people(out, mail, hostname, kind, dispositions);
	g_string_append_printf(out,
			       "\r\n--%s\r\n"
			       "Content-Type: message/delivery-status\r\n"
			       "Content-Description: Delivery status\r\n"
			       "Content-Transfer-Encoding: 7bit\r\n\r\n",
			       boundary);
	compose_status_part(out, mail, hostname, now, dispositions);
	g_string_append_printf(out, "\r\n--%s\r\n", boundary);
	compose_header_part(out, header);
	g_string_append_printf(out, "\r\n--%s--\r\n", boundary);
	return out;
}
