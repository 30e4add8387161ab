/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "log/json.h"

void
am_json_text(JsonBuilder *builder, const char *name, const char *text)
{
	(void)json_builder_set_member_name(builder, name);
	if (text == NULL)
		(void)json_builder_add_null_value(builder);
	else
		(void)json_builder_add_string_value(builder, text);
}

void
am_json_int(JsonBuilder *builder, const char *name, gint64 value)
{
	(void)json_builder_set_member_name(builder, name);
	(void)json_builder_add_int_value(builder, value);
}

void
am_json_double(JsonBuilder *builder, const char *name, double value)
{
	(void)json_builder_set_member_name(builder, name);
	(void)json_builder_add_double_value(builder, value);
}

void
am_json_bool(JsonBuilder *builder, const char *name, gboolean value)
{
	(void)json_builder_set_member_name(builder, name);
	(void)json_builder_add_boolean_value(builder, value);
}

void
am_json_null(JsonBuilder *builder, const char *name)
{
	am_json_text(builder, name, NULL);
}

void
am_json_list(JsonBuilder *builder, const char *name)
{
	(void)json_builder_set_member_name(builder, name);
	(void)json_builder_begin_array(builder);
}

char *
am_json_to_string(JsonBuilder *builder, gboolean pretty)
{
	g_autoptr(JsonNode) root = json_builder_get_root(builder);
	return json_to_string(root, pretty);
}
