/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Finds forbidden words in a mail.  This is the scanner of docs/plugins.md. */

#define _GNU_SOURCE /* memmem() */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <amavisd/plugin.h>

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	const char *const *words;
	gsize overlap; /* a word may lie across two blocks: that much is looked at again */
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
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "words is empty");
		return NULL;
	}
	Words *self = g_new0(Words, 1);
	*self = (Words){ .host = host, .instance = instance, .words = words };
	for (guint i = 0; words[i] != NULL; i++)
		self->overlap = MAX(self->overlap, strlen(words[i]) - 1);
	return self;
}

static gboolean
words_scan(gpointer data, AmScan *scan, GError **error)
{
	const Words *self = data;
	g_autofree char *block = g_malloc(self->overlap + 65536);
	gsize kept = 0;
	for (goffset offset = 0;;) {
		gssize n = pread(self->host->mail_fd(scan), block + kept, 65536, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
				    "reading the mail: %s", g_strerror(errno));
			return FALSE;
		}
		if (n == 0)
			return TRUE;
		for (guint i = 0; self->words[i] != NULL; i++)
			if (memmem(block, kept + n, self->words[i], strlen(self->words[i])) !=
			    NULL) {
				self->host->finding(scan, NULL, "virus", self->words[i], NULL);
				return TRUE;
			}
		gsize len = kept + n;
		kept = MIN(self->overlap, len);
		memmove(block, block + len - kept, kept);
		offset += n;
	}
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
