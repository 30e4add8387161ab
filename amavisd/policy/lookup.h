/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Declared settings, found by recipient, sender, client network, policy bank and listener; and maps
 * read from files.  Built once for a generation, then only read, from any thread. */

#include <glib.h>

#include "mail/envelope.h"
#include "policy/settings.h"

/* A lookup key as in am_address_lookup_keys(), from what people write: "user@example.org",
 * "@example.org" or "example.org", ".example.org" (with all below it), "user@", "." (everyone), "" or
 * "<>" (null address).  To be freed; DATA: not a key. */
char *am_lookup_key(const char *text, GError **error);

/* Settings for whom all given selectors hold; a selector with several values holds by any. */
typedef struct _AmDeclaration AmDeclaration;

AmDeclaration *am_declaration_new(void);
void am_declaration_free(AmDeclaration *declaration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmDeclaration, am_declaration_free)
/* selector: "recipient" "sender" "client" "bank" "listener".  DATA. */
gboolean am_declaration_select(AmDeclaration *declaration, const char *selector, const char *value,
			       GError **error);
/* texts must outlive the lookup. */
gboolean am_declaration_set(AmDeclaration *declaration, GStringChunk *texts, const char *name,
			    const char *text, GError **error);
/* Has it no selector, so that it is for everyone? */
gboolean am_declaration_is_general(const AmDeclaration *declaration);
/* Takes what was declared over into settings. */
void am_declaration_apply(const AmDeclaration *declaration, AmSettings *settings);

typedef struct _AmLookup AmLookup;

AmLookup *am_lookup_new(void);
void am_lookup_free(AmLookup *lookup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmLookup, am_lookup_free)
/* Takes the declaration. Of equally special ones the later added wins. */
void am_lookup_add(AmLookup *lookup, AmDeclaration *declaration);
guint am_lookup_count(const AmLookup *lookup);
/* Applies what holds, the most special last: by recipient key, then sender key, then length of the
 * client's network, then bank, then listener, then order.  recipient in internal form. */
void am_lookup_apply(const AmLookup *lookup, const AmEnvelope *envelope, const char *recipient,
		     AmSettings *settings);

/* A set of lookup keys, made of a list of words: local_domains. */
GHashTable *am_lookup_key_set(const char *list, GError **error);
gboolean am_lookup_key_set_has(GHashTable *set, const char *address);

/* A file of lines "key value", # starts a comment, a missing value is "1".  A later line of the same
 * key wins. Bounded by AM_FILE_MAP_MAX_BYTES. */
typedef struct _AmFileMap AmFileMap;
#define AM_FILE_MAP_MAX_BYTES (64u << 20)

AmFileMap *am_file_map_load(const char *path, GError **error); /* DATA */
void am_file_map_free(AmFileMap *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmFileMap, am_file_map_free)
const char *am_file_map_get(const AmFileMap *map, const char *key);          /* NULL none */
const char *am_file_map_lookup(const AmFileMap *map, const char *address);   /* by its keys */
/* Keys as normalised, borrowed, in no order; free the array alone. */
const char **am_file_map_keys(const AmFileMap *map, guint *n);
