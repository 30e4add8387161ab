/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The part of the host table that is the same in every process: settings, names, log.  All other
 * functions are there and say no, so that a plugin which calls what makes no sense where it runs
 * gets an answer and not a crash. */

#include <config.h>

#include "plugin/registry.h"

#include <string.h>

#include "log/log.h"

#define LOG_LINE_MAX_BYTES 1000

static const char *
host_setting_string(AmInstance *instance, const char *name)
{
	return am_config_string(instance->group, name);
}

static gboolean
host_setting_bool(AmInstance *instance, const char *name)
{
	return am_config_bool(instance->group, name);
}

static gint64
host_setting_int(AmInstance *instance, const char *name)
{
	return am_config_int(instance->group, name);
}

static double
host_setting_double(AmInstance *instance, const char *name)
{
	return am_config_double(instance->group, name);
}

static const char *const *
host_setting_list(AmInstance *instance, const char *name)
{
	return am_config_list(instance->group, name);
}

static const char *
host_instance_name(AmInstance *instance)
{
	return instance->name;
}

static void host_log(AmInstance *instance, AmLogLevel level, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static void
host_log(AmInstance *instance, AmLogLevel level, const char *format, ...)
{
	char line[LOG_LINE_MAX_BYTES + 1];
	va_list args;
	if (!am_log_is_on(level))
		return;
	va_start(args, format);
	(void)g_vsnprintf(line, sizeof line, format, args); /* cut: that is wanted */
	va_end(args);
	am_log(level, NULL, "%s %s: %s", am_kind_name(instance->kind), instance->name, line);
}

/* ---- what is for others to fill in --------------------------------------------------------- */

static int
host_no_mail_fd(G_GNUC_UNUSED AmScan *scan)
{
	return -1;
}

static guint64
host_no_mail_size(G_GNUC_UNUSED AmScan *scan)
{
	return 0;
}

static const char *
host_no_mail_text(G_GNUC_UNUSED AmScan *scan)
{
	return "";
}

static guint
host_no_mail_count(G_GNUC_UNUSED AmScan *scan)
{
	return 0;
}

static const char *
host_no_recipient(G_GNUC_UNUSED AmScan *scan, G_GNUC_UNUSED guint index)
{
	return NULL;
}

static gint64
host_no_deadline(G_GNUC_UNUSED AmScan *scan)
{
	return 0;
}

static AmPart *
host_no_part(G_GNUC_UNUSED AmScan *scan, G_GNUC_UNUSED guint index)
{
	return NULL;
}

static void
host_no_part_info(G_GNUC_UNUSED AmPart *part, AmPartInfo *info)
{
	*info = (AmPartInfo){ .path = "",
			      .declared_type = "",
			      .type = "",
			      .short_type = "",
			      .name = "",
			      .parent = -1 };
}

static int
host_no_part_fd(G_GNUC_UNUSED AmPart *part)
{
	return -1;
}

static void
host_no_finding(G_GNUC_UNUSED AmScan *scan, G_GNUC_UNUSED AmPart *part,
		G_GNUC_UNUSED const char *kind, G_GNUC_UNUSED const char *name,
		G_GNUC_UNUSED const char *detail)
{
}

static void
host_no_score(G_GNUC_UNUSED AmScan *scan, G_GNUC_UNUSED double points)
{
}

static void
host_no_test(G_GNUC_UNUSED AmScan *scan, G_GNUC_UNUSED const char *name,
	     G_GNUC_UNUSED double points)
{
}

static AmPart *
host_no_decode_part(G_GNUC_UNUSED AmDecode *decode)
{
	return NULL;
}

static AmChild *
host_no_child_open(G_GNUC_UNUSED AmDecode *decode, G_GNUC_UNUSED const char *name,
		   G_GNUC_UNUSED guint32 flags)
{
	return NULL;
}

static gboolean
host_no_child_write(G_GNUC_UNUSED AmChild *child, G_GNUC_UNUSED gconstpointer data,
		    G_GNUC_UNUSED gsize len)
{
	return FALSE;
}

static gboolean
host_no_child_close(G_GNUC_UNUSED AmChild *child)
{
	return FALSE;
}

static void
host_no_decode_mark(G_GNUC_UNUSED AmDecode *decode, G_GNUC_UNUSED guint32 flags,
		    G_GNUC_UNUSED const char *reason)
{
}

static void
host_no_decode_finding(G_GNUC_UNUSED AmDecode *decode, G_GNUC_UNUSED const char *kind,
		       G_GNUC_UNUSED const char *name, G_GNUC_UNUSED const char *detail)
{
}

static gint64
host_no_decode_deadline(G_GNUC_UNUSED AmDecode *decode)
{
	return 0;
}

static void
host_no_child_declare(G_GNUC_UNUSED AmChild *child, G_GNUC_UNUSED const char *type)
{
}

static const char *
host_no_decode_password(G_GNUC_UNUSED AmDecode *decode, G_GNUC_UNUSED guint index)
{
	return NULL;
}

static void
host_no_decode_opened(G_GNUC_UNUSED AmDecode *decode, G_GNUC_UNUSED guint index)
{
}

static int
host_no_program_add(G_GNUC_UNUSED AmInstance *instance, G_GNUC_UNUSED const char *const *argv,
		    G_GNUC_UNUSED const char *ending, G_GNUC_UNUSED guint32 flags, GError **error)
{
	g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE, "no programs are run here");
	return -1;
}

