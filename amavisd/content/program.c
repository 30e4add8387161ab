/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See program.h.  One record of a SOCK_SEQPACKET socket is one message: a head of fixed size in the
 * byte order of the machine, then text.  Both sides check all they get; the keeper's checks are the
 * ones that matter, as a worker may be in the hands of whoever wrote the mail. */

#include <config.h>

#include "content/program.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <amavisd/plugin.h>

#include "mail/fd.h"

#define KNOWN_FLAGS ((guint32)(AM_PROGRAM_STDOUT | AM_PROGRAM_FORKS))
#define ENDING_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

#define KIND_RUN 'R'
#define KIND_DONE 'D'

typedef struct {
	guint8 kind;
	guint8 has_password;
	guint16 password_len;
	guint32 program;
	gint64 deadline_us;
	guint64 quota;
} RequestHead;

typedef struct {
	guint8 was_run;
	guint8 limit;
	guint16 unused;
	gint32 status;
} ReplyHead;

/* ---- programs ------------------------------------------------------------------------------ */

void
am_program_free(AmProgram *program)
{
	if (program == NULL)
		return;
	g_strfreev(program->argv);
	g_free(program->ending);
	g_free(program);
}

static gboolean
program_check(const char *const *argv, const char *ending, guint32 flags, GError **error)
{
	gsize bytes = 0;
	for (gsize i = 0; argv[i] != NULL && bytes <= AM_PROGRAM_ARGV_BYTES; i++)
		bytes += strlen(argv[i]) + 1;
	if (bytes == 0 || bytes > AM_PROGRAM_ARGV_BYTES) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "a program has 1 to %d bytes of arguments", AM_PROGRAM_ARGV_BYTES);
		return FALSE;
	}
	if (argv[0][0] != '/') {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "%s is no absolute path", argv[0]);
		return FALSE;
	}
	if (strlen(ending) > AM_PROGRAM_ENDING_BYTES ||
	    strspn(ending, ENDING_BYTES) != strlen(ending) || (flags & ~KNOWN_FLAGS) != 0) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "\"%s\" is no ending of a file's name", ending);
		return FALSE;
	}
	return TRUE;
}

AmProgram *
am_program_new(const char *const *argv, const char *ending, guint32 flags, GError **error)
{
	if (!program_check(argv, ending, flags, error))
		return NULL;
	if (access(argv[0], X_OK) != 0) {
		am_error_set_errno(error, AM_ERROR_CONFIG, errno, "cannot run %s", argv[0]);
		return NULL;
	}
	AmProgram *program = g_new0(AmProgram, 1);
	program->argv = g_strdupv((char **)argv);
	program->ending = g_strdup(ending);
	program->flags = flags;
	return program;
}

GBytes *
am_program_pack(const AmProgram *program)
{
	GByteArray *bytes = g_byte_array_new();
	g_byte_array_append(bytes, (const guint8 *)&program->flags, sizeof program->flags);
	g_byte_array_append(bytes, (const guint8 *)program->ending,
			    (guint)strlen(program->ending) + 1);
	for (char **arg = program->argv; *arg != NULL; arg++)
		g_byte_array_append(bytes, (const guint8 *)*arg, (guint)strlen(*arg) + 1);
	return g_byte_array_free_to_bytes(bytes);
}

AmProgram *
am_program_unpack(gconstpointer data, gsize len, GError **error)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(AmProgram) program = g_new0(AmProgram, 1);
	const char *at = data, *end = at + len;
	if (len > sizeof program->flags && at[len - 1] == '\0') {
		memcpy(&program->flags, at, sizeof program->flags);
		for (at += sizeof program->flags; at < end; at += strlen(at) + 1)
			g_ptr_array_add(words, g_strdup(at));
	}
	if (words->len < 2) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_PROTOCOL, "no program");
		return NULL;
	}
	program->ending = g_ptr_array_steal_index(words, 0);
	g_ptr_array_add(words, NULL);
	program->argv = (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
	if (!program_check((const char *const *)program->argv, program->ending, program->flags,
			   error))
		return NULL;
	return g_steal_pointer(&program);
}

/* In one pass: a password that holds "{file}" is a password. */
static char *
program_fill(const char *argument, const char *file, const char *password)
{
	GString *filled = g_string_new(NULL);
	while (*argument != '\0') {
		if (g_str_has_prefix(argument, "{file}")) {
			g_string_append(filled, file);
			argument += strlen("{file}");
		} else if (g_str_has_prefix(argument, "{password}")) {
			g_string_append(filled, password);
			argument += strlen("{password}");
		} else {
			g_string_append_c(filled, *argument++);
		}
	}
	return g_string_free(filled, FALSE);
}

char **
am_program_arguments(const AmProgram *program, const char *file, const char *password)
{
	g_autoptr(GPtrArray) filled = g_ptr_array_new_with_free_func(g_free);
	if (password == NULL)
		password = "";
	for (char **arg = program->argv; *arg != NULL; arg++) {
		if (g_str_has_prefix(*arg, "{password}") &&
		    (password[0] == '-' || password[0] == '@'))
			return NULL;
		g_ptr_array_add(filled, program_fill(*arg, file, password));
	}
	g_ptr_array_add(filled, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&filled), FALSE);
}

