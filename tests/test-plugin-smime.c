/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* S/MIME and OpenPGP: what openssl(1) and gpg(1) wrote, each broken in every way a cut can. */

#include <config.h>

#include <string.h>

#include "decode-run.h"

#define ENTITY "Content-Type: multipart/mixed"

static MockHost mock;

/* ---- real files ---------------------------------------------------------------------------- */

typedef struct {
	const char *file;
	guint n_children;
	guint32 marks;
	const char *reasons;  /* NULL any */
	const char *findings; /* all of them */
	const char *start;    /* of the first child, NULL any */
	const char *name;     /* of the first child, NULL none */
	const char *declared; /* of the first child, NULL none */
} Case;

#define MAIL "message/rfc822"
#define ENC AM_PART_ENCRYPTED

static const Case cases[] = {
	{ "signed.p7m", 1, 0, "", "smime:signed-data ", ENTITY, NULL, MAIL },
	{ "signed-indef.p7m", 1, 0, "", "smime:signed-data ", ENTITY, NULL, MAIL },
	{ "signed.pem", 1, 0, "", "smime:signed-data ", ENTITY, NULL, MAIL },
	{ "signed.b64", 1, 0, "", "smime:signed-data ", ENTITY, NULL, MAIL },
	{ "twice.p7m", 1, 0, "", "smime:signed-data ", "MIME-Version:", NULL, MAIL },
	{ "invoice.xml.p7m", 1, 0, "", "smime:signed-data ", "<?xml", "invoice.xml", NULL },
	{ "compressed.p7z", 1, 0, "", "smime:compressed-data ", ENTITY, NULL, MAIL },
	{ "detached.p7s", 0, 0, "", "" },
	{ "certs.p7c", 0, 0, "", "" },
	{ "enveloped-aes-128-cbc.p7m", 0, ENC, "S/MIME AES-128-CBC ", "" },
	{ "enveloped-aes-256-cbc.p7m", 0, ENC, "S/MIME AES-256-CBC ", "" },
	{ "enveloped-des3.p7m", 0, ENC, "S/MIME 3DES-CBC ", "" },
	{ "enveloped-camellia-256-cbc.p7m", 0, ENC, "S/MIME Camellia-256-CBC ", "" },
	{ "enveloped-indef.p7m", 0, ENC, "S/MIME AES-128-CBC ", "" },
	{ "authenveloped.p7m", 0, ENC, "S/MIME AES-256-GCM ", "" },
	{ "encrypted.p7m", 0, ENC, "S/MIME AES-256-CBC ", "" },
	{ "pgp-encrypted.asc", 0, ENC, "OpenPGP ", "" },
	{ "pgp-encrypted.gpg", 0, ENC, "OpenPGP ", "" },
	{ "pgp-inline.txt", 0, ENC, "OpenPGP ", "" },
	{ "pgp-symmetric.asc", 0, ENC, "OpenPGP, with a passphrase ", "" },
	{ "pgp-symmetric.gpg", 0, ENC, "OpenPGP, with a passphrase ", "" },
	{ "pgp-signed.asc", 1, 0, "", "", ENTITY, NULL, MAIL },
	{ "pgp-signed-none.gpg", 1, 0, "", "", ENTITY, NULL, MAIL },
	{ "pgp-signed-zip.gpg", 1, 0, "", "", "\x90\x0d\x03", NULL, NULL },
	{ "pgp-signed-zlib.gpg", 1, 0, "", "", "\x90\x0d\x03", NULL, NULL },
	{ "pgp-signed-zlib.asc", 1, 0, "", "", "\x90\x0d\x03", NULL, NULL },
	{ "pgp-signed-bzip2.gpg", 1, 0, "", "", "BZh", "message.bz2", NULL },
	{ "pgp-literal.gpg", 1, 0, "", "", "<?xml", "invoice.xml", NULL },
};

static void
test_case(gconstpointer data)
{
	const Case *c = data;
	gsize len;
	g_autofree char *bytes = decode_run_seed("smime", c->file, &len);
	DecodeRun run;
	decode_run_limited(&run, &mock, c->file, bytes, len, 0, NULL);
	g_assert_cmpint(run.bid, >, 0);
	g_assert_cmpstr(run.decode.reasons->str, ==, c->reasons);
	g_assert_cmphex(run.decode.marks, ==, c->marks);
	g_assert_cmpstr(run.decode.findings->str, ==, c->findings);
	g_assert_cmpuint(run.decode.children->len, ==, c->n_children);
	if (c->n_children > 0) {
		const AmChild *child = g_ptr_array_index(run.decode.children, 0);
		g_assert_cmpstr(child->declared, ==, c->declared);
		g_assert_cmpstr(child->name, ==, c->name);
		g_assert_cmpuint(child->data->len, >=, strlen(c->start));
		g_assert_cmpmem(child->data->data, strlen(c->start), c->start, strlen(c->start));
		if (strcmp(c->start, ENTITY) == 0)
			g_assert_nonnull(memmem(child->data->data, child->data->len,
						"TVqQAAMAAAAEAAAA\r\n--b--\r\n", 25));
	}
	decode_run_clear(&run);
}

