/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Reading of BER (X.690) in place: one header at a time, definite and indefinite lengths, nothing
 * copied, nothing recursive. */

#include <glib.h>

#define BER_INTEGER 0x02
#define BER_OCTETS 0x04
#define BER_OCTETS_CONSTRUCTED 0x24
#define BER_OID 0x06
#define BER_SEQUENCE 0x30
#define BER_SET 0x31
#define BER_CONTEXT_0 0xa0

/* Bytes not yet read. */
typedef struct {
	const guint8 *at, *end;
} Ber;

typedef struct {
	guint8 tag;	  /* first byte: class, constructed, number */
	gboolean is_open; /* indefinite: content goes to an end-of-contents that is not yet found */
	gboolean is_cut;  /* the length says more than there is; content is what there is */
	Ber content;
} BerItem;

/* Reads a header; `ber` then stands at the content.  FALSE: no header there. */
gboolean ber_read(Ber *ber, BerItem *item);
/* Steps over an item whose header was read.  FALSE: it has no end. */
gboolean ber_skip(Ber *ber, const BerItem *item);
/* Steps over a whole item if it has this tag.  FALSE: it has no end. */
gboolean ber_skip_optional(Ber *ber, guint8 tag);
/* Reads a header of this tag; `inner` is its content.  FALSE: there is none. */
gboolean ber_enter(Ber *ber, guint8 tag, Ber *inner);
gboolean ber_is(const Ber *ber, gconstpointer bytes, gsize len);

/* Gets the pieces of an octet string, in order; FALSE ends it. */
typedef gboolean (*BerFunc)(const guint8 *data, gsize len, gpointer user_data);

typedef enum {
	BER_GOOD,    /* all of it */
	BER_CUT,     /* the end is missing */
	BER_BROKEN,  /* something else stands inside, or too deep */
	BER_STOPPED, /* func said FALSE */
} BerStatus;

/* The octet string whose header was read, in one piece or in many. */
BerStatus ber_octets(const BerItem *item, BerFunc func, gpointer user_data);
