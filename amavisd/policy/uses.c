/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Settings that name rules and quarantines.  What they name may be defined behind them, or by the
 * plugins, so they are remembered with their place and looked at when all is read. */

#include <config.h>

#include <string.h>

#include "policy/policy-private.h"

#define BLOCKED_PREFIX "blocked:"

void
am_policy_use_free(gpointer data)
{
	AmPolicyUse *use = data;
	g_free(use->text);
	g_free(use->file);
	g_free(use);
}

static gboolean
use_is_quarantine(const char *setting)
{
	return g_str_has_suffix(setting, "_quarantine");
}

void
am_policy_note_use(AmPolicy *policy, const char *setting, const char *text, const char *file,
		   guint line)
{
	int index = am_settings_find(setting);
	if (index < 0 || !(use_is_quarantine(setting) || strcmp(setting, "banned_rules") == 0))
		return;
	AmPolicyUse *use = g_new0(AmPolicyUse, 1);
	use->setting = am_settings_specs()[index].name;
	use->text = g_strdup(text);
	use->file = g_strdup(file);
	use->line = line;
	g_ptr_array_add(policy->uses, use);
}

/* Scripts go by their names in Lua. */
static const char *
use_path(const AmPolicy *policy, const AmPolicyUse *use)
{
	for (guint i = 0; i < policy->scripts->len; i++) {
		const AmScript *script = policy->scripts->pdata[i];
		if (strcmp(script->name, use->file) == 0)
			return script->path;
	}
	return use->file;
}

typedef struct {
	const AmPolicy *policy;
	char *missing;
} RuleCheck;

static gboolean
use_check_rule(const char *word, gsize len, gpointer user_data)
{
	RuleCheck *check = user_data;
	g_autofree char *name = g_strndup(word, len);
	if (g_hash_table_contains(check->policy->banned, name))
		return TRUE;
	check->missing = g_steal_pointer(&name);
	return FALSE;
}

void
am_policy_check_banned(const AmPolicy *policy, GPtrArray *problems)
{
	for (guint i = 0; i < policy->uses->len; i++) {
		const AmPolicyUse *use = policy->uses->pdata[i];
		RuleCheck check = { .policy = policy };
		if (use_is_quarantine(use->setting))
			continue;
		am_settings_each_word(use->text, use_check_rule, &check);
		if (check.missing != NULL)
			am_config_add_problem(problems, use_path(policy, use), use->line,
					      "banned_rules: there are no rules named \"%s\"",
					      check.missing);
		g_free(check.missing);
	}
}

static const char *
use_quarantine_name(const char *text)
{
	return g_str_has_prefix(text, BLOCKED_PREFIX) ? text + strlen(BLOCKED_PREFIX) : text;
}

static gboolean
use_is_written(const AmPolicy *policy, const char *setting, const char *text)
{
	for (guint i = 0; i < policy->uses->len; i++) {
		const AmPolicyUse *use = policy->uses->pdata[i];
		if (strcmp(use->setting, setting) == 0 && strcmp(use->text, text) == 0)
			return TRUE;
	}
	return FALSE;
}

void
am_policy_check_quarantines(const AmPolicy *policy, AmQuarantineKnownFunc is_known,
			    gpointer user_data, GPtrArray *problems)
{
	for (guint i = 0; i < policy->uses->len; i++) {
		const AmPolicyUse *use = policy->uses->pdata[i];
		const char *name = use_quarantine_name(use->text);
		if (!use_is_quarantine(use->setting) || *name == '\0' || is_known(name, user_data))
			continue;
		am_config_add_problem(problems, use_path(policy, use), use->line,
				      "%s: there is no quarantine named \"%s\"", use->setting, name);
	}
	/* nobody wrote it, but without it mail would be tempfailed when it is too late to say so */
	for (const AmSettingSpec *spec = am_settings_specs(); spec->name != NULL; spec++) {
		if (!use_is_quarantine(spec->name))
			continue;
		g_autofree char *text = am_settings_get(&policy->base, spec->name);
		const char *name = use_quarantine_name(text);
		if (*name != '\0' && !use_is_written(policy, spec->name, text) &&
		    !is_known(name, user_data))
			am_config_add_problem(problems, "", 0,
					      "[policy]: %s is \"%s\" unless set, and there is no "
					      "quarantine named \"%s\"",
					      spec->name, text, name);
	}
}
