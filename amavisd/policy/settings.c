/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The table of settings.  One list makes both the table that everyone sees (name, type, default,
 * help) and the table that says where in AmSettings a value goes and how it is read, so that the two
 * cannot differ.  Defaults are parsed from the table too: what `config show` prints is what holds. */

#include <config.h>

#include "policy/settings.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "config/config.h"
#include "config/nearest.h"
#include "mail/address.h"
#include "policy/lookup.h"
#include "smtp/route.h"

#define DESTINIES "pass|bounce|reject|discard|tempfail"
#define HEADER_KINDS "all mime 8bit control empty long syntax missing multiple utf8 other"

typedef enum {
	FIELD_TEXT,
	FIELD_ADDRESS, /* text in internal form */
	FIELD_ROUTE,   /* text of a route, or "" */
	FIELD_KEYS,    /* list of lookup keys */
	FIELD_BOOL,
	FIELD_ENUM,   /* gint index in the range's list */
	FIELD_NUMBER, /* double */
	FIELD_LEVEL,  /* double, or "never" */
	FIELD_SIZE,
	FIELD_KINDS,	/* list of header defect kinds */
	FIELD_FINDINGS, /* kind=category list */
	FIELD_MINORS,	/* minor=destiny list */
} FieldType;

#define ADMIN(X, cat, CAT)                                                                         \
	X(cat "_admin", STRING, "", NULL, "address that is told of " cat " mail", ADDRESS,         \
	  admin[AM_CATEGORY_##CAT])

#define PER_CATEGORY(X, cat, CAT, destiny_default, quarantine_default, tag_default)                \
	X(cat "_destiny", ENUM, destiny_default, DESTINIES, "what happens to mail that is " cat,   \
	  ENUM, destiny[AM_CATEGORY_##CAT])                                                        \
	X(cat "_lover", BOOL, "no", NULL, "mail that is " cat " passes to this recipient", BOOL,   \
	  is_lover[AM_CATEGORY_##CAT])                                                             \
	X(cat "_quarantine", STRING, quarantine_default, NULL,                                     \
	  "quarantine for " cat " mail; blocked:NAME only when it is blocked", TEXT,               \
	  quarantine[AM_CATEGORY_##CAT])                                                           \
	X(cat "_subject_tag", STRING, tag_default, NULL, "put before the subject of " cat " mail", \
	  TEXT, subject_tag[AM_CATEGORY_##CAT])                                                    \
	X(cat "_route", STRING, "", NULL, "next hop of mail that is " cat "; empty: forward_route", \
	  ROUTE, route[AM_CATEGORY_##CAT])                                                         \
	ADMIN(X, cat, CAT)

#define SETTINGS(X)                                                                                \
	PER_CATEGORY(X, "virus", VIRUS, "discard", "blocked:file", "")                             \
	PER_CATEGORY(X, "banned", BANNED, "discard", "blocked:file", "")                           \
	PER_CATEGORY(X, "unchecked", UNCHECKED, "pass", "blocked:file", "***UNCHECKED*** ")        \
	PER_CATEGORY(X, "spam", SPAM, "pass", "blocked:file", "")                                  \
	PER_CATEGORY(X, "spammy", SPAMMY, "pass", "", "")                                          \
	PER_CATEGORY(X, "bad_header", BAD_HEADER, "pass", "blocked:file", "")                      \
	PER_CATEGORY(X, "oversized", OVERSIZED, "bounce", "", "")                                  \
	ADMIN(X, "mta_error", MTA_ERROR) /* the next hop decides all else */                       \
	PER_CATEGORY(X, "clean", CLEAN, "pass", "", "")                                            \
	X("bypass_virus_checks", BOOL, "no", NULL, "no virus checks", BOOL, bypass_virus)          \
	X("bypass_spam_checks", BOOL, "no", NULL, "no spam checks", BOOL, bypass_spam)             \
	X("bypass_banned_checks", BOOL, "no", NULL, "no checks of names and types", BOOL,          \
	  bypass_banned)                                                                           \
	X("bypass_header_checks", BOOL, "no", NULL, "no header checks", BOOL, bypass_header)       \
	X("tag_level", STRING, "2.0", NULL, "score from which X-Spam headers are added, or never", \
	  LEVEL, tag_level)                                                                        \
	X("tag2_level", STRING, "6.31", NULL, "score from which mail is spammy, or never", LEVEL,  \
	  tag2_level)                                                                              \
	X("tag3_level", STRING, "never", NULL, "score from which tag3_subject is used, or never",  \
	  LEVEL, tag3_level)                                                                       \
	X("kill_level", STRING, "6.31", NULL, "score from which mail is spam, or never", LEVEL,    \
	  kill_level)                                                                              \
	X("dsn_cutoff_level", STRING, "10", NULL, "score from which no bounce is sent, or never",  \
	  LEVEL, dsn_cutoff_level)                                                                 \
	X("quarantine_cutoff_level", STRING, "25", NULL,                                           \
	  "score from which spam is not quarantined, or never", LEVEL, quarantine_cutoff_level)    \
	X("tag2_subject", STRING, "***SPAM*** ", NULL, "put before the subject from tag2_level",   \
	  TEXT, tag2_subject)                                                                      \
	X("tag3_subject", STRING, "", NULL, "put before the subject from tag3_level", TEXT,        \
	  tag3_subject)                                                                            \
	X("score_add", DOUBLE, "0", NULL, "points added to the score for this recipient", NUMBER,  \
	  score_add)                                                                               \
	X("local", ENUM, "auto", "auto|yes|no", "is the recipient ours; auto: by local_domains",   \
	  ENUM, local_rule)                                                                        \
	X("local_domains", STRING, "", NULL,                                                       \
	  "whose mail is local: domains, .domains with all below, addresses; empty: all", KEYS,    \
	  local_domains)                                                                           \
	X("message_size_limit", SIZE, "0", NULL, "a larger mail is oversized, 0: none", SIZE,      \
	  message_size_limit)                                                                      \
	X("forward_route", STRING, "", NULL, "next hop; empty: [routes] forward", ROUTE,           \
	  forward_route)                                                                           \
	X("redirect", STRING, "", NULL, "mail goes to this address instead", ADDRESS, redirect)    \
	X("banned_rules", STRING, "default", NULL, "names of the rules for banned parts", TEXT,    \
	  banned_rules)                                                                            \
	X("header_tests", STRING, "all", NULL,                                                     \
	  "kinds of header defects that make a bad header; -KIND: not that one; utf8 only if named", \
	  KINDS, header_tests)                                                                     \
	X("minor_destinies", STRING, "", NULL,                                                     \
	  "KIND=DESTINY, ...: instead of the category's destiny, by what made it: encrypted, "     \
	  "over-limits, ambiguous, undecodable, kinds of bad headers, tag3",                       \
	  MINORS, minor_destinies)                                                                 \
	X("encrypted_mail_unchecked", BOOL, "no", NULL,                                            \
	  "mail encrypted by S/MIME or OpenPGP is unchecked", BOOL, encrypted_mail_unchecked)      \
	X("finding_categories", STRING,                                                            \
	  "virus=virus, phishing=virus, encrypted=unchecked, limit=unchecked, "                    \
	  "ambiguous=unchecked, undecoded=unchecked, partial=unchecked, pua=clean, macro=clean",   \
	  NULL, "category that a kind of finding makes; clean: none", FINDINGS,                    \
	  finding_categories)                                                                      \
	X("unchecked_on_failure", ENUM, "tempfail", "tempfail|pass",                               \
	  "when content could not be checked: 451, or category unchecked", ENUM,                   \
	  unchecked_on_failure)                                                                    \
	X("remove_existing_x_scanned", BOOL, "no", NULL, "foreign X-Virus-Scanned fields go",      \
	  BOOL, remove_existing_x_scanned)                                                         \
	X("x_virus_scanned", STRING, "amavisd", NULL,                                              \
	  "value of X-Virus-Scanned; empty: not added", TEXT, x_virus_scanned)                     \
	X("add_spam_headers", BOOL, "yes", NULL, "X-Spam fields for local recipients", BOOL,       \
	  add_spam_headers)                                                                        \
	X("archive_quarantine", STRING, "", NULL, "quarantine that keeps a copy of every mail",    \
	  TEXT, archive_quarantine)                                                                \
	X("always_bcc", STRING, "", NULL, "address that gets a copy of mail that was delivered",   \
	  ADDRESS, always_bcc)                                                                     \
	X("fake_sender_viruses", STRING, "*", NULL,                                                \
	  "names of viruses, with * and ?, whose sender is never told; !NAME: is told", TEXT,      \
	  fake_sender_viruses)

#define AS_SPEC(name, type, def, range, help, field_type, field)                                   \
	{ name, AM_SETTING_##type, def, range, help },
#define AS_FIELD(name, type, def, range, help, field_type, field)                                  \
	{ FIELD_##field_type, offsetof(AmSettings, field) },

static const AmSettingSpec settings_specs[] = { SETTINGS(AS_SPEC){ NULL } };

static const struct {
	FieldType type;
	gsize offset;
} settings_fields[] = { SETTINGS(AS_FIELD) };

static const gsize field_sizes[] = {
	[FIELD_ROUTE] = sizeof(char *),
	[FIELD_KEYS] = sizeof(char *),	  [FIELD_ADDRESS] = sizeof(char *),
	[FIELD_TEXT] = sizeof(char *),	  [FIELD_BOOL] = sizeof(gboolean),
	[FIELD_ENUM] = sizeof(AmDestiny), [FIELD_NUMBER] = sizeof(double),
	[FIELD_LEVEL] = sizeof(double),	  [FIELD_SIZE] = sizeof(guint64),
	[FIELD_KINDS] = sizeof(char *),	  [FIELD_FINDINGS] = sizeof(char *),
	[FIELD_MINORS] = sizeof(char *),
};

G_STATIC_ASSERT(sizeof(AmDestiny) == sizeof(gint));
G_STATIC_ASSERT(sizeof(AmLocalRule) == sizeof(gint));
G_STATIC_ASSERT(sizeof(AmOnFailure) == sizeof(gint));

static const char *const destiny_names[] = { "pass", "bounce", "reject", "discard", "tempfail" };

const char *
am_destiny_name(AmDestiny destiny)
{
	g_return_val_if_fail((guint)destiny < G_N_ELEMENTS(destiny_names), "pass");
	return destiny_names[destiny];
}

gboolean
am_destiny_from_name(const char *name, AmDestiny *destiny)
{
	for (guint i = 0; i < G_N_ELEMENTS(destiny_names); i++) {
		if (strcmp(destiny_names[i], name) != 0)
			continue;
		*destiny = (AmDestiny)i;
		return TRUE;
	}
	return FALSE;
}

const AmSettingSpec *
am_settings_specs(void)
{
	return settings_specs;
}

int
am_settings_find(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(settings_fields); i++)
		if (strcmp(settings_specs[i].name, name) == 0)
			return (int)i;
	return -1;
}

void
am_settings_each_word(const char *list, AmWordFunc func, gpointer user_data)
{
	static const char separators[] = ", \t\r\n";
	for (;;) {
		list += strspn(list, separators);
		gsize len = strcspn(list, separators);
		if (len == 0 || !func(list, len, user_data))
			return;
		list += len;
	}
}

static void
settings_set_unknown(const char *name, GError **error)
{
	const char *nearest = am_nearest_setting(settings_specs, name);
	if (nearest != NULL)
		g_set_error(error, AM_ERROR, AM_ERROR_DATA,
			    "unknown setting \"%s\", did you mean \"%s\"?", name, nearest);
	else
		g_set_error(error, AM_ERROR, AM_ERROR_DATA, "unknown setting \"%s\"", name);
}

typedef struct {
	FieldType type;
	GString *bad;
} ListCheck;

/* MINOR=DESTINY */
static gboolean
settings_is_minor(const char *text)
{
	const char *equals = strchr(text, '=');
	guint minor;
	AmDestiny destiny;
	if (equals == NULL)
		return FALSE;
	g_autofree char *word = g_strndup(text, (gsize)(equals - text));
	return am_category_from_minor(word, &minor) != AM_CATEGORY_NONE &&
	       am_destiny_from_name(equals + 1, &destiny);
}

static gboolean
settings_check_word(const char *word, gsize len, gpointer user_data)
{
	ListCheck *check = user_data;
	g_autofree char *text = g_strndup(word, len);
	gboolean is_good;
	if (check->type == FIELD_KINDS) {
		g_auto(GStrv) kinds = g_strsplit(HEADER_KINDS, " ", -1);
		is_good = g_strv_contains((const char *const *)kinds, text + (*text == '-'));
	} else if (check->type == FIELD_MINORS) {
		is_good = settings_is_minor(text);
	} else {
		const char *equals = strchr(text, '=');
		is_good = equals != NULL && equals != text &&
			  am_category_from_name(equals + 1) != AM_CATEGORY_NONE;
	}
	if (!is_good)
		g_string_assign(check->bad, text);
	return is_good;
}

static gboolean
settings_check_list(FieldType type, const char *text, GError **error)
{
	g_autoptr(GString) bad = g_string_new(NULL);
	ListCheck check = { type, bad };
	am_settings_each_word(text, settings_check_word, &check);
	if (bad->len == 0)
		return TRUE;
	g_set_error(error, AM_ERROR, AM_ERROR_DATA, "\"%s\" is not %s", bad->str,
		    type == FIELD_KINDS	   ? "one of " HEADER_KINDS
		    : type == FIELD_MINORS ? "a pair KIND=DESTINY"
					   : "a pair KIND=CATEGORY");
	return FALSE;
}

static gint
settings_enum_index(const char *range, const char *text)
{
	gint index = 0;
	gsize len = strlen(text);
	for (const char *p = range; p != NULL; index++) {
		gsize word = strcspn(p, "|");
		if (word == len && strncmp(p, text, len) == 0)
			return index;
		p = p[word] == '|' ? p + word + 1 : NULL;
	}
	g_return_val_if_reached(0);
}

static char *
settings_enum_word(const char *range, gint index)
{
	g_auto(GStrv) words = g_strsplit(range, "|", -1);
	g_return_val_if_fail((guint)index < g_strv_length(words), NULL);
	return g_strdup(words[index]);
}

static gboolean
settings_read_level(const char *text, double *level, GError **error)
{
	char *end;
	double value;
	if (g_ascii_strcasecmp(text, "never") == 0) {
		*level = HUGE_VAL;
		return TRUE;
	}
	value = g_ascii_strtod(text, &end);
	if (end == text || *end != '\0' || !isfinite(value)) {
		g_set_error(error, AM_ERROR, AM_ERROR_DATA,
			    "\"%s\" is neither a number nor \"never\"", text);
		return FALSE;
	}
	*level = value;
	return TRUE;
}

static gboolean
settings_is_text(FieldType type)
{
	return type == FIELD_TEXT || type == FIELD_ADDRESS || type == FIELD_ROUTE ||
	       type == FIELD_KEYS || type == FIELD_KINDS || type == FIELD_FINDINGS ||
	       type == FIELD_MINORS;
}

/* *internal: the address without quotes and brackets, "" for none. */
static gboolean
settings_read_address(const char *text, char **internal, GError **error)
{
	const char *end = text;
	if (*text == '\0') {
		*internal = g_strdup("");
		return TRUE;
	}
	if (am_address_parse_path(text, TRUE, internal, &end, NULL) && *end == '\0' &&
	    **internal != '\0')
		return TRUE;
	g_clear_pointer(internal, g_free);
	g_set_error(error, AM_ERROR, AM_ERROR_DATA, "\"%s\" is not an address", text);
	return FALSE;
}

static gboolean
settings_store_text(const char **field, FieldType type, const char *text, GStringChunk *texts,
		    GError **error)
{
	g_autofree char *internal = NULL;
	if (type == FIELD_ADDRESS) {
		if (!settings_read_address(text, &internal, error))
			return FALSE;
		text = internal;
	} else if (type == FIELD_KEYS) {
		g_autoptr(GHashTable) keys = am_lookup_key_set(text, error);
		if (keys == NULL)
			return FALSE;
	} else if (type == FIELD_ROUTE) {
		g_autoptr(AmRoute) route = *text != '\0' ? am_route_parse(text, error) : NULL;
		if (*text != '\0' && route == NULL)
			return FALSE;
	} else if (type != FIELD_TEXT && !settings_check_list(type, text, error)) {
		return FALSE;
	}
	if (*text == '\0')
		text = "";
	else if (texts != NULL)
		text = g_string_chunk_insert(texts, text);
	*field = text;
	return TRUE;
}

static gboolean
settings_store(gpointer field, FieldType type, const AmSettingSpec *spec, const AmValue *value,
	       const char *text, GStringChunk *texts, GError **error)
{
	switch (type) {
	case FIELD_TEXT:
	case FIELD_ADDRESS:
	case FIELD_ROUTE:
	case FIELD_KEYS:
	case FIELD_KINDS:
	case FIELD_FINDINGS:
	case FIELD_MINORS:
		return settings_store_text(field, type, text, texts, error);
	case FIELD_BOOL:
		*(gboolean *)field = value->integer != 0;
		return TRUE;
	case FIELD_ENUM:
		*(gint *)field =
			settings_enum_index(spec->range, value->text != NULL ? value->text : text);
		return TRUE;
	case FIELD_NUMBER:
		*(double *)field = value->real;
		return TRUE;
	case FIELD_LEVEL:
		return settings_read_level(text, field, error);
	case FIELD_SIZE:
		*(guint64 *)field = (guint64)value->integer;
		return TRUE;
	}
	g_return_val_if_reached(FALSE);
}

/* texts NULL: `text` itself is kept, as the table's defaults are constant (and no addresses). */
static gboolean
settings_assign(AmSettings *settings, int setting, const char *text, GStringChunk *texts,
		GError **error)
{
	const AmSettingSpec *spec = &settings_specs[setting];
	gpointer field = (char *)settings + settings_fields[setting].offset;
	g_autoptr(GError) local = NULL;
	AmValue value = { 0 };
	/* a copy is to go nowhere rather than to a line break smuggled into a header field */
	gboolean ok = g_utf8_validate(text, -1, NULL) && strpbrk(text, "\r\n") == NULL;
	if (!ok)
		g_set_error(&local, AM_ERROR, AM_ERROR_DATA, "not one line of UTF-8");
	else
		ok = am_value_parse(spec, text, &value, &local) &&
		     settings_store(field, settings_fields[setting].type, spec, &value, text, texts,
				    &local);
	am_value_clear(&value);
	if (!ok)
		g_set_error(error, AM_ERROR, AM_ERROR_DATA, "setting \"%s\": %s", spec->name,
			    local->message);
	else if (field == &settings->local_rule && settings->local_rule != AM_LOCAL_AUTO)
		settings->is_local = settings->local_rule == AM_LOCAL_YES;
	return ok;
}

const char *
am_settings_route(const AmSettings *settings, AmCategory category)
{
	const char *route = settings->route[category];
	return *route != '\0' ? route : settings->forward_route;
}

void
am_settings_init(AmSettings *settings)
{
	memset(settings, 0, sizeof *settings);
	for (int c = 0; c < AM_N_CATEGORIES; c++)
		settings->quarantine[c] = settings->subject_tag[c] = settings->route[c] =
			settings->admin[c] = "";
	for (guint i = 0; i < G_N_ELEMENTS(settings_fields); i++) {
		g_autoptr(GError) error = NULL;
		if (!settings_assign(settings, (int)i, settings_specs[i].default_value, NULL,
				     &error))
			g_error("default of policy setting: %s", error->message);
	}
	settings->is_local = TRUE;
	/* no setting: only a hook can make this the category of a mail that was not sent yet */
	settings->destiny[AM_CATEGORY_MTA_ERROR] = AM_DESTINY_TEMPFAIL;
}

AmSettings *
am_settings_copy(const AmSettings *settings)
{
	AmSettings *copy = g_memdup2(settings, sizeof *settings);
	if (settings->texts == NULL)
		return copy;
	copy->texts = g_string_chunk_new(256);
	for (guint i = 0; i < G_N_ELEMENTS(settings_fields); i++) {
		const char **text = (gpointer)((char *)copy + settings_fields[i].offset);
		FieldType type = settings_fields[i].type;
		if (settings_is_text(type))
			*text = g_string_chunk_insert_const(copy->texts, *text);
	}
	return copy;
}

void
am_settings_clear(AmSettings *settings)
{
	g_clear_pointer(&settings->texts, g_string_chunk_free);
}

void
am_settings_free(AmSettings *settings)
{
	if (settings == NULL)
		return;
	am_settings_clear(settings);
	g_free(settings);
}

gboolean
am_settings_set_shared(AmSettings *settings, GStringChunk *texts, const char *name,
		       const char *text, GError **error)
{
	int setting = am_settings_find(name);
	if (setting < 0) {
		settings_set_unknown(name, error);
		return FALSE;
	}
	return settings_assign(settings, setting, text, texts, error);
}

gboolean
am_settings_set(AmSettings *settings, const char *name, const char *text, GError **error)
{
	if (settings->texts == NULL)
		settings->texts = g_string_chunk_new(128);
	return am_settings_set_shared(settings, settings->texts, name, text, error);
}

void
am_settings_take(AmSettings *settings, const AmSettings *from, int setting)
{
	g_return_if_fail(setting >= 0 && (guint)setting < G_N_ELEMENTS(settings_fields));
	gsize offset = settings_fields[setting].offset;
	memcpy((char *)settings + offset, (const char *)from + offset,
	       field_sizes[settings_fields[setting].type]);
}

char *
am_settings_get(const AmSettings *settings, const char *name)
{
	int setting = am_settings_find(name);
	if (setting < 0)
		return NULL;
	gconstpointer field = (const char *)settings + settings_fields[setting].offset;
	/* who asks wants to know whether the recipient is local, not by which rule */
	if (field == &settings->local_rule)
		return g_strdup(settings->is_local ? "yes" : "no");
	switch (settings_fields[setting].type) {
	case FIELD_TEXT:
	case FIELD_ADDRESS:
	case FIELD_ROUTE:
	case FIELD_KEYS:
	case FIELD_KINDS:
	case FIELD_FINDINGS:
	case FIELD_MINORS:
		return g_strdup(*(const char *const *)field);
	case FIELD_BOOL:
		return g_strdup(*(const gboolean *)field ? "yes" : "no");
	case FIELD_ENUM:
		return settings_enum_word(settings_specs[setting].range, *(const gint *)field);
	case FIELD_SIZE:
		return g_strdup_printf("%" G_GUINT64_FORMAT, *(const guint64 *)field);
	case FIELD_NUMBER:
	case FIELD_LEVEL:
		break;
	}
	double number = *(const double *)field;
	char buffer[G_ASCII_DTOSTR_BUF_SIZE];
	if (number == HUGE_VAL)
		return g_strdup("never");
	/* 15 digits: "6.31" comes back as it was written */
	return g_strdup(g_ascii_formatd(buffer, sizeof buffer, "%.15g", number));
}
