/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Values of Content-Type and Content-Disposition: a word and parameters (RFC 2045 5.1). Read as
 * leniently as mail readers do; what is odd is noted, for others may read it otherwise. */

#include <glib.h>

#define AM_PARAMS_MAX 200 /* of one field */

typedef struct {
	char *name;  /* lower case, as written: "filename*0*" */
	char *value; /* unquoted, comments kept; any bytes but NUL */
} AmParam;

typedef struct {
	char *word;        /* "text/plain", "attachment"; lower case, "" none */
	GPtrArray *params; /* AmParam */
	gboolean is_odd;   /* did not follow the grammar */
	gboolean has_duplicate; /* a parameter came twice */
} AmParams;

AmParams *am_params_parse(const char *text, gsize len);
void am_params_free(AmParams *params);
/* First of that name, NULL none. */
const char *am_params_get(const AmParams *params, const char *name);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmParams, am_params_free)
