/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Archives made to deceive: two lists of members that disagree, members that overlap, more in front
 * and behind, volumes, encryption of each kind with passwords to try. */

#include <config.h>

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

#include "archive-run.h"
#include "archive-samples.h"

/* ---- zip by hand --------------------------------------------------------------------------- */

typedef struct {
	const char *local, *central; /* names; NULL: not there */
	const char *content;
	guint flags; /* of both headers */
	guint mode;  /* of Unix */
	gint overlap; /* the directory points that many bytes behind the local header */
} Member;

static void
put(GByteArray *out, gconstpointer data, gsize len)
{
	g_byte_array_append(out, data, (guint)len);
}

static void
put_le(GByteArray *out, guint64 value, guint bytes)
{
	for (guint i = 0; i < bytes; i++) {
		guint8 byte = i < 8 ? (guint8)(value >> (8 * i)) : 0;
		put(out, &byte, 1);
	}
}

static guint32
crc32_of(const char *text)
{
	guint32 crc = G_MAXUINT32;
	for (; *text != '\0'; text++) {
		crc ^= (guint8)*text;
		for (guint bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
	}
	return ~crc;
}

static void
put_fields(GByteArray *out, const Member *member, const char *name)
{
	gsize len = strlen(member->content);
	put_le(out, 20, 2);
	put_le(out, member->flags, 2);
	put_le(out, 0, 2); /* stored */
	put_le(out, 0, 4); /* time */
	put_le(out, crc32_of(member->content), 4);
	put_le(out, len, 4);
	put_le(out, len, 4);
	put_le(out, strlen(name), 2);
	put_le(out, 0, 2);
}

/* Members up to one without content. */
static GByteArray *
zip_of(const Member *members)
{
	GByteArray *out = g_byte_array_new();
	g_autoptr(GByteArray) directory = g_byte_array_new();
	guint n = 0;
	for (const Member *member = members; member->content != NULL; member++) {
		guint at = out->len;
		if (member->local != NULL) {
			put(out, "PK\003\004", 4);
			put_fields(out, member, member->local);
			put(out, member->local, strlen(member->local));
			put(out, member->content, strlen(member->content));
		}
		if (member->central == NULL)
			continue;
		n++;
		put(directory, "PK\001\002", 4);
		put_le(directory, 3 << 8 | 20, 2);
		put_fields(directory, member, member->central);
		put_le(directory, 0, 6);
		put_le(directory, (guint64)member->mode << 16, 4);
		put_le(directory, (guint64)((gint)at + member->overlap), 4);
		put(directory, member->central, strlen(member->central));
	}
	guint start = out->len;
	put(out, directory->data, directory->len);
	put(out, "PK\005\006", 4);
	put_le(out, 0, 4);
	put_le(out, n, 2);
	put_le(out, n, 2);
	put_le(out, directory->len, 4);
	put_le(out, start, 4);
	put_le(out, 0, 2);
	return out;
}

/* "name=content " of each child; *, ! or ? for encrypted, links and devices. */
static char *
describe(const Run *run)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < run->decode.children->len; i++) {
		const AmChild *child = run->decode.children->pdata[i];
		g_assert_true(child->is_closed);
		g_string_append_printf(out, "%s%s%s%s=%.*s ", child->name != NULL ? child->name : "",
				       (child->flags & AM_PART_ENCRYPTED) ? "*" : "",
				       (child->flags & AM_PART_LINK) ? "!" : "",
				       (child->flags & AM_PART_SPECIAL) ? "?" : "",
				       (int)MIN(child->data->len, 40), (char *)child->data->data);
	}
	return g_string_free(out, FALSE);
}

