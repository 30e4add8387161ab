/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Stage deliver.  Dispositions are sorted into groups that can share a transaction: the sender is
 * the mail's and so always the same, route and edits must be equal.  A group is delivered with our
 * Received field on top of its edits, and what the next hop said becomes each member's reply. */

#include <config.h>

#include "pipeline/deliver.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log/log.h"
#include "mail/address.h"

/* When a mail came without a deadline; the client's own times bound it too. */
#define DELIVER_TIME_US (G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC)

/* ---- our Received field ---- */

/* The text as it may stand in a structured field outside and inside of comments: what could end
 * either or the field becomes '?'. */
static void
received_append_safe(GString *out, const char *text, const char *fallback)
{
	if (text == NULL || *text == '\0')
		text = fallback;
	for (const char *at = text; *at != '\0' && at - text < 255; at++)
		g_string_append_c(out, g_ascii_isalnum(*at) || strchr("-._:[]", *at) != NULL ? *at
											     : '?');
}

char *
am_deliver_date(gint64 time_us)
{
	/* strftime() would follow the locale */
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const time_t seconds = (time_t)(time_us / G_USEC_PER_SEC);
	struct tm date = { 0 };
	/* GDateTime would look at the time zone's file for each mail */
	(void)localtime_r(&seconds, &date); /* fails in the year 2^31 */
	long minutes = labs(date.tm_gmtoff) / 60;
	return g_strdup_printf("%s, %d %s %d %02d:%02d:%02d %c%02ld%02ld", days[date.tm_wday],
			       date.tm_mday, months[date.tm_mon], date.tm_year + 1900,
			       date.tm_hour, date.tm_min, date.tm_sec,
			       date.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

char *
am_deliver_received(const AmMail *mail, const char *hostname, const char *recipient)
{
	const AmEnvelope *envelope = mail->envelope;
	const char *address = envelope->peer_address;
	g_autoptr(GString) out = g_string_new("from ");
	g_autofree char *date = am_deliver_date(mail->arrival_us);
	received_append_safe(out, envelope->helo, "unknown");
	if (address != NULL && *address != '\0') {
		/* RFC 5321 4.1.3: literals of IPv6 have a tag */
		g_string_append(out, strchr(address, ':') != NULL ? " ([IPv6:" : " ([");
		received_append_safe(out, address, "");
		g_string_append(out, "])");
	}
	g_string_append(out, "\r\n\tby ");
	received_append_safe(out, *envelope->own_name != '\0' ? envelope->own_name : hostname,
			     "localhost");
	g_string_append(out, " (amavisd, listener ");
	received_append_safe(out, envelope->listener, "none");
	g_string_append(out, ")\r\n\twith ");
	received_append_safe(out, envelope->protocol, "SMTP");
	g_string_append_printf(out, " id %s", mail->id);
	if (recipient != NULL && *recipient != '\0' && am_address_is_ascii(recipient)) {
		g_autofree char *quoted = am_address_quote(recipient);
		g_string_append_printf(out, "\r\n\tfor <%s>", quoted);
	}
	g_string_append_printf(out, ";\r\n\t%s", date);
	return g_strdup(out->str);
}

/* ---- groups ---- */

typedef struct {
	const char *route;    /* text, "" for the default; borrowed */
	const AmEdits *edits; /* borrowed, may be NULL */
	GPtrArray *members;   /* AmDisposition, borrowed */
} Group;

static void
group_free(gpointer data)
{
	Group *group = data;
	g_ptr_array_unref(group->members);
	g_free(group);
}

static guint
group_hash(gconstpointer data)
{
	const Group *group = data;
	return g_str_hash(group->route) * 31 +
	       (group->edits != NULL ? am_edits_hash(group->edits) : 0);
}

static gboolean
group_equal(gconstpointer a, gconstpointer b)
{
	const Group *one = a, *two = b;
	guint n_one = one->edits != NULL ? am_edits_count(one->edits) : 0;
	guint n_two = two->edits != NULL ? am_edits_count(two->edits) : 0;
	if (strcmp(one->route, two->route) != 0 || n_one != n_two)
		return FALSE;
	return n_one == 0 || am_edits_equal(one->edits, two->edits);
}

static gboolean
deliver_is_due(const AmDisposition *disposition)
{
	return disposition->destiny == AM_DESTINY_PASS &&
	       disposition->blocking == AM_CATEGORY_NONE && disposition->reply == NULL;
}

/* Groups in the order of their first member. */
static GPtrArray *
deliver_group(GPtrArray *dispositions)
{
	GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);
	g_autoptr(GHashTable) known = g_hash_table_new(group_hash, group_equal);
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		if (!deliver_is_due(disposition))
			continue;
		Group key = { .route = disposition->route != NULL ? disposition->route : "",
			      .edits = disposition->edits };
		if (key.edits != NULL && am_edits_count(key.edits) == 0)
			key.edits = NULL;
		Group *group = g_hash_table_lookup(known, &key);
		if (group == NULL) {
			group = g_memdup2(&key, sizeof key);
			group->members = g_ptr_array_new();
			g_ptr_array_add(groups, group);
			g_hash_table_add(known, group);
		}
		g_ptr_array_add(group->members, disposition);
	}
	return groups;
}

