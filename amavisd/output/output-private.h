/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the kinds of outputs share. */

#include "mail/fd.h"
#include "output/output.h"

struct _AmOutputs {
	char *hostname;
	char *spool_directory;
	guint64 spool_memory;
	GHashTable *pipes; /* name to AmPipe */
};

/* A program: [pipe NAME]. */
typedef struct {
	char *name;
	char **argv;	   /* with %{...} */
	char *directory;   /* it runs there */
	char *null_sender; /* for %{sender} of the null reverse-path */
	gint64 time_us;
	gboolean is_single; /* a run for each recipient */
	gboolean has_dsn;   /* sendmail's -N, -R, -V behind the program's name */
	gboolean has_return_path;
	gboolean is_crlf;
} AmPipe;

/* -- output.c -- */

/* "Return-Path: <...>" and, of those in batch unless it is NULL, "X-Envelope-To: ...", with CRLF; to be
 * freed. */
char *am_output_head(const AmSmtpTransaction *transaction, const GPtrArray *batch);
const char *am_output_sender(const AmSmtpTransaction *transaction);
/* The mail with its edits through write. */
gboolean am_output_write(const AmSmtpTransaction *transaction, AmWriteFunc write,
			 gpointer user_data, GError **error);
/* One reply for all of batch; takes it. */
void am_output_answer(GPtrArray *batch, AmReply *reply);
/* Logs why, and makes the 4xx that the client hears. */
AmReply *am_output_failed(const AmSmtpTransaction *transaction, const AmHop *hop,
			  const GError *error);

/* -- file.c: files that mail is written into -- */

typedef struct {
	int fd; /* borrowed */
	GByteArray *bytes;
} AmFileWriter;

void am_file_writer_init(AmFileWriter *writer, int fd);
/* An AmWriteFunc; user_data is the AmFileWriter. */
gboolean am_file_writer_write(gconstpointer data, gsize len, gpointer user_data, GError **error);
/* Writes what is left, and has it on the disk. */
gboolean am_file_writer_finish(AmFileWriter *writer, GError **error);
void am_file_writer_clear(AmFileWriter *writer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AmFileWriter, am_file_writer_clear)

/* Sets RESOURCE with what failed, the path and errno; FALSE always. */
gboolean am_file_error(const char *what, const char *path, GError **error);
/* A directory that is ours and no symbolic link; -1. */
int am_file_open_directory(int parent, const char *path, GError **error);
/* Has the directory's entries on the disk. */
gboolean am_file_sync_directory(int fd, const char *path, GError **error);
/* The same for the directory that path is in; one that may not be read is left to itself. */
gboolean am_file_sync_parent(const char *path, GError **error);

/* -- the kinds; path as in the route.  FALSE: nothing is there. -- */

gboolean am_output_mbox(const AmSmtpTransaction *transaction, const char *path, GPtrArray *batch,
			GError **error);
gboolean am_output_maildir(const AmOutputs *outputs, const AmSmtpTransaction *transaction,
			   const char *path, GPtrArray *batch, GError **error);
gboolean am_output_bsmtp(const AmOutputs *outputs, const AmSmtpTransaction *transaction,
			 const char *path, GPtrArray *batch, GError **error);
/* Each gets its reply; FALSE: the program could not be started. */
gboolean am_output_pipe(const AmOutputs *outputs, const AmPipe *pipe,
			const AmSmtpTransaction *transaction, GPtrArray *batch, GError **error);

/* -- pipe-run.c -- */

typedef struct {
	int status;	       /* as of waitpid() */
	gboolean is_timed_out; /* and was killed */
	char *said;	       /* the start of what it wrote to stdout and stderr; owned */
} AmPipeResult;

/* Runs argv with mail_fd as stdin; FALSE: it could not be started. */
gboolean am_pipe_run(char **argv, const char *directory, int mail_fd, gint64 until_us,
		     AmPipeResult *result, GError **error);
/* The reply that a program's end and words become (sysexits.h). */
AmReply *am_pipe_reply(const AmPipe *pipe, const AmPipeResult *result);
/* The command line for those recipients (AmDelivery); NULL with the refusal. */
char **am_pipe_arguments(const AmPipe *pipe, const AmSmtpTransaction *transaction,
			 const GPtrArray *recipients, AmReply **refusal);
