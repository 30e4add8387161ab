/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Stage scan: scanners that need the network or another program, side by side.
 *
 * One scanner runs in the pipeline's own thread; of several the others run in threads of the crew,
 * which live as long as the pipeline thread so that a plugin's thread state is made once.  Each
 * writes into a report of its own; they are merged here, in the order of the configuration, when
 * all are back. */

#include <config.h>

#include "pipeline/scan.h"

#include <string.h>

#include "log/log.h"
#include "pipeline/host.h"

#define SCAN_GRACE_US 200000 /* after its deadline a scanner is not yet worth a log line */

typedef struct {
	AmScanCrew *crew;
	GThread *thread;
	AmScan *job;       /* borrowed; NULL: nothing to do */
	gboolean is_ready; /* thread state of the plugins is made */
} ScanMember;

struct _AmScanCrew {
	AmRegistry *registry;
	GMutex lock; /* guards jobs and is_ending */
	GCond has_job, is_done;
	gboolean is_ending;
	GPtrArray *members; /* ScanMember */
};

static void
scan_run(AmScan *scan)
{
	g_autoptr(GError) error = NULL;
	const AmLoadedPlugin *plugin = scan->instance->plugin;
	gint64 start_us = g_get_monotonic_time();
	am_instance_lock(scan->instance);
	scan->is_ok = plugin->plugin.scanner->scan(scan->instance->data, scan, &error);
	am_instance_unlock(scan->instance);
	gint64 end_us = g_get_monotonic_time();
	scan->duration_us = end_us - start_us;
	if (!scan->is_ok)
		scan->failure = g_strdup(error != NULL ? error->message : "failed without a reason");
	if (end_us > scan->deadline_us + SCAN_GRACE_US)
		am_log(AM_LOG_WARNING, scan->mail->id, "scanner %s overran its deadline by %d ms",
		       scan->instance->name, (int)((end_us - scan->deadline_us) / 1000));
}

/* ---- the crew ------------------------------------------------------------------------------ */

static AmScan *
scan_member_next(ScanMember *member)
{
	AmScanCrew *crew = member->crew;
	g_mutex_lock(&crew->lock);
	while (member->job == NULL && !crew->is_ending)
		g_cond_wait(&crew->has_job, &crew->lock);
	AmScan *job = member->job;
	g_mutex_unlock(&crew->lock);
	return job;
}

static gpointer
scan_member_main(gpointer data)
{
	ScanMember *member = data;
	g_autoptr(GError) error = NULL;
	AmScanCrew *crew = member->crew;
	member->is_ready = am_registry_thread_init(crew->registry, &error);
	for (AmScan *job = scan_member_next(member); job != NULL; job = scan_member_next(member)) {
		if (member->is_ready)
			scan_run(job);
		else
			job->failure = g_strdup_printf("preparing a thread: %s",
						       error != NULL ? error->message : "failed");
		g_mutex_lock(&crew->lock);
		member->job = NULL;
		g_cond_broadcast(&crew->is_done);
		g_mutex_unlock(&crew->lock);
	}
	if (member->is_ready)
		am_registry_thread_end(crew->registry);
	return NULL;
}

AmScanCrew *
am_scan_crew_new(AmRegistry *registry)
{
	AmScanCrew *crew = g_new0(AmScanCrew, 1);
	crew->registry = registry;
	crew->members = g_ptr_array_new_with_free_func(g_free);
	g_mutex_init(&crew->lock);
	g_cond_init(&crew->has_job);
	g_cond_init(&crew->is_done);
	return crew;
}

void
am_scan_crew_free(AmScanCrew *crew)
{
	if (crew == NULL)
		return;
	g_mutex_lock(&crew->lock);
	crew->is_ending = TRUE;
	g_cond_broadcast(&crew->has_job);
	g_mutex_unlock(&crew->lock);
	for (guint i = 0; i < crew->members->len; i++)
		(void)g_thread_join(((ScanMember *)crew->members->pdata[i])->thread);
	g_ptr_array_unref(crew->members);
	g_mutex_clear(&crew->lock);
	g_cond_clear(&crew->has_job);
	g_cond_clear(&crew->is_done);
	g_free(crew);
}

