/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* MAPI properties as TNEF has them, one after the other. */

#include "../bytes/bytes.h"

typedef enum {
	MAPI_STRING8 = 0x1e, /* in the code page of the message */
	MAPI_UNICODE = 0x1f, /* UTF-16LE */
	MAPI_OBJECT = 0x0d,  /* an interface's id, and data */
	MAPI_BINARY = 0x102,
	MAPI_LONG = 0x03,
} MapiType;

typedef struct {
	guint16 id;    /* 0x8000 and up: named ones */
	guint16 type;  /* without the flag for several values */
	Bytes value;   /* strings without their NUL */
} MapiProperty;

typedef struct {
	Bytes bytes;
	gsize at;
	guint32 n_left;	  /* properties */
	guint32 n_values; /* of the one at hand */
	MapiProperty property;
	gboolean is_broken;
} MapiReader;

void mapi_init(MapiReader *reader, Bytes bytes);
/* The next value; of a property with several each comes as one.  NULL: no more, or is_broken. */
const MapiProperty *mapi_next(MapiReader *reader);
