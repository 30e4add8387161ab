/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Lookup of declared settings.
 *
 * Each declaration is kept in the hash of its most telling selector: recipient, else sender, else
 * client network, else bank, else listener.  For a recipient the keys of its address are looked up,
 * which is a handful of probes however many declarations there are; a candidate's other selectors
 * are then compared.  Networks are kept by length: one probe for each length in use. */

#include <config.h>

#include "policy/lookup.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "mail/address.h"

#define DELIMITERS "+"
#define MAX_KEY_BYTES 320u

typedef struct {
	guint8 address[16]; /* IPv4 as ::ffff:a.b.c.d */
	guint8 bits;	    /* of the 128 */
} Network;

enum { BY_RECIPIENT, BY_SENDER, BY_CLIENT, BY_BANK, BY_LISTENER, N_SELECTORS };

static const char *const selector_names[N_SELECTORS] = { "recipient", "sender", "client", "bank",
							 "listener" };

struct _AmDeclaration {
	GPtrArray *keys[N_SELECTORS]; /* texts; Network for clients; NULL: any */
	AmSettings values;
	GArray *settings; /* int: which of the values were declared */
	guint order;
};

struct _AmLookup {
	GPtrArray *declarations;
	GHashTable *index[N_SELECTORS]; /* key to GPtrArray of borrowed declarations */
	GArray *network_bits;		/* guint8: lengths in use */
};

/* ---- keys */

/* Domain in lower case and ACE, as the address functions make it. */
static char *
lookup_domain(const char *domain)
{
	g_autofree char *address = g_strconcat("x@", domain, NULL);
	g_auto(GStrv) keys = am_address_lookup_keys(address, NULL);
	for (char **key = keys; *key != NULL; key++)
		if (strchr(*key, '@') == NULL && **key != '.')
			return g_strdup(*key);
	return g_ascii_strdown(domain, -1);
}

static gboolean
lookup_is_key_text(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((guchar)*p <= ' ' || *p == 0x7f || *p == ',')
			return FALSE;
	return strlen(text) <= MAX_KEY_BYTES && g_utf8_validate(text, -1, NULL);
}

char *
am_lookup_key(const char *text, GError **error)
{
	const char *at = strrchr(text, '@');
	if (!lookup_is_key_text(text)) {
		g_set_error(error, AM_ERROR, AM_ERROR_DATA, "\"%s\" is no address, domain or \".\"",
			    text);
		return NULL;
	}
	if (strcmp(text, "<>") == 0)
		return g_strdup("");
	if (*text == '\0' || strcmp(text, ".") == 0 || strcmp(text, "@") == 0)
		return g_strdup(text);
	if (at != NULL && at[1] == '\0')
		return g_utf8_strdown(text, -1); /* user@ */
	if (at == text)
		return lookup_domain(text + 1);
	if (at != NULL) {
		g_auto(GStrv) keys = am_address_lookup_keys(text, NULL);
		return g_strdup(keys[0]);
	}
	if (*text != '.')
		return lookup_domain(text);
	g_autofree char *domain = lookup_domain(text + 1);
	return g_strconcat(".", domain, NULL);
}

static gboolean
lookup_read_address(const char *text, guint8 address[16])
{
	static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (inet_pton(AF_INET6, text, address) == 1)
		return TRUE;
	memcpy(address, mapped, sizeof mapped);
	return inet_pton(AF_INET, text, address + sizeof mapped) == 1;
}

static void
network_mask(Network *network)
{
	for (guint i = 0; i < 16; i++) {
		guint kept = network->bits > i * 8 ? MIN(8u, network->bits - i * 8) : 0;
		network->address[i] &= (guint8)(0xff00u >> kept);
	}
}

