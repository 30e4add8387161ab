/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The way of a mail: inspect, scan, judge, store, deliver, reply, record.
 *
 * Until deliver nothing has left the house, so whatever goes wrong before is a 4xx for the whole
 * mail and the client repeats it.  Copies for quarantine and archive are made before the first byte
 * goes to a next hop, and before a discard is answered by 250.
 *
 * Bounces that policy asks for are sent before anything is delivered: when the DSN cannot be handed
 * over the mail is answered 451, and nobody has got it twice when it comes again.  Should a next hop
 * then refuse another recipient for now, the repetition sends that DSN again; a second notice is the
 * lesser evil.  A bounce that only the next hop's refusal makes necessary comes after delivery, and
 * there a DSN that cannot be sent means 451 too: the recipients that were served get the mail twice,
 * but nobody loses one without being told (features R6). */

#include <config.h>

#include "pipeline/pipeline.h"

#include "log/log.h"
#include "pipeline/copies.h"
#include "pipeline/deliver.h"
#include "pipeline/handback.h"
#include "pipeline/host.h"
#include "pipeline/inspect.h"
#include "pipeline/judge.h"
#include "pipeline/notify.h"
#include "pipeline/pipeline-private.h"
#include "pipeline/scan.h"
#include "pipeline/store.h"
#include "policy/collect.h"

/* Of the time that is left a stage gets this share, so that the next ones have some (R10). */
#define PIPELINE_SHARE_PERCENT 60

static gint64
pipeline_share(const AmMail *mail)
{
	gint64 now_us = g_get_monotonic_time();
	return now_us + MAX(mail->deadline_us - now_us, 0) / 100 * PIPELINE_SHARE_PERCENT;
}

/* Has a stage that failed used up its share?  Waits and plugins keep a little of it to be back in
 * time, so what ended in the last tenth counts as out of time. */
static gboolean
pipeline_is_late(gint64 start_us, gint64 until_us)
{
	return g_get_monotonic_time() >= until_us - (until_us - start_us) / 10;
}

/* Time since *mark goes to the stage. */
static void
pipeline_mark(AmRecord *record, AmStage stage, gint64 *mark)
{
	gint64 now_us = g_get_monotonic_time();
	record->stage_us[stage] += now_us - *mark;
	*mark = now_us;
}

static void
pipeline_note_failure(AmRecord *record, const char *stage, const GError *error)
{
	g_autofree char *text = g_strdup_printf("%s: %s", stage, error->message);
	am_log(AM_LOG_ERROR, record->mail->id, "%s", text);
	am_record_add_failure(record, text);
}

/* ---- inspect, scan, judge ------------------------------------------------------------------ */

/* A mail whose content nobody wants to know goes by without a content worker.  Its report is empty:
 * this process does not parse a header, so edits can only add fields above the mail's own. */
static AmReport *
pipeline_skip(AmPipelineThread *thread, const AmMail *mail)
{
	return am_policy_needs_content(thread->policy, mail->envelope) ? NULL : am_report_new();
}

static void
pipeline_inspect(AmPipelineThread *thread, AmRecord *record)
{
	g_autoptr(GError) error = NULL;
	AmMail *mail = record->mail;
	gint64 start_us = g_get_monotonic_time(), until_us = pipeline_share(mail);
	mail->report = am_inspect(&thread->inspect, mail, until_us, &error);
	if (mail->report == NULL)
		pipeline_note_failure(record, "inspect", error);
	if (mail->report == NULL || mail->report->failures->len > 0)
		mail->is_late = pipeline_is_late(start_us, until_us);
}

static void
pipeline_scan(AmPipelineThread *thread, AmRecord *record)
{
	AmMail *mail = record->mail;
	if (mail->report == NULL)
		return;
	gint64 start_us = g_get_monotonic_time(), until_us = pipeline_share(mail);
	am_scan(thread->crew, thread->policy, mail, until_us);
	if (mail->report->failures->len > 0 && pipeline_is_late(start_us, until_us))
		mail->is_late = TRUE;
}

static gboolean
pipeline_ends_late(const AmMail *mail)
{
	return mail->is_late && mail->when_late == AM_LATE_TEMPFAIL && am_collect_has_failed(mail);
}

