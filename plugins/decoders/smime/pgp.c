/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* OpenPGP (RFC 4880, 9580), as far as to know whether a message is encrypted; what is only signed,
 * compressed or packed becomes a child.  One layer at a time: the packets in a compressed packet are
 * the core's next question.
 *
 *     packet  ::= header body
 *     header  ::= 10TTTTLL length | 11TTTTTT length     RFC 9580 4.2
 *
 * Armored messages are sought in texts too, between other lines (inline PGP).  Cleartext signatures
 * are texts that everybody can read, and are no message here. */

#include "pgp.h"

#include <string.h>

#include "sink.h"

#define ARMOR_MAX_BYTES (64 << 20) /* decoded in memory */
#define ARMOR_MARK "-----BEGIN PGP MESSAGE"
#define PACKETS_MAX 1000
#define MESSAGES_MAX 50 /* in one text */

enum {
	TAG_PKESK = 1,
	TAG_SIGNATURE = 2,
	TAG_SKESK = 3,
	TAG_ONE_PASS = 4,
	TAG_COMPRESSED = 8,
	TAG_ENCRYPTED = 9,
	TAG_MARKER = 10,
	TAG_LITERAL = 11,
	TAG_SEIPD = 18,
	TAG_AEAD = 20,
	TAG_PADDING = 21,
};

/* A packet whose header was read: its body, or the first piece of it. */
typedef struct {
	guint8 tag;
	gboolean is_partial; /* more pieces follow, each with its length */
	gboolean is_open;    /* goes on to the end of the data */
	gboolean is_cut;     /* there is less than the length says */
	const guint8 *body;
	gsize len;
} PgpPacket;

typedef struct {
	const guint8 *at, *end;
} Pgp;

/* ---- packets ------------------------------------------------------------------------------- */

static gboolean
pgp_big_endian(Pgp *pgp, guint n, gsize *number)
{
	*number = 0;
	for (; n > 0; n--) {
		if (pgp->at == pgp->end)
			return FALSE;
		*number = *number << 8 | *pgp->at++;
	}
	return TRUE;
}

/* RFC 9580 4.2.1 */
static gboolean
pgp_read_length(Pgp *pgp, PgpPacket *packet, gsize *len)
{
	gsize more;
	packet->is_partial = FALSE;
	if (!pgp_big_endian(pgp, 1, len))
		return FALSE;
	if (*len == 255)
		return pgp_big_endian(pgp, 4, len);
	if (*len >= 224) {
		*len = (gsize)1 << (*len & 0x1f);
		packet->is_partial = TRUE;
	} else if (*len >= 192) {
		if (!pgp_big_endian(pgp, 1, &more))
			return FALSE;
		*len = ((*len - 192) << 8) + more + 192;
	}
	return TRUE;
}

/* The body's next piece; the cursor then stands behind it. */
static void
pgp_take(Pgp *pgp, PgpPacket *packet, gsize len)
{
	gsize left = (gsize)(pgp->end - pgp->at);
	packet->body = pgp->at;
	packet->is_cut = len > left;
	packet->len = MIN(len, left);
	pgp->at += packet->len;
}

static gboolean
pgp_read(Pgp *pgp, PgpPacket *packet)
{
	gsize len = G_MAXSIZE;
	*packet = (PgpPacket){ 0 };
	if (pgp->at == pgp->end || (*pgp->at & 0x80) == 0)
		return FALSE;
	guint8 first = *pgp->at++;
	if ((first & 0x40) != 0) {
		packet->tag = first & 0x3f;
		if (!pgp_read_length(pgp, packet, &len))
			return FALSE;
	} else {
		packet->tag = first >> 2 & 0x0f;
		packet->is_open = (first & 3) == 3;
		if (!packet->is_open && !pgp_big_endian(pgp, 1U << (first & 3), &len))
			return FALSE;
	}
	pgp_take(pgp, packet, len);
	if (packet->is_open)
		packet->is_cut = FALSE;
	return TRUE;
}

/* FALSE: there is none. */
static gboolean
pgp_read_piece(Pgp *pgp, PgpPacket *packet)
{
	gsize len;
	if (!packet->is_partial)
		return FALSE;
	if (!pgp_read_length(pgp, packet, &len)) {
		packet->is_cut = TRUE;
		return FALSE;
	}
	pgp_take(pgp, packet, len);
	return TRUE;
}

/* Bytes of a literal packet before its data (RFC 9580 5.9); 0: it is none. */
static gsize
pgp_literal_header(const PgpPacket *packet)
{
	if (packet->len < 6 || strchr("btulm1", packet->body[0]) == NULL || packet->body[0] == 0)
		return 0;
	gsize len = 2 + (gsize)packet->body[1] + 4;
	return len <= packet->len ? len : 0;
}

