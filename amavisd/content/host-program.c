/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A program is run by the worker's keeper (keeper.h); here its results are read.  What lies in the
 * folder was made by a program that has read hostile bytes, so names, kinds of files, depth and
 * numbers are believed to be anything. */

#include <config.h>

#include "content/host-program.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/program.h"
#include "content/walk.h"
#include "mail/fd.h"

#define READ_BYTES 65536
#define KEPT_US (G_USEC_PER_SEC / 2) /* of the mail's time, for reading the results */
#define GRACE_US (5 * G_USEC_PER_SEC) /* the keeper kills and measures */

struct _AmDecodeProgram {
	AmProgramReply reply;
	char *output; /* made valid, NULL not yet */
};

/* Set by the zygote around load(). */
static GPtrArray *host_programs;

void
am_content_host_set_programs(GPtrArray *programs)
{
	host_programs = programs;
}

static int
host_program_add(AmInstance *instance, const char *const *argv, const char *ending, guint32 flags,
		 GError **error)
{
	if ((instance->plugin->plugin.caps & AM_CAP_EXEC) == 0 || host_programs == NULL) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "no programs are run here");
		return -1;
	}
	if (host_programs->len >= AM_PROGRAMS_MAX) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "more than %d programs",
			    AM_PROGRAMS_MAX);
		return -1;
	}
	AmProgram *program = am_program_new(argv, ending, flags, error);
	if (program == NULL)
		return -1;
	g_ptr_array_add(host_programs, program);
	return (int)host_programs->len - 1;
}

/* ---- a run --------------------------------------------------------------------------------- */

static void
host_program_drop(AmDecode *decode)
{
	if (decode->program == NULL)
		return;
	am_program_reply_clear(&decode->program->reply);
	g_free(decode->program->output);
	g_free(decode->program);
	decode->program = NULL;
}

/* Waits: nothing of this mail may be left on disk when the next one comes. */
void
am_content_host_end_program(AmDecode *decode)
{
	AmPartTree *tree = decode->part->tree;
	AmProgramReply reply = { .result_fd = -1 };
	if (decode->program == NULL)
		return;
	host_program_drop(decode);
	if (tree->program_fd < 0)
		return;
	if (!am_program_send_done(tree->program_fd, NULL) ||
	    !am_program_receive_reply(tree->program_fd, g_get_monotonic_time() + GRACE_US, &reply,
				      NULL))
		tree->program_fd = -1; /* no keeper, or none that can be followed any more */
	am_program_reply_clear(&reply);
}

static void
host_program_mark_limit(AmPart *part, AmProgramLimit limit)
{
	switch (limit) {
	case AM_PROGRAM_LIMIT_BYTES:
		am_part_limit(part, "bytes", "the mail expands to too many bytes");
		break;
	case AM_PROGRAM_LIMIT_FILES:
		am_part_limit(part, "parts", "too many files, or too deep");
		break;
	case AM_PROGRAM_LIMIT_TIME:
		am_part_limit(part, "time", "no time left to take the mail apart");
		break;
	case AM_PROGRAM_LIMIT_NONE:
		break;
	}
}

static gboolean
host_program_ask(AmDecode *decode, guint32 number, const char *password, GError **error)
{
	AmPart *part = decode->part;
	AmPartTree *tree = part->tree;
	AmProgramRequest request = {
		.program = number,
		.deadline_us = tree->deadline_us - KEPT_US,
		.quota = tree->quota,
		.has_password = password != NULL,
	};
	int content_fd = am_part_view(part);
	if (tree->program_fd < 0 || content_fd < 0) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE,
				    content_fd < 0 ? "content was not kept"
						   : "no programs are run here");
		return FALSE;
	}
	if (password != NULL &&
	    g_strlcpy(request.password, password, sizeof request.password) >=
		    sizeof request.password) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_LIMIT, "the password is too long");
		return FALSE;
	}
	if (am_program_send_request(tree->program_fd, &request, content_fd, error) &&
	    am_program_receive_reply(tree->program_fd, tree->deadline_us + GRACE_US,
				     &decode->program->reply, error))
		return TRUE;
	tree->program_fd = -1; /* as above */
	return FALSE;
}

static gboolean
host_program_run(AmDecode *decode, int program, const char *password, int *status, GError **error)
{
	host_program_drop(decode);
	if (am_part_tree_is_late(decode->part->tree)) {
		host_program_mark_limit(decode->part, AM_PROGRAM_LIMIT_TIME);
		g_set_error_literal(error, AM_ERROR, AM_ERROR_LIMIT, "no time left");
		return FALSE;
	}
	decode->program = g_new0(AmDecodeProgram, 1);
	decode->program->reply.result_fd = -1;
	if (program < 0 || !host_program_ask(decode, (guint32)program, password, error)) {
		host_program_drop(decode);
		if (error != NULL && *error == NULL)
			g_set_error_literal(error, AM_ERROR, AM_ERROR_SOFTWARE, "no such program");
		return FALSE;
	}
	AmProgramReply *reply = &decode->program->reply;
	if (!reply->was_run) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "%s", reply->text->str);
		return FALSE;
	}
	host_program_mark_limit(decode->part, reply->limit);
	*status = reply->status;
	return TRUE;
}