static gboolean
network_parse(const char *text, Network *network, GError **error)
{
	g_auto(GStrv) halves = g_strsplit(text, "/", 2);
	Network given;
	guint64 bits = 0;
	memset(network, 0, sizeof *network);
	gboolean ok = halves[0] != NULL && lookup_read_address(halves[0], network->address);
	guint width = ok && strchr(halves[0], ':') == NULL ? 32 : 128;
	if (ok && halves[1] != NULL)
		ok = g_ascii_string_to_unsigned(halves[1], 10, 0, width, &bits, NULL);
	else
		bits = width;
	network->bits = (guint8)(bits + 128 - width);
	given = *network;
	network_mask(network);
	if (ok && memcmp(given.address, network->address, sizeof given.address) == 0)
		return TRUE;
	g_set_error(error, AM_ERROR, AM_ERROR_DATA, "\"%s\" is no network such as 192.0.2.0/24%s",
		    text, ok ? ": it has bits behind its length" : "");
	return FALSE;
}

static guint
network_hash(gconstpointer data)
{
	const Network *network = data;
	guint hash = network->bits;
	for (guint i = 0; i < 16; i++)
		hash = hash * 31 + network->address[i];
	return hash;
}

static gboolean
network_equal(gconstpointer a, gconstpointer b)
{
	const Network *x = a, *y = b;
	return x->bits == y->bits && memcmp(x->address, y->address, sizeof x->address) == 0;
}

/* ---- declarations */

AmDeclaration *
am_declaration_new(void)
{
	AmDeclaration *declaration = g_new0(AmDeclaration, 1);
	am_settings_init(&declaration->values);
	declaration->settings = g_array_new(FALSE, FALSE, sizeof(int));
	return declaration;
}

void
am_declaration_free(AmDeclaration *declaration)
{
	if (declaration == NULL)
		return;
	for (guint i = 0; i < N_SELECTORS; i++)
		g_clear_pointer(&declaration->keys[i], g_ptr_array_unref);
	am_settings_clear(&declaration->values);
	g_array_unref(declaration->settings);
	g_free(declaration);
}

gboolean
am_declaration_select(AmDeclaration *declaration, const char *selector, const char *value,
		      GError **error)
{
	gpointer key = NULL;
	guint i = 0;
	while (i < N_SELECTORS && strcmp(selector_names[i], selector) != 0)
		i++;
	g_return_val_if_fail(i < N_SELECTORS, FALSE);
	if (i == BY_RECIPIENT || i == BY_SENDER) {
		key = am_lookup_key(value, error);
	} else if (i == BY_CLIENT) {
		Network network;
		if (network_parse(value, &network, error))
			key = g_memdup2(&network, sizeof network);
	} else {
		key = g_strdup(value);
	}
	if (key == NULL)
		return FALSE;
	if (declaration->keys[i] == NULL)
		declaration->keys[i] = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(declaration->keys[i], key);
	return TRUE;
}

gboolean
am_declaration_set(AmDeclaration *declaration, GStringChunk *texts, const char *name,
		   const char *text, GError **error)
{
	int setting = am_settings_find(name);
	if (!am_settings_set_shared(&declaration->values, texts, name, text, error))
		return FALSE;
	g_array_append_val(declaration->settings, setting);
	return TRUE;
}

gboolean
am_declaration_is_general(const AmDeclaration *declaration)
{
	for (guint i = 0; i < N_SELECTORS; i++)
		if (declaration->keys[i] != NULL)
			return FALSE;
	return TRUE;
}

void
am_declaration_apply(const AmDeclaration *declaration, AmSettings *settings)
{
	for (guint i = 0; i < declaration->settings->len; i++)
		am_settings_take(settings, &declaration->values,
				 g_array_index(declaration->settings, int, i));
}

/* ---- lookup */

AmLookup *
am_lookup_new(void)
{
	AmLookup *lookup = g_new0(AmLookup, 1);
	lookup->declarations = g_ptr_array_new_with_free_func((GDestroyNotify)am_declaration_free);
	for (guint i = 0; i < N_SELECTORS; i++)
		lookup->index[i] =
			g_hash_table_new_full(i == BY_CLIENT ? network_hash : g_str_hash,
					      i == BY_CLIENT ? network_equal : g_str_equal, NULL,
					      (GDestroyNotify)g_ptr_array_unref);
	lookup->network_bits = g_array_new(FALSE, FALSE, sizeof(guint8));
	return lookup;
}

