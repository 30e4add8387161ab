/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See codec.h. */

#include "codec.h"

#include "binhex.h"
#include "uu.h"
#include "yenc.h"

void
sink_flush(Sink *sink)
{
	if (sink->child != NULL && sink->len > 0)
		(void)output_write(sink->output, sink->child, /* is_full remembers */
				   (Bytes){ sink->buffer, sink->len });
	sink->len = 0;
}

void
sink_close(Sink *sink)
{
	sink_flush(sink);
	if (sink->child != NULL)
		(void)output_close(sink->output, sink->child); /* is_full remembers */
	sink->child = NULL;
}

void
sink_open(Sink *sink, const char *name)
{
	sink_close(sink);
	sink->child = output_open(sink->output, name, NULL);
}

void
sink_mark(Sink *sink, guint32 flags, const char *reason)
{
	/* when the budget is used up everything is cut short */
	if ((sink->marked & flags) == flags || sink->output->is_full)
		return;
	sink->marked |= flags;
	output_mark(sink->output, flags, reason);
}

gboolean
codec_is_start(const Line *line)
{
	return uu_is_start(line) || base64_is_start(line) || yenc_is_start(line) ||
	       binhex_is_start(line);
}

char *
codec_name(const Line *line, gsize at)
{
	gsize end = line->len;
	while (at < end && (line->data[at] == ' ' || line->data[at] == '\t'))
		at++;
	while (end > at && (line->data[end - 1] == ' ' || line->data[end - 1] == '\t'))
		end--;
	return end > at ? g_strndup((const char *)line->data + at, end - at) : NULL;
}