static const char *
host_program_output(AmDecode *decode)
{
	AmDecodeProgram *program = decode->program;
	if (program == NULL || program->reply.text == NULL)
		return "";
	if (program->output == NULL)
		program->output = g_utf8_make_valid(program->reply.text->str,
						    (gssize)program->reply.text->len);
	return program->output;
}

/* ---- its results --------------------------------------------------------------------------- */

typedef struct {
	AmDecode *decode;
	guint n_unread;
} Collect;

/* FALSE: the budget is used up. */
static gboolean
collect_content(AmDecode *decode, AmChild *child, int fd, guint *n_unread)
{
	g_autofree char *buffer = g_malloc(READ_BYTES);
	for (;;) {
		ssize_t n = read(fd, buffer, READ_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			(*n_unread)++;
		if (n <= 0)
			return TRUE;
		if (am_part_tree_is_late(decode->part->tree)) {
			host_program_mark_limit(decode->part, AM_PROGRAM_LIMIT_TIME);
			return FALSE;
		}
		if (!am_content_child_write(child, buffer, (gsize)n))
			return FALSE;
	}
}

static guint32
collect_flags(mode_t mode)
{
	if (S_ISREG(mode))
		return 0;
	if (S_ISDIR(mode))
		return AM_PART_DIRECTORY;
	return S_ISLNK(mode) ? AM_PART_LINK : AM_PART_SPECIAL;
}

static gboolean
collect_entry(int directory_fd, const char *name, const char *path, const struct stat *st,
	      gpointer user_data)
{
	Collect *collect = user_data;
	g_auto(AmFd) fd = -1;
	struct stat opened;
	if (S_ISREG(st->st_mode)) {
		fd = am_walk_open(directory_fd, name, O_RDONLY);
		if (fd < 0 || fstat(fd, &opened) != 0 || !S_ISREG(opened.st_mode)) {
			collect->n_unread++;
			return TRUE;
		}
	}
	AmChild *child =
		am_content_child_open(collect->decode, path, collect_flags(st->st_mode));
	if (child == NULL)
		return FALSE;
	gboolean ok = fd < 0 || collect_content(collect->decode, child, fd, &collect->n_unread);
	return am_content_child_close(child) && ok;
}

static gboolean
collect_folder(AmDecode *decode, int fd)
{
	Collect collect = { .decode = decode };
	g_autoptr(GError) error = NULL;
	guint most = decode->part->tree->limits->max_parts;
	AmWalkEnd end = am_walk(fd, most, collect_entry, &collect, &error);
	if (end == AM_WALK_LIMIT)
		host_program_mark_limit(decode->part, AM_PROGRAM_LIMIT_FILES);
	if (end == AM_WALK_FAILED || collect.n_unread > 0)
		am_content_decode_mark(decode, AM_PART_UNDECODED,
				       error != NULL ? error->message
						     : "a file that was unpacked cannot be read");
	return end == AM_WALK_WHOLE || end == AM_WALK_FAILED;
}

/* The part's name without its last ending, NULL none. */
static char *
collect_stream_name(const AmPart *part)
{
	const char *name = part->facts->name;
	const char *dot = name != NULL ? strrchr(name, '.') : NULL;
	return dot != NULL && dot != name ? g_strndup(name, (gsize)(dot - name)) : NULL;
}

static gboolean
collect_stream(AmDecode *decode, int fd)
{
	guint n_unread = 0;
	g_autofree char *name = collect_stream_name(decode->part);
	AmChild *child = am_content_child_open(decode, name, 0);
	if (child == NULL)
		return FALSE;
	gboolean ok = collect_content(decode, child, fd, &n_unread);
	if (n_unread > 0)
		am_content_decode_mark(decode, AM_PART_UNDECODED, "what was unpacked cannot be read");
	return am_content_child_close(child) && ok;
}

static gboolean
host_program_collect(AmDecode *decode)
{
	struct stat st;
	if (decode->program == NULL || decode->program->reply.result_fd < 0)
		return TRUE;
	g_auto(AmFd) fd = decode->program->reply.result_fd;
	decode->program->reply.result_fd = -1;
	if (fstat(fd, &st) != 0)
		return TRUE;
	return S_ISDIR(st.st_mode) ? collect_folder(decode, fd) : collect_stream(decode, fd);
}

void
am_content_host_add_programs(AmHost *host)
{
	host->program_add = host_program_add;
	host->program_run = host_program_run;
	host->program_output = host_program_output;
	host->program_collect = host_program_collect;
}
