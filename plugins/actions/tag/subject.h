/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A text put before a Subject, by the rules of RFC 2047. */

#include <glib.h>

typedef struct {
	const char *name;  /* "SCORE" stands as _SCORE_; NULL ends the table */
	const char *value;
} SubjectVariable;

/* `template` with every known _NAME_ replaced, once; values are not looked at again.  To be freed. */
char *subject_expand(const char *template, const SubjectVariable *variables);
/* The new value of the field: `tag`, a blank, `subject` (raw, may hold encoded words or any bytes).
 * NULL when the tag is empty or stands there already.  To be freed. */
char *subject_tag(const char *subject, const char *tag);