/* ---- messages ------------------------------------------------------------------------------ */

/* fd -1: without. */
static gboolean
program_send(int socket, gconstpointer head, gsize head_len, const char *text, gsize text_len, int fd,
	     GError **error)
{
	if (am_fd_send(socket, head, head_len, text, text_len, fd, 0) >= 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "programs: cannot send");
	return FALSE;
}

gboolean
am_program_send_request(int fd, const AmProgramRequest *request, int content_fd, GError **error)
{
	gsize len = request->has_password ? strlen(request->password) : 0;
	RequestHead head = {
		.kind = KIND_RUN,
		.has_password = request->has_password,
		.password_len = (guint16)len,
		.program = request->program,
		.deadline_us = request->deadline_us,
		.quota = request->quota,
	};
	return program_send(fd, &head, sizeof head, request->password, len, content_fd, error);
}

gboolean
am_program_send_done(int fd, GError **error)
{
	RequestHead head = { .kind = KIND_DONE };
	return program_send(fd, &head, sizeof head, "", 0, -1, error);
}

AmProgramKind
am_program_parse_request(const guint8 *data, gsize len, guint n_programs, AmProgramRequest *request)
{
	RequestHead head;
	if (len < sizeof head)
		return AM_PROGRAM_BAD;
	memcpy(&head, data, sizeof head);
	data += sizeof head;
	len -= sizeof head;
	if (head.kind == KIND_DONE)
		return len == 0 ? AM_PROGRAM_DONE : AM_PROGRAM_BAD;
	if (head.kind != KIND_RUN || head.program >= n_programs || head.has_password > 1 ||
	    head.password_len != len || len > AM_PROGRAM_PASSWORD_BYTES ||
	    (!head.has_password && len > 0) || (len > 0 && memchr(data, '\0', len) != NULL))
		return AM_PROGRAM_BAD;
	request->program = head.program;
	request->deadline_us = head.deadline_us;
	request->quota = head.quota;
	request->has_password = head.has_password;
	if (len > 0)
		memcpy(request->password, data, len);
	request->password[len] = '\0';
	return AM_PROGRAM_RUN;
}

AmProgramKind
am_program_receive(int fd, guint n_programs, AmProgramRequest *request, int *content_fd)
{
	guint8 data[sizeof(RequestHead) + AM_PROGRAM_PASSWORD_BYTES];
	gssize n = am_fd_receive(fd, data, sizeof data, content_fd);
	if (n == 0)
		return AM_PROGRAM_END;
	AmProgramKind kind = n > 0 ? am_program_parse_request(data, (gsize)n, n_programs, request)
				   : AM_PROGRAM_BAD;
	if ((kind == AM_PROGRAM_RUN) == (*content_fd >= 0))
		return kind;
	if (*content_fd >= 0)
		(void)close(*content_fd);
	*content_fd = -1;
	return AM_PROGRAM_BAD;
}

void
am_program_reply_clear(AmProgramReply *reply)
{
	if (reply->text != NULL)
		(void)g_string_free(reply->text, TRUE);
	reply->text = NULL;
	if (reply->result_fd >= 0)
		(void)close(reply->result_fd);
	reply->result_fd = -1;
}

gboolean
am_program_send_reply(int fd, const AmProgramReply *reply, GError **error)
{
	ReplyHead head = {
		.was_run = reply->was_run,
		.limit = (guint8)reply->limit,
		.status = reply->status,
	};
	gsize len = MIN(reply->text->len, AM_PROGRAM_OUTPUT_BYTES);
	return program_send(fd, &head, sizeof head, reply->text->str, len, reply->result_fd, error);
}

static gboolean
program_wait(int fd, gint64 deadline_us)
{
	for (;;) {
		gint64 left = deadline_us - g_get_monotonic_time();
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		int n = poll(&wait, 1, (int)CLAMP(left / 1000 + 1, 0, 60 * 60 * 1000));
		if (n > 0)
			return TRUE;
		if ((n < 0 && errno != EINTR) || left <= 0)
			return FALSE;
	}
}

gboolean
am_program_receive_reply(int fd, gint64 deadline_us, AmProgramReply *reply, GError **error)
{
	const gsize room = sizeof(ReplyHead) + AM_PROGRAM_OUTPUT_BYTES;
	g_autofree char *data = g_malloc(room);
	ReplyHead head;
	*reply = (AmProgramReply){ .result_fd = -1 };
	gssize n = program_wait(fd, deadline_us) ? am_fd_receive(fd, data, room, &reply->result_fd)
						 : -1;
	if (n < (gssize)sizeof head) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "programs: %s",
			    n == 0 ? "the keeper is gone" : "no answer from the keeper");
		return FALSE;
	}
	memcpy(&head, data, sizeof head);
	reply->was_run = head.was_run != 0;
	reply->limit = MIN(head.limit, AM_PROGRAM_LIMIT_TIME);
	reply->status = head.status;
	reply->text = g_string_new_len(data + sizeof head, n - (gssize)sizeof head);
	return TRUE;
}
