/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the service manager is told: sd_notify(3), written here because it is one datagram. */

#include <glib.h>

/* state: "READY=1", or several such lines.  Nothing without NOTIFY_SOCKET; a failure is logged. */
void am_notify(const char *state);
/* How often "WATCHDOG=1" is wanted (half of WATCHDOG_USEC), 0 never. */
gint64 am_notify_watchdog_us(void);
