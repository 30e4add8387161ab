/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A decoder for each group of the configuration: any program of the system, run by the core in a cage
 * of its own (no network, one folder, limits) with the part's content in a file.  What it leaves in its
 * folder, or prints, are the children.
 *
 * How a program says that something is encrypted, or not its format after all, differs: exit codes
 * and words of its output are settings. */

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amavisd/plugin.h>

#include "match.h"

#define REASON_BYTES 200
#define CODES 256

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	gboolean is_off;	  /* nothing to run */
	int program;
	int bid;
	gboolean takes_password;
	CommandMatch match;
	gboolean is_success[CODES], is_encrypted[CODES]; /* by exit code */
	char **encrypted_when, **foreign_when;		 /* words of the output */
	char *kind;					 /* of the encryption, for people */
} Command;

typedef enum { RUN_GOOD, RUN_ENCRYPTED, RUN_FOREIGN, RUN_BAD } RunEnd;

static const AmSettingSpec command_settings[] = {
	{ "program", AM_SETTING_STRING, NULL, NULL,
	  "path and arguments, quoted as in a shell; {file} and {password} are put in" },
	{ "types", AM_SETTING_LIST, NULL, NULL, "short types, or media types, that it opens" },
	{ "magic", AM_SETTING_LIST, NULL, NULL, "OFFSET:HEX, contents that it opens" },
	{ "names", AM_SETTING_LIST, NULL, NULL, "ends of names, as .dmg, of what it opens" },
	{ "extension", AM_SETTING_STRING, NULL, NULL, "the end that {file} must have, as .arc" },
	{ "stdout", AM_SETTING_BOOL, "no", NULL, "what it prints is the content" },
	{ "forks", AM_SETTING_BOOL, "no", NULL, "it may start further programs" },
	{ "success", AM_SETTING_LIST, "0", NULL, "exit codes when all went well" },
	{ "encrypted", AM_SETTING_LIST, NULL, NULL, "exit codes that ask for a password" },
	{ "encrypted_when", AM_SETTING_STRING, NULL, NULL,
	  "texts in its output that ask for a password, divided by |" },
	{ "foreign_when", AM_SETTING_STRING, NULL, NULL,
	  "texts in its output that say: not my format, divided by |" },
	{ "bid", AM_SETTING_INT, "30", "1..100", "against other decoders; archive has 80 to 90" },
	{ "optional", AM_SETTING_BOOL, "no", NULL, "off, and no error, when it is not installed" },
	{ NULL },
};

/* ---- life ---------------------------------------------------------------------------------- */

static void
command_unload(gpointer data)
{
	Command *self = data;
	command_match_clear(&self->match);
	g_strfreev(self->encrypted_when);
	g_strfreev(self->foreign_when);
	g_free(self->kind);
	g_free(self);
}

static gboolean
command_read_codes(const Command *self, const char *key, gboolean codes[CODES], GError **error)
{
	const char *const *words = self->host->setting_list(self->instance, key);
	for (; words != NULL && *words != NULL; words++) {
		guint64 code;
		if (!g_ascii_string_to_unsigned(*words, 10, 0, CODES - 1, &code, NULL)) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
				    "%s: \"%s\" is no exit code", key, *words);
			return FALSE;
		}
		codes[code] = TRUE;
	}
	return TRUE;
}

static char **
command_read_texts(const Command *self, const char *key)
{
	const char *text = self->host->setting_string(self->instance, key);
	return text != NULL ? g_strsplit(text, "|", -1) : NULL;
}

static gboolean
command_has_word(char **argv, const char *word)
{
	for (guint i = 1; argv[i] != NULL; i++)
		if (strstr(argv[i], word) != NULL)
			return TRUE;
	return FALSE;
}

/* FALSE without error: it is not installed, and need not be. */
static gboolean
command_add_program(Command *self, const char *line, GError **error)
{
	const AmHost *host = self->host;
	AmInstance *instance = self->instance;
	const char *ending = host->setting_string(instance, "extension");
	guint32 flags = (host->setting_bool(instance, "stdout") ? AM_PROGRAM_STDOUT : 0) |
			(host->setting_bool(instance, "forks") ? AM_PROGRAM_FORKS : 0);
	g_auto(GStrv) argv = NULL;
	if (!g_shell_parse_argv(line, NULL, &argv, error)) {
		g_prefix_error(error, "program: ");
		return FALSE;
	}
	if (!command_has_word(argv, "{file}")) {
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
				    "program: {file} is not among its arguments");
		return FALSE;
	}
	if (host->setting_bool(instance, "optional") && argv[0][0] == '/' &&
	    access(argv[0], X_OK) != 0) {
		host->log(instance, AM_LOG_INFO, "%s is not installed: off", argv[0]);
		return FALSE;
	}
	self->takes_password = command_has_word(argv, "{password}");
	self->program = host->program_add(instance, (const char *const *)argv,
					  ending != NULL ? ending : "", flags, error);
	if (self->program < 0)
		g_prefix_error(error, "program: ");
	return self->program >= 0;
}

