/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* S/MIME: CMS (RFC 5652) as mails carry it, in BER, PEM or bare base64.  Signed and compressed
 * contents become children, encrypted ones are told with their cipher; nothing is verified or
 * altered, and no key is needed.
 *
 *     ContentInfo     ::= SEQUENCE { OID, [0] content }
 *     SignedData      ::= SEQUENCE { INTEGER, SET digests, EncapContentInfo, ... }
 *     CompressedData  ::= SEQUENCE { INTEGER, SEQUENCE algorithm, EncapContentInfo }  RFC 3274
 *     EncapContentInfo ::= SEQUENCE { OID, [0] OCTET STRING OPTIONAL }
 *     EnvelopedData   ::= SEQUENCE { INTEGER, [0] OPTIONAL, SET recipients, EncryptedContentInfo, ... }
 *     AuthEnvelopedData: the same  RFC 5083
 *     EncryptedData   ::= SEQUENCE { INTEGER, EncryptedContentInfo, ... }
 *     EncryptedContentInfo ::= SEQUENCE { OID, SEQUENCE { OID cipher, ... }, ... }
 *
 * Only the way to the content is read, with a reader of our own: libcrypto wants the whole in memory,
 * refuses contents whose signatures are broken (mail readers show them), does not say what a content
 * is encrypted with, and is built without zlib by distributors. */

#include <string.h>

#include "../bytes/bytes.h"
#include "ber.h"
#include "ciphers.h"
#include "pgp.h"
#include "sink.h"

#define TEXT_MAX_BYTES (64 << 20) /* of base64 that is decoded in memory */

typedef enum {
	CMS_NONE,
	CMS_SIGNED,
	CMS_ENVELOPED,
	CMS_ENCRYPTED,
	CMS_AUTHENVELOPED,
	CMS_COMPRESSED,
} CmsKind;

