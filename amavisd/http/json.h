/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A request as JSON (RFC 8259): one flat object of strings and arrays of strings.  It is read as it
 * comes, and the message goes to the spool at once: no tree is built, so a request costs the same
 * memory whatever its size. */

#include <glib.h>

#include "http/request.h"

typedef struct _AmHttpJson AmHttpJson;

/* request is borrowed. */
AmHttpJson *am_http_json_new(AmHttpRequest *request);
void am_http_json_free(AmHttpJson *json);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmHttpJson, am_http_json_free)
/* FALSE: request->problem is set. */
gboolean am_http_json_feed(AmHttpJson *json, const char *data, gsize len);
/* No more will come; then am_http_request_finish(). */
gboolean am_http_json_end(AmHttpJson *json);