void
am_lookup_free(AmLookup *lookup)
{
	if (lookup == NULL)
		return;
	for (guint i = 0; i < N_SELECTORS; i++)
		g_hash_table_unref(lookup->index[i]);
	g_ptr_array_unref(lookup->declarations);
	g_array_unref(lookup->network_bits);
	g_free(lookup);
}

guint
am_lookup_count(const AmLookup *lookup)
{
	return lookup->declarations->len;
}

static void
lookup_note_bits(AmLookup *lookup, guint8 bits)
{
	for (guint i = 0; i < lookup->network_bits->len; i++)
		if (g_array_index(lookup->network_bits, guint8, i) == bits)
			return;
	g_array_append_val(lookup->network_bits, bits);
}

void
am_lookup_add(AmLookup *lookup, AmDeclaration *declaration)
{
	guint by = 0;
	declaration->order = lookup->declarations->len;
	g_ptr_array_add(lookup->declarations, declaration);
	while (by < N_SELECTORS && declaration->keys[by] == NULL)
		by++;
	g_return_if_fail(by < N_SELECTORS); /* general ones belong to the policy's base */
	for (guint i = 0; i < declaration->keys[by]->len; i++) {
		gpointer key = declaration->keys[by]->pdata[i];
		GPtrArray *list = g_hash_table_lookup(lookup->index[by], key);
		if (list == NULL) {
			list = g_ptr_array_new();
			g_hash_table_insert(lookup->index[by], key, list);
		}
		g_ptr_array_add(list, declaration);
		if (by == BY_CLIENT)
			lookup_note_bits(lookup, ((const Network *)key)->bits);
	}
}

/* What is asked for, taken apart once. */
typedef struct {
	const AmEnvelope *envelope;
	char **recipient_keys;
	char **sender_keys; /* NULL until needed */
	Network client;
	gboolean has_client;
	GArray *matches;
} Query;

typedef struct {
	guint rank[N_SELECTORS]; /* how special, 0: selector not given */
	const AmDeclaration *declaration;
} Match;

static char **
query_sender_keys(Query *query)
{
	if (query->sender_keys == NULL)
		query->sender_keys = am_address_lookup_keys(query->envelope->sender, DELIMITERS);
	return query->sender_keys;
}

/* 0: none of the keys is declared. */
static guint
match_address(GPtrArray *declared, char **keys)
{
	guint n = g_strv_length(keys);
	for (guint i = 0; i < n; i++)
		for (guint j = 0; j < declared->len; j++)
			if (strcmp(keys[i], declared->pdata[j]) == 0)
				return n - i;
	return 0;
}

static guint
match_client(GPtrArray *declared, const Query *query)
{
	guint best = 0;
	for (guint i = 0; query->has_client && i < declared->len; i++) {
		Network masked = query->client;
		masked.bits = ((const Network *)declared->pdata[i])->bits;
		network_mask(&masked);
		if (network_equal(&masked, declared->pdata[i]))
			best = MAX(best, masked.bits + 1u);
	}
	return best;
}

static guint
match_word(GPtrArray *declared, const char *word)
{
	for (guint i = 0; i < declared->len; i++)
		if (strcmp(declared->pdata[i], word) == 0)
			return 1;
	return 0;
}

static guint
query_rank(Query *query, const AmDeclaration *declaration, guint selector)
{
	GPtrArray *declared = declaration->keys[selector];
	guint rank = 0;
	switch (selector) {
	case BY_RECIPIENT:
		return match_address(declared, query->recipient_keys);
	case BY_SENDER:
		return match_address(declared, query_sender_keys(query));
	case BY_CLIENT:
		return match_client(declared, query);
	case BY_BANK:
		/* a later bank of a listener is more special */
		for (guint i = 0; query->envelope->policy_banks[i] != NULL; i++)
			if (match_word(declared, query->envelope->policy_banks[i]))
				rank = i + 1;
		return rank;
	default:
		return query->envelope->listener != NULL &&
		       match_word(declared, query->envelope->listener);
	}
}

