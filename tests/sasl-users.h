/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A password database for tests: fred@filter.example with the password "pa ss=word". */

#include <glib.h>

#define SASL_USER "fred"
#define SASL_PASSWORD "pa ss=word"
/* \0fred\0pa ss=word */
#define SASL_PLAIN "AGZyZWQAcGEgc3M9d29yZA=="
#define SASL_WRONG "AGZyZWQAd3Jvbmc="

/* Makes directory, database and configuration, and the library ready; NULL: what it takes is not
 * there.  To be removed by sasl_users_free(). */
char *sasl_users_new(void);
void sasl_users_free(char *directory);
