/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Stage store: quarantine and archive.
 *
 * Copies are made before anything is delivered and before a discard is answered: when one fails the
 * client still has the mail, and its repetition starts anew.  The copy that another quarantine took
 * before the failure stays, under an id that is not used again. */

#include <config.h>

#include "pipeline/store.h"

#include <string.h>

#include "mail/address.h"

#define STORE_SUBJECT_BYTES 300u
#define STORE_REASON_BYTES 500u

/* One quarantine and for whom it keeps the mail. */
typedef struct {
	const char *name;         /* borrowed */
	GPtrArray *dispositions;  /* borrowed elements */
	AmCategory category;      /* highest; NONE: archive only */
} StoreTarget;

static void
store_target_free(gpointer data)
{
	StoreTarget *target = data;
	g_ptr_array_unref(target->dispositions);
	g_free(target);
}

static StoreTarget *
store_get_target(GPtrArray *targets, const char *name)
{
	for (guint i = 0; i < targets->len; i++) {
		StoreTarget *target = targets->pdata[i];
		if (strcmp(target->name, name) == 0)
			return target;
	}
	StoreTarget *target = g_new0(StoreTarget, 1);
	target->name = name;
	target->dispositions = g_ptr_array_new();
	g_ptr_array_add(targets, target);
	return target;
}

static void
store_add(GPtrArray *targets, const char *name, AmDisposition *disposition, AmCategory category)
{
	if (name == NULL || *name == '\0')
		return;
	StoreTarget *target = store_get_target(targets, name);
	GPtrArray *list = target->dispositions;
	if (list->len == 0 || list->pdata[list->len - 1] != disposition)
		g_ptr_array_add(list, disposition);
	target->category = MAX(target->category, category);
}

static AmCategory
store_category(const AmDisposition *disposition)
{
	return disposition->blocking != AM_CATEGORY_NONE ? disposition->blocking
							 : disposition->main_category;
}

static GPtrArray *
store_get_targets(GPtrArray *dispositions)
{
	GPtrArray *targets = g_ptr_array_new_with_free_func(store_target_free);
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		store_add(targets, disposition->quarantine, disposition,
			  store_category(disposition));
		/* what policy puts off comes again, and is kept then */
		if (disposition->settings != NULL && disposition->destiny != AM_DESTINY_TEMPFAIL)
			store_add(targets, disposition->settings->archive_quarantine, disposition,
				  AM_CATEGORY_NONE);
	}
	return targets;
}

/* ---- the header in front ------------------------------------------------------------------- */

/* One line of text from a mail: controls become blanks, cut at `max` bytes between characters. */
static void
store_append_text(GString *out, const char *name, const char *text, gsize max)
{
	if (text == NULL || *text == '\0')
		return;
	g_string_append_printf(out, "%s: ", name);
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	const char *p = valid;
	for (const char *next; *p != '\0' && (gsize)(p - valid) < max; p = next) {
		next = g_utf8_next_char(p);
		if ((guchar)*p < ' ' || *p == 0x7f)
			g_string_append_c(out, ' ');
		else
			g_string_append_len(out, p, next - p);
	}
	g_string_append(out, "\r\n");
}

static void
store_append_address(GString *out, const char *address)
{
	g_autofree char *quoted = am_address_quote(address);
	g_string_append_c(out, '<');
	for (const char *p = quoted; *p != '\0'; p++)
		if ((guchar)*p >= ' ' && *p != 0x7f) /* no address has them; be sure */
			g_string_append_c(out, *p);
	g_string_append_c(out, '>');
}

/* One recipient a line; nothing at all when there is none. */
static void
store_append_recipients(GString *out, const char *name, GPtrArray *dispositions, gboolean is_all)
{
	gboolean is_first = TRUE;
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		if (!is_all && disposition->destiny == AM_DESTINY_PASS)
			continue;
		if (is_first)
			g_string_append_printf(out, "%s: ", name);
		else
			g_string_append(out, ",\r\n\t");
		store_append_address(out, disposition->recipient->address);
		is_first = FALSE;
	}
	if (!is_first)
		g_string_append(out, "\r\n");
}

static void
store_append_time(GString *out, gint64 real_us)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(real_us / G_USEC_PER_SEC);
	g_autofree char *text = time != NULL ? g_date_time_format_iso8601(time) : NULL;
	if (text != NULL)
		g_string_append_printf(out, "X-Quarantine-Time: %s\r\n", text);
}

static const char *
store_reason(GPtrArray *dispositions)
{
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		if (disposition->reason != NULL && *disposition->reason != '\0')
			return disposition->reason;
	}
	return "";
}