static const struct {
	CmsKind kind;
	guint8 len;
	const char *oid;
} cms_kinds[] = {
	{ CMS_SIGNED, 9, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" },
	{ CMS_ENVELOPED, 9, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03" },
	{ CMS_ENCRYPTED, 9, "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06" },
	{ CMS_AUTHENVELOPED, 11, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17" },
	{ CMS_COMPRESSED, 11, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09" },
};

typedef struct {
	const AmHost *host;
} Smime;

typedef struct {
	const AmHost *host;
	AmDecode *decode;
	AmPartInfo info;
} SmimeRun;

/* ---- bids ---------------------------------------------------------------------------------- */

/* The kind of a ContentInfo; `ber` then stands before its content. */
static CmsKind
smime_kind(Ber *ber)
{
	Ber oid;
	if (!ber_enter(ber, BER_SEQUENCE, ber) || !ber_enter(ber, BER_OID, &oid) ||
	    oid.end > ber->end)
		return CMS_NONE;
	for (gsize i = 0; i < G_N_ELEMENTS(cms_kinds); i++) {
		if (!ber_is(&oid, cms_kinds[i].oid, cms_kinds[i].len))
			continue;
		ber->at = oid.end;
		return cms_kinds[i].kind;
	}
	return CMS_NONE;
}

/* Where the base64 of PEM, or base64 without anything, begins; NULL: it is none. */
static const guint8 *
smime_text_start(const guint8 *head, gsize len)
{
	static const char *const marks[] = { "-----BEGIN PKCS7-----", "-----BEGIN CMS-----",
					     "-----BEGIN PKCS #7 SIGNED DATA-----" };
	const guint8 *at = head, *end = head + len;
	while (at < end && g_ascii_isspace(*at))
		at++;
	for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
		if ((gsize)(end - at) > strlen(marks[i]) &&
		    memcmp(at, marks[i], strlen(marks[i])) == 0)
			return at + strlen(marks[i]);
	/* a SEQUENCE of more than 127 or of unknown length, then the OID: "MII", "MIA" */
	return end - at > 3 && at[0] == 'M' && at[1] == 'I' ? at : NULL;
}

static CmsKind
smime_text_kind(const guint8 *text, gsize len)
{
	guint8 bytes[96];
	int state = 0;
	guint save = 0;
	gsize n = g_base64_decode_step((const char *)text, MIN(len, 120), bytes, &state, &save);
	Ber ber = { bytes, bytes + n };
	return smime_kind(&ber);
}

static int
smime_bid(G_GNUC_UNUSED gpointer data, const AmPartInfo *info, const guint8 *head, gsize len)
{
	if (len == 0)
		return 0;
	Ber ber = { head, head + len };
	if (smime_kind(&ber) != CMS_NONE)
		return 90;
	const guint8 *text = smime_text_start(head, len);
	if (text != NULL && smime_text_kind(text, (gsize)(head + len - text)) != CMS_NONE)
		return 80;
	if (pgp_is_message(head, len))
		return 70;
	/* inline PGP behind the bytes seen here: the core tells of such lines */
	return (info->flags & AM_PART_HAS_ENCODED) != 0 ? 20 : 0;
}

/* ---- contents ------------------------------------------------------------------------------ */

static void
smime_mark_broken(const SmimeRun *run, const char *what)
{
	g_autofree char *reason = g_strdup_printf("S/MIME: %s", what);
	run->host->decode_mark(run->decode, AM_PART_UNDECODED, reason);
}

/* "invoice.xml.p7m" has "invoice.xml" in it. */
static char *
smime_child_name(const char *name)
{
	gsize len = strlen(name);
	if (len <= 4 || g_ascii_strncasecmp(name + len - 4, ".p7", 3) != 0)
		return NULL;
	return memchr(name, '.', len - 4) != NULL ? g_strndup(name, len - 4) : NULL;
}

static void
smime_copy(const SmimeRun *run, const BerItem *octets, SinkFormat format)
{
	g_autofree char *name = smime_child_name(run->info.name);
	Sink sink;
	if (!sink_init(&sink, run->host, run->decode, name, format)) {
		smime_mark_broken(run, "no memory to decompress");
		return;
	}
	BerStatus status = ber_octets(octets, sink_write, &sink);
	if (!sink_close(&sink))
		return; /* the budget is used up, which the core tells */
	if (status == BER_CUT)
		smime_mark_broken(run, "content is cut short");
	else if (status == BER_BROKEN)
		smime_mark_broken(run, "content makes no sense");
	else if (sink.is_broken)
		smime_mark_broken(run, "compressed content is broken");
}

/* EncapContentInfo: no content means a detached signature, or certificates alone. */
static void
smime_open_encapsulated(const SmimeRun *run, Ber *ber, gboolean is_compressed)
{
	Ber inner, type;
	BerItem octets;
	if (!ber_enter(ber, BER_SEQUENCE, &inner) || !ber_enter(&inner, BER_OID, &type)) {
		smime_mark_broken(run, "structure makes no sense");
		return;
	}
	inner.at = type.end;
	if (inner.at == inner.end || *inner.at != BER_CONTEXT_0)
		return;
	run->host->decode_finding(run->decode, "smime",
				  is_compressed ? "compressed-data" : "signed-data", NULL);
	/* PKCS #7 1.5 allowed any type here; an octet string is what mail programs know */
	if (!ber_enter(&inner, BER_CONTEXT_0, &inner) || !ber_read(&inner, &octets) ||
	    (octets.tag != BER_OCTETS && octets.tag != BER_OCTETS_CONSTRUCTED)) {
		smime_mark_broken(run, "content makes no sense");
		return;
	}
	smime_copy(run, &octets, is_compressed ? SINK_ZLIB : SINK_PLAIN);
}

static void
smime_open_signed(const SmimeRun *run, Ber *ber)
{
	if (!ber_skip_optional(ber, BER_INTEGER) || !ber_skip_optional(ber, BER_SET))
		smime_mark_broken(run, "structure makes no sense");
	else
		smime_open_encapsulated(run, ber, FALSE);
}

static void
smime_open_compressed(const SmimeRun *run, Ber *ber)
{
	static const char zlib[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08";
	Ber algorithm, oid;
	if (!ber_skip_optional(ber, BER_INTEGER))
		smime_mark_broken(run, "structure makes no sense");
	Ber start = *ber;
	if (!ber_enter(ber, BER_SEQUENCE, &algorithm) || !ber_enter(&algorithm, BER_OID, &oid) ||
	    !ber_is(&oid, zlib, sizeof zlib - 1))
		smime_mark_broken(run, "compressed by an unknown method");
	else if (!ber_skip_optional(&start, BER_SEQUENCE))
		smime_mark_broken(run, "structure makes no sense");
	else
		smime_open_encapsulated(run, &start, TRUE);
}

/* Encrypted whatever else is wrong with it; what is sought is the cipher's name. */
static void
smime_tell_encrypted(const SmimeRun *run, CmsKind kind, Ber *ber)
{
	Ber inner, type, algorithm, oid;
	g_autofree char *cipher = NULL;
	gboolean ok = ber_skip_optional(ber, BER_INTEGER);
	if (kind != CMS_ENCRYPTED)
		ok = ok && ber_skip_optional(ber, BER_CONTEXT_0) && ber_skip_optional(ber, BER_SET);
	if (ok && ber_enter(ber, BER_SEQUENCE, &inner) && ber_enter(&inner, BER_OID, &type)) {
		inner.at = type.end;
		if (ber_enter(&inner, BER_SEQUENCE, &algorithm) &&
		    ber_enter(&algorithm, BER_OID, &oid))
			cipher = cipher_name(oid.at, (gsize)(oid.end - oid.at));
	}
	g_autofree char *reason =
		g_strdup_printf("S/MIME %s", cipher != NULL ? cipher : "of an unknown kind");
	run->host->decode_mark(run->decode, AM_PART_ENCRYPTED, reason);
}

/* Does all of it stand there, signatures and certificates too? */
static gboolean
smime_is_whole(const guint8 *data, gsize len)
{
	Ber ber = { data, data + len };
	BerItem item;
	return ber_read(&ber, &item) && ber_skip(&ber, &item);
}

static void
smime_open(const SmimeRun *run, const guint8 *data, gsize len)
{
	Ber ber = { data, data + len };
	CmsKind kind = smime_kind(&ber);
	gboolean has_content =
		ber_enter(&ber, BER_CONTEXT_0, &ber) && ber_enter(&ber, BER_SEQUENCE, &ber);
	switch (kind) {
	case CMS_NONE:
		break;
	case CMS_SIGNED:
	case CMS_COMPRESSED:
		if (!has_content)
			smime_mark_broken(run, "structure makes no sense");
		else if (kind == CMS_SIGNED)
			smime_open_signed(run, &ber);
		else
			smime_open_compressed(run, &ber);
		if (!smime_is_whole(data, len))
			smime_mark_broken(run, "cut short");
		break;
	case CMS_ENVELOPED:
	case CMS_ENCRYPTED:
	case CMS_AUTHENVELOPED:
		if (!has_content)
			ber.at = ber.end;
		smime_tell_encrypted(run, kind, &ber);
		break;
	}
}

static void
smime_open_text(const SmimeRun *run, const guint8 *text, gsize len)
{
	int state = 0;
	guint save = 0;
	if (smime_text_kind(text, len) == CMS_NONE)
		return;
	const guint8 *end = memmem(text, len, "-----END", 8);
	if (end != NULL)
		len = (gsize)(end - text);
	if (len > TEXT_MAX_BYTES) {
		smime_mark_broken(run, "too much base64");
		return;
	}
	g_autofree guint8 *bytes = g_malloc(len / 4 * 3 + 3);
	gsize n = g_base64_decode_step((const char *)text, len, bytes, &state, &save);
	smime_open(run, bytes, n);
}

/* ---- the plugin ---------------------------------------------------------------------------- */

static void
smime_read(Bytes bytes, Output *output)
{
	SmimeRun run = { .host = output->host, .decode = output->decode };
	run.host->part_info(run.host->decode_part(run.decode), &run.info);
	const guint8 *text = smime_text_start(bytes.data, MIN(bytes.len, 4096));
	gboolean is_late_pgp =
		text == NULL && bytes.data[0] < 0x80 && (run.info.flags & AM_PART_HAS_ENCODED) != 0;
	if (pgp_is_message(bytes.data, is_late_pgp ? bytes.len : MIN(bytes.len, 4096)))
		pgp_open(run.host, run.decode, bytes.data, bytes.len);
	else if (text != NULL)
		smime_open_text(&run, text, bytes.len - (gsize)(text - bytes.data));
	else
		smime_open(&run, bytes.data, bytes.len);
}

static gboolean
smime_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Smime *self = data;
	return bytes_decode(self->host, decode, smime_read, NULL, error);
}

static gpointer
smime_load(const AmHost *host, G_GNUC_UNUSED AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Smime *self = g_new0(Smime, 1);
	self->host = host;
	return self;
}

static const AmDecoderOps smime_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = smime_bid,
	.decode = smime_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_REENTRANT | AM_CAP_BESIDE,
	.name = "smime",
	.version = "1.0",
	.licence = "GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception",
	.summary = "signed, compressed and encrypted S/MIME and OpenPGP",
	.load = smime_load,
	.unload = g_free,
	.decoder = &smime_ops,
};
