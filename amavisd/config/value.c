/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* One value by its type, the same for the core, plugins and policy.  The messages say what is
 * allowed, for they are all an admin gets to see of a wrong key.
 *
 *     int      = ["-"] 1*digit
 *     double   = ["-" / "+"] 1*digit ["." 1*digit]
 *     size     = 1*digit ["K" / "M" / "G"]                     powers of 1024, either case
 *     duration = 1*digit ["ms" / "s" / "m" / "h" / "d"]        bare: seconds
 *     bool     = "yes" / "no" / "true" / "false" / "on" / "off" / "1" / "0"   either case
 *     list     = *(word (blank / ","))
 */

#include <config.h>

#include "config/config-private.h"

#include <math.h>
#include <string.h>

typedef struct {
	const char *suffix;
	gint64 factor;
} Unit;

static const Unit size_units[] = {
	{ "", 1 }, { "K", 1024 }, { "M", 1024 * 1024 }, { "G", 1024 * 1024 * 1024 }, { NULL, 0 },
};
static const Unit duration_units[] = {
	{ "", 1000 },	  { "ms", 1 },	     { "s", 1000 }, { "m", 60000 },
	{ "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};
static const Unit no_units[] = { { "", 1 }, { NULL, 0 } };

static gboolean
value_parse_bool(const char *text, gint64 *value)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };
	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		if (g_ascii_strcasecmp(text, words[i]) == 0) {
			*value = i % 2;
			return TRUE;
		}
	}
	return FALSE;
}

/* Digits and one of the units. */
static gboolean
value_parse_number(const char *text, const Unit *units, gint64 *value)
{
	const char *digits = text;
	if (units == no_units && *digits == '-')
		digits++;
	gsize n = strspn(digits, "0123456789");
	if (n == 0 || n > 19)
		return FALSE;
	const Unit *unit = units;
	while (unit->suffix != NULL && g_ascii_strcasecmp(digits + n, unit->suffix) != 0)
		unit++;
	if (unit->suffix == NULL)
		return FALSE;
	guint64 number = g_ascii_strtoull(digits, NULL, 10); /* 19 digits fit */
	if (number > (guint64)(G_MAXINT64 / unit->factor))
		return FALSE;
	*value = (gint64)number * unit->factor;
	if (digits != text)
		*value = -*value;
	return TRUE;
}

static gboolean
value_parse_double(const char *text, double *value)
{
	const char *p = text;
	if (*p == '-' || *p == '+')
		p++;
	gsize n = strspn(p, "0123456789");
	p += n;
	if (n > 0 && *p == '.') {
		n = strspn(p + 1, "0123456789");
		p += 1 + n;
	}
	if (n == 0 || *p != '\0')
		return FALSE;
	*value = g_ascii_strtod(text, NULL);
	return isfinite(*value);
}

/* The numeric types, no range. */
static gboolean
value_parse_plain(AmSettingType type, const char *text, AmValue *value)
{
	switch (type) {
	case AM_SETTING_INT:
		return value_parse_number(text, no_units, &value->integer);
	case AM_SETTING_SIZE:
		return value_parse_number(text, size_units, &value->integer);
	case AM_SETTING_DURATION:
		return value_parse_number(text, duration_units, &value->integer);
	default:
		return value_parse_double(text, &value->real);
	}
}

static gboolean
value_is_below(AmSettingType type, const AmValue *a, const AmValue *b)
{
	return type == AM_SETTING_DOUBLE ? a->real < b->real : a->integer < b->integer;
}

/* Is value within "MIN..MAX"?  A range that is no range is the table's fault and admits nothing. */
static gboolean
value_is_in_range(const AmSettingSpec *spec, const AmValue *value)
{
	if (spec->range == NULL)
		return TRUE;
	const char *dots = strstr(spec->range, "..");
	if (dots == NULL)
		return FALSE;
	g_autofree char *low = g_strndup(spec->range, (gsize)(dots - spec->range));
	const char *high = dots + 2;
	AmValue bound = { 0 };
	if (*low != '\0' && (!value_parse_plain(spec->type, low, &bound) ||
			     value_is_below(spec->type, value, &bound)))
		return FALSE;
	if (*high != '\0' && (!value_parse_plain(spec->type, high, &bound) ||
			      value_is_below(spec->type, &bound, value)))
		return FALSE;
	return TRUE;
}

gint
am_value_choice(const char *range, const char *text)
{
	g_auto(GStrv) words = g_strsplit(range != NULL ? range : "", "|", -1);
	for (gint i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

/* Empty words are dropped: "a, b" has two. */
static char **
value_split(const char *text)
{
	g_auto(GStrv) words = g_strsplit_set(text, ", \t\r\n", -1);
	g_autoptr(GPtrArray) out = g_ptr_array_new();
	for (char **word = words; *word != NULL; word++)
		if (**word != '\0')
			g_ptr_array_add(out, g_strdup(*word));
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&out), FALSE);
}

static const char *
value_expectation(AmSettingType type)
{
	switch (type) {
	case AM_SETTING_BOOL:
		return "yes or no";
	case AM_SETTING_INT:
		return "a whole number";
	case AM_SETTING_DOUBLE:
		return "a number";
	case AM_SETTING_SIZE:
		return "a size (bytes, or with K, M or G)";
	case AM_SETTING_DURATION:
		return "a time (500ms, 10s, 5m, 2h, 7d)";
	case AM_SETTING_PATH:
		return "an absolute path";
	default:
		return "one of";
	}
}

static gboolean
value_set_error(const AmSettingSpec *spec, const char *text, GError **error)
{
	g_autofree char *range = g_strdup(spec->range);
	if (spec->type == AM_SETTING_ENUM && range != NULL) {
		g_auto(GStrv) words = g_strsplit(range, "|", -1);
		g_free(range);
		range = g_strjoinv(", ", words);
	}
	g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "\"%s\" is not allowed; allowed: %s%s%s",
		    text, value_expectation(spec->type), range != NULL ? " " : "",
		    range != NULL ? range : "");
	return FALSE;
}

gboolean
am_value_parse(const AmSettingSpec *spec, const char *text, AmValue *value, GError **error)
{
	gboolean is_good = TRUE;
	memset(value, 0, sizeof(*value));
	switch (spec->type) {
	case AM_SETTING_STRING:
		break;
	case AM_SETTING_PATH:
		is_good = *text == '/';
		break;
	case AM_SETTING_ENUM:
		is_good = am_value_choice(spec->range, text) >= 0;
		break;
	case AM_SETTING_LIST:
		value->list = value_split(text);
		break;
	case AM_SETTING_BOOL:
		is_good = value_parse_bool(text, &value->integer);
		break;
	default:
		is_good = value_parse_plain(spec->type, text, value) &&
			  value_is_in_range(spec, value);
		break;
	}
	if (!is_good) {
		memset(value, 0, sizeof(*value));
		return value_set_error(spec, text, error);
	}
	value->text = g_strdup(text);
	return TRUE;
}

void
am_value_clear(AmValue *value)
{
	g_clear_pointer(&value->text, g_free);
	g_clear_pointer(&value->list, g_strfreev);
	value->integer = 0;
	value->real = 0;
}