/* NULL, or the refusal for the whole mail. */
static AmReply *
pipeline_judge(AmPipelineThread *thread, AmRecord *record)
{
	g_autoptr(GError) error = NULL;
	AmMail *mail = record->mail;
	AmRegistry *registry = thread->pipeline->registry;
	const char *failure = *record->failure != '\0' ? record->failure : NULL;
	GPtrArray *optional =
		mail->report != NULL ? am_scan_take_optional_failures(registry, mail) : NULL;
	gboolean is_over = pipeline_ends_late(mail);
	record->dispositions = am_judge(thread->policy, registry, mail, failure, &error);
	if (optional != NULL)
		am_scan_put_back(mail, optional);
	if (is_over) {
		am_record_add_failure(record, "the time for an answer was up");
		return am_reply_new(451, "4.3.2", "mail could not be checked in time, try again later");
	}
	if (record->dispositions != NULL)
		return NULL;
	pipeline_note_failure(record, "judge", error);
	AmReply *refusal = am_reply_from_error(error);
	if (am_reply_is_temporary(refusal))
		return refusal;
	am_reply_free(refusal); /* a failure of ours is never the mail's */
	return am_reply_new(451, "4.3.0", "mail could not be processed, try again later");
}

/* The first three stages; NULL, or the refusal. */
static AmReply *
pipeline_look(AmPipelineThread *thread, AmRecord *record, gint64 *mark)
{
	record->mail->report = pipeline_skip(thread, record->mail);
	if (record->mail->report == NULL) {
		pipeline_inspect(thread, record);
		pipeline_mark(record, AM_STAGE_INSPECT, mark);
		pipeline_scan(thread, record);
		pipeline_mark(record, AM_STAGE_SCAN, mark);
	}
	AmReply *refusal = pipeline_judge(thread, record);
	pipeline_mark(record, AM_STAGE_JUDGE, mark);
	return refusal;
}

/* ---- store, deliver, reply ----------------------------------------------------------------- */

static AmReply *
pipeline_store(AmPipelineThread *thread, AmRecord *record)
{
	g_autoptr(GError) error = NULL;
	guint n_stored;
	g_free(record->quarantine_location);
	AmReply *refusal = am_store(thread->pipeline->registry, record->mail, record->dispositions,
				    &record->quarantine_location, &n_stored, &error);
	am_pipeline_count(&thread->pipeline->generation->statistics->quarantined, n_stored);
	if (refusal != NULL)
		pipeline_note_failure(record, "store", error);
	return refusal;
}

/* Does policy already hold a 4xx that decides the answer to an SMTP client? */
static gboolean
pipeline_is_tempfailed(GPtrArray *dispositions)
{
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		if (disposition->destiny == AM_DESTINY_TEMPFAIL ||
		    (disposition->reply != NULL && am_reply_is_temporary(disposition->reply)))
			return TRUE;
	}
	return FALSE;
}

/* Sends a DSN for those of the list; FALSE: *refusal is the 451. */
static gboolean
pipeline_notify(AmPipelineThread *thread, AmRecord *record, GPtrArray *bounced, AmReply **refusal)
{
	g_autofree char *queue_id = NULL;
	if (bounced->len == 0)
		return TRUE;
	for (guint i = 0; i < bounced->len; i++)
		((AmDisposition *)bounced->pdata[i])->wants_dsn = TRUE;
	gboolean ok = am_notify_dsn(&thread->pipeline->deliver, record->mail, bounced, &queue_id,
				    refusal);
	if (queue_id != NULL && *queue_id != '\0') {
		g_free(record->dsn_queue_id);
		record->dsn_queue_id = g_steal_pointer(&queue_id);
	}
	if (!ok) {
		am_record_add_failure(record, "notify: the sender could not be told");
		if (*refusal == NULL)
			*refusal = am_reply_new(451, "4.5.0", "sender could not be notified");
	}
	return ok;
}

/* The bounced are not done: with LMTP they alone, with SMTP the whole mail is to come again. */
static void
pipeline_tempfail(GPtrArray *dispositions, const AmReply *refusal)
{
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		am_reply_free(disposition->reply);
		disposition->reply = am_reply_copy(refusal);
	}
}

/* Recipients that policy bounces.  Not when the answer is a 4xx anyway. */
static void
pipeline_bounce_early(AmPipelineThread *thread, AmRecord *record, gboolean is_lmtp)
{
	g_autoptr(GPtrArray) bounced = g_ptr_array_new();
	g_autoptr(AmReply) refusal = NULL;
	if (!is_lmtp && pipeline_is_tempfailed(record->dispositions))
		return;
	for (guint i = 0; i < record->dispositions->len; i++) {
		AmDisposition *disposition = record->dispositions->pdata[i];
		if (disposition->destiny == AM_DESTINY_BOUNCE &&
		    !(disposition->reply != NULL && am_reply_is_temporary(disposition->reply)))
			g_ptr_array_add(bounced, disposition);
	}
	if (!pipeline_notify(thread, record, bounced, &refusal))
		pipeline_tempfail(bounced, refusal);
}

