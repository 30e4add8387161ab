/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Policy: settings of each recipient, rules for banned parts, and Lua hooks.  An AmPolicy is built
 * once for a generation; each thread has an AmPolicyThread with its Lua state.  Lua runs without io
 * and os, bounded in instructions and memory; a failing script is DATA (451 4.3.5), never an
 * unfiltered pass.  docs/policy.md is the admin's page. */

#include <glib.h>

#include "config/config.h"
#include "mail/mail.h"
#include "policy/disposition.h"

typedef struct _AmPolicy AmPolicy;
typedef struct _AmPolicyThread AmPolicyThread;

/* Reads [policy] and the .lua files of conf.d, in name order.  Every problem with file and line. */
AmPolicy *am_policy_new(AmConfig *config, GPtrArray *problems);
AmPolicy *am_policy_ref(AmPolicy *policy);
void am_policy_unref(AmPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmPolicy, am_policy_unref)

/* Every quarantine that settings name and is_known() does not know is a problem. */
typedef gboolean (*AmQuarantineKnownFunc)(const char *name, gpointer user_data);
void am_policy_check_quarantines(const AmPolicy *policy, AmQuarantineKnownFunc is_known,
				 gpointer user_data, GPtrArray *problems);

/* Runs the scripts in a state of its own. */
AmPolicyThread *am_policy_thread_new(AmPolicy *policy, GError **error);
void am_policy_thread_free(AmPolicyThread *thread);

/* The settings of one recipient before anything is known of the content: [policy], then Lua's
 * declarations (bank, client, sender, recipient keys, most special last), then the hook
 * "recipient".  Envelope only; also used at RCPT for the size limit. NULL: DATA. */
AmSettings *am_policy_settings(AmPolicyThread *thread, const AmEnvelope *envelope,
			       const AmRecipient *recipient, GError **error);

/* A disposition for each recipient of mail, from report and settings: categories, banned rules,
 * score against levels, destiny, lovers, quarantine, route, reply for the blocked, then the hook
 * "judge".  mail->report NULL: content could not be inspected (`failure` says why): unchecked or
 * tempfail by unchecked_on_failure.  No edits yet: actions make them.  Elements AmDisposition. */
GPtrArray *am_policy_judge(AmPolicyThread *thread, const AmMail *mail, const char *failure,
			   GError **error);

/* Does the judgement depend on the content?  Not when every recipient bypasses all checks, no kind of
 * finding makes another category (finding_categories), and no hook "judge" is there that might ask
 * for anything.  TRUE when the settings cannot be had: judging will say why. */
gboolean am_policy_needs_content(AmPolicyThread *thread, const AmEnvelope *envelope);

/* May scanners be skipped because every recipient bypasses them? */
gboolean am_policy_all_bypass(GPtrArray *settings /* AmSettings */, AmCategory category);
