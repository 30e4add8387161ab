/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Ranges of bytes of a part, and children made of them: what decoders share. */

#include <glib.h>

#include <amavisd/plugin.h>

typedef struct {
	const guint8 *data;
	gsize len;
} Bytes;

static inline guint16
bytes_u16(const guint8 *at)
{
	return (guint16)(at[0] | at[1] << 8);
}

static inline guint32
bytes_u32(const guint8 *at)
{
	return (guint32)at[0] | (guint32)at[1] << 8 | (guint32)at[2] << 16 | (guint32)at[3] << 24;
}

static inline guint64
bytes_u64(const guint8 *at)
{
	return bytes_u32(at) | (guint64)bytes_u32(at + 4) << 32;
}

/* What there is of `len` bytes at `offset`; may be empty. */
static inline Bytes
bytes_sub(Bytes bytes, gsize offset, gsize len)
{
	if (offset >= bytes.len)
		return (Bytes){ bytes.data, 0 };
	return (Bytes){ bytes.data + offset, MIN(len, bytes.len - offset) };
}

/* Where `needle` is at or behind `from`; -1 nowhere. */
gssize bytes_find(Bytes bytes, gsize from, gconstpointer needle, gsize needle_len);
gboolean bytes_starts(Bytes bytes, gconstpointer start, gsize start_len);
/* Six bits; -1: no letter of base64 (RFC 4648, 4). */
int bytes_base64_value(guint8 c);
/* UTF-16LE, up to a NUL or the end, as UTF-8; what is no character becomes U+FFFD, control
 * characters a question mark. */
char *bytes_utf16(Bytes bytes);
/* Bytes up to a NUL or the end, for people: what is not UTF-8 is taken for Latin 1. */
char *bytes_text(Bytes bytes);

/* One decode, and how far it may go. */
typedef struct {
	const AmHost *host;
	AmDecode *decode;
	gconstpointer plugin; /* as bytes_decode() was given it */
	gint64 deadline_us;
	gboolean is_full; /* the budget is used up: decode() returns */
	guint n_findings;
} Output;

/* Reads what a part holds. */
typedef void (*BytesReader)(Bytes bytes, Output *output);

/* A plugin's whole decode(): read() gets the content, mapped, unless there is none.  plugin is for
 * it and may be NULL.  FALSE: the content cannot be got at. */
gboolean bytes_decode(const AmHost *host, AmDecode *decode, BytesReader read, gconstpointer plugin,
		      GError **error);
void output_init(Output *output, const AmHost *host, AmDecode *decode);
/* Has the budget or the time been used up? In the latter case the part is marked. */
gboolean output_is_over(Output *output);
/* A child with these bytes.  name and type (declared by the container) may be NULL.  FALSE:
 * full. */
gboolean output_child(Output *output, const char *name, const char *type, Bytes bytes);
/* The same in steps; NULL: full. */
AmChild *output_open(Output *output, const char *name, const char *type);
gboolean output_write(Output *output, AmChild *child, Bytes bytes);
gboolean output_close(Output *output, AmChild *child);
/* A finding; beyond 100 for a part they are left out. */
void output_finding(Output *output, const char *kind, const char *name, const char *detail);
void output_mark(Output *output, guint32 flags, const char *reason);
