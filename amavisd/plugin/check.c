/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Whether a descriptor is one we can run.  Head first: nothing behind struct_size and the two ABI
 * numbers is read before they agree.  Then as many bytes as both sides know are copied into a zeroed
 * struct of our own, so that what an older plugin lacks is NULL, and only the copy is looked at. */

#include <config.h>

#include "plugin/registry.h"

#include <string.h>

#define NAME_MAX_BYTES 64
#define SETTINGS_MAX 200 /* a table without an end would be read for ever */

/* What version 1.0 had; a later minor may only be longer. */
#define PLUGIN_SIZE_1_0 (G_STRUCT_OFFSET(AmPlugin, quarantine) + sizeof(gpointer))
#define SCANNER_SIZE_1_0 (G_STRUCT_OFFSET(AmScannerOps, warm_up) + sizeof(gpointer))
#define DECODER_SIZE_1_0 (G_STRUCT_OFFSET(AmDecoderOps, decode) + sizeof(gpointer))
#define ACTION_SIZE_1_0 (G_STRUCT_OFFSET(AmActionOps, apply) + sizeof(gpointer))
#define QUARANTINE_SIZE_1_0 (G_STRUCT_OFFSET(AmQuarantineOps, expire) + sizeof(gpointer))

#define KINDS_ALL (AM_KIND_SCANNER | AM_KIND_DECODER | AM_KIND_ACTION | AM_KIND_QUARANTINE)
#define CAPS_ALL                                                                        \
	(AM_CAP_SANDBOX | AM_CAP_SESSION | AM_CAP_NETWORK | AM_CAP_EXEC | AM_CAP_REENTRANT | \
	 AM_CAP_SCORES | AM_CAP_BESIDE)

/* The first fields of every table. */
typedef struct {
	guint32 struct_size;
	guint16 abi_major, abi_minor;
} CheckHead;

static gboolean check_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
check_fail(GError **error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (error != NULL)
		*error = g_error_new_valist(AM_ERROR, AM_ERROR_CONFIG, format, args);
	va_end(args);
	return FALSE;
}

static gboolean
check_head(const char *what, const CheckHead *head, gsize least, GError **error)
{
	if (head->abi_major != AM_ABI_MAJOR || head->abi_minor > AM_ABI_MINOR)
		return check_fail(error, "%s is built for plugin ABI %u.%u, this amavisd has %u.%u",
				  what, head->abi_major, head->abi_minor, AM_ABI_MAJOR,
				  AM_ABI_MINOR);
	if (head->struct_size < least)
		return check_fail(error, "%s has %u bytes, at least %" G_GSIZE_FORMAT " are needed",
				  what, head->struct_size, least);
	return TRUE;
}

