/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The real type of a content, by its first bytes, whatever its sender calls it. */

#include <glib.h>

#include "mail/error.h"

#define AM_TYPES_MAGIC_BYTES 4096 /* that libmagic gets to see */

typedef struct _AmTypes AmTypes; /* one for each process; not for several threads */

/* Loads libmagic's database; before the fork. */
AmTypes *am_types_new(GError **error);
/* Overwrites what libmagic keeps of the last content. */
void am_types_forget(AmTypes *types);
void am_types_free(AmTypes *types);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmTypes, am_types_free)

/* MIME type of a content that starts with head[0..len); is_whole: there is no more.  "" for an
 * empty one, "application/octet-stream" when nothing is known.  Valid until the next call. */
const char *am_types_detect(AmTypes *types, const guint8 *head, gsize len, gboolean is_whole);
/* The part that needs no libmagic: text, HTML, the commonest signatures; NULL when unsure. */
const char *am_types_recognise(const guint8 *head, gsize len, gboolean is_whole);
/* Amavis' short names of a type, comma separated ("exe-ms,exe"); "" none.  Static. */
const char *am_types_short(const char *type);
/* Does such a content hold files, for certain and whatever else it is for?  Only types that need a
 * decoder of their own, so what nobody takes apart has not been looked at: no documents, and nothing
 * that everyday mail is made of. */
gboolean am_types_is_container(const char *type);