static const AmRecipient *
deliver_target(const AmDisposition *disposition)
{
	return disposition->target != NULL ? disposition->target : disposition->recipient;
}

/* The group's edits with our Received field above all others. */
static AmEdits *
group_edits(const Group *group, const AmDeliverContext *context, const AmMail *mail)
{
	AmEdits *edits = am_edits_new();
	guint n = group->edits != NULL ? am_edits_count(group->edits) : 0;
	const char *recipient = NULL;
	g_autoptr(GError) error = NULL;
	gboolean ok = TRUE;
	for (guint i = 0; i < n && ok; i++) {
		const AmEdit *edit = am_edits_get(group->edits, i);
		ok = am_edits_add(edits, edit->op, edit->name, edit->value, &error);
	}
	if (group->members->len == 1)
		recipient = deliver_target(group->members->pdata[0])->address;
	g_autofree char *received = am_deliver_received(mail, context->hostname, recipient);
	if (ok)
		ok = am_edits_add(edits, AM_EDIT_PREPEND, "Received", received, &error);
	if (ok)
		return edits;
	am_log(AM_LOG_ERROR, mail->id, "header edits: %s", error->message);
	am_edits_free(edits);
	return NULL;
}

/* ---- replies ---- */

/* "[127.0.0.1]:10025" of "127.0.0.1:10025". */
static char *
deliver_mta_name(const char *remote)
{
	const char *port = strrchr(remote, ':');
	if (*remote == '[' || port == NULL || !g_ascii_isdigit(port[1]) || g_str_has_prefix(remote, "unix:"))
		return g_strdup(remote);
	return g_strdup_printf("[%.*s]%s", (int)(port - remote), remote, port);
}

/* What our client hears: the next hop's code and enhanced code, its whole reply quoted. */
static AmReply *
deliver_reply(const AmMail *mail, const AmDelivery *delivery, const char *remote)
{
	const AmReply *said = delivery->reply;
	if (delivery->is_own)
		return am_reply_new(said->code, said->enhanced, "id=%s, not delivered: %s",
				    mail->id, said->text);
	gboolean is_success = am_reply_is_success(said);
	/* 421 would tell our client that we close; another 2xx has no meaning for it */
	int code = is_success ? 250 : said->code == 421 ? 451 : said->code;
	g_autofree char *mta = deliver_mta_name(remote);
	g_autofree char *text = am_reply_to_string(said);
	char enhanced[] = "x.0.0";
	enhanced[0] = (char)('0' + code / 100);
	return am_reply_new(code, said->enhanced != NULL ? said->enhanced : enhanced,
			    "%sid=%s, from MTA(%s): %s", is_success ? "Ok, " : "", mail->id, mta,
			    text);
}

static void
deliver_set_text(char **field, const char *text)
{
	g_free(*field);
	*field = g_strdup(text != NULL ? text : "");
}

