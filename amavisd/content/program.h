/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Outside programs that decoders may have run, and what a worker and its keeper (keeper.h) say to
 * each other about them.  A worker names a program by its number: what is run was said by the
 * configuration, before there was any worker. */

#include <glib.h>

#include "mail/error.h"

#define AM_PROGRAMS_MAX 64
#define AM_PROGRAM_ARGV_BYTES 4096 /* all arguments with their ends */
#define AM_PROGRAM_ENDING_BYTES 16
#define AM_PROGRAM_PASSWORD_BYTES 512
#define AM_PROGRAM_OUTPUT_BYTES 65536 /* of what a program prints are kept */

typedef struct {
	char **argv;
	char *ending;  /* of the name of {file}, "" none */
	guint32 flags; /* AmProgramFlags */
} AmProgram;

void am_program_free(AmProgram *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmProgram, am_program_free)
/* CONFIG: argv is empty, too long, argv[0] is no absolute path of a program that may be run, or
 * ending is none. */
AmProgram *am_program_new(const char *const *argv, const char *ending, guint32 flags,
			  GError **error);
/* As one block of bytes, and back; for the way from the zygote to the runner. */
GBytes *am_program_pack(const AmProgram *program);
AmProgram *am_program_unpack(gconstpointer data, gsize len, GError **error);
/* What is to be run; password may be NULL.  NULL when the password would be taken for an option. */
char **am_program_arguments(const AmProgram *program, const char *file, const char *password);

/* ---- worker to keeper ---------------------------------------------------------------------- */

typedef struct {
	guint32 program;
	gint64 deadline_us; /* in g_get_monotonic_time(); 0 or less is over */
	guint64 quota;      /* bytes it may leave */
	gboolean has_password;
	char password[AM_PROGRAM_PASSWORD_BYTES + 1];
} AmProgramRequest;

/* content_fd: what the program is to open; read by pread(). */
gboolean am_program_send_request(int fd, const AmProgramRequest *request, int content_fd,
				 GError **error);
/* The results were read and can go; an empty reply says that they are gone. */
gboolean am_program_send_done(int fd, GError **error);

typedef enum {
	AM_PROGRAM_RUN,  /* *request is filled, *content_fd is the receiver's */
	AM_PROGRAM_DONE, /* see am_program_send_done() */
	AM_PROGRAM_END,  /* the worker is gone */
	AM_PROGRAM_BAD,  /* nonsense: the worker is not to be served any more */
} AmProgramKind;

/* Looks at the bytes alone: RUN, DONE or BAD. */
AmProgramKind am_program_parse_request(const guint8 *data, gsize len, guint n_programs,
				       AmProgramRequest *request);
/* Waits. */
AmProgramKind am_program_receive(int fd, guint n_programs, AmProgramRequest *request,
				 int *content_fd);

/* ---- keeper to worker ---------------------------------------------------------------------- */

typedef enum {
	AM_PROGRAM_LIMIT_NONE,
	AM_PROGRAM_LIMIT_BYTES,
	AM_PROGRAM_LIMIT_FILES,
	AM_PROGRAM_LIMIT_TIME,
} AmProgramLimit;

typedef struct {
	gboolean was_run;
	gint32 status;        /* as of waitpid() */
	AmProgramLimit limit; /* that it was killed for */
	GString *text;        /* what it printed; when it was not run: why */
	int result_fd;        /* the folder, or with AM_PROGRAM_STDOUT the file; -1 none */
} AmProgramReply;

void am_program_reply_clear(AmProgramReply *reply);
/* Adds nothing and waits for nothing but room: FALSE when the worker is gone. */
gboolean am_program_send_reply(int fd, const AmProgramReply *reply, GError **error);
/* FALSE: none came in time, or nonsense. */
gboolean am_program_receive_reply(int fd, gint64 deadline_us, AmProgramReply *reply,
				  GError **error);