static const struct {
	const char *name;
	Member members[4];
	guint32 marks;
	const char *children;
} zips[] = {
	{ "as it should be", { { "a", "a", "one" }, { "b", "b", "two" } }, 0, "a=one b=two " },
	{ "names that disagree", { { "good.txt", "evil.exe", "one" } }, AM_PART_AMBIGUOUS,
	  "evil.exe=one " },
	{ "not in the directory", { { "a", "a", "one" }, { "hidden.exe", NULL, "two" }, { "b", "b", "3" } },
	  AM_PART_AMBIGUOUS, "a=one b=3 hidden.exe=two " },
	{ "not in the directory, first", { { "hidden.exe", NULL, "two" }, { "b", "b", "3" } },
	  AM_PART_AMBIGUOUS, "b=3 hidden.exe=two " },
	{ "not in the directory, last", { { "b", "b", "3" }, { "hidden.exe", NULL, "two" } },
	  AM_PART_AMBIGUOUS, "b=3 hidden.exe=two " },
	{ "nothing in the directory", { { "hidden.exe", NULL, "two" } }, AM_PART_AMBIGUOUS,
	  "hidden.exe=two " },
	{ "the same name", { { "a", "a", "one" }, { "a", "a", "two" } }, AM_PART_AMBIGUOUS,
	  "a=one a=two " },
	{ "said to be UTF-8", { { "caf\351.exe", "caf\351.exe", "one", 0x800 } }, 0,
	  "caf\351.exe=one " },
	{ "a pipe with content", { { "p.exe", "p.exe", "one", 0, S_IFIFO | 0644 } }, 0,
	  "p.exe?=one " },
	{ "a link with content", { { "l.exe", "l.exe", "/etc/passwd", 0, S_IFLNK | 0777 } }, 0,
	  "l.exe!=/etc/passwd " },
	{ "a directory with content",
	  { { "d.exe/", "d.exe/", "quite a long content", 0, S_IFDIR | 0755 } }, 0, NULL },
	{ "leads out", { { "../../a", "../../a", "one" }, { "/b", "/b", "two" } }, 0,
	  "../../a=one /b=two " },
};

static void
test_zips(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(zips); i++) {
		g_autoptr(GByteArray) zip = zip_of(zips[i].members);
		Run run;
		run_init(&run, "a.zip", zip->data, zip->len);
		g_autofree char *children = describe(&run);
		if (run.decode.marks != zips[i].marks ||
		    (zips[i].children != NULL && strcmp(children, zips[i].children) != 0))
			g_error("%s: %x %s(%s)", zips[i].name, run.decode.marks, children,
				run.decode.reasons->str);
		run_clear(&run);
	}
}

/* Two archives one after the other: by the end it is the second, by the start the first. */
static void
test_two_zips(void)
{
	static const Member first[] = { { "first", "first", "one" }, { NULL } };
	static const Member second[] = { { "second", "second", "two" }, { NULL } };
	g_autoptr(GByteArray) zip = zip_of(first);
	g_autoptr(GByteArray) more = zip_of(second);
	put(zip, more->data, more->len);
	Run run;
	run_init(&run, "a.zip", zip->data, zip->len);
	g_assert_cmphex(run.decode.marks, ==, AM_PART_AMBIGUOUS);
	run_assert_child(&run, "first", 0, "one", 3);
	run_assert_child(&run, "second", 0, "two", 3);
	run_clear(&run);
	/* something else behind it */
	zip = (g_byte_array_unref(zip), zip_of(first));
	put(zip, "and the rest of the secrets", 27);
	run_init(&run, "a.zip", zip->data, zip->len);
	g_assert_cmphex(run.decode.marks, ==, AM_PART_AMBIGUOUS);
	run_assert_child(&run, "first", 0, "one", 3);
	run_clear(&run);
	/* padding is nothing */
	zip = (g_byte_array_unref(zip), zip_of(first));
	put(zip, "\0\0\0\0\0\0\0\0\r\n", 10);
	run_init(&run, "a.zip", zip->data, zip->len);
	g_assert_cmphex(run.decode.marks, ==, 0);
	run_clear(&run);
}

