/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Stage judge: policy makes a disposition for each recipient, actions make the edits.
 *
 * Actions are the last word on the bytes, not on where they go: a mail that policy lets pass is not
 * stopped by a plugin that could not add a field, unless the configuration says that it must. */

#include <config.h>

#include "pipeline/judge.h"

#include "log/log.h"
#include "pipeline/host.h"

/* Required is what the configuration says in so many words: an edit is no reason to lose time. */
static gboolean
judge_is_required(const AmInstance *instance)
{
	guint line = 0;
	(void)am_config_raw(instance->group, "required", NULL, &line);
	return instance->is_required && line > 0;
}

static gboolean
judge_apply(AmInstance *instance, AmAction *action, GError **error)
{
	g_autoptr(GError) local = NULL;
	am_instance_lock(instance);
	gboolean ok = instance->plugin->plugin.action->apply(instance->data, action, &local);
	am_instance_unlock(instance);
	g_ptr_array_set_size(action->kept, 0);
	if (ok)
		return TRUE;
	const char *text = local != NULL ? local->message : "failed without a reason";
	am_log(AM_LOG_WARNING, action->shared->mail->id, "action %s: %s", instance->name, text);
	if (!judge_is_required(instance))
		return TRUE;
	g_set_error(error, AM_ERROR, AM_ERROR_SCANNER, "action %s: %s", instance->name, text);
	return FALSE;
}

static gboolean
judge_act(AmRegistry *registry, const AmMail *mail, GPtrArray *dispositions, GError **error)
{
	GPtrArray *instances = am_registry_instances(registry, AM_KIND_ACTION);
	AmActionMail shared = { .mail = mail };
	g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);
	gboolean ok = TRUE;
	for (guint i = 0; ok && i < dispositions->len; i++) {
		AmAction action = { .shared = &shared,
				    .disposition = dispositions->pdata[i],
				    .kept = kept };
		if (action.disposition->destiny != AM_DESTINY_PASS)
			continue;
		for (guint j = 0; ok && j < instances->len; j++)
			ok = judge_apply(instances->pdata[j], &action, error);
	}
	am_action_mail_clear(&shared);
	return ok;
}

GPtrArray *
am_judge(AmPolicyThread *policy, AmRegistry *registry, AmMail *mail, const char *failure,
	 GError **error)
{
	g_autoptr(GPtrArray) dispositions = am_policy_judge(policy, mail, failure, error);
	if (dispositions == NULL || !judge_act(registry, mail, dispositions, error))
		return NULL;
	return g_steal_pointer(&dispositions);
}
