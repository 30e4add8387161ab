/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A scanner in hostile hands, for tests of the sandbox.  It does what the mail says:
 *
 *     X-Try: WORD [ARGUMENT]
 *
 * and reports a finding "stopped" with the word and errno, or "worked".  Most words end it.  A mail
 * without the field is let alone.  One object, no help from the core. */

#define _GNU_SOURCE

#include "hostile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIND_BYTES 16384

static gpointer
hostile_load(const AmHost *host, AmInstance *instance, GError **error)
{
	(void)error;
	Hostile *self = g_new0(Hostile, 1);
	self->host = host;
	self->instance = instance;
	self->maps_fd = -1;
	return self;
}

static gboolean
hostile_after_fork(gpointer data, GError **error)
{
	Hostile *self = data;
	(void)error;
	self->maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	return self->maps_fd >= 0;
}

static gboolean
hostile_scan(gpointer data, AmScan *scan, GError **error)
{
	Hostile *self = data;
	const HostileWord *const tables[] = { hostile_files, hostile_talk, hostile_kernel,
					      hostile_excess };
	char head[FIND_BYTES], word[64], detail[64];
	(void)error;
	gssize n = pread(self->host->mail_fd(scan), head, sizeof head - 1, 0);
	head[MAX(n, 0)] = '\0';
	char *at = strstr(head, "X-Try: ");
	if (at == NULL || sscanf(at, "X-Try: %63s", word) != 1)
		return TRUE;
	g_autofree char *argument = NULL;
	at += strlen("X-Try: ") + strlen(word);
	if (*at == ' ')
		argument = g_strndup(at + 1, strcspn(at + 1, "\r\n"));
	Try try = { self, scan, argument };
	for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
		const HostileWord *entry = tables[i];
		while (entry->word != NULL && strcmp(entry->word, word) != 0)
			entry++;
		if (entry->word == NULL)
			continue;
		int rc = entry->func(&try);
		(void)snprintf(detail, sizeof detail, "%s", rc != 0 ? strerrorname_np(rc) : "");
		if (self->host->finding != NULL)
			self->host->finding(scan, NULL, rc != 0 ? "stopped" : "worked", word,
					    detail);
	}
	return TRUE;
}

static void
hostile_unload(gpointer self)
{
	g_free(self);
}

static const AmScannerOps scanner_ops = {
	AM_ABI_HEAD(AmScannerOps),
	.scan = hostile_scan,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),	  .kinds = AM_KIND_SCANNER, .caps = AM_CAP_SANDBOX,
	.name = "hostile",	  .version = "1",	    .licence = "GPL-2.0-or-later",
	.summary = "for tests",	  .load = hostile_load,	    .after_fork = hostile_after_fork,
	.unload = hostile_unload, .scanner = &scanner_ops,
};