/* What encrypted content there was is never called fine, and nothing is read that is not there. */
static void
test_cut(gconstpointer data)
{
	const Case *c = data;
	gsize len;
	g_autofree char *bytes = decode_run_seed("smime", c->file, &len);
	for (gsize n = 0; n < len; n += n < 400 ? 1 : 7) {
		DecodeRun run;
		decode_run_limited(&run, &mock, c->file, bytes, n, 0, NULL);
		if (run.bid > 0 && (c->marks & ENC) != 0)
			g_assert_cmphex(run.decode.marks, !=, 0);
		/* of DER each byte counts, of PEM not what is behind the base64 */
		if (run.bid == 90 && n > 0 && (guint8)bytes[0] == 0x30)
			g_assert_cmphex(run.decode.marks, !=, 0);
		decode_run_clear(&run);
	}
}

static void
test_flipped(gconstpointer data)
{
	const Case *c = data;
	gsize len;
	g_autofree char *bytes = decode_run_seed("smime", c->file, &len);
	for (gsize n = 0; n < MIN(len, 300) * 2; n++) {
		g_autofree char *flipped = g_memdup2(bytes, len);
		DecodeRun run;
		flipped[n / 2] ^= (char)((n & 1) != 0 ? 0x80 : 1 << (n % 7));
		decode_run_bid(&run, &mock, c->file, NULL, flipped, len);
		run.decode.bytes_left = 1 << 20;
		decode_run_decode(&run, &mock);
		decode_run_clear(&run);
	}
}

/* Half of a signed content is shown by mail readers: it comes out, and the rest is told. */
static void
test_half(void)
{
	static const char *const files[] = { "signed.p7m", "signed-indef.p7m", "compressed.p7z",
					     "pgp-signed-none.gpg", "pgp-signed-zlib.gpg" };
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		gsize len;
		g_autofree char *bytes = decode_run_seed("smime", files[i], &len);
		DecodeRun run;
		decode_run_limited(&run, &mock, files[i], bytes, 150, 0, NULL);
		g_assert_cmpuint(run.decode.children->len, ==, 1);
		g_assert_cmphex(run.decode.marks, ==, AM_PART_UNDECODED);
		decode_run_clear(&run);
	}
}

/* ---- what is none -------------------------------------------------------------------------- */

static void
test_no_bid(void)
{
	static const struct {
		const char *data;
		gsize len;
	} none[] = {
		{ "", 0 },
		{ "0", 1 },
		{ "\x30\x80", 2 },
		{ "\x30\x82\x01\x00\x06\x09*\x86H\x86\xf7\x0d\x01\x07", 14 },
		{ "\x30\x82\x01\x00\x30\x03\x02\x01\x00", 9 },		  /* a certificate, a key */
		{ "\x30\x0b\x06\x09*\x86H\x86\xf7\x0d\x01\x01\x01", 13 }, /* rsaEncryption */
		{ "MII is a word", 13 },
		{ "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n", 48 },
		{ "> -----BEGIN PGP MESSAGE-----\n", 30 },
		{ "see -----BEGIN PGP MESSAGE-----\n", 32 },
		{ "\x89PNG\r\n\x1a\n", 8 },
		{ "\x84\x0c\x03word", 7 },
		{ "\xc8\x10\x01\x07\x07\x07", 6 },
		{ "\xcb\x20z\x03", 4 },
		{ "\xff\xd8\xff\xe0\x00\x10JFIF", 10 },
		{ "\xa3\x04", 2 },
		{ "\xca\xfe\xba\xbe\x00\x00\x00\x34", 8 },
		{ "\xef\xbb\xbfwords", 8 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(none); i++) {
		DecodeRun run;
		decode_run_limited(&run, &mock, "smime.p7m", none[i].data, none[i].len, 0, NULL);
		if (run.bid != 0)
			g_error("%s: %d", none[i].data, run.bid);
		g_assert_cmpuint(run.decode.children->len, ==, 0);
		g_assert_cmphex(run.decode.marks, ==, 0);
		decode_run_clear(&run);
	}
	static const char *const files[] = { "pgp-clearsigned.asc", "pgp-detached.asc",
					     "pgp-detached.sig", "pgp-key.gpg" };
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		gsize len;
		g_autofree char *bytes = decode_run_seed("smime", files[i], &len);
		DecodeRun run;
		decode_run_bid(&run, &mock, files[i], NULL, bytes, len);
		g_assert_cmpint(run.bid, ==, 0);
		decode_run_clear(&run);
	}
}

