/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The groups [pipe NAME], and the command line for a mail.
 *
 * The command is split into arguments once, by a shell's rules for quotes; no shell ever runs.  So an
 * address with blanks, quotes or semicolons is one argument like any other.  One that begins with '-'
 * could be taken for an option: where an argument would begin with it, the mail is refused. */

#include <config.h>

#include "output/pipe-config.h"

#include <string.h>

#include "mail/address.h"

#define PIPE_RECIPIENT "%{recipient}"

static const char *const pipe_words[] = {
	"sender", "recipient", "mail_id", "queue_id", "client_address", "client_name", "helo", NULL,
};

static void
pipe_free(gpointer data)
{
	AmPipe *pipe = data;
	g_free(pipe->name);
	g_strfreev(pipe->argv);
	g_free(pipe->directory);
	g_free(pipe->null_sender);
	g_free(pipe);
}

/* The name in "%{name}" at text; NULL: there is none.  *end: behind it. */
static char *
pipe_word(const char *text, const char **end)
{
	const char *close = g_str_has_prefix(text, "%{") ? strchr(text, '}') : NULL;
	if (close == NULL)
		return NULL;
	*end = close + 1;
	return g_strndup(text + 2, (gsize)(close - text - 2));
}

/* The first %{...} that nobody knows; to be freed. */
static char *
pipe_find_unknown(char **argv)
{
	for (char **argument = argv; *argument != NULL; argument++) {
		const char *at = *argument, *end;
		while ((at = strstr(at, "%{")) != NULL) {
			g_autofree char *word = pipe_word(at, &end);
			if (word == NULL)
				return g_strdup(at);
			if (!g_strv_contains(pipe_words, word))
				return g_strdup_printf("%%{%s}", word);
			at = end;
		}
	}
	return NULL;
}

static gboolean
pipe_read_command(AmPipe *pipe, const AmConfigGroup *group, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	const char *command = am_config_string(group, "command");
	g_autofree char *unknown = NULL;
	if (command == NULL || !g_shell_parse_argv(command, NULL, &pipe->argv, &error)) {
		am_config_add_key_problem(problems, group, "command", "command: %s",
					  error != NULL ? error->message : "is not set");
	} else if (!g_path_is_absolute(pipe->argv[0]) ||
		   !g_file_test(pipe->argv[0], G_FILE_TEST_IS_EXECUTABLE)) {
		am_config_add_key_problem(problems, group, "command",
					  "command: %s is no program; allowed: /PATH/PROGRAM "
					  "and its arguments",
					  pipe->argv[0]);
	} else if ((unknown = pipe_find_unknown(pipe->argv)) != NULL) {
		g_autofree char *words = g_strjoinv("}, %{", (char **)pipe_words);
		am_config_add_key_problem(problems, group, "command",
					  "command: %s is not known; allowed: %%{%s}", unknown,
					  words);
	} else {
		return TRUE;
	}
	return FALSE;
}

static AmPipe *
pipe_new(const AmConfigGroup *group, GPtrArray *problems)
{
	AmPipe *pipe = g_new0(AmPipe, 1);
	pipe->name = g_strdup(am_config_group_name(group));
	pipe->directory = g_strdup(am_config_string(group, "directory"));
	pipe->null_sender = g_strdup(am_config_string(group, "null_sender"));
	pipe->time_us = am_config_int(group, "time_limit") * 1000;
	pipe->has_dsn = am_config_bool(group, "dsn");
	pipe->is_single = am_config_bool(group, "single") || pipe->has_dsn;
	pipe->has_return_path = am_config_bool(group, "return_path");
	pipe->is_crlf = strcmp(am_config_string(group, "line_end"), "crlf") == 0;
	if (pipe_read_command(pipe, group, problems))
		return pipe;
	pipe_free(pipe);
	return NULL;
}