/* by, rank: the selector and how special it was found; the others are compared here. */
static void
query_consider(Query *query, const AmDeclaration *declaration, guint by, guint rank)
{
	Match match = { .declaration = declaration };
	for (guint i = 0; i < query->matches->len; i++)
		if (g_array_index(query->matches, Match, i).declaration == declaration)
			return; /* found by a more special key before */
	match.rank[by] = rank;
	for (guint i = by + 1; i < N_SELECTORS; i++) {
		if (declaration->keys[i] == NULL)
			continue;
		match.rank[i] = query_rank(query, declaration, i);
		if (match.rank[i] == 0)
			return;
	}
	g_array_append_val(query->matches, match);
}

static void
query_probe(Query *query, GHashTable *index, gconstpointer key, guint by, guint rank)
{
	GPtrArray *list = g_hash_table_lookup(index, key);
	for (guint i = 0; list != NULL && i < list->len; i++)
		query_consider(query, list->pdata[i], by, rank);
}

static void
query_by_keys(Query *query, GHashTable *index, char **keys, guint by)
{
	guint n = g_strv_length(keys);
	for (guint i = 0; i < n; i++)
		query_probe(query, index, keys[i], by, n - i);
}

static gint
match_compare(gconstpointer a, gconstpointer b)
{
	const Match *x = a, *y = b;
	for (guint i = 0; i < N_SELECTORS; i++)
		if (x->rank[i] != y->rank[i])
			return x->rank[i] < y->rank[i] ? -1 : 1;
	return x->declaration->order < y->declaration->order ? -1 : 1;
}

static void
query_run(Query *query, const AmLookup *lookup)
{
	GHashTable *const *index = lookup->index;
	if (g_hash_table_size(index[BY_RECIPIENT]) > 0)
		query_by_keys(query, index[BY_RECIPIENT], query->recipient_keys, BY_RECIPIENT);
	if (g_hash_table_size(index[BY_SENDER]) > 0)
		query_by_keys(query, index[BY_SENDER], query_sender_keys(query), BY_SENDER);
	for (guint bits = 129; query->has_client && bits-- > 0;) {
		for (guint i = 0; i < lookup->network_bits->len; i++) {
			Network network = query->client;
			network.bits = g_array_index(lookup->network_bits, guint8, i);
			network_mask(&network);
			if (network.bits == bits)
				query_probe(query, index[BY_CLIENT], &network, BY_CLIENT, bits + 1);
		}
	}
	for (guint i = g_strv_length(query->envelope->policy_banks); i-- > 0;)
		query_probe(query, index[BY_BANK], query->envelope->policy_banks[i], BY_BANK,
			    i + 1);
	if (query->envelope->listener != NULL)
		query_probe(query, index[BY_LISTENER], query->envelope->listener, BY_LISTENER, 1);
}

void
am_lookup_apply(const AmLookup *lookup, const AmEnvelope *envelope, const char *recipient,
		AmSettings *settings)
{
	Query query = { .envelope = envelope };
	if (lookup->declarations->len == 0)
		return;
	query.recipient_keys = am_address_lookup_keys(recipient, DELIMITERS);
	query.has_client = envelope->client_address != NULL &&
			   lookup_read_address(envelope->client_address, query.client.address);
	query.matches = g_array_new(FALSE, FALSE, sizeof(Match));
	query_run(&query, lookup);
	g_array_sort(query.matches, match_compare);
	for (guint i = 0; i < query.matches->len; i++)
		am_declaration_apply(g_array_index(query.matches, Match, i).declaration, settings);
	g_array_unref(query.matches);
	g_strfreev(query.recipient_keys);
	g_strfreev(query.sender_keys);
}
