/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Finds forbidden words in a mail.  This is the scanner of docs/plugins.md. */

#define _GNU_SOURCE /* memmem() */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <amavisd/plugin.h>

typedef struct {
	const AmHost *host;
	const char *const *words;
} Words;

static const AmSettingSpec words_settings[] = {
	{ "words", AM_SETTING_LIST, "melissa", NULL, "words a mail must not hold" },
	{ NULL },
};

static gpointer
words_load(const AmHost *host, AmInstance *instance, GError **error)
{
	const char *const *words = host->setting_list(instance, "words");
	if (words == NULL || words[0] == NULL) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "words is empty");
		return NULL;
	}
	Words *self = g_new0(Words, 1);
	self->host = host;
	self->words = words;
	return self;
}

static gboolean
words_scan(gpointer data, AmScan *scan, GError **error)
{
	const Words *self = data;
	gsize len = self->host->mail_size(scan);
	if (len == 0)
		return TRUE;
	void *mail = mmap(NULL, len, PROT_READ, MAP_PRIVATE, self->host->mail_fd(scan), 0);
	if (mail == MAP_FAILED) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
			    "mapping the mail: %s", g_strerror(errno));
		return FALSE;
	}
	for (guint i = 0; self->words[i] != NULL; i++)
		if (memmem(mail, len, self->words[i], strlen(self->words[i])) != NULL)
			self->host->finding(scan, NULL, "virus", self->words[i], NULL);
	(void)munmap(mail, len);
	return TRUE;
}

static const AmScannerOps words_ops = { AM_ABI_HEAD(AmScannerOps), .scan = words_scan };

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_SCANNER,
	.caps = AM_CAP_SANDBOX | AM_CAP_REENTRANT,
	.name = "words",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "finds forbidden words",
	.settings = words_settings,
	.load = words_load,
	.unload = g_free,
	.scanner = &words_ops,
};
