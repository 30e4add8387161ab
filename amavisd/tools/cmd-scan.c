/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* scan: the whole pipeline on one message, in the same sandbox, without a running daemon; nothing is
 * stored, sent or counted. */

#include <config.h>

#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/address.h"
#include "mail/fd.h"
#include "pipeline/pipeline.h"
#include "tools/zygote-child.h"

#define SCAN_CHUNK_BYTES 65536

typedef struct {
	char *config, *sender, *client, *helo;
	char **recipients;
	gboolean is_json;
} ScanOptions;

static void
scan_options_clear(ScanOptions *options)
{
	g_free(options->config);
	g_free(options->sender);
	g_free(options->client);
	g_free(options->helo);
	g_strfreev(options->recipients);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ScanOptions, scan_options_clear)

/* Appends with CRLF line ends, whatever the file has.  *last: the byte before. */
static gboolean
scan_append(AmSpool *spool, const char *data, gsize len, char *last, GError **error)
{
	const char *end = data + len;
	for (const char *p = data; p < end;) {
		const char *newline = memchr(p, '\n', end - p);
		const char *stop = newline == NULL ? end : newline;
		if (stop > p) {
			if (!am_spool_append(spool, p, stop - p, error))
				return FALSE;
			*last = stop[-1];
		}
		if (newline == NULL)
			break;
		if (*last == '\r' ? !am_spool_append(spool, "\n", 1, error)
				  : !am_spool_append(spool, "\r\n", 2, error))
			return FALSE;
		*last = '\n';
		p = newline + 1;
	}
	return TRUE;
}

static gboolean
scan_read(int fd, AmSpool *spool, GError **error)
{
	g_autofree char *buffer = g_malloc(SCAN_CHUNK_BYTES);
	char last = '\n';
	for (;;) {
		gssize n = read(fd, buffer, SCAN_CHUNK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "reading the message");
			return FALSE;
		}
		if (n == 0)
			break;
		if (!scan_append(spool, buffer, n, &last, error))
			return FALSE;
	}
	if (last != '\n' && !am_spool_append(spool, "\r\n", 2, error))
		return FALSE;
	return am_spool_finish(spool, error);
}

static gboolean
scan_add_recipient(AmEnvelope *envelope, const char *text, GError **error)
{
	g_autofree char *address = NULL;
	if (!am_address_parse_path(text, TRUE, &address, NULL, error))
		return FALSE;
	(void)am_envelope_add_recipient(envelope, address);
	return TRUE;
}

static AmEnvelope *
scan_envelope(const ScanOptions *options, GError **error)
{
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	if (options->sender == NULL || *options->sender == '\0') {
		envelope->sender = g_strdup("");
	} else {
		if (!am_address_parse_path(options->sender, TRUE, &envelope->sender, NULL, error)) {
			g_prefix_error(error, "--sender %s: ", options->sender);
			return NULL;
		}
	}
	if (options->recipients == NULL &&
	    !scan_add_recipient(envelope, "postmaster@localhost", error))
		return NULL;
	for (char **r = options->recipients; r != NULL && *r != NULL; r++)
		if (!scan_add_recipient(envelope, *r, error)) {
			g_prefix_error(error, "--recipient %s: ", *r);
			return NULL;
		}
	if (options->client != NULL) {
		g_free(envelope->client_address);
		envelope->client_address = g_strdup(options->client);
	}
	if (options->helo != NULL) {
		g_free(envelope->helo);
		envelope->helo = g_strdup(options->helo);
	}
	envelope->time_us = g_get_real_time();
	return g_steal_pointer(&envelope);
}

static AmMail *
scan_mail(const AmConfig *config, const ScanOptions *options, int fd, GError **error)
{
	const AmConfigGroup *group = am_config_group(config, "amavisd", NULL);
	g_autoptr(AmEnvelope) envelope = scan_envelope(options, error);
	if (envelope == NULL)
		return NULL;
	g_autoptr(AmSpool) spool =
		am_spool_new(g_get_tmp_dir(), am_config_int(group, "spool_memory"));
	if (!scan_read(fd, spool, error))
		return NULL;
	AmMail *mail = am_mail_new(g_steal_pointer(&envelope), g_steal_pointer(&spool));
	mail->start_us = mail->received_us = g_get_monotonic_time();
	return mail;
}