static gboolean
pgp_compressed_is_good(const PgpPacket *packet)
{
	const guint8 *body = packet->body;
	if (packet->len < 4)
		return FALSE;
	switch (body[0]) {
	case 1: /* a first block of a type there is; stored ones have their length twice */
		return (body[1] & 6) != 6 &&
		       ((body[1] & 6) != 0 || packet->len < 6 ||
			((body[2] ^ body[4]) == 0xff && (body[3] ^ body[5]) == 0xff));
	case 2:
		return (body[1] & 0x0f) == 8 && (body[1] << 8 | body[2]) % 31 == 0;
	case 3:
		return memcmp(body + 1, "BZh", 3) == 0;
	default:
		return FALSE;
	}
}

/* Do these first bytes of a body make sense?  So that no other file is taken for a message. */
static gboolean
pgp_is_good(const PgpPacket *packet)
{
	const guint8 *body = packet->body;
	switch (packet->tag) {
	case TAG_PKESK:
		return !packet->is_partial && packet->len >= 12 && packet->len < 4096 &&
		       ((body[0] == 3 && body[9] >= 1 && body[9] <= 32) || body[0] == 6);
	case TAG_SKESK:
		return !packet->is_partial && packet->len >= 4 && packet->len < 256 &&
		       body[0] >= 4 && body[0] <= 6 && body[1] >= 1 && body[1] <= 64;
	case TAG_SIGNATURE:
		return !packet->is_partial && packet->len >= 8 && body[0] >= 3 && body[0] <= 6;
	case TAG_ONE_PASS:
		return !packet->is_partial && packet->len >= 13 && packet->len <= 128 &&
		       (body[0] == 3 || body[0] == 6) && body[1] <= 1;
	case TAG_MARKER:
		return packet->len == 3 && memcmp(body, "PGP", 3) == 0;
	case TAG_COMPRESSED:
		return pgp_compressed_is_good(packet);
	case TAG_LITERAL:
		return pgp_literal_header(packet) > 0;
	default:
		return FALSE;
	}
}

/* Binary: goes by the first packets until one decides. */
static gboolean
pgp_is_binary(const guint8 *head, gsize len)
{
	Pgp pgp = { head, head + len };
	PgpPacket packet;
	while (pgp_read(&pgp, &packet) && pgp_is_good(&packet)) {
		switch (packet.tag) {
		case TAG_LITERAL:
		case TAG_COMPRESSED:
			return TRUE;
		case TAG_PKESK:
		case TAG_SKESK: /* what follows is another, or what they are the key to */
			return pgp.at == pgp.end || *pgp.at >= 0x80;
		default:
			break;
		}
		if (packet.is_cut)
			break;
	}
	return FALSE;
}

/* ---- armor --------------------------------------------------------------------------------- */

/* The first mark at the start of a line, NULL none. */
static const guint8 *
pgp_find_mark(const guint8 *data, gsize len)
{
	const guint8 *at = data, *end = data + len;
	while ((at = memmem(at, (gsize)(end - at), ARMOR_MARK, strlen(ARMOR_MARK))) != NULL) {
		const guint8 *behind = at + strlen(ARMOR_MARK);
		if ((at == data || at[-1] == '\n' || at[-1] == '\r') && behind < end &&
		    (*behind == '-' || *behind == ','))
			return at;
		at = behind;
	}
	return NULL;
}

gboolean
pgp_is_message(const guint8 *head, gsize len)
{
	if (len > 0 && head[0] >= 0x80)
		return pgp_is_binary(head, len);
	return pgp_find_mark(head, len) != NULL;
}

/* Behind the mark's line and the armor's header lines (RFC 9580 6.2). */
static const guint8 *
pgp_armor_body(const guint8 *mark, const guint8 *end)
{
	const guint8 *line = mark;
	gboolean is_first = TRUE;
	for (;;) {
		const guint8 *next = memchr(line, '\n', (gsize)(end - line));
		const guint8 *line_end = next != NULL ? next : end;
		const guint8 *at = line;
		while (at < line_end && g_ascii_isspace(*at))
			at++;
		if (at == line_end)
			return line_end; /* the empty line */
		if (!is_first && memchr(line, ':', (gsize)(line_end - line)) == NULL)
			return line; /* it is missing */
		if (next == NULL)
			return end;
		line = next + 1;
		is_first = FALSE;
	}
}

/* Decodes up to the checksum or the end line; *at_end is where the reading stopped. */
static GByteArray *
pgp_dearmor(const guint8 *body, const guint8 *end, const guint8 **at_end)
{
	const guint8 *stop = memmem(body, (gsize)(end - body), "\n-----", 6);
	if (stop == NULL)
		stop = end;
	*at_end = stop;
	const guint8 *sum = memmem(body, (gsize)(stop - body), "\n=", 2);
	if (sum != NULL)
		stop = sum;
	gsize len = (gsize)(stop - body);
	if (len > ARMOR_MAX_BYTES)
		return NULL;
	GByteArray *bytes = g_byte_array_sized_new((guint)(len / 4 * 3 + 3));
	int state = 0;
	guint save = 0;
	g_byte_array_set_size(bytes, (guint)(len / 4 * 3 + 3));
	gsize n = g_base64_decode_step((const char *)body, len, bytes->data, &state, &save);
	g_byte_array_set_size(bytes, (guint)n);
	return bytes;
}

/* ---- contents ------------------------------------------------------------------------------ */