/* ---- hostile ------------------------------------------------------------------------------- */

static GByteArray *
signed_with(gconstpointer content, gsize len)
{
	static const char head[] = "\x30\x80\x06\x09*\x86H\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80"
				   "\x02\x01\x01\x31\x00\x30\x80\x06\x09*\x86H\x86\xf7\x0d\x01\x07"
				   "\x01\xa0\x80";
	GByteArray *bytes = g_byte_array_new();
	g_byte_array_append(bytes, (const guint8 *)head, sizeof head - 1);
	g_byte_array_append(bytes, content, (guint)len);
	return bytes;
}

static void
test_hostile(void)
{
	static const struct {
		const char *name, *content;
		gsize len;
		guint n_children;
		guint32 marks;
	} odd[] = {
		{ "empty", "\x04\x00", 2, 1, 0 },
		{ "pieces", "\x24\x80\x04\x01x\x24\x03\x04\x01y\x04\x01z\0\0", 16, 1, 0 },
		{ "piece longer than all", "\x04\x84\xff\xff\xff\xffxyz", 9, 1, AM_PART_UNDECODED },
		{ "length of nine bytes", "\x04\x89\1\1\1\1\1\1\1\1\1xyz", 14, 0,
		  AM_PART_UNDECODED },
		{ "primitive without a length", "\x04\x80xyz\0\0", 7, 0, AM_PART_UNDECODED },
		{ "not an octet string", "\x0c\x03xyz", 5, 0, AM_PART_UNDECODED },
		{ "something else among the pieces", "\x24\x80\x04\x01x\x0c\x01y\0\0", 10, 1,
		  AM_PART_UNDECODED },
		{ "without an end", "\x24\x80\x04\x01x", 5, 1, AM_PART_UNDECODED },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(odd); i++) {
		static const guint8 ends[10];
		g_autoptr(GByteArray) bytes = signed_with(odd[i].content, odd[i].len);
		DecodeRun run;
		if (odd[i].marks == 0)
			g_byte_array_append(bytes, ends, sizeof ends);
		decode_run_limited(&run, &mock, "smime.p7m", bytes->data, bytes->len, 0, NULL);
		g_test_message("%s", odd[i].name);
		g_assert_cmpuint(run.decode.children->len, ==, odd[i].n_children);
		g_assert_cmphex(run.decode.marks, ==, odd[i].marks);
		decode_run_clear(&run);
	}
}

/* Deep or long structures: no recursion, and no time that grows faster than they do. */
static void
test_deep(void)
{
	GByteArray *bytes = signed_with("", 0);
	for (guint i = 0; i < 200000; i++)
		g_byte_array_append(bytes, (const guint8 *)"\x24\x80", 2);
	DecodeRun run;
	decode_run_limited(&run, &mock, "smime.p7m", bytes->data, bytes->len, 0, NULL);
	g_assert_cmphex(run.decode.marks, ==, AM_PART_UNDECODED);
	decode_run_clear(&run);
	g_byte_array_set_size(bytes, 22); /* before the set of digests */
	for (guint i = 0; i < 200000; i++)
		g_byte_array_append(bytes, (const guint8 *)"\x31\x80", 2);
	decode_run_limited(&run, &mock, "smime.p7m", bytes->data, bytes->len, 0, NULL);
	g_assert_cmphex(run.decode.marks, ==, AM_PART_UNDECODED);
	decode_run_clear(&run);
	g_byte_array_unref(bytes);
}

static void
test_budget(void)
{
	static const char *const files[] = { "signed.p7m", "compressed.p7z", "pgp-signed-none.gpg",
					     "pgp-signed-zip.gpg" };
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		gsize len;
		g_autofree char *bytes = decode_run_seed("smime", files[i], &len);
		DecodeRun run;
		decode_run_bid(&run, &mock, files[i], NULL, bytes, len);
		run.decode.bytes_left = 10;
		decode_run_decode(&run, &mock);
		g_assert_true(run.decode.was_refused);
		decode_run_clear(&run);
		decode_run_bid(&run, &mock, files[i], NULL, bytes, len);
		run.decode.children_left = 0;
		decode_run_decode(&run, &mock);
		g_assert_true(run.decode.was_refused);
		g_assert_cmpuint(run.decode.children->len, ==, 0);
		decode_run_clear(&run);
	}
}