/* A gap full of marks is searched in linear time. */
static void
test_marks(void)
{
	static const Member members[] = { { "a", "a", "one" }, { "b", "b", "two" }, { NULL } };
	g_autoptr(GByteArray) zip = zip_of(members);
	for (guint i = 0; i < 2; i++) {
		static const char real[] = "PK\003\004\024\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
					   "\0\0\1\0\377\377";
		g_autoptr(GByteArray) all = g_byte_array_new();
		while (all->len < 6 << 20)
			put(all, real, i == 0 ? 4 : sizeof real - 1);
		put(all, zip->data, zip->len);
		Run run;
		gint64 start = g_get_monotonic_time();
		run_bid(&run, "a.zip", all->data, all->len);
		run.decode.children_left = 100;
		run_decode(&run);
		g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
		g_assert_cmphex(run.decode.marks & AM_PART_AMBIGUOUS, ==, i == 0 ? 0 : AM_PART_AMBIGUOUS);
		run_assert_child(&run, "a", 0, "one", 3);
		run_clear(&run);
	}
}

/* Offsets that count what stood in front once: the end of a self-extracting program. */
static void
test_cut_off(void)
{
	static const Member members[] = { { "a", "a", "one" }, { "b", "b", "two" }, { NULL } };
	g_autoptr(GByteArray) zip = zip_of(members);
	for (guint i = 0; i < 3; i++) /* less than 256 each */
		zip->data[i == 0 ? zip->len - 6 : zip->len - 22 - 5 - 47 * (i - 1)] += 100;
	Run run;
	run_init(&run, "a.zip", zip->data, zip->len);
	g_assert_cmpstr(run.decode.reasons->str, ==, "");
	g_assert_cmphex(run.decode.marks, ==, 0);
	run_assert_child(&run, "a", 0, "one", 3);
	run_assert_child(&run, "b", 0, "two", 3);
	run_clear(&run);
}

/* What libarchive takes for an empty stream is not one; what wants too much memory is not begun. */
static void
test_short_streams(void)
{
	static const guint8 hello[] = "\x1f\x8b\x08\0\0\0\0\0\0\3\xcb\x48\xcd\xc9\xc9\xe7\2\0"
				      "\x20\x30\x3a\x36\6\0\0";
	static const guint8 lzma[] = "\x5d\0\0\0\x60\xff\xff\xff\xff\xff\xff\xff\xff\0abc";
	Run run;
	run_init(&run, "a.gz", hello, sizeof hello);
	g_assert_cmphex(run.decode.marks, ==, 0);
	run_clear(&run);
	for (gsize missing = 1; missing < 12; missing++) {
		run_init(&run, "a.gz", hello, sizeof hello - missing);
		g_assert_cmphex(run.decode.marks, ==, AM_PART_UNDECODED);
		run_clear(&run);
	}
	run_init(&run, "a.lzma", lzma, sizeof lzma);
	g_assert_cmpstr(run.decode.reasons->str, ==,
			"lzma: its dictionary is larger than 1 GiB ");
	run_clear(&run);
}

/* All members share the same bytes. */
static void
test_overlap(void)
{
	GByteArray *directory = g_byte_array_new();
	static const Member one = { "a", "a", "some content that all share" };
	g_autoptr(GByteArray) zip = g_byte_array_new();
	put(zip, "PK\003\004", 4);
	put_fields(zip, &one, "a");
	put(zip, "a", 1);
	put(zip, one.content, strlen(one.content));
	guint start = zip->len;
	for (guint i = 0; i < 1000; i++) {
		put(directory, "PK\001\002", 4);
		put_le(directory, 20, 2);
		put_fields(directory, &one, "a");
		put_le(directory, 0, 14);
		put(directory, "a", 1);
	}
	put(zip, directory->data, directory->len);
	put(zip, "PK\005\006", 4);
	put_le(zip, 0, 4);
	put_le(zip, 1000, 2);
	put_le(zip, 1000, 2);
	put_le(zip, directory->len, 4);
	put_le(zip, start, 4);
	put_le(zip, 0, 2);
	g_byte_array_unref(directory);
	Run run;
	run_bid(&run, "a.zip", zip->data, zip->len);
	run.decode.bytes_left = 10000;
	run_decode(&run);
	g_assert_true(run.decode.was_refused);
	g_assert_cmphex(run.decode.marks & AM_PART_AMBIGUOUS, !=, 0);
	g_assert_cmpuint(run.decode.children->len, >, 300);
	run_clear(&run);
}