/* The index-th helper, started when it is not there.  NULL: there can be no more threads now. */
static ScanMember *
scan_crew_member(AmScanCrew *crew, guint index)
{
	if (index < crew->members->len)
		return crew->members->pdata[index];
	ScanMember *member = g_new0(ScanMember, 1);
	member->crew = crew;
	member->thread = g_thread_try_new("scan", scan_member_main, member, NULL);
	if (member->thread == NULL) {
		g_free(member);
		return NULL;
	}
	g_ptr_array_add(crew->members, member);
	return member;
}

static void
scan_crew_give(AmScanCrew *crew, ScanMember *member, AmScan *job)
{
	g_mutex_lock(&crew->lock);
	member->job = job;
	g_cond_broadcast(&crew->has_job);
	g_mutex_unlock(&crew->lock);
}

static void
scan_crew_wait(AmScanCrew *crew)
{
	g_mutex_lock(&crew->lock);
	for (guint i = 0; i < crew->members->len; i++)
		while (((ScanMember *)crew->members->pdata[i])->job != NULL)
			g_cond_wait(&crew->is_done, &crew->lock);
	g_mutex_unlock(&crew->lock);
}

/* All but the last go to the crew, the last one and those without a helper run here. */
static void
scan_run_all(AmScanCrew *crew, GPtrArray *scans)
{
	for (guint i = 0; i < scans->len; i++) {
		ScanMember *member = i + 1 < scans->len ? scan_crew_member(crew, i) : NULL;
		if (member != NULL)
			scan_crew_give(crew, member, scans->pdata[i]);
		else
			scan_run(scans->pdata[i]);
	}
	scan_crew_wait(crew);
}

/* ---- which are asked ----------------------------------------------------------------------- */

/* Is the mail blocked for every recipient whatever its score, since there is a virus in it? */
static gboolean
scan_is_settled(const AmReport *report, GPtrArray *settings)
{
	if (!am_report_has_finding(report, "virus"))
		return FALSE;
	for (guint i = 0; i < settings->len; i++) {
		const AmSettings *one = settings->pdata[i];
		if (one->bypass_virus || one->is_lover[AM_CATEGORY_VIRUS] ||
		    one->destiny[AM_CATEGORY_VIRUS] == AM_DESTINY_PASS)
			return FALSE;
	}
	return TRUE;
}

/* Settings of all recipients; NULL when policy cannot tell, which judging will find again. */
static GPtrArray *
scan_get_settings(AmPolicyThread *policy, const AmMail *mail)
{
	g_autoptr(GPtrArray) list =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_settings_free);
	const GPtrArray *recipients = mail->envelope->recipients;
	for (guint i = 0; i < recipients->len; i++) {
		AmSettings *settings =
			am_policy_settings(policy, mail->envelope, recipients->pdata[i], NULL);
		if (settings == NULL)
			return NULL;
		g_ptr_array_add(list, settings);
	}
	return g_steal_pointer(&list);
}

static gboolean
scan_is_wanted(const AmInstance *instance, const AmReport *report, GPtrArray *settings)
{
	if (settings == NULL)
		return TRUE;
	if ((instance->plugin->plugin.caps & AM_CAP_SCORES) != 0)
		return !am_policy_all_bypass(settings, AM_CATEGORY_SPAM) &&
		       !scan_is_settled(report, settings);
	return !am_policy_all_bypass(settings, AM_CATEGORY_VIRUS);
}

/* ---- merging ------------------------------------------------------------------------------- */

