/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The host table of content workers, the scanners' side: they read mail and parts and put findings
 * into the report.  The decoders' side is in host-decode.c. */

#include <config.h>

#include "content/host.h"

#include "content/host-program.h"
#include "log/log.h"

/* Set once at the start of a worker, see host.h. */
static AmHostLogFunc host_log_func;

void
am_content_host_set_log(AmHostLogFunc func)
{
	host_log_func = func;
}

static void host_log(AmInstance *instance, AmLogLevel level, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static void
host_log(AmInstance *instance, AmLogLevel level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *line = g_strdup_printf("%s: %.1000s", instance->name, text);
	if (host_log_func != NULL)
		host_log_func(level, line);
	else
		am_log(level, NULL, "%s", line);
}

/* ---- scanners ------------------------------------------------------------------------------ */

static int
host_mail_fd(AmScan *scan)
{
	return scan->mail_fd;
}

static guint64
host_mail_size(AmScan *scan)
{
	return scan->request->mail_size;
}

static const char *
host_mail_id(AmScan *scan)
{
	return scan->request->mail_id;
}

static const char *
host_text(const char *text)
{
	return text != NULL ? text : "";
}

static const char *
host_mail_sender(AmScan *scan)
{
	return host_text(scan->request->sender);
}

static guint
host_mail_n_recipients(AmScan *scan)
{
	return scan->request->recipients != NULL ? g_strv_length(scan->request->recipients) : 0;
}

static const char *
host_mail_recipient(AmScan *scan, guint index)
{
	return index < host_mail_n_recipients(scan) ? scan->request->recipients[index] : NULL;
}

static const char *
host_mail_client_address(AmScan *scan)
{
	return host_text(scan->request->client_address);
}

static const char *
host_mail_helo(AmScan *scan)
{
	return host_text(scan->request->helo);
}

static gint64
host_deadline_us(AmScan *scan)
{
	return scan->request->deadline_us;
}

static guint
host_n_parts(AmScan *scan)
{
	return scan->tree->parts->len;
}

static AmPart *
host_part(AmScan *scan, guint index)
{
	return am_part_tree_get(scan->tree, index);
}

static void
host_part_info(AmPart *part, AmPartInfo *info)
{
	am_part_info(part, info);
}

static int
host_part_fd(AmPart *part)
{
	return am_part_view(part);
}

static void
host_finding(AmScan *scan, AmPart *part, const char *kind, const char *name, const char *detail)
{
	am_report_add_finding(scan->report, kind, name, scan->instance->name,
			      part != NULL ? part->index : -1, detail);
}

static void
host_score(AmScan *scan, double points)
{
	scan->report->is_scored = TRUE;
	scan->report->score += points;
}

static void
host_test(AmScan *scan, const char *name, double points)
{
	am_report_add_test(scan->report, scan->instance->name, name, points);
}

const AmHost *
am_content_host(void)
{
	static AmHost host;
	static gsize is_made;
	if (g_once_init_enter(&is_made)) {
		am_host_init(&host);
		host.log = host_log;
		host.mail_fd = host_mail_fd;
		host.mail_size = host_mail_size;
		host.mail_id = host_mail_id;
		host.mail_sender = host_mail_sender;
		host.mail_n_recipients = host_mail_n_recipients;
		host.mail_recipient = host_mail_recipient;
		host.mail_client_address = host_mail_client_address;
		host.mail_helo = host_mail_helo;
		host.deadline_us = host_deadline_us;
		host.n_parts = host_n_parts;
		host.part = host_part;
		host.part_info = host_part_info;
		host.part_fd = host_part_fd;
		host.finding = host_finding;
		host.score = host_score;
		host.test = host_test;
		am_content_host_add_decoding(&host);
		am_content_host_add_programs(&host);
		g_once_init_leave(&is_made, 1);
	}
	return &host;
}
