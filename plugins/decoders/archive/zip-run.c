/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* An archive whose two lists of members agree is libarchive's.  Of any other each member is given to
 * libarchive as an archive of its own: headers that we write around its bytes.  So a member is read
 * wherever a reader may find it, keeps its name as it is, and can be tried with password after
 * password without the others.
 *
 * A password is right when the member can be read with it to its end and its checksum agrees; only
 * then is there a child.  (The first kind of encryption lets one wrong password of 256 pass.) */

#include "zip-run.h"

#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "zip-look.h"

#define FAILURES_MAX 4 /* members that no password opens: then only those that opened others */
#define LOCAL_BYTES 30
#define FLAG_SIZES_BEHIND 0x0008
#define FLAG_UTF8 0x0800

typedef struct {
	ArchiveRun *run;
	const ZipLook *look;
	gint64 start, len;   /* the source's own range */
	int good;	     /* password that has opened something, -1 none */
	guint n_failures;
	ZipEncryption closed; /* a kind that stayed so, ZIP_PLAIN none */
} ZipRun;

/* ---- an archive of one --------------------------------------------------------------------- */

static void
zip_put(GByteArray *out, guint64 value, guint bytes)
{
	for (guint i = 0; i < bytes; i++) {
		guint8 byte = (guint8)(value >> (8 * i));
		g_byte_array_append(out, &byte, 1);
	}
}

static void
zip_put_extra(GByteArray *out, const ZipMember *member)
{
	zip_put(out, 1, 2);
	zip_put(out, 16, 2);
	zip_put(out, member->size, 8);
	zip_put(out, member->packed, 8);
	if (member->encryption < ZIP_AES_128 || member->encryption > ZIP_AES_256)
		return;
	zip_put(out, 0x9901, 2);
	zip_put(out, 7, 2);
	zip_put(out, member->aes_version, 2);
	g_byte_array_append(out, (const guint8 *)"AE", 2);
	zip_put(out, member->aes_strength, 1);
	zip_put(out, member->aes_method, 2);
}

/* What both headers have in common.  The name is of no account. */
static void
zip_put_fields(GByteArray *out, const ZipMember *member)
{
	g_autoptr(GByteArray) extra = g_byte_array_new();
	zip_put_extra(extra, member);
	gboolean is_crypto = member->encryption == ZIP_CRYPTO; /* then the time is checked */
	zip_put(out, 45, 2);
	zip_put(out, member->flags & ~(FLAG_UTF8 | (is_crypto ? 0U : FLAG_SIZES_BEHIND)), 2);
	zip_put(out, member->method, 2);
	zip_put(out, member->time, 4);
	zip_put(out, member->crc, 4);
	zip_put(out, 0xffffffffU, 4); /* both sizes are in the extra field */
	zip_put(out, 0xffffffffU, 4);
	zip_put(out, 1, 2);
	zip_put(out, extra->len, 2);
}

static void
zip_wrap(const ZipMember *member, GByteArray *front, GByteArray *back)
{
	g_autoptr(GByteArray) extra = g_byte_array_new();
	zip_put_extra(extra, member);
	g_byte_array_append(front, (const guint8 *)"PK\003\004", 4);
	zip_put_fields(front, member);
	g_byte_array_append(front, (const guint8 *)"x", 1);
	g_byte_array_append(front, extra->data, extra->len);
	if (member->encryption == ZIP_CRYPTO && (member->flags & FLAG_SIZES_BEHIND) != 0) {
		g_byte_array_append(back, (const guint8 *)"PK\007\010", 4);
		zip_put(back, member->crc, 4);
		zip_put(back, member->packed, 8);
		zip_put(back, member->size, 8);
	}
	guint64 directory = front->len + member->packed + back->len;
	guint start = back->len;
	g_byte_array_append(back, (const guint8 *)"PK\001\002", 4);
	zip_put(back, 45, 2);
	zip_put_fields(back, member);
	zip_put(back, 0, 2 + 2 + 2); /* comment, disk, attributes within */
	zip_put(back, 0, 4);	     /* and outside */
	zip_put(back, 0, 4);	     /* offset */
	g_byte_array_append(back, (const guint8 *)"x", 1);
	g_byte_array_append(back, extra->data, extra->len);
	guint size = back->len - start;
	g_byte_array_append(back, (const guint8 *)"PK\005\006", 4);
	zip_put(back, 0, 4);
	zip_put(back, 1, 2);
	zip_put(back, 1, 2);
	zip_put(back, size, 4);
	zip_put(back, directory, 4);
	zip_put(back, 0, 2);
}

