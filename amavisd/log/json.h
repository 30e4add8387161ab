/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Members of JSON objects, each in one call.  Texts are valid UTF-8. */

#include <json-glib/json-glib.h>

void am_json_text(JsonBuilder *builder, const char *name, const char *text); /* NULL: null */
void am_json_int(JsonBuilder *builder, const char *name, gint64 value);
void am_json_double(JsonBuilder *builder, const char *name, double value);
void am_json_bool(JsonBuilder *builder, const char *name, gboolean value);
void am_json_null(JsonBuilder *builder, const char *name);
/* Opens a list as a member. */
void am_json_list(JsonBuilder *builder, const char *name);
/* All that was built, to be freed. */
char *am_json_to_string(JsonBuilder *builder, gboolean pretty);