static void
test_broken_directory(void)
{
	static const Member members[] = { { "a", "a", "one" }, { "b", "b", "two" }, { NULL } };
	g_autoptr(GByteArray) zip = zip_of(members);
	for (guint i = 0; i < 4; i++) {
		g_autofree guint8 *bytes = g_memdup2(zip->data, zip->len);
		gsize len = zip->len;
		if (i == 0)
			len -= 22; /* without the end */
		else if (i == 1)
			bytes[zip->len - 22 - 2 * 47] = 'X'; /* no entry */
		else if (i == 2)
			bytes[zip->len - 10] += 3; /* a wrong length */
		else
			bytes[zip->len - 18] = 1; /* the last of two volumes */
		Run run;
		run_init(&run, "a.zip", bytes, len);
		if (run.decode.marks != AM_PART_UNDECODED)
			g_error("%u: %x %s", i, run.decode.marks, run.decode.reasons->str);
		run_assert_child(&run, "a", 0, "one", 3);
		run_assert_child(&run, "b", 0, "two", 3);
		run_clear(&run);
	}
}

/* ---- encryption ---------------------------------------------------------------------------- */

static la_ssize_t
zip_write(G_GNUC_UNUSED struct archive *archive, void *data, const void *block, size_t len)
{
	put(data, block, len);
	return (la_ssize_t)len;
}

#define SECRET "Rechnung2024"
#define BIG 20000

static GByteArray *
zip_encrypted(const char *how)
{
	static const char *const names[] = { "big.bin", "small.exe" };
	GByteArray *out = g_byte_array_new();
	struct archive *archive = archive_write_new();
	g_autofree guint8 *noise = sample_noise(BIG);
	g_assert_cmpint(archive_write_set_format_zip(archive), ==, ARCHIVE_OK);
	g_assert_cmpint(archive_write_set_options(archive, how), ==, ARCHIVE_OK);
	g_assert_cmpint(archive_write_set_passphrase(archive, SECRET), ==, ARCHIVE_OK);
	(void)archive_write_set_bytes_in_last_block(archive, 1);
	g_assert_cmpint(archive_write_open(archive, out, NULL, zip_write, NULL), ==, ARCHIVE_OK);
	for (guint i = 0; i < 2; i++) {
		gsize len = i == 0 ? BIG : 500;
		struct archive_entry *entry = archive_entry_new();
		archive_entry_set_pathname(entry, names[i]);
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_perm(entry, 0644);
		archive_entry_set_size(entry, (la_int64_t)len);
		g_assert_cmpint(archive_write_header(archive, entry), ==, ARCHIVE_OK);
		g_assert_cmpint(archive_write_data(archive, noise, len), ==, (gssize)len);
		archive_entry_free(entry);
	}
	g_assert_cmpint(archive_write_close(archive), ==, ARCHIVE_OK);
	(void)archive_write_free(archive);
	return out;
}

static const struct {
	const char *how, *kind;
} ciphers[] = {
	{ "zip:encryption=zipcrypt", "zip ZipCrypto: members need a password " },
	{ "zip:encryption=zipcrypt,zip:compression=store",
	  "zip ZipCrypto: members need a password " },
	{ "zip:encryption=aes128", "zip AES-128: members need a password " },
	{ "zip:encryption=aes256", "zip AES-256: members need a password " },
	{ "zip:encryption=aes256,zip:compression=store", "zip AES-256: members need a password " },
};