/* Recipients that cannot be refused any more since others got the mail.  With LMTP every recipient
 * has heard his own refusal. */
static void
pipeline_bounce_late(AmPipelineThread *thread, AmRecord *record)
{
	g_autoptr(GPtrArray) bounced = g_ptr_array_new();
	g_autoptr(AmReply) refusal = NULL;
	for (guint i = 0; i < record->dispositions->len; i++) {
		AmDisposition *disposition = record->dispositions->pdata[i];
		if (disposition->wants_dsn && disposition->destiny != AM_DESTINY_BOUNCE)
			g_ptr_array_add(bounced, disposition);
	}
	if (pipeline_notify(thread, record, bounced, &refusal))
		return;
	pipeline_tempfail(bounced, refusal);
	g_ptr_array_unref(record->replies);
	record->replies = am_disposition_replies(record->dispositions, FALSE);
}

/* deliver and reply, with the bounces before and behind.  Reports of success, copies and notices come
 * last, when the mail will not come again. */
static void
pipeline_deliver(AmPipelineThread *thread, AmRecord *record, gboolean is_lmtp, gint64 *mark)
{
	pipeline_bounce_early(thread, record, is_lmtp);
	pipeline_mark(record, AM_STAGE_NOTIFY, mark);
	am_deliver(&thread->pipeline->deliver, record->mail, record->dispositions, is_lmtp);
	pipeline_mark(record, AM_STAGE_DELIVER, mark);
	record->replies = am_disposition_replies(record->dispositions, is_lmtp);
	if (!is_lmtp)
		pipeline_bounce_late(thread, record);
	gboolean is_final = is_lmtp || !am_reply_is_temporary(record->replies->pdata[0]);
	if (is_final) {
		am_notify_relayed(&thread->pipeline->deliver, record->mail, record->dispositions);
		am_copies_send(&thread->pipeline->deliver, record->mail, record->dispositions,
			       record->quarantine_location);
	}
	pipeline_mark(record, AM_STAGE_NOTIFY, mark);
}

/* The same refusal for everybody; nothing was delivered. */
static void
pipeline_refuse(AmRecord *record, const AmReply *refusal, gboolean is_lmtp)
{
	guint n = is_lmtp ? record->mail->envelope->recipients->len : 1;
	record->replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	for (guint i = 0; i < n; i++)
		g_ptr_array_add(record->replies, am_reply_copy(refusal));
	if (record->dispositions != NULL)
		pipeline_tempfail(record->dispositions, refusal);
}

/* ---- record -------------------------------------------------------------------------------- */

static void
pipeline_count_recipients(AmStatistics *statistics, const AmRecord *record)
{
	guint n = record->mail->envelope->recipients->len;
	gint64 *const counters[] = {
		[AM_OUTCOME_DELIVER] = &statistics->delivered,
		[AM_OUTCOME_BOUNCE] = &statistics->bounced,
		[AM_OUTCOME_REJECT] = &statistics->rejected,
		[AM_OUTCOME_DISCARD] = &statistics->discarded,
		[AM_OUTCOME_TEMPFAIL] = &statistics->tempfailed,
	};
	for (guint i = 0; i < n; i++)
		am_pipeline_count(counters[am_record_outcome(record, i)], 1);
	am_pipeline_count(&statistics->recipients_total, n);
}

static void
pipeline_count_mail(AmStatistics *statistics, const AmRecord *record)
{
	gint64 *const counters[AM_N_CATEGORIES] = {
		[AM_CATEGORY_CLEAN] = &statistics->clean,
		[AM_CATEGORY_BAD_HEADER] = &statistics->bad_header,
		[AM_CATEGORY_SPAMMY] = &statistics->spam,
		[AM_CATEGORY_SPAM] = &statistics->spam,
		[AM_CATEGORY_UNCHECKED] = &statistics->unchecked,
		[AM_CATEGORY_BANNED] = &statistics->banned,
		[AM_CATEGORY_VIRUS] = &statistics->virus,
	};
	AmCategory category = am_record_category(record);
	if (counters[category] != NULL)
		am_pipeline_count(counters[category], 1);
	am_pipeline_count(&statistics->mails_total, 1);
	am_pipeline_count(&statistics->bytes_total, (gint64)am_spool_size(record->mail->spool));
}

static void
pipeline_record(AmPipelineThread *thread, AmRecord *record)
{
	AmStatistics *statistics = thread->pipeline->generation->statistics;
	record->total_us = g_get_monotonic_time() - record->mail->start_us;
	pipeline_count_recipients(statistics, record);
	pipeline_count_mail(statistics, record);
	if (!am_log_is_on(AM_LOG_INFO))
		return;
	g_autofree char *line = am_log_format() == AM_LOG_JSON ? am_record_to_event(record)
							       : am_record_to_text(record);
	am_log_record(AM_LOG_INFO, line);
}

