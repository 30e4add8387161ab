/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What the steps of server sides have in common: who does not take our answers gets no more of them,
 * and answers leave together, at the end of the step. */

#include <config.h>

#include "wire/server.h"

AmServerStep
am_server_step(AmStream *stream, AmServerStep (*work)(gpointer server), gpointer server)
{
	g_autoptr(GError) error = NULL;
	AmServerStep step = AM_SERVER_WAIT_OUTPUT;
	if (am_stream_try_flush(stream, &error)) {
		step = work(server);
		if (!am_stream_try_flush(stream, &error))
			step = AM_SERVER_WAIT_OUTPUT;
	}
	if (error != NULL)
		return AM_SERVER_CLOSE;
	if (step == AM_SERVER_WAIT_INPUT)
		am_stream_park(stream);
	return step;
}
