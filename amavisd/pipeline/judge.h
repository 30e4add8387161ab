/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Stage judge: policy makes a disposition for each recipient, actions make the edits. */

#include <glib.h>

#include "plugin/registry.h"
#include "policy/policy.h"

/* As am_policy_judge(), with edits.  Actions run for the recipients that nothing blocks; one that
 * fails is logged and its edits stay undone, with `required = yes` in its group it is an error
 * (SCANNER).  NULL: *error, the mail is to be tempfailed. */
GPtrArray *am_judge(AmPolicyThread *policy, AmRegistry *registry, AmMail *mail,
		    const char *failure, GError **error);
