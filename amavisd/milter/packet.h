/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Packets of the milter protocol: four bytes of length, one of command, then its data.  Numbers are
 * in network byte order, texts end in NUL. */

#include <glib.h>

/* Data of a packet; sendmail sends bodies in 64 KiB, or up to 1 MiB when that was agreed on. */
#define AM_MILTER_DATA_MAX ((1u << 20) + 64u)

/* Commands of the MTA. */
enum {
	AM_MILTER_OPTNEG = 'O',
	AM_MILTER_MACRO = 'D',
	AM_MILTER_CONNECT = 'C',
	AM_MILTER_HELO = 'H',
	AM_MILTER_MAIL = 'M',
	AM_MILTER_RCPT = 'R',
	AM_MILTER_DATA = 'T',
	AM_MILTER_HEADER = 'L',
	AM_MILTER_EOH = 'N',
	AM_MILTER_BODY = 'B',
	AM_MILTER_EOM = 'E',
	AM_MILTER_ABORT = 'A',
	AM_MILTER_QUIT = 'Q',
	AM_MILTER_QUIT_NEW = 'K', /* the next session comes over the same connection */
	AM_MILTER_UNKNOWN = 'U',
};

/* Our answers. */
enum {
	AM_MILTER_CONTINUE = 'c',
	AM_MILTER_ACCEPT = 'a',
	AM_MILTER_REJECT = 'r',
	AM_MILTER_TEMPFAIL = 't',
	AM_MILTER_DISCARD = 'd',
	AM_MILTER_SKIP = 's',
	AM_MILTER_REPLY = 'y', /* our own SMTP reply */
	AM_MILTER_ADD_RCPT = '+',
	AM_MILTER_DELETE_RCPT = '-',
	AM_MILTER_ADD_HEADER = 'h',
	AM_MILTER_INSERT_HEADER = 'i',
	AM_MILTER_CHANGE_HEADER = 'm',
	AM_MILTER_QUARANTINE = 'q',
};

/* What we may change. */
enum {
	AM_MILTER_MAY_ADD_HEADERS = 1 << 0,
	AM_MILTER_MAY_CHANGE_BODY = 1 << 1,
	AM_MILTER_MAY_ADD_RCPT = 1 << 2,
	AM_MILTER_MAY_DELETE_RCPT = 1 << 3,
	AM_MILTER_MAY_CHANGE_HEADERS = 1 << 4,
	AM_MILTER_MAY_QUARANTINE = 1 << 5,
	AM_MILTER_MAY_SET_MACROS = 1 << 8,
};

/* What need not be sent or answered. */
enum {
	AM_MILTER_NO_UNKNOWN = 1 << 8,
	AM_MILTER_KNOWS_SKIP = 1 << 10,
	AM_MILTER_NR_HEADER = 1 << 7, /* NR: is not answered */
	AM_MILTER_NR_CONNECT = 1 << 12,
	AM_MILTER_NR_HELO = 1 << 13,
	AM_MILTER_NR_MAIL = 1 << 14,
	AM_MILTER_NR_RCPT = 1 << 15,
	AM_MILTER_NR_DATA = 1 << 16,
	AM_MILTER_NR_UNKNOWN = 1 << 17,
	AM_MILTER_NR_EOH = 1 << 18,
	AM_MILTER_NR_BODY = 1 << 19,
	AM_MILTER_LEADING_SPACE = 1 << 20, /* values of fields have the blanks behind the ':' */
};

/* A packet that is being put together; zeroed at first. */
typedef struct {
	GByteArray *bytes; /* NULL none */
	/* out, when DONE; borrowed until the next call */
	guint8 command;
	const guint8 *data;
	gsize len;
} AmMilterPacket;

typedef enum {
	AM_PACKET_MORE,
	AM_PACKET_DONE,
	AM_PACKET_BAD, /* no packet has that length */
} AmPacketStep;

/* *used: bytes taken.  A packet that is whole in data is not copied. */
AmPacketStep am_milter_packet_feed(AmMilterPacket *packet, const guint8 *data, gsize len,
				   gsize *used);
void am_milter_packet_clear(AmMilterPacket *packet);

/* Reading of data. */
typedef struct {
	const guint8 *at, *end;
} AmMilterReader;

gboolean am_milter_get_u32(AmMilterReader *reader, guint32 *value);
gboolean am_milter_get_u16(AmMilterReader *reader, guint16 *value);
gboolean am_milter_get_byte(AmMilterReader *reader, guint8 *value);
/* Up to the NUL, borrowed; FALSE when there is none. */
gboolean am_milter_get_text(AmMilterReader *reader, const char **text);
