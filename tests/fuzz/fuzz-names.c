/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Names of parts: the first line is a Content-Disposition, the rest a Content-Type, and all of it a
 * name in an archive. */

#include <config.h>

#include <gmime/gmime.h>
#include <string.h>

#include "content/charset.h"
#include "content/names.h"
#include "content/see-through.h"
#include "mail/report.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
look(GPtrArray *names)
{
	g_assert_cmpuint(names->len, <=, AM_REPORT_MAX_NAMES);
	guint tricks = am_see_through(names, AM_REPORT_MAX_NAMES);
	g_assert_cmpuint(tricks, <, 1u << AM_N_TRICKS);
	g_assert_cmpuint(names->len, <=, AM_REPORT_MAX_NAMES);
	for (guint i = 0; i < names->len; i++) {
		g_assert_true(g_utf8_validate(names->pdata[i], -1, NULL));
		g_free(am_extension_of(names->pdata[i]));
	}
	g_ptr_array_unref(names);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static gsize is_done;
	if (g_once_init_enter(&is_done)) {
		g_mime_init();
		g_once_init_leave(&is_done, 1);
	}
	const char *text = (const char *)data;
	const char *line = size > 0 ? memchr(text, '\n', size) : NULL;
	gsize len = line != NULL ? (gsize)(line - text) : size;
	AmParams *disposition = am_params_parse(text, len);
	AmParams *type = am_params_parse(text + len, size - len);
	look(am_names_read(disposition, type));
	g_free(am_names_extended(type, "boundary"));
	am_params_free(disposition);
	am_params_free(type);

	g_autofree char *name = g_strndup(text, size);
	look(am_names_read_raw(name));
	for (int as_labelled = 0; as_labelled < 2; as_labelled++)
		g_string_free(am_encoded_words_read(name, 4096, as_labelled), TRUE);
	return 0;
}
