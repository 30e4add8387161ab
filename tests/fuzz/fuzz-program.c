/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What a worker may send to its keeper, and what the zygote sends to the runner. */

#include <config.h>

#include "content/program.h"

#include <string.h>

#define PROGRAMS 3

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	AmProgramRequest request;
	g_autoptr(AmProgram) program = am_program_unpack(data, size, NULL);
	if (program != NULL) {
		g_auto(GStrv) arguments G_GNUC_UNUSED = am_program_arguments(program, "../content", "{file}");
		g_assert_true(program->argv[0][0] == '/');
		g_assert_cmpuint(strlen(program->ending), <=, AM_PROGRAM_ENDING_BYTES);
	}
	if (am_program_parse_request(data, size, PROGRAMS, &request) == AM_PROGRAM_RUN) {
		g_assert_cmpuint(request.program, <, PROGRAMS);
		g_assert_cmpuint(strlen(request.password), <=, AM_PROGRAM_PASSWORD_BYTES);
		g_assert_true(request.has_password || request.password[0] == '\0');
	}
	return 0;
}
