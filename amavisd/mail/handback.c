/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "mail/handback.h"

void
am_handback_init(AmHandback *handback)
{
	*handback = (AmHandback){ .given = g_array_new(FALSE, FALSE, sizeof(guint)),
				  .removed = g_array_new(FALSE, FALSE, sizeof(guint)),
				  .added = g_ptr_array_new_with_free_func(g_free) };
}

void
am_handback_clear(AmHandback *handback)
{
	am_reply_free(handback->reply);
	g_free(handback->quarantine);
	g_array_unref(handback->given);
	g_array_unref(handback->removed);
	g_ptr_array_unref(handback->added);
	*handback = (AmHandback){ 0 };
}