static void
test_passwords(void)
{
	g_autofree guint8 *noise = sample_noise(BIG);
	g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < 600; i++) /* some pass the one byte that ZipCrypto checks */
		g_ptr_array_add(many, g_strdup_printf("wrong%u", i));
	g_ptr_array_add(many, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(ciphers); i++) {
		static const char *const good[] = { "wrong", "", "Rechnung", SECRET, "more", NULL };
		g_autoptr(GByteArray) zip = zip_encrypted(ciphers[i].how);
		gboolean is_crypto = strstr(ciphers[i].how, "zipcrypt") != NULL;
		Run run;
		run_bid(&run, "a.zip", zip->data, zip->len);
		run.decode.passwords = good;
		run_decode(&run);
		g_assert_cmpstr(run.decode.reasons->str, ==, "");
		g_assert_cmphex(run.decode.marks, ==, 0);
		g_assert_cmpint(run.decode.opened_by, ==, 3);
		g_assert_cmpuint(run.decode.children->len, ==, 2);
		run_assert_child(&run, "big.bin", 0, noise, BIG);
		run_assert_child(&run, "small.exe", 0, noise, 500);
		run_clear(&run);

		run_bid(&run, "a.zip", zip->data, zip->len);
		run.decode.passwords = (const char *const *)many->pdata + (is_crypto ? 0 : 590);
		run_decode(&run);
		g_assert_cmpstr(run.decode.reasons->str, ==, ciphers[i].kind);
		g_assert_cmphex(run.decode.marks, ==, AM_PART_ENCRYPTED);
		g_assert_cmpint(run.decode.opened_by, ==, -1);
		run_assert_child(&run, "big.bin", AM_PART_ENCRYPTED, "", 0);
		run_assert_child(&run, "small.exe", AM_PART_ENCRYPTED, "", 0);
		run_clear(&run);
	}
}

static void
test_closed(void)
{
	static const Member strong[] = { { "a", "a", "0123456789abcdef", 0x41 }, { "b", "b", "open" },
					 { NULL } };
	static const Member masked[] = { { "1", NULL, "0123456789abcdef", 0x2041 }, { NULL } };
	static const char *const passwords[] = { "one", "two", NULL };
	g_autoptr(GByteArray) zip = zip_of(strong);
	g_autoptr(GByteArray) hidden = zip_of(masked);
	Run run;
	run_bid(&run, "a.zip", zip->data, zip->len);
	run.decode.passwords = passwords;
	run_decode(&run);
	g_assert_cmpstr(run.decode.reasons->str, ==,
			"zip strong encryption: members need a password ");
	run_assert_child(&run, "a", AM_PART_ENCRYPTED, "", 0);
	run_assert_child(&run, "b", 0, "open", 4);
	run_clear(&run);
	run_init(&run, "a.zip", hidden->data, hidden->len);
	g_assert_cmphex(run.decode.marks & AM_PART_ENCRYPTED, !=, 0);
	g_assert_true(g_str_has_prefix(run.decode.reasons->str, "zip strong encryption"));
	run_clear(&run);
}