static gboolean
check_name(const char *name)
{
	gsize len = name != NULL ? strlen(name) : 0;
	return len > 0 && len <= NAME_MAX_BYTES &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static gboolean
check_setting(const AmSettingSpec *spec, GError **error)
{
	static const char *const core_keys[] = { "enabled", "plugin", "order", "required", NULL };
	gsize len = strlen(spec->name);
	AmValue value = { 0 };
	if (len == 0 || strspn(spec->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != len)
		return check_fail(error, "setting \"%s\": a name is made of a-z 0-9 _", spec->name);
	if (g_strv_contains(core_keys, spec->name))
		return check_fail(error, "setting \"%s\": that key is the core's own", spec->name);
	if ((guint)spec->type > AM_SETTING_LIST)
		return check_fail(error, "setting \"%s\": unknown type %d", spec->name,
				  (int)spec->type);
	if (spec->default_value == NULL)
		return TRUE;
	if (!am_value_parse(spec, spec->default_value, &value, error)) {
		g_prefix_error(error, "default of setting \"%s\": ", spec->name);
		return FALSE;
	}
	am_value_clear(&value);
	return TRUE;
}

static gboolean
check_settings(const AmSettingSpec *specs, GError **error)
{
	for (guint i = 0; specs != NULL && specs[i].name != NULL; i++) {
		if (i == SETTINGS_MAX)
			return check_fail(error,
					  "more than %d settings; does the table end with "
					  "a NULL name?",
					  SETTINGS_MAX);
		if (!check_setting(&specs[i], error))
			return FALSE;
		for (guint k = 0; k < i; k++)
			if (strcmp(specs[k].name, specs[i].name) == 0)
				return check_fail(error, "setting \"%s\" is there twice",
						  specs[i].name);
	}
	return TRUE;
}

static gboolean
check_kinds(const AmPlugin *plugin, GError **error)
{
	const AmScannerOps *scanner = plugin->scanner;
	const AmDecoderOps *decoder = plugin->decoder;
	const AmActionOps *action = plugin->action;
	const AmQuarantineOps *quarantine = plugin->quarantine;
	if (plugin->kinds == 0 || (plugin->kinds & ~(guint32)KINDS_ALL) != 0)
		return check_fail(error, "kinds 0x%x: at least one, and only known ones",
				  plugin->kinds);
	if ((plugin->kinds & AM_KIND_SCANNER) != 0) {
		if (scanner == NULL)
			return check_fail(error, "a scanner without its table of functions");
		if (!check_head("table scanner", (const CheckHead *)scanner, SCANNER_SIZE_1_0,
				error))
			return FALSE;
		if (scanner->scan == NULL)
			return check_fail(error, "a scanner without scan()");
	}
	if ((plugin->kinds & AM_KIND_DECODER) != 0) {
		if (decoder == NULL)
			return check_fail(error, "a decoder without its table of functions");
		if (!check_head("table decoder", (const CheckHead *)decoder, DECODER_SIZE_1_0,
				error))
			return FALSE;
		if (decoder->bid == NULL || decoder->decode == NULL)
			return check_fail(error, "a decoder without bid() or decode()");
	}
	if ((plugin->kinds & AM_KIND_ACTION) != 0) {
		if (action == NULL)
			return check_fail(error, "an action without its table of functions");
		if (!check_head("table action", (const CheckHead *)action, ACTION_SIZE_1_0, error))
			return FALSE;
		if (action->apply == NULL)
			return check_fail(error, "an action without apply()");
	}
	if ((plugin->kinds & AM_KIND_QUARANTINE) != 0) {
		if (quarantine == NULL)
			return check_fail(error, "a quarantine without its table of functions");
		if (!check_head("table quarantine", (const CheckHead *)quarantine,
				QUARANTINE_SIZE_1_0, error))
			return FALSE;
		if (quarantine->store == NULL || quarantine->open == NULL ||
		    quarantine->remove == NULL || quarantine->list == NULL ||
		    quarantine->expire == NULL)
			return check_fail(error, "a quarantine without store(), open(), remove(), "
						 "list() or expire()");
	}
	return TRUE;
}

static gboolean
check_caps(const AmPlugin *plugin, GError **error)
{
	/* a decoder's programs are run for the worker, by its keeper */
	const guint32 outside = AM_CAP_NETWORK |
				(plugin->kinds == AM_KIND_DECODER ? 0 : AM_CAP_EXEC);
	if ((plugin->caps & ~(guint32)CAPS_ALL) != 0)
		return check_fail(error, "caps 0x%x: unknown ones among them", plugin->caps);
	if ((plugin->caps & (AM_CAP_SANDBOX | AM_CAP_SESSION)) == 0)
		return check_fail(error, "neither AM_CAP_SANDBOX nor AM_CAP_SESSION is set");
	if ((plugin->caps & outside) != 0 && (plugin->caps & AM_CAP_SESSION) == 0)
		return check_fail(error, "network and programs are there in the session only: "
					 "AM_CAP_SESSION is missing");
	if ((plugin->kinds & AM_KIND_DECODER) != 0 && (plugin->caps & AM_CAP_SANDBOX) == 0)
		return check_fail(error, "a decoder needs AM_CAP_SANDBOX");
	if ((plugin->kinds & (AM_KIND_ACTION | AM_KIND_QUARANTINE)) != 0 &&
	    (plugin->caps & AM_CAP_SESSION) == 0)
		return check_fail(error, "actions and quarantines need AM_CAP_SESSION");
	return TRUE;
}

gboolean
am_plugin_check(const AmPlugin *descriptor, AmPlugin *copy, GError **error)
{
	if (!check_head("descriptor", (const CheckHead *)descriptor, PLUGIN_SIZE_1_0, error))
		return FALSE;
	memset(copy, 0, sizeof *copy);
	memcpy(copy, descriptor, MIN(descriptor->struct_size, sizeof *copy));
	if (!check_name(copy->name))
		return check_fail(error, "a plugin's name is made of a-z 0-9 -, at most %d bytes",
				  NAME_MAX_BYTES);
	if (copy->version == NULL || copy->licence == NULL || copy->summary == NULL)
		return check_fail(error, "version, licence or summary is missing");
	if (!check_kinds(copy, error) || !check_caps(copy, error))
		return FALSE;
	if (copy->load == NULL)
		return check_fail(error, "load() is missing");
	return check_settings(copy->settings, error);
}
