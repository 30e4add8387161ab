/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* For tests of the content process: a decoder of a made-up archive and a scanner that does as the
 * parts tell it.  A box starts with "BOX" and has one command in each line:
 *
 *     file NAME LEN   the next LEN bytes are its content
 *     fill NAME LEN   LEN bytes of 'x'
 *     self NAME       the box itself again
 *     many N          N empty files
 *     dir NAME, secret NAME, encrypted, corrupt REASON, fail */

#include <amavisd/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
	const AmHost *host;
	AmInstance *instance;
} Box;

static gpointer
box_load(const AmHost *host, AmInstance *instance, GError **error)
{
	(void)error;
	Box *box = g_new0(Box, 1);
	box->host = host;
	box->instance = instance;
	return box;
}

static int
box_bid(gpointer self, const AmPartInfo *info, const guint8 *head, gsize len)
{
	(void)self;
	(void)info;
	return len >= 4 && memcmp(head, "BOX\n", 4) == 0 ? 50 : 0;
}

static gboolean
box_child(Box *box, AmDecode *decode, const char *name, guint32 flags, const char *bytes, gsize len)
{
	AmChild *child = box->host->child_open(decode, name, flags);
	if (child == NULL)
		return FALSE;
	if (len > 0)
		(void)box->host->child_write(child, bytes, len);
	return box->host->child_close(child);
}

static gboolean
box_fill(Box *box, AmDecode *decode, const char *name, gsize len)
{
	char chunk[8192];
	AmChild *child = box->host->child_open(decode, name, 0);
	if (child == NULL)
		return FALSE;
	memset(chunk, 'x', sizeof chunk);
	for (gsize done = 0; done < len; done += sizeof chunk)
		if (!box->host->child_write(child, chunk, MIN(sizeof chunk, len - done)))
			break;
	return box->host->child_close(child);
}

static gboolean
box_many(Box *box, AmDecode *decode, gsize n)
{
	for (gsize i = 0; i < n; i++)
		if (!box_child(box, decode, "one-of-many", 0, "", 0))
			return FALSE;
	return TRUE;
}

/* FALSE ends the box. */
static gboolean
box_command(Box *box, AmDecode *decode, const char *line, const GString *whole, const char **rest)
{
	char name[100];
	gsize len;
	if (sscanf(line, "file %99s %zu", name, &len) == 2) {
		const char *bytes = *rest;
		len = MIN(len, (gsize)(whole->str + whole->len - bytes));
		*rest += len;
		return box_child(box, decode, name, 0, bytes, len);
	}
	if (sscanf(line, "fill %99s %zu", name, &len) == 2)
		return box_fill(box, decode, name, len);
	if (sscanf(line, "many %zu", &len) == 1)
		return box_many(box, decode, len);
	if (sscanf(line, "self %99s", name) == 1)
		return box_child(box, decode, name, 0, whole->str, whole->len);
	if (sscanf(line, "dir %99s", name) == 1)
		return box_child(box, decode, name, AM_PART_DIRECTORY, NULL, 0);
	if (sscanf(line, "secret %99s", name) == 1)
		return box_child(box, decode, name, AM_PART_ENCRYPTED, NULL, 0);
	if (strcmp(line, "encrypted") == 0)
		box->host->decode_mark(decode, AM_PART_ENCRYPTED, "needs a password");
	if (sscanf(line, "corrupt %99s", name) == 1)
		box->host->decode_mark(decode, AM_PART_UNDECODED, name);
	return TRUE;
}

static GString *
box_read(Box *box, AmPart *part)
{
	GString *whole = g_string_new(NULL);
	int fd = box->host->part_fd(part);
	char chunk[4096];
	gssize n;
	gint64 offset = 0;
	while (fd >= 0 && (n = pread(fd, chunk, sizeof chunk, offset)) > 0) {
		g_string_append_len(whole, chunk, n);
		offset += n;
	}
	return whole;
}

static gboolean
box_decode(gpointer self, AmDecode *decode, GError **error)
{
	Box *box = self;
	g_autoptr(GString) whole = box_read(box, box->host->decode_part(decode));
	const char *at = whole->str + MIN(whole->len, 4);
	const char *end;
	while ((end = strchr(at, '\n')) != NULL) {
		g_autofree char *line = g_strndup(at, (gsize)(end - at));
		at = end + 1;
		if (strcmp(line, "fail") == 0) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "box would not open");
			return FALSE;
		}
		if (!box_command(box, decode, line, whole, &at))
			break;
	}
	return TRUE;
}

static gboolean
box_scan(gpointer self, AmScan *scan, GError **error)
{
	Box *box = self;
	for (guint i = 1; i < box->host->n_parts(scan); i++) {
		AmPart *part = box->host->part(scan, i);
		g_autoptr(GString) text = box_read(box, part);
		if (strstr(text->str, "EVIL") != NULL)
			box->host->finding(scan, part, "virus", "Test.Evil", "in a part");
		if (strstr(text->str, "FAIL-ME") != NULL) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "told to fail");
			return FALSE;
		}
		if (strstr(text->str, "CRASH-ME") != NULL)
			abort();
		if (strstr(text->str, "CONNECT-ME") != NULL)
			(void)!socket(AF_INET, SOCK_STREAM, 0);
		if (strstr(text->str, "LOG-ME") != NULL)
			box->host->log(box->instance, AM_LOG_WARNING, "a line of the scanner");
		if (strstr(text->str, "SPIN-ME") != NULL)
			for (volatile guint n = 0;; n++)
				;
	}
	box->host->score(scan, 1.5);
	box->host->test(scan, "BOX_TEST", 1.5);
	return TRUE;
}

static void
box_unload(gpointer self)
{
	g_free(self);
}

static const AmDecoderOps decoder_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = box_bid,
	.decode = box_decode,
};

static const AmScannerOps scanner_ops = {
	AM_ABI_HEAD(AmScannerOps),
	.scan = box_scan,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),	 .kinds = AM_KIND_DECODER | AM_KIND_SCANNER,
	.caps = AM_CAP_SANDBOX,	 .name = "box",
	.version = "1",		 .licence = "GPL-2.0-or-later",
	.summary = "for tests",	 .load = box_load,
	.unload = box_unload,	 .decoder = &decoder_ops,
	.scanner = &scanner_ops,
};