typedef struct {
	const AmHost *host;
	AmDecode *decode;
} PgpRun;

static void
pgp_mark_broken(const PgpRun *run, const char *what)
{
	g_autofree char *reason = g_strdup_printf("OpenPGP: %s", what);
	run->host->decode_mark(run->decode, AM_PART_UNDECODED, reason);
}

/* Copies the packet without its first `skip` bytes.  FALSE: the budget is used up. */
static gboolean
pgp_copy(const PgpRun *run, Pgp *pgp, PgpPacket *packet, gsize skip, const char *name,
	 SinkFormat format)
{
	Sink sink;
	if (!sink_init(&sink, run->host, run->decode, name, format)) {
		pgp_mark_broken(run, "no memory to decompress");
		return TRUE;
	}
	gboolean ok = sink_write(packet->body + skip, packet->len - skip, &sink);
	while (ok && pgp_read_piece(pgp, packet))
		ok = sink_write(packet->body, packet->len, &sink);
	if (!sink_close(&sink))
		return FALSE;
	if (packet->is_cut)
		pgp_mark_broken(run, "message is cut short");
	else if (sink.is_broken)
		pgp_mark_broken(run, "compressed data is broken");
	return TRUE;
}

static gboolean
pgp_open_literal(const PgpRun *run, Pgp *pgp, PgpPacket *packet)
{
	gsize skip = pgp_literal_header(packet);
	if (skip == 0) {
		pgp_mark_broken(run, "message makes no sense");
		return TRUE;
	}
	g_autofree char *name = g_strndup((const char *)packet->body + 2, packet->body[1]);
	return pgp_copy(run, pgp, packet, skip, *name != '\0' ? name : NULL, SINK_PLAIN);
}

static gboolean
pgp_open_compressed(const PgpRun *run, Pgp *pgp, PgpPacket *packet)
{
	/* a bzip2 stream is handed on as it is: it is a file that others open */
	static const SinkFormat formats[] = { SINK_PLAIN, SINK_DEFLATE, SINK_ZLIB, SINK_PLAIN };
	if (packet->len == 0 || packet->body[0] >= G_N_ELEMENTS(formats)) {
		pgp_mark_broken(run, "compressed by an unknown method");
		return TRUE;
	}
	guint8 method = packet->body[0];
	return pgp_copy(run, pgp, packet, 1, method == 3 ? "message.bz2" : NULL, formats[method]);
}

/* FALSE: no use to go on. */
static gboolean
pgp_open_packet(const PgpRun *run, Pgp *pgp, PgpPacket *packet)
{
	switch (packet->tag) {
	case TAG_PKESK:
	case TAG_ENCRYPTED:
	case TAG_SEIPD:
	case TAG_AEAD:
		run->host->decode_mark(run->decode, AM_PART_ENCRYPTED, "OpenPGP");
		return FALSE;
	case TAG_SKESK:
		run->host->decode_mark(run->decode, AM_PART_ENCRYPTED,
				       "OpenPGP, with a passphrase");
		return FALSE;
	case TAG_COMPRESSED:
		return pgp_open_compressed(run, pgp, packet);
	case TAG_LITERAL:
		return pgp_open_literal(run, pgp, packet);
	default: /* signatures and the like */
		while (pgp_read_piece(pgp, packet))
			;
		return TRUE;
	}
}

static void
pgp_open_packets(const PgpRun *run, const guint8 *data, gsize len)
{
	Pgp pgp = { data, data + len };
	PgpPacket packet;
	gboolean has_content = FALSE;
	guint n = 0;
	for (; n < PACKETS_MAX && pgp_read(&pgp, &packet); n++) {
		has_content |= packet.tag == TAG_COMPRESSED || packet.tag == TAG_LITERAL;
		if (!pgp_open_packet(run, &pgp, &packet))
			return;
	}
	if (n == PACKETS_MAX)
		pgp_mark_broken(run, "too many packets");
	else if (!has_content)
		pgp_mark_broken(run, "message makes no sense");
}

static void
pgp_open_armor(const PgpRun *run, const guint8 *data, gsize len)
{
	const guint8 *end = data + len, *mark = data;
	for (guint n = 0; (mark = pgp_find_mark(mark, (gsize)(end - mark))) != NULL; n++) {
		if (n == MESSAGES_MAX) {
			pgp_mark_broken(run, "too many messages");
			return;
		}
		if (mark[strlen(ARMOR_MARK)] == ',') {
			pgp_mark_broken(run, "message in several parts");
			return;
		}
		g_autoptr(GByteArray) bytes = pgp_dearmor(pgp_armor_body(mark, end), end, &mark);
		if (bytes == NULL) {
			pgp_mark_broken(run, "too much armored text");
			return;
		}
		pgp_open_packets(run, bytes->data, bytes->len);
	}
}

void
pgp_open(const AmHost *host, AmDecode *decode, const guint8 *data, gsize len)
{
	PgpRun run = { host, decode };
	if (data[0] >= 0x80)
		pgp_open_packets(&run, data, len);
	else
		pgp_open_armor(&run, data, len);
}
