/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A host for tests of plugins of the content process: scans and decodes are plain structs that the
 * test fills and reads.  Settings are real, parsed from a configuration group. */

#include <glib.h>

#include <amavisd/plugin.h>

#include "plugin/registry.h"

typedef struct {
	AmLoadedPlugin loaded;
	AmInstance instance;
	AmHost host;
	AmConfig *config;
	gpointer self; /* what load() returned */
} MockHost;

/* host->program_add() says no to paths that begin so; else there is program 5. */
#define MOCK_NO_PROGRAM "/missing/"
#define MOCK_PROGRAM 5

/* What a program does when it is run with that password: an exit status as of waitpid(), an output, and a
 * file of that name. */
typedef struct {
	const char *password; /* NULL: without */
	int status;
	const char *output;
	const char *file; /* NULL none */
} MockRun;

struct _AmPart {
	AmPartInfo info;
	char *path, *name, *type, *short_type; /* what info points to */
	int fd;				       /* -1 none; closed with the part */
};

struct _AmScan {
	int fd;
	guint64 size;
	gint64 deadline_us;
	GPtrArray *parts;  /* AmPart, may be NULL */
	GString *findings; /* "kind:name" or "kind:name@path", a blank behind each */
};

struct _AmChild {
	AmDecode *decode;
	char *name; /* NULL none */
	char *declared; /* type, NULL none */
	guint32 flags;
	GByteArray *data;
	gboolean is_closed;
};

struct _AmDecode {
	AmPart *part;
	GPtrArray *children; /* AmChild */
	guint64 bytes_left;  /* the budget */
	guint children_left;
	gboolean was_refused;  /* the budget was used up ... */
	guint n_after_refusal; /* ... and so many calls came all the same */
	gsize max_write;       /* longest write */
	guint32 marks;
	GString *reasons;  /* a blank behind each */
	GString *findings; /* "kind:name", a blank behind each */
	const char *const *passwords; /* to be tried, NULL-ended; may be NULL */
	int opened_by;     /* index of the one that opened, -1 none */
	const MockRun *runs; /* what programs do; one without output ends them */
	const MockRun *run;  /* the last */
	guint n_runs;
};

/* The descriptor in plugins/FAMILY/NAME/am-NAME.so of the build tree; aborts when there is none. */
const AmPlugin *mock_host_open(const char *family, const char *name);
/* Makes an instance with the lines "key = value" of settings over the defaults, and calls load(). */
gboolean mock_host_load(MockHost *mock, const AmPlugin *descriptor, AmKind kind,
			const char *settings, GError **error);
void mock_host_clear(MockHost *mock); /* unload() */

/* A part with these bytes, in a memfd; type and short_type may be NULL. */
AmPart *mock_part_new(const char *path, const char *type, const char *short_type, const char *name,
		      gconstpointer data, gsize len);
void mock_part_free(AmPart *part);

void mock_decode_init(AmDecode *decode, AmPart *part);
void mock_decode_clear(AmDecode *decode);
/* A memfd with these bytes. */
int mock_fd_new(gconstpointer data, gsize len);
