/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The one error domain.  Classes, not causes; the message carries the cause and each layer adds
 * what it was doing with g_prefix_error(). */

#include <glib.h>

#define AM_ERROR (am_error_quark())

typedef enum {
	AM_ERROR_RESOURCE, /* disk, memory, descriptors, fork, deadline */
	AM_ERROR_DATA,     /* policy script, table or data base could not answer */
	AM_ERROR_SCANNER,  /* a scanner or the content process failed */
	AM_ERROR_PROTOCOL, /* a peer broke its protocol */
	AM_ERROR_LIMIT,    /* something is larger than we take */
	AM_ERROR_CONFIG,   /* the configuration is wrong */
	AM_ERROR_SOFTWARE, /* our own fault */
} AmError;

GQuark am_error_quark(void);

/* Sets *error to `class`, with the text of `errnum` (an errno value) behind the formatted text. */
void am_error_set_errno(GError **error, AmError class, int errnum, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
