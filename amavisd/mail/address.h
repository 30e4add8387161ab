/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Mailbox addresses in envelopes: RFC 5321 4.1.2 Path, with RFC 6531's UTF-8.  Two forms:
 * `internal` is unquoted (a b@example.org), `smtp` is as on the wire without brackets
 * ("a b"@example.org).  Source routes are read and dropped (RFC 5321 appendix C). */

#include <glib.h>

#include "mail/error.h"

#define AM_ADDRESS_MAX_LOCAL 512  /* bytes; RFC 5321 4.5.3.1.1 has 64, which VERP and SRS exceed */
#define AM_ADDRESS_MAX_DOMAIN 255 /* bytes (RFC 5321 4.5.3.1.2) */

/* Reads "<...>" (or a bare address when `lax`) at the start of `text`; sets *internal to a new
 * string ("" for the null reverse-path <>) and *end (may be NULL) behind it; a bare address ends at
 * a blank or the end of the text.  A mailbox without a domain is taken.  FALSE with PROTOCOL: bad
 * syntax, too long, control bytes, not UTF-8.  Address literals are checked. */
gboolean am_address_parse_path(const char *text, gboolean lax, char **internal, const char **end,
			       GError **error);
/* internal to smtp form: quotes the local part when needed.  To be freed. */
char *am_address_quote(const char *internal);
/* Borrowed pointer to the domain behind the last '@', "" when there is none. */
const char *am_address_domain(const char *internal);
/* Local part, to be freed. */
char *am_address_local(const char *internal);
/* Lookup keys of an address from most to least special, lower case, domain in ACE:
 * user+ext@sub.dom.tld, user@sub.dom.tld, user+ext@, user@, sub.dom.tld, .sub.dom.tld, .dom.tld,
 * .tld, "."; null address: "", "@", ".".  (Amavis' README.lookups; features 6.5)
 * NULL-ended, g_strfreev(). */
char **am_address_lookup_keys(const char *internal, const char *delimiters);
gboolean am_address_is_ascii(const char *internal);
/* An IP address as MTAs tell of their clients, "IPv6:" before it or not, in its shortest form and an
 * IPv4 one in IPv6 as itself; to be freed.  NULL: it is none. */
char *am_address_ip(const char *text);