static GPtrArray *
pipeline_copy_replies(const GPtrArray *replies)
{
	GPtrArray *copy = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	for (guint i = 0; i < replies->len; i++)
		g_ptr_array_add(copy, am_reply_copy(replies->pdata[i]));
	return copy;
}

/* ---- the whole way ------------------------------------------------------------------------- */

static AmRecord *
pipeline_begin(AmPipelineThread *thread, AmMail *mail, gint64 *mark)
{
	AmRecord *record = am_record_new(mail);
	*mark = g_get_monotonic_time();
	gint64 last_us = mail->received_us + thread->pipeline->max_mail_us;
	mail->deadline_us = mail->deadline_us != 0 ? MIN(mail->deadline_us, last_us) : last_us;
	record->stage_us[AM_STAGE_RECEIVE] = mail->received_us - mail->start_us;
	return record;
}

GPtrArray *
am_pipeline_run(AmPipelineThread *thread, AmMail *mail, gboolean is_lmtp)
{
	gint64 mark;
	g_autoptr(AmRecord) record = pipeline_begin(thread, mail, &mark);
	g_autoptr(AmReply) refusal = pipeline_look(thread, record, &mark);
	if (refusal == NULL) {
		refusal = pipeline_store(thread, record);
		pipeline_mark(record, AM_STAGE_STORE, &mark);
	}
	if (refusal == NULL)
		pipeline_deliver(thread, record, is_lmtp, &mark);
	else
		pipeline_refuse(record, refusal, is_lmtp);
	pipeline_record(thread, record);
	return pipeline_copy_replies(record->replies);
}

/* The client delivers to those for whom it may; we to the others. */
static void
pipeline_hand_back(AmPipelineThread *thread, AmRecord *record, AmConflict conflict,
		   AmHandback *handback, gint64 *mark)
{
	pipeline_bounce_early(thread, record, TRUE);
	pipeline_mark(record, AM_STAGE_NOTIFY, mark);
	am_handback_assign(record->dispositions, thread->pipeline->forward->text, conflict,
			   handback);
	am_deliver(&thread->pipeline->deliver, record->mail, record->dispositions, FALSE);
	pipeline_mark(record, AM_STAGE_DELIVER, mark);
	record->replies = am_disposition_replies(record->dispositions, FALSE);
	pipeline_bounce_late(thread, record);
	if (!am_reply_is_temporary(record->replies->pdata[0]))
		am_notify_relayed(&thread->pipeline->deliver, record->mail, record->dispositions);
	pipeline_mark(record, AM_STAGE_NOTIFY, mark);
	am_handback_conclude(record->dispositions, record->replies->pdata[0], handback);
}

AmRecord *
am_pipeline_check(AmPipelineThread *thread, AmMail *mail, AmConflict conflict, AmHandback *handback)
{
	gint64 mark;
	AmRecord *record = pipeline_begin(thread, mail, &mark);
	g_autoptr(AmReply) refusal = pipeline_look(thread, record, &mark);
	if (refusal == NULL) {
		refusal = pipeline_store(thread, record);
		pipeline_mark(record, AM_STAGE_STORE, &mark);
	}
	if (refusal == NULL) {
		pipeline_hand_back(thread, record, conflict, handback, &mark);
	} else {
		pipeline_refuse(record, refusal, FALSE);
		handback->reply = am_reply_copy(refusal);
	}
	return record;
}

void
am_pipeline_conclude(AmPipelineThread *thread, AmRecord *record)
{
	gint64 mark = g_get_monotonic_time();
	if (record->dispositions != NULL && !am_reply_is_temporary(record->replies->pdata[0])) {
		am_copies_send(&thread->pipeline->deliver, record->mail, record->dispositions,
			       record->quarantine_location);
		pipeline_mark(record, AM_STAGE_NOTIFY, &mark);
	}
	pipeline_record(thread, record);
	am_record_free(record);
}

AmRecord *
am_pipeline_try(AmPipelineThread *thread, AmMail *mail)
{
	gint64 mark;
	AmInspectContext counted = thread->inspect;
	AmRecord *record = pipeline_begin(thread, mail, &mark);
	thread->inspect.statistics = NULL;
	g_autoptr(AmReply) refusal G_GNUC_UNUSED = pipeline_look(thread, record, &mark);
	thread->inspect = counted;
	record->total_us = g_get_monotonic_time() - mail->start_us;
	return record;
}
