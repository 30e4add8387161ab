/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The private folder of one run of a program, below the directory of the worker that asked:
 *
 *     run-N/content.zoo   what the program is to open
 *     run-N/out/          its current directory, empty at first
 *     run-N/tmp/          its HOME and TMPDIR
 *     run-N/stdout        what it prints, when that is the result */

#include <glib.h>

#include "mail/error.h"

typedef struct {
	char *path;	   /* of run-N */
	char *content;	   /* path of the content */
	char *file;	   /* the content as seen from out/ */
	char *out, *tmp;   /* paths */
	int parent_fd;	   /* the worker's directory */
	int fd, out_fd;	   /* run-N, out */
	char name[32];	   /* "run-N" */
} AmProgramFolder;

/* number: another for each folder of a worker.  content_fd is copied; not more than max_bytes. */
AmProgramFolder *am_program_folder_new(const char *directory, guint number, const char *ending,
				       int content_fd, guint64 max_bytes, GError **error);
/* The file for what it prints, made new.  -1 with error. */
int am_program_folder_open_stdout(const AmProgramFolder *folder, GError **error);
/* For the worker to read: the file, or else out/.  -1 with error. */
int am_program_folder_open_result(const AmProgramFolder *folder, gboolean is_stdout,
				  GError **error);

/* What the program has written so far; files and directories that deny it are opened to us.  FALSE:
 * more files than max_files, or too deep. */
gboolean am_program_folder_measure(const AmProgramFolder *folder, guint max_files, guint64 *bytes);
/* Removes it from the disk and from memory.  FALSE with error: something is left. */
gboolean am_program_folder_remove(AmProgramFolder *folder, GError **error);