/* made by 7z, arj; rar by hand */
static const struct {
	const char *name, *base64, *kind, *children;
} locked[] = {
	{ "7z, names too",
	  "N3q8ryccAARl6kqRgAAAAAAAAAAuAAAAAAAAAClavJAMQYlbeB8iYWcrfWTAO8g0I9vNyhzreFRH"
	  "vph/eZPV7HhHyHp+bTmir3A5lY3hn5WeA7ZE+Z1FLqY0ChqnWMCleEs2uGkYps6eEyNCL4YU19B0"
	  "AbY8HlrFcwClFk/wdmB1Zko1xqXo8O9SyfvM2QWb+ZlILNhNwY7f1ji7ojfzQxcGEAEJcAAHCwEA"
	  "ASQG8QcBElMPdoHTrxAA2ogDWcu55p0N0QxiCgEXNvH7AAA=",
	  "7z AES-256: the list of members is encrypted, too ", "" },
	{ "7z",
	  "N3q8ryccAAStZ8/JEAAAAAAAAABiAAAAAAAAADGDoiL05WxFT0AgXrMNySX0ZzfVAQQGAAEJEAAH"
	  "CwEAAiQG8QcBElMPJTSEL6y1rSbfBWoo4zpRLyEhAQABAAwKBgAICgHl6KJcAAAFARkBABENAGEA"
	  "LgB0AHgAdAAAABQKAQAv6v1SsXrdARUGAQAggKSBAAA=",
	  "7z AES-256: members need a password ", "a.txt*= " },
	{ "arj",
	  "YOosACILAQIRAAIAB1sDawdbA2sAAAAAAAAAAAAAAAABAAAAAAB0aW55LmFyagAAY4Z4uAAAYOoxAC4LAQIR"
	  "AQAHB1sDawsAAAADAAAAenpv7QAApBEAAAAAAAAHWwNrB1sDawAAAAB0AAB+DQ5gAAB/Q1csO5XiiU9AD2Dq"
	  "AAA=",
	  "arj: members are garbled by a password ", "t*= " },
	{ "arj, open",
	  "YOopACILAQIQAAJugVoDa4FaA2sAAAAAAAAAAAAAAAAAAAAAAABwLmFyagAAgH0m4gAAYOo1AC4LAQIQAACBgVoD"
	  "axEAAAARAAAA/JksqAAApBEAAAAAAACBWgNrgVoDawAAAABhLnR4dAAAtOkkRgAAaGVsbG8gd29ybGQgdGV4dApg"
	  "6gAA",
	  "arj: there is no reader for it ", "" },
};

static void
test_locked(void)
{
	g_autoptr(GByteArray) rar = sample_rar4_one("a.exe", 4, "0123456789abcdef", 16);
	g_autoptr(GByteArray) rar5 = sample_rar5_one("a.exe", TRUE, "0123456789abcdef", 16);
	Run run;
	for (gsize i = 0; i < G_N_ELEMENTS(locked); i++) {
		gsize len;
		g_autofree guchar *bytes = g_base64_decode(locked[i].base64, &len);
		run_init(&run, locked[i].name, bytes, len);
		g_autofree char *children = describe(&run);
		g_assert_cmpint(run.bid, >, 0);
		g_assert_cmpstr(run.decode.reasons->str, ==, locked[i].kind);
		g_assert_cmpstr(children, ==, locked[i].children);
		run_clear(&run);
		for (gsize n = 0; n < len; n += 3) { /* cut short */
			run_init(&run, locked[i].name, bytes, n);
			run_clear(&run);
		}
	}
	run_init(&run, "a.rar", rar->data, rar->len);
	g_assert_true(g_str_has_prefix(run.decode.reasons->str, "rar 2: members need"));
	run_clear(&run);
	run_init(&run, "a.rar", rar5->data, rar5->len);
	g_assert_true(g_str_has_prefix(run.decode.reasons->str, "rar 5 AES-256: members need"));
	run_clear(&run);
	rar->data[7 + 3] |= 0x80; /* headers, too */
	run_init(&run, "a.rar", rar->data, rar->len);
	g_assert_cmpstr(run.decode.reasons->str, ==, "rar 4: the list of members is encrypted, too ");
	run_clear(&run);
}

static void
test_volumes(void)
{
	g_autoptr(GByteArray) rar = sample_rar4_one("a", 0, "data", 4);
	g_autoptr(GByteArray) cab = NULL;
	Run run;
	rar->data[7 + 3] |= 1;
	run_init(&run, "a.part1.rar", rar->data, rar->len);
	g_assert_nonnull(strstr(run.decode.reasons->str, "rar: one of several volumes"));
	run_clear(&run);
	for (guint i = 0; i < n_samples; i++)
		if (strcmp(samples[i].name, "cab") == 0)
			cab = sample_make(&samples[i], 100);
	cab->data[30] |= 2;
	run_init(&run, "a.cab", cab->data, cab->len);
	g_assert_nonnull(strstr(run.decode.reasons->str, "cab: one of several volumes"));
	run_clear(&run);
}

