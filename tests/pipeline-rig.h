/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A folder with the built session plugins, a configuration and mails, for tests of the pipeline. */

#include <glib.h>

#include "config/config.h"
#include "mail/mail.h"

typedef struct {
	char *directory; /* temporary; has plugins/ and quarantine/ */
	AmConfig *config;
} Rig;

/* Copies the plugins named ("scanners/spamd", ..., NULL-ended) of the build tree, and reads `text`, in
 * which %DIR% stands for the directory, behind a [plugins] group.  Problems abort the test. */
void rig_open(Rig *rig, const char *const *plugins, const char *text);
void rig_close(Rig *rig);
/* The same configuration with other text. */
void rig_configure(Rig *rig, const char *text);

/* A policy script in conf.d; rig_configure() again to have it read. */
void rig_add_script(Rig *rig, const char *text);

/* recipients NULL-ended; content with CRLF. */
AmMail *rig_mail(const char *sender, const char *const *recipients, const char *content);
/* Aborts the test when there is one. */
void rig_assert_no_problems(GPtrArray *problems);
/* Contents of the only file below `path`, "" when there is none; to be freed. */
char *rig_only_file(const char *path);
