/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Passwords worth trying on encrypted contents of one mail: those the administrator listed, and words
 * of the subject and of the texts.  Nothing is collected before a decoder asks. */

#include <glib.h>

typedef struct _AmPartTree AmPartTree;
typedef struct _AmPasswords AmPasswords;

/* One to a line, any bytes but NUL; empty lines do not count.  NULL with error. */
char **am_passwords_read(const char *path, GError **error);

/* listed: borrowed, may be NULL.  tries: for each encrypted part; a mail has four times as many. */
AmPasswords *am_passwords_new(const char *const *listed, guint tries);
void am_passwords_free(AmPasswords *passwords);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmPasswords, am_passwords_free)
/* Forgets the mail. */
void am_passwords_clear(AmPasswords *passwords);

/* As AmHost.decode_password.  *n_tried: of the decode at hand, 0 at its start: then texts found since
 * are read, and what has opened another part comes first. */
const char *am_passwords_get(AmPartTree *tree, guint *n_tried, guint index);
/* "from the list", "from the subject", "from the text of part 1.2"; also remembers that it opened
 * something.  NULL: no such index. */
const char *am_passwords_opened(AmPartTree *tree, guint index);
