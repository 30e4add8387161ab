/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Pieces of which DSNs and notices are made; all 7bit. */

#include <glib.h>

#include "mail/mail.h"
#include "policy/settings.h"

/* One line of printable ASCII, everything else is '?'. */
void am_notify_append_ascii(GString *out, const char *text);
/* Lines for people, indented. */
void am_notify_append_wrapped(GString *out, const char *text);
/* "<a@example.org>", what is not ASCII as in RFC 6533 3. */
void am_notify_append_path(GString *out, const char *address);
/* Header defects that count by the settings, a few, each with the line in which it is and a mark under
 * its byte.  Nothing when there are none. */
void am_notify_append_defects(GString *out, const AmMail *mail, const AmSettings *settings);
/* The header section of the mail as an entity of type text/rfc822-headers. */
gboolean am_notify_append_header_part(GString *out, const AmMail *mail, GError **error);