/* ---- streams ------------------------------------------------------------------------------- */

static void
test_streams(void)
{
	static const struct {
		const char *name, *data;
		gsize len;
		guint32 marks;
		const char *children;
	} cases[] = {
		{ "empty.gz", "\037\213\010\0\0\0\0\0\0\003\003\0\0\0\0\0\0\0\0\0", 20, 0, "empty= " },
		{ "empty.bz2", "BZh9\027\162\105\070\120\220\0\0\0\0", 14, 0, "empty= " },
		{ "two.gz",
		  "\037\213\010\0\0\0\0\0\0\003\001\005\000\372\377hello\206\246\020\066\005\0\0\0"
		  "\037\213\010\0\0\0\0\0\0\003\001\005\000\372\377hello\206\246\020\066\005\0\0\0",
		  56, 0, "two=hellohello " },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Run run;
		run_init(&run, cases[i].name, cases[i].data, cases[i].len);
		g_autofree char *children = describe(&run);
		g_assert_cmpstr(run.decode.reasons->str, ==, "");
		g_assert_cmphex(run.decode.marks, ==, cases[i].marks);
		g_assert_cmpstr(children, ==, cases[i].children);
		run_clear(&run);
	}
}

#define BYTES(text) text, sizeof text - 1

/* Formats that nothing here reads are said so, and only when it is sure that they are. */
static void
test_unread(void)
{
	static const struct {
		const char *data;
		gsize len;
		const char *reason;
	} cases[] = {
		{ BYTES("\0\0\061\0\0\0\220**ACE**\024\024"), "ace: there is no reader for it " },
		{ BYTES("\211LZO\0\r\n\032\n\020\060"), "lzop: there is no reader for it " },
		{ BYTES("LRZI\0\006\0\0\0\0\0\0"), "lrzip: there is no reader for it " },
		{ BYTES("ZOO 2.10 Archive.\032\0\0\334\247\304\375\0"), "zoo: there is no reader for it " },
		{ BYTES("SIT!\0\001\0\0\0\0rLau\001"), "StuffIt: there is no reader for it " },
		{ BYTES("LRZI is not an archive"), "" },
		{ BYTES("SIT! said the man to the dog"), "" },
		{ BYTES("`\352 and so on and so on and so on and so on"), "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Run run;
		run_init(&run, "a", cases[i].data, cases[i].len);
		g_assert_cmpstr(run.decode.reasons->str, ==, cases[i].reason);
		g_assert_cmpint(run.bid > 0, ==, cases[i].reason[0] != '\0');
		run_clear(&run);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_load();
	g_test_add_func("/archive-hostile/zips", test_zips);
	g_test_add_func("/archive-hostile/two-zips", test_two_zips);
	g_test_add_func("/archive-hostile/cut-off", test_cut_off);
	g_test_add_func("/archive-hostile/short-streams", test_short_streams);
	g_test_add_func("/archive-hostile/marks", test_marks);
	g_test_add_func("/archive-hostile/overlap", test_overlap);
	g_test_add_func("/archive-hostile/broken-directory", test_broken_directory);
	g_test_add_func("/archive-hostile/passwords", test_passwords);
	g_test_add_func("/archive-hostile/closed", test_closed);
	g_test_add_func("/archive-hostile/locked", test_locked);
	g_test_add_func("/archive-hostile/volumes", test_volumes);
	g_test_add_func("/archive-hostile/streams", test_streams);
	g_test_add_func("/archive-hostile/unread", test_unread);
	int status = g_test_run();
	run_unload();
	return status;
}
