/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* For tests of the decoders' turns: each instance bids what its setting says, and does what its
 * setting says.  Built twice, the second time as one that works beside others. */

#include <amavisd/plugin.h>

#include <string.h>

#ifdef TURN_BESIDE
#define TURN_NAME "aside"
#define TURN_CAPS (AM_CAP_SANDBOX | AM_CAP_BESIDE)
#else
#define TURN_NAME "turn"
#define TURN_CAPS AM_CAP_SANDBOX
#endif

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	int bid;
	gboolean wants_encoded; /* bids only for what has something encoded in it */
	const char *does; /* borrowed: the settings live as long */
} Turn;

static const AmSettingSpec turn_settings[] = {
	{ "bid", AM_SETTING_INT, "0", "0..100", "what it bids" },
	{ "does", AM_SETTING_ENUM, "open", "open|encrypted|undecoded|fail|declare",
	  "what it does" },
	{ "wants_encoded", AM_SETTING_BOOL, "no", NULL, "bids for AM_PART_HAS_ENCODED only" },
	{ NULL },
};

static gpointer
turn_load(const AmHost *host, AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Turn *turn = g_new0(Turn, 1);
	turn->host = host;
	turn->instance = instance;
	turn->bid = (int)host->setting_int(instance, "bid");
	turn->wants_encoded = host->setting_bool(instance, "wants_encoded");
	turn->does = host->setting_string(instance, "does");
	return turn;
}

static int
turn_bid(gpointer self, const AmPartInfo *info, G_GNUC_UNUSED const guint8 *head,
	 G_GNUC_UNUSED gsize len)
{
	const Turn *turn = self;
	if (turn->wants_encoded && (info->flags & AM_PART_HAS_ENCODED) == 0)
		return 0;
	return (info->flags & AM_PART_MEMBER) == 0 ? turn->bid : 0;
}

static gboolean
turn_decode(gpointer self, AmDecode *decode, GError **error)
{
	Turn *turn = self;
	const AmHost *host = turn->host;
	host->decode_finding(decode, "turn", host->instance_name(turn->instance), NULL);
	if (strcmp(turn->does, "encrypted") == 0) {
		host->decode_mark(decode, AM_PART_ENCRYPTED, "locked");
		return TRUE;
	}
	if (strcmp(turn->does, "undecoded") == 0) {
		host->decode_mark(decode, AM_PART_UNDECODED, "broken");
		return TRUE;
	}
	if (strcmp(turn->does, "fail") == 0) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "told to fail");
		return FALSE;
	}
	AmChild *child = host->child_open(decode, host->instance_name(turn->instance), 0);
	if (child == NULL)
		return TRUE;
	if (strcmp(turn->does, "declare") == 0)
		host->child_declare(child, "Image/PNG");
	(void)host->child_write(child, "x", 1);
	(void)host->child_close(child);
	return TRUE;
}

static void
turn_unload(gpointer self)
{
	g_free(self);
}

static const AmDecoderOps decoder_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = turn_bid,
	.decode = turn_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),	 .kinds = AM_KIND_DECODER,
	.caps = TURN_CAPS,	 .name = TURN_NAME,
	.version = "1",		 .licence = "GPL-2.0-or-later",
	.summary = "for tests",	 .settings = turn_settings,
	.load = turn_load,	 .unload = turn_unload,
	.decoder = &decoder_ops,
};