static void
deliver_conclude(const AmMail *mail, AmDisposition *disposition, const AmDelivery *delivery,
		 const AmSmtpTransaction *transaction)
{
	am_reply_free(disposition->reply);
	disposition->reply = deliver_reply(mail, delivery, transaction->remote);
	disposition->is_delivered = am_reply_is_success(delivery->reply);
	disposition->wants_relayed =
		disposition->is_delivered && !delivery->takes_dsn &&
		am_recipient_notify_has(disposition->recipient, "SUCCESS");
	deliver_set_text(&disposition->next_hop, transaction->remote);
	if (disposition->is_delivered)
		deliver_set_text(&disposition->queue_id_out, transaction->queue_id);
	else
		am_category_set_add(&disposition->categories, AM_CATEGORY_MTA_ERROR,
				    am_reply_is_permanent(delivery->reply) ? 2 : 1);
}

/* The same for all of the group, nothing was tried. */
static void
group_answer(const Group *group, const AmReply *reply)
{
	for (guint i = 0; i < group->members->len; i++) {
		AmDisposition *disposition = group->members->pdata[i];
		disposition->reply = am_reply_copy(reply);
	}
}

/* ---- delivering ---- */

/* The route of a group; *parsed is to be freed.  NULL: *failure. */
static const AmRoute *
group_route(const Group *group, const AmDeliverContext *context, const AmMail *mail,
	    AmRoute **parsed, AmReply **failure)
{
	g_autoptr(GError) error = NULL;
	if (*group->route == '\0' || strcmp(group->route, context->forward->text) == 0)
		return context->forward;
	*parsed = am_route_parse(group->route, &error);
	if (*parsed == NULL) {
		am_log(AM_LOG_ERROR, mail->id, "%s", error->message);
		*failure = am_reply_new(451, "4.3.5", "id=%s, the route is not valid", mail->id);
	}
	return *parsed;
}

static void
group_deliver(const Group *group, const AmDeliverContext *context, const AmMail *mail,
	      gboolean is_lmtp)
{
	g_autoptr(AmRoute) parsed = NULL;
	g_autoptr(AmReply) failure = NULL;
	g_autoptr(AmEdits) edits = NULL;
	const AmRoute *route = group_route(group, context, mail, &parsed, &failure);
	if (route != NULL && (edits = group_edits(group, context, mail)) == NULL)
		failure = am_reply_new(451, "4.3.0", "id=%s, header edits failed", mail->id);
	if (failure != NULL) {
		group_answer(group, failure);
		return;
	}
	AmSmtpTransaction transaction = {
		.mail_id = mail->id,
		.envelope = mail->envelope,
		.deliveries = g_ptr_array_new_with_free_func((GDestroyNotify)am_delivery_free),
		.fd = am_spool_fd(mail->spool),
		.size = am_spool_size(mail->spool),
		.report = mail->report,
		.edits = edits,
		.is_smtp_caller = !is_lmtp,
		.deadline_us = mail->deadline_us != 0 ? mail->deadline_us
						      : g_get_monotonic_time() + DELIVER_TIME_US,
	};
	for (guint i = 0; i < group->members->len; i++)
		g_ptr_array_add(transaction.deliveries,
				am_delivery_new(deliver_target(group->members->pdata[i])));
	am_smtp_deliver(context->pool, route, &transaction);
	if (transaction.is_in_doubt)
		am_log(AM_LOG_WARNING, mail->id,
		       "%s gave no answer to the end of the mail: it may be delivered twice",
		       transaction.remote);
	for (guint i = 0; i < group->members->len; i++)
		deliver_conclude(mail, group->members->pdata[i], transaction.deliveries->pdata[i],
				 &transaction);
	am_smtp_transaction_clear(&transaction);
}

/* The 4xx that is the answer for the whole mail already; NULL none. */
static AmReply *
deliver_ending_reply(GPtrArray *dispositions)
{
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		if (disposition->reply != NULL && am_reply_is_temporary(disposition->reply))
			return am_reply_copy(disposition->reply);
		if (disposition->destiny == AM_DESTINY_TEMPFAIL)
			return am_reply_new(451, "4.5.0", "mail could not be processed");
	}
	return NULL;
}

void
am_deliver(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions,
	   gboolean is_lmtp)
{
	g_autoptr(GPtrArray) groups = deliver_group(dispositions);
	for (guint i = 0; i < groups->len; i++) {
		g_autoptr(AmReply) ending = is_lmtp ? NULL : deliver_ending_reply(dispositions);
		if (ending != NULL)
			group_answer(groups->pdata[i], ending);
		else
			group_deliver(groups->pdata[i], context, mail, is_lmtp);
	}
}