static gboolean
host_no_program_run(G_GNUC_UNUSED AmDecode *decode, G_GNUC_UNUSED int program,
		    G_GNUC_UNUSED const char *password, G_GNUC_UNUSED int *status, GError **error)
{
	g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE, "no programs are run here");
	return FALSE;
}

static const char *
host_no_program_output(G_GNUC_UNUSED AmDecode *decode)
{
	return "";
}

static gboolean
host_no_program_collect(G_GNUC_UNUSED AmDecode *decode)
{
	return FALSE;
}

static const char *
host_no_action_text(G_GNUC_UNUSED AmAction *action)
{
	return "";
}

static gboolean
host_no_action_category(G_GNUC_UNUSED AmAction *action, G_GNUC_UNUSED const char *category)
{
	return FALSE;
}

static double
host_no_action_score(G_GNUC_UNUSED AmAction *action)
{
	return 0;
}

static gboolean
host_no_action_has_score(G_GNUC_UNUSED AmAction *action)
{
	return FALSE;
}

static const char *
host_no_action_setting(G_GNUC_UNUSED AmAction *action, G_GNUC_UNUSED const char *name)
{
	return NULL;
}

static gboolean
host_no_edit(G_GNUC_UNUSED AmAction *action, G_GNUC_UNUSED AmEditOp op,
	     G_GNUC_UNUSED const char *name, G_GNUC_UNUSED const char *value)
{
	return FALSE;
}

void
am_host_init(AmHost *host)
{
	*host = (AmHost){
		AM_ABI_HEAD(AmHost),
		.product = PACKAGE_NAME " " PACKAGE_VERSION,
		.setting_string = host_setting_string,
		.setting_bool = host_setting_bool,
		.setting_int = host_setting_int,
		.setting_double = host_setting_double,
		.setting_list = host_setting_list,
		.instance_name = host_instance_name,
		.log = host_log,
		.mail_fd = host_no_mail_fd,
		.mail_size = host_no_mail_size,
		.mail_id = host_no_mail_text,
		.mail_sender = host_no_mail_text,
		.mail_n_recipients = host_no_mail_count,
		.mail_recipient = host_no_recipient,
		.mail_client_address = host_no_mail_text,
		.mail_helo = host_no_mail_text,
		.deadline_us = host_no_deadline,
		.n_parts = host_no_mail_count,
		.part = host_no_part,
		.part_info = host_no_part_info,
		.part_fd = host_no_part_fd,
		.finding = host_no_finding,
		.score = host_no_score,
		.test = host_no_test,
		.decode_part = host_no_decode_part,
		.child_open = host_no_child_open,
		.child_write = host_no_child_write,
		.child_close = host_no_child_close,
		.decode_mark = host_no_decode_mark,
		.action_mail_id = host_no_action_text,
		.action_recipient = host_no_action_text,
		.action_category = host_no_action_text,
		.action_has_category = host_no_action_category,
		.action_score = host_no_action_score,
		.action_has_score = host_no_action_has_score,
		.action_tests = host_no_action_text,
		.action_reasons = host_no_action_text,
		.action_subject = host_no_action_text,
		.action_setting = host_no_action_setting,
		.edit = host_no_edit,
		.action_quarantine_id = host_no_action_text,
		.decode_finding = host_no_decode_finding,
		.decode_deadline_us = host_no_decode_deadline,
		.child_declare = host_no_child_declare,
		.decode_password = host_no_decode_password,
		.decode_opened = host_no_decode_opened,
		.program_add = host_no_program_add,
		.program_run = host_no_program_run,
		.program_output = host_no_program_output,
		.program_collect = host_no_program_collect,
	};
}
