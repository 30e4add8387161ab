/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The host table of content workers: decoders make children through the part tree, which counts
 * them against the mail's budget; scanners read mail and parts and put findings into the report. */

#include <config.h>

#include "content/host.h"

#include "content/names.h"
#include "log/log.h"

struct _AmChild {
	AmPart *part;
	AmPartWriter *writer; /* NULL: no content */
};

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

/* ---- decoders ------------------------------------------------------------------------------ */

static AmPart *
host_decode_part(AmDecode *decode)
{
	return decode->part;
}

static AmChild *
host_child_open(AmDecode *decode, const char *name, guint32 flags)
{
	const guint32 known =
		AM_PART_DIRECTORY | AM_PART_LINK | AM_PART_SPECIAL | AM_PART_ENCRYPTED;
	AmPart *parent = decode->part;
	if (am_part_tree_is_late(parent->tree)) {
		am_part_limit(parent, "time", "no time left to take the mail apart");
		return NULL;
	}
	AmPart *part = am_part_tree_add(parent->tree, parent, AM_PART_MEMBER);
	if (part == NULL)
		return NULL;
	am_part_mark(part, flags & known, (flags & AM_PART_ENCRYPTED) ? "encrypted member" : NULL);
	if (name != NULL)
		am_part_set_names(part, am_names_read_raw(name));
	AmChild *child = g_new0(AmChild, 1);
	child->part = part;
	return child;
}

static gboolean
host_child_write(AmChild *child, gconstpointer data, gsize len)
{
	if (child->writer == NULL)
		child->writer = am_part_writer_new(child->part, TRUE);
	return am_part_writer_write(child->writer, data, len);
}

static gboolean
host_child_close(AmChild *child)
{
	const guint32 empty =
		AM_PART_DIRECTORY | AM_PART_LINK | AM_PART_SPECIAL | AM_PART_ENCRYPTED;
	gboolean ok = TRUE;
	if (child->writer == NULL && (child->part->facts->flags & empty) == 0)
		child->writer = am_part_writer_new(child->part, TRUE); /* an empty file */
	if (child->writer != NULL)
		ok = am_part_writer_close(child->writer);
	g_free(child);
	return ok;
}

static void
host_decode_mark(AmDecode *decode, guint32 flags, const char *reason)
{
	const guint32 known = AM_PART_ENCRYPTED | AM_PART_UNDECODED | AM_PART_AMBIGUOUS;
	if (flags & AM_PART_LIMIT)
		am_part_limit(decode->part, "bytes", reason);
	am_part_mark(decode->part, flags & known, reason);
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
		host.decode_part = host_decode_part;
		host.child_open = host_child_open;
		host.child_write = host_child_write;
		host.child_close = host_child_close;
		host.decode_mark = host_decode_mark;
		g_once_init_leave(&is_made, 1);
	}
	return &host;
}