static gboolean
zip_is_late(const ZipRun *zip)
{
	const AmHost *host = zip->run->self->host;
	return g_get_monotonic_time() >= host->decode_deadline_us(zip->run->decode);
}

/* Reads to the end and looks whether all is well. */
static gboolean
zip_check(const ZipRun *zip, struct archive *archive)
{
	for (;;) {
		const void *block;
		size_t len;
		la_int64_t offset;
		int rc = archive_read_data_block(archive, &block, &len, &offset);
		if (rc == ARCHIVE_EOF)
			return TRUE;
		if (rc != ARCHIVE_OK || zip_is_late(zip))
			return FALSE;
	}
}

/* Of one member; child NULL: only *is_good is wanted. */
static ArchiveStep
zip_read_member(ZipRun *zip, const ZipMember *member, const char *password, AmChild *child,
		gboolean *is_good)
{
	ArchiveRun *run = zip->run;
	g_autoptr(GByteArray) front = g_byte_array_new();
	g_autoptr(GByteArray) back = g_byte_array_new();
	gint64 rest = zip->len - (gint64)MIN(member->data, (guint64)zip->len);
	gboolean is_whole = !member->is_hidden && member->packed <= (guint64)rest;
	struct archive_entry *entry;
	ArchiveStep step = STEP_GOOD;

	zip_wrap(member, front, back);
	if (member->is_hidden) /* as it stands: sizes may be behind it */
		archive_source_select(run->source, zip->start + (gint64)member->header,
				      (gint64)(member->data - member->header + member->packed),
				      NULL, NULL);
	else
		archive_source_select(run->source, zip->start + (gint64)member->data,
				      (gint64)MIN(member->packed, (guint64)rest), front,
				      is_whole ? back : NULL);
	run->archive = archive_read_new();
	if (run->archive == NULL) {
		run->source->errnum = ENOMEM;
		return STEP_BROKEN;
	}
	run->is_open = (is_whole ? archive_read_support_format_zip_seekable(run->archive)
				 : archive_read_support_format_zip_streamable(run->archive)) ==
			       ARCHIVE_OK &&
		       (password == NULL ||
			archive_read_add_passphrase(run->archive, password) == ARCHIVE_OK) &&
		       archive_source_open(run->source, run->archive) == ARCHIVE_OK;
	if (!run->is_open || archive_read_next_header(run->archive, &entry) < ARCHIVE_WARN) {
		if (child != NULL)
			archive_mark(run, AM_PART_UNDECODED, "a member cannot be read");
	} else if (child != NULL) {
		step = archive_copy(run, child, FALSE);
	} else {
		*is_good = zip_check(zip, run->archive);
	}
	(void)archive_read_free(run->archive);
	run->archive = NULL;
	run->is_open = FALSE;
	return step == STEP_BROKEN ? STEP_GOOD : step; /* the next is another archive */
}

/* ---- passwords ----------------------------------------------------------------------------- */

static gboolean
zip_try(ZipRun *zip, const ZipMember *member, const char *password)
{
	gboolean is_good = FALSE;
	(void)zip_read_member(zip, member, password, NULL, &is_good);
	return is_good;
}

/* One that opens the member, NULL none does. */
static const char *
zip_find_password(ZipRun *zip, const ZipMember *member)
{
	const AmHost *host = zip->run->self->host;
	AmDecode *decode = zip->run->decode;
	const char *password;
	if (member->encryption == ZIP_STRONG)
		return NULL;
	if (zip->good >= 0 && (password = host->decode_password(decode, (guint)zip->good)) != NULL &&
	    zip_try(zip, member, password))
		return password;
	if (zip->n_failures >= FAILURES_MAX)
		return NULL;
	for (guint i = 0; (password = host->decode_password(decode, i)) != NULL; i++) {
		if (zip_is_late(zip))
			break;
		if (*password == '\0' || !zip_try(zip, member, password))
			continue;
		zip->good = (int)i;
		host->decode_opened(decode, i);
		return password;
	}
	zip->n_failures++;
	return NULL;
}