GHashTable *
am_pipes_new(const AmConfig *config, GPtrArray *problems)
{
	GHashTable *pipes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, pipe_free);
	g_autoptr(GPtrArray) groups = am_config_groups(config, "pipe");
	for (guint i = 0; i < groups->len; i++) {
		AmPipe *pipe = pipe_new(groups->pdata[i], problems);
		if (pipe != NULL)
			g_hash_table_insert(pipes, pipe->name, pipe);
	}
	return pipes;
}

/* -- the command line -- */

typedef struct {
	const AmPipe *pipe;
	const AmSmtpTransaction *transaction;
	const AmRecipient *recipient; /* of %{recipient} */
} PipeValues;

/* To be freed. */
static char *
pipe_value(const PipeValues *values, const char *word)
{
	const AmEnvelope *envelope = values->transaction->envelope;
	const char *sender = am_output_sender(values->transaction);
	if (strcmp(word, "sender") == 0)
		return *sender != '\0' ? am_address_quote(sender)
				       : g_strdup(values->pipe->null_sender);
	if (strcmp(word, "recipient") == 0)
		return am_address_quote(values->recipient->address);
	const char *text = strcmp(word, "mail_id") == 0		 ? values->transaction->mail_id
			   : strcmp(word, "queue_id") == 0	 ? envelope->queue_id
			   : strcmp(word, "client_address") == 0 ? envelope->client_address
			   : strcmp(word, "client_name") == 0	 ? envelope->client_name
								 : envelope->helo;
	return g_strdup(text != NULL ? text : "");
}

static char *
pipe_expand(const PipeValues *values, const char *argument)
{
	GString *out = g_string_new(NULL);
	const char *at = argument, *next, *end;
	while ((next = strstr(at, "%{")) != NULL) {
		g_autofree char *word = pipe_word(next, &end);
		g_autofree char *value = pipe_value(values, word);
		g_string_append_len(out, at, next - at);
		g_string_append(out, value);
		at = end;
	}
	g_string_append(out, at);
	return g_string_free(out, FALSE);
}

/* sendmail's options for what RFC 3461 has; for one recipient. */
static void
pipe_add_dsn(GPtrArray *argv, const AmEnvelope *envelope, const AmRecipient *recipient)
{
	const struct {
		const char *option, *value;
	} options[] = { { "-N", recipient->notify },
			{ "-R", envelope->ret },
			{ "-V", envelope->envid } };
	for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
		if (options[i].value == NULL || *options[i].value == '\0')
			continue;
		g_ptr_array_add(argv, g_strdup(options[i].option));
		g_ptr_array_add(argv, i < 2 ? g_ascii_strdown(options[i].value, -1)
					    : g_strdup(options[i].value));
	}
}

/* FALSE: it would begin with a '-' of a stranger's. */
static gboolean
pipe_add(GPtrArray *argv, const PipeValues *values, const char *argument)
{
	char *whole = pipe_expand(values, argument);
	g_ptr_array_add(argv, whole);
	return *argument == '-' || *whole != '-';
}

char **
am_pipe_arguments(const AmPipe *pipe, const AmSmtpTransaction *transaction,
		  const GPtrArray *recipients, AmReply **refusal)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	const AmDelivery *first = recipients->pdata[0];
	PipeValues values = { .pipe = pipe, .transaction = transaction };
	gboolean is_safe = TRUE;
	for (guint i = 0; pipe->argv[i] != NULL; i++) {
		const char *argument = pipe->argv[i];
		guint n = strstr(argument, PIPE_RECIPIENT) != NULL ? recipients->len : 1;
		for (guint k = 0; k < n; k++) {
			const AmDelivery *delivery = recipients->pdata[k];
			values.recipient = delivery->recipient;
			is_safe = pipe_add(argv, &values, argument) && is_safe;
		}
		if (i == 0 && pipe->has_dsn)
			pipe_add_dsn(argv, transaction->envelope, first->recipient);
	}
	if (!is_safe) {
		*refusal = am_reply_new(553, "5.1.0", "an address that begins with \"-\"");
		return NULL;
	}
	g_ptr_array_add(argv, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&argv), FALSE);
}
