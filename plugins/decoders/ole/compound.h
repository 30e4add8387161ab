/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Compound files [MS-CFB], "OLE2": a tree of storages with streams. */

#include "../bytes/bytes.h"

#define COMPOUND_ENTRIES_MAX 65536

typedef enum {
	COMPOUND_UNUSED,
	COMPOUND_STORAGE,
	COMPOUND_STREAM,
	COMPOUND_ROOT = 5,
} CompoundKind;

typedef struct {
	char *name;		/* UTF-8, with control characters as they are; NULL: unused */
	gint32 parent;		/* index of its storage; -1 the root's */
	guint8 kind;		/* CompoundKind */
	const guint8 *class_id; /* 16 bytes */
	guint32 start;
	guint64 size;
} CompoundEntry;

typedef struct {
	Bytes bytes;
	guint sector_shift, mini_shift;
	guint32 mini_cutoff;
	guint32 n_sectors;   /* that the file has room for */
	GArray *fat;	     /* guint32, sectors the table lies in */
	GArray *mini_fat;    /* the same of the mini stream */
	GArray *mini_stream; /* sectors the mini stream lies in */
	GArray *entries;     /* CompoundEntry; 0 is the root */
	guint64 work_left;   /* bytes that may still be walked over */
	gboolean is_broken;  /* something in the tables was not as it should be */
} Compound;

/* Bytes of a stream; in the file itself when it lies there in one piece. */
typedef struct {
	Bytes bytes;
	GByteArray *copy;
	gboolean is_cut; /* it should be longer */
} CompoundStream;

gboolean compound_is_compound(const guint8 *head, gsize len);
/* FALSE: not one that can be read, *reason says why.  Refers to `bytes`. */
gboolean compound_open(Compound *compound, Bytes bytes, const char **reason);
void compound_close(Compound *compound);

static inline const CompoundEntry *
compound_entry(const Compound *compound, guint index)
{
	return &g_array_index(compound->entries, CompoundEntry, index);
}

/* "" for the root's, and when it has none. */
const char *compound_parent_name(const Compound *compound, const CompoundEntry *entry);
/* Is it called so? Letters of either case are the same here. */
gboolean compound_is_named(const CompoundEntry *entry, const char *name);
/* Index of the entry of that name in that storage; -1 none. */
gint32 compound_find(const Compound *compound, gint32 parent, const char *name);

/* FALSE: the streams of this file were read over and over, and it is enough. */
gboolean compound_stream_open(Compound *compound, const CompoundEntry *entry,
			      CompoundStream *stream);
void compound_stream_close(CompoundStream *stream);