/* On the smallest one first: what it costs to find out grows with the size. */
static void
zip_find_first_password(ZipRun *zip)
{
	const ZipMember *smallest = NULL;
	for (guint i = 0; i < zip->look->members->len; i++) {
		const ZipMember *member = zip->look->members->pdata[i];
		if (member->encryption != ZIP_PLAIN && member->encryption != ZIP_STRONG &&
		    member->size > 0 && (smallest == NULL || member->packed < smallest->packed))
			smallest = member;
	}
	if (smallest != NULL)
		(void)zip_find_password(zip, smallest);
}

/* ---- members ------------------------------------------------------------------------------- */

static guint32
zip_member_flags(const ZipMember *member)
{
	if (g_str_has_suffix(member->name, "/") || (S_ISDIR(member->mode) && member->size == 0))
		return AM_PART_DIRECTORY;
	if (S_ISLNK(member->mode))
		return AM_PART_LINK;
	if (S_ISCHR(member->mode) || S_ISBLK(member->mode) || S_ISFIFO(member->mode) ||
	    S_ISSOCK(member->mode))
		return AM_PART_SPECIAL;
	return 0;
}

static ArchiveStep
zip_add_member(ZipRun *zip, const ZipMember *member)
{
	const AmHost *host = zip->run->self->host;
	const char *password = NULL;
	guint32 flags = zip_member_flags(member);
	if ((flags & AM_PART_DIRECTORY) != 0 && member->packed > 12)
		flags = 0; /* it only calls itself one */
	if ((flags & AM_PART_DIRECTORY) == 0 && member->encryption != ZIP_PLAIN) {
		password = zip_find_password(zip, member);
		if (password == NULL) {
			flags |= AM_PART_ENCRYPTED;
			zip->closed = MAX(zip->closed, member->encryption);
		}
	}
	AmChild *child = host->child_open(zip->run->decode, member->name, flags);
	if (child == NULL)
		return STEP_STOP;
	ArchiveStep step = STEP_GOOD;
	/* what is a device to one reader is a file to another */
	if ((flags & (AM_PART_DIRECTORY | AM_PART_ENCRYPTED)) == 0 &&
	    (flags == 0 || member->packed > 0))
		step = zip_read_member(zip, member, password, child, NULL);
	return host->child_close(child) ? step : STEP_STOP;
}

static void
zip_add_members(ArchiveRun *run, const ZipLook *look)
{
	ZipRun zip = { .run = run, .look = look, .start = run->source->start,
		       .len = run->source->len, .good = -1 };
	ArchiveStep step = STEP_GOOD;
	if (look->n_encrypted > 0)
		zip_find_first_password(&zip);
	for (guint i = 0; i < look->members->len && step == STEP_GOOD; i++) {
		if (run->source->errnum != 0 || zip_is_late(&zip))
			break;
		step = zip_add_member(&zip, look->members->pdata[i]);
	}
	if (zip.closed != ZIP_PLAIN) {
		g_autofree char *reason = g_strdup_printf("%s: members need a password",
							  zip_encryption_name(zip.closed));
		run->self->host->decode_mark(run->decode, AM_PART_ENCRYPTED, reason);
	}
}

void
zip_run(ArchiveRun *run)
{
	static const ArchiveType by_stream = {
		"zip", .enable = { archive_read_support_format_zip_streamable }
	};
	ZipLook look;
	zip_look(run->source, &look);
	if (look.ambiguous != NULL && !look.is_locked)
		archive_mark(run, AM_PART_AMBIGUOUS, look.ambiguous);
	if (look.is_volume)
		archive_mark(run, AM_PART_UNDECODED, "one of several volumes");
	if (look.is_locked)
		run->self->host->decode_mark(run->decode, AM_PART_ENCRYPTED,
					     "zip strong encryption: the list of members, too");
	else if (look.is_known && look.is_odd)
		zip_add_members(run, &look);
	else if (look.is_known) {
		archive_run(run);
	} else { /* what can be read from the front on */
		run->type = &by_stream;
		if (!look.is_volume)
			archive_mark(run, AM_PART_UNDECODED, "its directory is missing or broken");
		archive_run(run);
	}
	zip_look_clear(&look);
}
