/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The tree of parts of one mail, the content of its leaves, and the one budget for all of them.
 *
 * Contents of MIME leaves are not kept: they are decoded once while the mail streams past, to find
 * type, size and digest, and once more from the mail should anybody ask for them.  Kept are members
 * of archives (when a scanner may ask) and what a decoder is to open: up to 64 KiB in one memfd for
 * all, larger ones each in a memfd and above part_memory_bytes in an unlinked file. */

#include <glib.h>

#include <amavisd/plugin.h>

#include "content/digest.h"
#include "content/inspect.h"
#include "content/passwords.h"
#include "content/see-through.h"
#include "content/transfer.h"
#include "content/types.h"

#define AM_PART_HEAD_BYTES 65536 /* of a content that are looked at for its type */

typedef enum {
	AM_SOURCE_NONE,	 /* no content: multiparts, directories, what was not kept */
	AM_SOURCE_RANGE, /* encoded, in a range of `fd` */
	AM_SOURCE_ARENA, /* in a range of the tree's memfd */
	AM_SOURCE_OWN,	 /* all of `fd`, which is the part's own */
} AmPartSource;

typedef struct _AmPartTree AmPartTree;

struct _AmPart {
	AmPartTree *tree;
	AmReportPart *facts; /* the report's */
	gint32 index;
	guint depth; /* the mail itself is 0 */
	AmPartSource source;
	int fd; /* RANGE: another part's or the mail's, borrowed; OWN: ours */
	guint64 offset, len;
	int encoding;	     /* GMimeContentEncoding, for RANGE */
	int view_fd;	     /* the content at offset 0, made when asked for; -1 not yet */
	AmInstance *decoder; /* that won the bidding, NULL none */
	int bid;	     /* its bid */
	guint64 beside;	     /* decoders that have their turn all the same, bits by their index */
	gboolean is_mail;    /* to be walked as a mail of its own */
};

struct _AmPartTree {
	AmRegistry *registry;
	const AmContentLimits *limits;
	AmTypes *types;
	AmDigest *digest;
	char *directory; /* for big contents; NULL: everything in memory */
	AmPasswords *passwords;
	int program_fd; /* to who runs programs for us, borrowed; -1 nobody */
	gboolean keeps_members;

	/* of the mail at hand */
	AmReport *report;
	GPtrArray *parts; /* AmPart, as report->parts */
	guint n_parts;
	guint64 quota; /* bytes that members may still have */
	int arena_fd;
	guint64 arena_len;
	guint64 memory; /* in memfds altogether */
	gsize name_bytes_left;
	guint readings_left; /* of bytes that were read already, see mime-reading.c */
	guint64 reading_bytes_left;
	gint64 deadline_us;
	guint32 told; /* limits already told as findings, bits */
	guint8 told_tricks[AM_N_TRICKS]; /* findings of names, by trick */
	guint n_mismatches;		 /* findings of types */
};

AmPartTree *am_part_tree_new(AmRegistry *registry, const AmContentLimits *limits, AmTypes *types,
			     const char *directory);
void am_part_tree_free(AmPartTree *tree);
/* Forgets the last mail; nothing of it stays. */
void am_part_tree_start(AmPartTree *tree, AmReport *report, guint64 mail_size, gint64 deadline_us);
/* Also to be called when the mail is done: closes all contents. */
void am_part_tree_clear(AmPartTree *tree);

/* A new child of `parent` (NULL: the root).  NULL when depth or number are used up: parent is then
 * marked, and the finding made. */
AmPart *am_part_tree_add(AmPartTree *tree, AmPart *parent, guint32 flags);
AmPart *am_part_tree_get(AmPartTree *tree, guint index);
gboolean am_part_tree_is_late(AmPartTree *tree);
/* Marks the part undecoded because of a limit ("depth", "parts", "bytes", "time", "storage", "names",
 * "readings") and tells the finding once for each kind. */
void am_part_limit(AmPart *part, const char *name, const char *reason);
/* or-s flags; with AM_PART_ENCRYPTED, AM_PART_AMBIGUOUS or AM_PART_UNDECODED new on the part a finding
 * says so, one for the reason that counts most.  The
 * first reason stays. */
void am_part_mark(AmPart *part, guint32 flags, const char *reason);
/* AM_PART_AMBIGUOUS, and a finding of that name with the reason; name NULL: no finding. */
void am_part_doubt(AmPart *part, const char *name, const char *reason);
void am_part_set_type(AmPart *part, const char *type);
/* When type, declared type and names are known: a finding when they disagree in a dangerous way, or
 * when the content is not all here. */
void am_part_judge_type(AmPart *part);
/* The part is to be opened by a decoder, or walked as a mail. */
gboolean am_part_is_to_open(const AmPart *part);
/* The decoder with the highest bid below `below` (of equals the first in order), NULL none; with
 * `beside` not NULL those with AM_CAP_BESIDE are put there, and never returned. */
AmInstance *am_part_ask_decoders(AmPart *part, const guint8 *head, gsize head_len, int below,
				 int *bid, guint64 *beside);
/* Takes readings, adds what they come to, and tells tricks as findings.  Names of one mail may have
 * 2 MiB altogether: what is over gets none, and a limit. */
void am_part_set_names(AmPart *part, GPtrArray *names);
void am_part_info(const AmPart *part, AmPartInfo *info);
/* Descriptor of the decoded content at offset 0, owned by the part; -1 none. */
int am_part_view(AmPart *part);
/* Drops what am_part_view() made and what was kept. */
void am_part_drop(AmPart *part);

/* Writing of a content. */
typedef struct _AmPartWriter AmPartWriter;

/* is_member: its bytes count against the quota. */
AmPartWriter *am_part_writer_new(AmPart *part, gboolean is_member);
/* FALSE: the budget is used up or the deadline has passed. */
gboolean am_part_writer_write(AmPartWriter *writer, gconstpointer data, gsize len);
/* Sets type, size, digest, decoder; frees the writer.  FALSE as above. */
gboolean am_part_writer_close(AmPartWriter *writer);
