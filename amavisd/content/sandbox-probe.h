/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Whether the sandbox holds on this kernel: it is entered, and tried. */

#include <glib.h>

#include "content/sandbox.h"

typedef struct {
	const char *name;    /* what was tried */
	gboolean is_allowed; /* it is to work; else it is to be stopped */
	gboolean is_good;
	char *result; /* "refused (EACCES)", "ended (SIGSYS)", "works" */
} AmSandboxProbe;

void am_sandbox_probe_free(AmSandboxProbe *probe);
/* AmSandboxProbe, each tried in a child of its own that entered the sandbox.  NULL with error: it cannot
 * be entered, or there is no child.  Call while there is one thread. */
GPtrArray *am_sandbox_probe(const AmSandboxLimits *limits, GError **error);

/* What the kernel says of a process inside. */
typedef struct {
	gboolean has_no_new_privs;
	gboolean has_filter; /* seccomp */
	gboolean is_dumpable;
} AmSandboxState;

gboolean am_sandbox_read_state(const AmSandboxLimits *limits, AmSandboxState *state,
			       GError **error);
