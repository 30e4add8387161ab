/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What a worker has from its parents and must not keep: the log's descriptor, the zygote's word to the
 * master, memory shared with the sessions.  With them it could write lines into the log, tell the
 * master lies or change others' numbers without a single forbidden call. */

#include <glib.h>

#include "mail/error.h"

typedef struct _AmInherited AmInherited;

/* In the zygote, before plugins are loaded: what is open and shared then is not for workers. */
AmInherited *am_inherited_new(GError **error);
void am_inherited_free(AmInherited *inherited);
/* One more descriptor that is not. */
void am_inherited_add(AmInherited *inherited, int fd);
/* In the worker: those descriptors lead to /dev/null from now on (their numbers stay taken, as
 * libraries remember them), shared memory is unmapped.  Standard error stays for sanitizers. */
gboolean am_inherited_drop(const AmInherited *inherited, GError **error);