static gboolean
command_configure(Command *self, const char *line, GError **error)
{
	const AmHost *host = self->host;
	AmInstance *instance = self->instance;
	self->bid = (int)host->setting_int(instance, "bid");
	self->encrypted_when = command_read_texts(self, "encrypted_when");
	self->foreign_when = command_read_texts(self, "foreign_when");
	self->kind = g_strdup_printf("%s: needs a password", host->instance_name(instance));
	if (!command_match_init(&self->match, host->setting_list(instance, "types"),
				host->setting_list(instance, "magic"),
				host->setting_list(instance, "names"), error) ||
	    !command_read_codes(self, "success", self->is_success, error) ||
	    !command_read_codes(self, "encrypted", self->is_encrypted, error))
		return FALSE;
	if (command_add_program(self, line, error))
		return TRUE;
	self->is_off = TRUE;
	return *error == NULL;
}

static gpointer
command_load(const AmHost *host, AmInstance *instance, GError **error)
{
	Command *self = g_new0(Command, 1);
	const char *line = host->setting_string(instance, "program");
	g_autoptr(GError) failure = NULL;
	self->host = host;
	self->instance = instance;
	self->program = -1;
	if (line == NULL && strcmp(host->instance_name(instance), am_plugin.name) == 0) {
		self->is_off = TRUE; /* the instance that is there without a group */
		return self;
	}
	if (line == NULL)
		g_set_error_literal(&failure, G_FILE_ERROR, G_FILE_ERROR_INVAL,
				    "program is not set");
	if (line != NULL && command_configure(self, line, &failure))
		return self;
	g_propagate_error(error, g_steal_pointer(&failure));
	command_unload(self);
	return NULL;
}

static int
command_bid(gpointer data, const AmPartInfo *info, const guint8 *head, gsize len)
{
	const Command *self = data;
	return !self->is_off && command_match(&self->match, info, head, len) ? self->bid : 0;
}

/* ---- runs ---------------------------------------------------------------------------------- */

/* For people: how it ended, and its last line that is not empty. */
static void
command_mark_bad(const Command *self, AmDecode *decode, int status)
{
	const char *output = self->host->program_output(decode);
	g_auto(GStrv) lines = g_strsplit_set(output, "\r\n", -1);
	const char *last = "";
	for (guint i = 0; lines[i] != NULL; i++) {
		g_strstrip(lines[i]);
		if (lines[i][0] != '\0')
			last = lines[i];
	}
	g_autofree char *end =
		WIFSIGNALED(status)
			? g_strdup_printf("was ended by signal %d", WTERMSIG(status))
			: g_strdup_printf("ended with status %d", WEXITSTATUS(status));
	g_autofree char *reason =
		g_strdup_printf("%s %s%s%.*s", self->host->instance_name(self->instance), end,
				*last != '\0' ? ": " : "", REASON_BYTES, last);
	g_autofree char *valid = g_utf8_make_valid(reason, -1);
	self->host->decode_mark(decode, AM_PART_UNDECODED, valid);
}

/* FALSE with error: it could not be run. */
static gboolean
command_run(const Command *self, AmDecode *decode, const char *password, RunEnd *end, int *status,
	    GError **error)
{
	const AmHost *host = self->host;
	if (!host->program_run(decode, self->program, password, status, error))
		return FALSE;
	const char *output = host->program_output(decode);
	int code = WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
	if (code >= 0 && self->is_success[code])
		*end = RUN_GOOD;
	else if ((code >= 0 && self->is_encrypted[code]) ||
		 command_text_has(output, self->encrypted_when))
		*end = RUN_ENCRYPTED;
	else if (command_text_has(output, self->foreign_when))
		*end = RUN_FOREIGN;
	else
		*end = RUN_BAD;
	return TRUE;
}

/* The folder of the last run is the one to be collected, whatever came of it: members that were not
 * encrypted are there too. */
static void
command_try_passwords(const Command *self, AmDecode *decode, RunEnd *end, int *status)
{
	const AmHost *host = self->host;
	const char *password;
	for (guint i = 0; (password = host->decode_password(decode, i)) != NULL; i++) {
		g_autoptr(GError) error = NULL;
		if (host->decode_deadline_us(decode) <= g_get_monotonic_time())
			return;
		if (!command_run(self, decode, password, end, status, &error))
			continue; /* as this password cannot be given to it */
		if (*end == RUN_ENCRYPTED)
			continue;
		if (*end == RUN_GOOD)
			host->decode_opened(decode, i);
		return;
	}
	*end = RUN_ENCRYPTED;
}

static gboolean
command_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Command *self = data;
	const AmHost *host = self->host;
	RunEnd end = RUN_BAD;
	int status = 0;
	if (!command_run(self, decode, NULL, &end, &status, error))
		return FALSE;
	if (end == RUN_ENCRYPTED && self->takes_password)
		command_try_passwords(self, decode, &end, &status);
	if (end == RUN_FOREIGN) { /* a guess that was wrong is no fault of the part's */
		host->decode_mark(decode, 0, NULL);
		return TRUE;
	}
	if (!host->program_collect(decode))
		return TRUE;
	if (end == RUN_ENCRYPTED)
		host->decode_mark(decode, AM_PART_ENCRYPTED, self->kind);
	else if (end == RUN_BAD)
		command_mark_bad(self, decode, status);
	return TRUE;
}

static const AmDecoderOps command_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = command_bid,
	.decode = command_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_EXEC,
	.name = "command",
	.version = "1.0",
	.licence = "GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception",
	.summary = "archives, by any program of the system",
	.settings = command_settings,
	.load = command_load,
	.unload = command_unload,
	.decoder = &command_ops,
};