static void
scan_merge(AmReport *report, const AmScan *scan)
{
	const AmReport *result = scan->result;
	const char *name = scan->instance->name;
	for (guint i = 0; i < result->findings->len; i++) {
		const AmFinding *finding = result->findings->pdata[i];
		am_report_add_finding(report, finding->kind, finding->name, name, -1,
				      finding->detail);
	}
	report->n_findings_lost += result->n_findings_lost;
	for (guint i = 0; i < result->tests->len; i++) {
		const AmTest *test = result->tests->pdata[i];
		am_report_add_test(report, name, test->name, test->points);
	}
	if (result->is_scored) {
		report->is_scored = TRUE;
		report->score += result->score;
	}
	am_report_add_scanner(report, name, (guint32)MIN(scan->duration_us, (gint64)G_MAXUINT32));
}

static void
scan_free(gpointer data)
{
	AmScan *scan = data;
	am_report_free(scan->result);
	g_free(scan->failure);
	g_free(scan);
}

static GPtrArray *
scan_make_jobs(AmScanCrew *crew, AmPolicyThread *policy, const AmMail *mail, gint64 deadline_us)
{
	GPtrArray *scans = g_ptr_array_new_with_free_func(scan_free);
	GPtrArray *instances = am_registry_instances(crew->registry, AM_KIND_SCANNER);
	g_autoptr(GPtrArray) settings =
		instances->len > 0 ? scan_get_settings(policy, mail) : NULL;
	for (guint i = 0; i < instances->len; i++) {
		AmInstance *instance = instances->pdata[i];
		if (!scan_is_wanted(instance, mail->report, settings))
			continue;
		AmScan *scan = g_new0(AmScan, 1);
		scan->mail = mail;
		scan->instance = instance;
		scan->deadline_us = deadline_us;
		scan->result = am_report_new();
		g_ptr_array_add(scans, scan);
	}
	return scans;
}

void
am_scan(AmScanCrew *crew, AmPolicyThread *policy, AmMail *mail, gint64 deadline_us)
{
	if (am_registry_instances(crew->registry, AM_KIND_SCANNER)->len == 0)
		return;
	g_autoptr(GPtrArray) scans = scan_make_jobs(crew, policy, mail, deadline_us);
	scan_run_all(crew, scans);
	for (guint i = 0; i < scans->len; i++) {
		const AmScan *scan = scans->pdata[i];
		scan_merge(mail->report, scan);
		if (scan->failure != NULL)
			am_report_add_failure(mail->report, scan->instance->name, scan->failure);
	}
}

static gboolean
scan_is_required(AmRegistry *registry, const char *name)
{
	GPtrArray *instances = am_registry_all(registry);
	for (guint i = 0; i < instances->len; i++) {
		const AmInstance *instance = instances->pdata[i];
		guint line = 0;
		if (instance->kind != AM_KIND_SCANNER || strcmp(instance->name, name) != 0)
			continue;
		if ((instance->plugin->plugin.caps & AM_CAP_SCORES) != 0)
			(void)am_config_raw(instance->group, "required", NULL, &line);
		else
			line = 1;
		return instance->is_required && line > 0;
	}
	return TRUE; /* the worker names one we do not know: be on the safe side */
}

GPtrArray *
am_scan_take_optional_failures(AmRegistry *registry, AmMail *mail)
{
	GPtrArray *all = mail->report->failures;
	GPtrArray *optional = g_ptr_array_new();
	for (guint i = 0; i < all->len;) {
		const AmScanFailure *failure = all->pdata[i];
		am_log(AM_LOG_WARNING, mail->id, "scanner %s: %s", failure->scanner, failure->text);
		if (scan_is_required(registry, failure->scanner))
			i++;
		else
			g_ptr_array_add(optional, g_ptr_array_steal_index(all, i));
	}
	return optional;
}

void
am_scan_put_back(AmMail *mail, GPtrArray *failures)
{
	for (guint i = 0; i < failures->len; i++)
		g_ptr_array_add(mail->report->failures, failures->pdata[i]);
	g_ptr_array_unref(failures);
}