static void
scan_print_content(const AmReport *report)
{
	g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
	printf("content: %s", am_content_name(am_report_content(report, reasons)));
	for (guint i = 0; i < reasons->len; i++) {
		g_autofree char *reason = am_tool_safe(reasons->pdata[i]);
		printf("%s%s", i == 0 ? ", " : "; ", reason);
	}
	printf("\n");
}

static void
scan_print(const AmRecord *record, gboolean is_json)
{
	g_autofree char *text = is_json ? am_record_to_json(record, TRUE) : am_record_to_text(record);
	if (is_json) {
		printf("%s\n", text);
		return;
	}
	scan_print_content(record->mail->report);
	for (guint i = 0; record->dispositions != NULL && i < record->dispositions->len; i++) {
		const AmDisposition *d = record->dispositions->pdata[i];
		g_autofree char *address = am_tool_safe(d->recipient->address);
		g_autofree char *reason = am_tool_safe(d->reason == NULL ? "" : d->reason);
		g_autofree char *reply = d->reply == NULL ? NULL : am_reply_to_string(d->reply);
		printf("<%s>: %s: %s%s%s%s%s\n", address, am_category_name(d->main_category),
		       d->blocking == AM_CATEGORY_NONE ? "pass" : am_destiny_name(d->destiny),
		       *reason ? ", " : "", reason, reply ? ", " : "", reply ? reply : "");
	}
	printf("%s\n", text);
}

static int
scan_run(AmConfig *config, const ScanOptions *options, int fd, GError **error)
{
	AmZygoteChild child = { 0 };
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	AmPipeline *pipeline = NULL;
	AmPipelineThread *thread = NULL;
	int status = AM_EXIT_TEMPFAIL;

	AmMail *mail = scan_mail(config, options, fd, error);
	if (mail == NULL)
		return AM_EXIT_TEMPFAIL;
	if (am_zygote_child_start(&child, config, error)) {
		pipeline = am_pipeline_new(&child.generation, problems);
		if (pipeline == NULL)
			status = AM_EXIT_CONFIG;
		else
			thread = am_pipeline_thread_new(pipeline, error);
	}
	(void)am_tool_print_problems(problems);
	if (thread != NULL) {
		g_autoptr(AmRecord) record = am_pipeline_try(thread, g_steal_pointer(&mail));
		scan_print(record, options->is_json);
		status = am_record_exit_status(record);
		am_pipeline_thread_free(thread);
	}
	am_mail_free(mail);
	if (pipeline != NULL)
		am_pipeline_free(pipeline);
	am_zygote_child_stop(&child);
	return status;
}

int
am_cmd_scan(int argc, char **argv)
{
	g_auto(ScanOptions) options = { 0 };
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &options.config, "configuration", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &options.is_json, "one JSON object", NULL },
		{ "sender", 0, 0, G_OPTION_ARG_STRING, &options.sender, "reverse-path", "A" },
		{ "recipient", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.recipients,
		  "forward-path, may be repeated", "B" },
		{ "client", 0, 0, G_OPTION_ARG_STRING, &options.client, "client's address", "IP" },
		{ "helo", 0, 0, G_OPTION_ARG_STRING, &options.helo, "client's HELO name", "H" },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};
	g_autoptr(GError) error = NULL;
	g_auto(AmFd) file = -1;

	if (!am_tool_options(entries, "FILE|-",
			     "Says what would happen to a message.  Exit status: 0 it passes, 1 it is "
			     "blocked for\nsome recipient, 75 could not tell.",
			     &argc, &argv))
		return AM_EXIT_USAGE;
	if (argc != 2) {
		am_tool_error("name one file, or - for standard input");
		return AM_EXIT_USAGE;
	}
	if (strcmp(argv[1], "-") != 0 && (file = open(argv[1], O_RDONLY | O_CLOEXEC)) < 0) {
		am_tool_error("%s: %s", argv[1], g_strerror(errno));
		return AM_EXIT_TEMPFAIL;
	}
	g_autoptr(AmConfig) config = am_tool_config(options.config);
	if (config == NULL)
		return AM_EXIT_CONFIG;
	int status = AM_EXIT_TEMPFAIL;
	if (am_tool_drop_privileges(config, &error))
		status = scan_run(config, &options, file >= 0 ? file : STDIN_FILENO, &error);
	if (error != NULL)
		am_tool_error("%s", error->message);
	return status;
}