/* OpenPGP data in pieces of 512 bytes, as it is written by who does not know how long it gets. */
static void
test_partial(void)
{
	GByteArray *bytes = g_byte_array_new();
	guint8 piece[512];
	memset(piece, 'x', sizeof piece);
	g_byte_array_append(bytes,
			    (const guint8 *)"\xcb\xe9"
					    "b\x05"
					    "a.txt\0\0\0\0",
			    13);
	g_byte_array_append(bytes, piece, 501);
	for (guint i = 0; i < 20; i++) {
		g_byte_array_append(bytes, (const guint8 *)"\xe9", 1);
		g_byte_array_append(bytes, piece, 512);
	}
	g_byte_array_append(bytes, (const guint8 *)"\x03xyz", 4);
	DecodeRun run;
	decode_run_limited(&run, &mock, "m.gpg", bytes->data, bytes->len, 0, NULL);
	g_assert_cmpint(run.bid, >, 0);
	g_assert_cmphex(run.decode.marks, ==, 0);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	const AmChild *child = g_ptr_array_index(run.decode.children, 0);
	g_assert_cmpstr(child->name, ==, "a.txt");
	g_assert_cmpuint(child->data->len, ==, 501 + 20 * 512 + 3);
	decode_run_clear(&run);
	decode_run_limited(&run, &mock, "m.gpg", bytes->data, bytes->len - 600, 0,
			   NULL); /* no last piece */
	g_assert_cmphex(run.decode.marks, ==, AM_PART_UNDECODED);
	decode_run_clear(&run);
	g_byte_array_unref(bytes);
}

/* A text with several messages, one after the other, and bad ones. */
static void
test_armor(void)
{
	static const struct {
		const char *text;
		guint n_children;
		guint32 marks;
	} texts[] = {
		{ "-----BEGIN PGP MESSAGE-----\n\nywdiAAAAAABo\n=aaaa\n-----END PGP MESSAGE-----\n"
		  "and\n-----BEGIN PGP MESSAGE-----\nVersion: x\r\n\r\nywdiAAAAAABo\n"
		  "-----END PGP MESSAGE-----\n",
		  2, 0 },
		{ "-----BEGIN PGP MESSAGE-----\n", 0, AM_PART_UNDECODED },
		{ "-----BEGIN PGP MESSAGE-----\n\n", 0, AM_PART_UNDECODED },
		{ "-----BEGIN PGP MESSAGE-----\n\nwords\n", 0, AM_PART_UNDECODED },
		{ "-----BEGIN PGP MESSAGE-----\nywdiAAAAAABo\n", 1, 0 }, /* no empty line */
		{ "-----BEGIN PGP MESSAGE, PART 01/02-----\n\nywdiAAAAAABo\n", 0,
		  AM_PART_UNDECODED },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		DecodeRun run;
		decode_run_limited(&run, &mock, "m.asc", texts[i].text, strlen(texts[i].text), 0,
				   NULL);
		g_test_message("%s", texts[i].text);
		g_assert_cmpint(run.bid, >, 0);
		g_assert_cmphex(run.decode.marks, ==, texts[i].marks);
		g_assert_cmpuint(run.decode.children->len, ==, texts[i].n_children);
		decode_run_clear(&run);
	}
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "smime"), AM_KIND_DECODER, "",
			    &error))
		g_error("%s", error->message);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *file = g_strdup_printf("/smime/file/%s", cases[i].file);
		g_autofree char *cut = g_strdup_printf("/smime/cut/%s", cases[i].file);
		g_autofree char *flipped = g_strdup_printf("/smime/flipped/%s", cases[i].file);
		g_test_add_data_func(file, &cases[i], test_case);
		g_test_add_data_func(cut, &cases[i], test_cut);
		g_test_add_data_func(flipped, &cases[i], test_flipped);
	}
	g_test_add_func("/smime/half", test_half);
	g_test_add_func("/smime/no-bid", test_no_bid);
	g_test_add_func("/smime/hostile", test_hostile);
	g_test_add_func("/smime/deep", test_deep);
	g_test_add_func("/smime/budget", test_budget);
	g_test_add_func("/smime/partial", test_partial);
	g_test_add_func("/smime/armor", test_armor);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