char *
am_store_header(const AmMail *mail, const char *category, GPtrArray *dispositions)
{
	GString *out = g_string_new("Return-Path: ");
	store_append_address(out, mail->envelope->sender);
	g_string_append_printf(out,
			       "\r\nX-Quarantine-ID: <%s>\r\n" AM_STORE_SIZE "%" G_GUINT64_FORMAT
			       "\r\n",
			       mail->id, am_spool_size(mail->spool));
	if (*mail->secret != '\0')
		g_string_append_printf(out, AM_STORE_SECRET "%s\r\n", mail->secret);
	store_append_time(out, mail->arrival_us);
	if (mail->report != NULL)
		store_append_text(out, "X-Quarantine-Subject", mail->report->subject,
				  STORE_SUBJECT_BYTES);
	g_string_append_printf(out, "X-Amavis-Category: %s\r\n", category);
	store_append_text(out, "X-Amavis-Alert", store_reason(dispositions), STORE_REASON_BYTES);
	g_string_append(out, "X-Envelope-From: ");
	store_append_address(out, mail->envelope->sender);
	g_string_append(out, "\r\n");
	store_append_recipients(out, "X-Envelope-To", dispositions, TRUE);
	store_append_recipients(out, "X-Envelope-To-Blocked", dispositions, FALSE);
	return g_string_free(out, FALSE);
}

/* ---- storing ------------------------------------------------------------------------------- */

static char **
store_make_recipients(GPtrArray *dispositions, gboolean is_all)
{
	char **list = g_new0(char *, dispositions->len + 1);
	for (guint i = 0, n = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		if (!is_all && disposition->destiny == AM_DESTINY_PASS)
			continue;
		g_autofree char *quoted = am_address_quote(disposition->recipient->address);
		list[n++] = g_strdup_printf("<%s>", quoted);
	}
	return list;
}

static gboolean
store_in(AmInstance *instance, const AmMail *mail, const StoreTarget *target, char **location,
	 GError **error)
{
	const char *category = target->category != AM_CATEGORY_NONE
				       ? am_category_name(target->category)
				       : "archive";
	g_autofree char *header = am_store_header(mail, category, target->dispositions);
	g_auto(GStrv) recipients = store_make_recipients(target->dispositions, TRUE);
	g_auto(GStrv) blocked = store_make_recipients(target->dispositions, FALSE);
	g_autofree char *quoted = am_address_quote(mail->envelope->sender);
	g_autofree char *sender = g_strdup_printf("<%s>", quoted);
	const AmQuarantineItem item = {
		.struct_size = sizeof item,
		.id = mail->id,
		.category = category,
		.header = header,
		.fd = am_spool_fd(mail->spool),
		.size = am_spool_size(mail->spool),
		.time = mail->arrival_us / G_USEC_PER_SEC,
		.sender = sender,
		.recipients = (const char *const *)recipients,
		.subject = mail->report != NULL ? mail->report->subject : "",
		.blocked = (const char *const *)blocked,
	};
	am_instance_lock(instance);
	gboolean ok = instance->plugin->plugin.quarantine->store(instance->data, &item, location,
								 error);
	am_instance_unlock(instance);
	if (!ok && error != NULL && *error == NULL)
		g_set_error(error, AM_ERROR, AM_ERROR_SOFTWARE, "failed without a reason");
	return ok;
}

static AmReply *
store_refusal(const GError *error)
{
	if (g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC))
		return am_reply_disk_full();
	return am_reply_new(451, "4.5.0", "mail could not be stored, try again later");
}

static AmReply *
store_one(AmRegistry *registry, const AmMail *mail, const StoreTarget *target, GString *locations,
	  GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autofree char *location = NULL;
	AmInstance *instance = am_registry_find(registry, AM_KIND_QUARANTINE, target->name);
	if (instance == NULL)
		g_set_error(&local, AM_ERROR, AM_ERROR_CONFIG, "there is none of that name");
	else if (store_in(instance, mail, target, &location, &local)) {
		g_string_append_printf(locations, "%s%s", locations->len > 0 ? " " : "",
				       location != NULL ? location : target->name);
		return NULL;
	}
	AmReply *refusal = store_refusal(local);
	g_propagate_prefixed_error(error, g_steal_pointer(&local), "quarantine %s: ", target->name);
	return refusal;
}

AmReply *
am_store(AmRegistry *registry, const AmMail *mail, GPtrArray *dispositions, char **location,
	 guint *n_stored, GError **error)
{
	g_autoptr(GPtrArray) targets = store_get_targets(dispositions);
	GString *locations = g_string_new(NULL);
	AmReply *refusal = NULL;
	*n_stored = 0;
	for (guint i = 0; i < targets->len && refusal == NULL; i++) {
		refusal = store_one(registry, mail, targets->pdata[i], locations, error);
		*n_stored += refusal == NULL;
	}
	*location = g_string_free(locations, FALSE);
	return refusal;
}
