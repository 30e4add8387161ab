/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A shared object without a descriptor. */

extern int not_a_plugin;
int not_a_plugin = 1;
