/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Files in a text as they were sent before there was MIME, and still are: uuencode, xxencode, yEnc
 * and BinHex, several in one text, with text between them.  The part is read by lines in one pass;
 * each codec is a state machine that is fed with them, see codec.h.  No library is needed. */

#include "binhex.h"
#include "uu.h"
#include "yenc.h"

#define LATE_EVERY 1024 /* lines between looks at the clock */

typedef struct {
	const AmHost *host;
	guint32 crc32[256];
	guint16 crc16[256];
} Encoded;

typedef union {
	Uu uu;
	Base64 base64;
	Yenc yenc;
	Binhex binhex;
} CodecState;

static const Codec *const encoded_codecs[] = { &uu_codec, &base64_codec, &yenc_codec,
					       &binhex_codec };

static gpointer
encoded_load(const AmHost *host, G_GNUC_UNUSED AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Encoded *self = g_new0(Encoded, 1);
	self->host = host;
	yenc_crc32_table(self->crc32);
	binhex_crc16_table(self->crc16);
	return self;
}

/* The core has seen the whole text and says whether such a line is there; the head is looked at for
 * texts whose lines end in a bare CR, which it does not know. */
static int
encoded_bid(G_GNUC_UNUSED gpointer data, const AmPartInfo *info, const guint8 *head, gsize len)
{
	if ((info->flags & AM_PART_HAS_ENCODED) != 0)
		return 60;
	for (gsize i = 0; i < len; i++) {
		Line line = { head + i, len - i, TRUE };
		if ((i == 0 || head[i - 1] == '\n' || head[i - 1] == '\r') &&
		    (head[i] == 'b' || head[i] == '=' || head[i] == '(') && codec_is_start(&line))
			return 60;
	}
	return 0;
}

static const Codec *
encoded_start(CodecState *state, Sink *sink, const Line *line)
{
	for (gsize i = 0; i < G_N_ELEMENTS(encoded_codecs); i++)
		if (encoded_codecs[i]->start(state, sink, line))
			return encoded_codecs[i];
	return NULL;
}

static void
encoded_read(Lines *lines, Sink *sink, GError **error)
{
	CodecState state;
	const Codec *codec = NULL;
	Line line;
	guint n = 0;
	while (!sink->output->is_full && lines_next(lines, &line, error)) {
		CodecStep step = codec != NULL ? codec->line(&state, sink, &line) : CODEC_AGAIN;
		if (step != CODEC_MORE && codec != NULL) {
			codec->end(&state, sink);
			codec = NULL;
		}
		if (step == CODEC_AGAIN)
			codec = encoded_start(&state, sink, &line);
		if (++n % LATE_EVERY == 0)
			(void)output_is_over(sink->output); /* is_full ends the loop */
	}
	if (codec != NULL)
		codec->end(&state, sink);
}

static gboolean
encoded_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Encoded *self = data;
	g_autoptr(GError) failure = NULL;
	Output output;
	int fd = self->host->part_fd(self->host->decode_part(decode));
	output_init(&output, self->host, decode);
	if (fd < 0) {
		output_mark(&output, AM_PART_UNDECODED, "its content is not there");
		return TRUE;
	}
	g_autofree Lines *lines = lines_new(fd);
	g_autofree Sink *sink = g_new0(Sink, 1);
	sink->output = &output;
	sink->crc32 = self->crc32;
	sink->crc16 = self->crc16;
	encoded_read(lines, sink, &failure);
	if (failure == NULL)
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static const AmDecoderOps encoded_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = encoded_bid,
	.decode = encoded_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_REENTRANT | AM_CAP_BESIDE,
	.name = "encoded",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "uuencode, xxencode, yEnc and BinHex in texts",
	.load = encoded_load,
	.unload = g_free,
	.decoder = &encoded_ops,
};
