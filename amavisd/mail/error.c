/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The error domain and the one way to turn errno into an error of it. */

#include <config.h>

#include "mail/error.h"

#include <stdarg.h>

G_DEFINE_QUARK(am_error, am_error)

void
am_error_set_errno(GError **error, AmError class, int errnum, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *doing = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, AM_ERROR, class, "%s: %s", doing, g_strerror(errnum));
}
