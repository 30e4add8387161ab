/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Loading of plugins and the instances made of them.  A generation has one registry, built before
 * the fork in the process that uses it: the zygote loads those of the sandbox, the session those
 * of the session.  Immutable after am_registry_load(). */

#include <glib.h>

#include <amavisd/plugin.h>

#include "config/config.h"

typedef struct {
	AmPlugin plugin; /* copied into a zeroed struct of our size: a missing tail is NULL */
	char *path;      /* of the object */
	gpointer module; /* GModule, resident */
	gboolean is_fragment; /* dropped into conf.d */
	/* what plugin.scanner and so on point to: copies of our size, like the descriptor */
	AmScannerOps scanner_ops;
	AmDecoderOps decoder_ops;
	AmActionOps action_ops;
	AmQuarantineOps quarantine_ops;
} AmLoadedPlugin;

struct _AmInstance {
	const AmLoadedPlugin *plugin;
	const AmConfigGroup *group;
	char *name;      /* second word of the group */
	AmKind kind;     /* the kind of this group */
	gpointer data;   /* what load() returned; NULL when not loaded in this process */
	gint64 order;    /* instances of a kind run in this order, then by name */
	gboolean is_required; /* scanner: its failure makes the mail unchecked; else only logged */
	GMutex lock;     /* held around calls unless AM_CAP_REENTRANT */
};

typedef struct _AmRegistry AmRegistry;

/* Finds objects: every am-*.so in the plugin directory ([plugins] directory or the compiled-in one),
 * then every NN-name.so in conf.d; root's or our own, not writable by others, else a problem.  Of
 * two plugins of one name the one in conf.d is taken.  Reads and checks descriptors, checks each
 * group of config against its plugin's table, makes instances for all that are enabled.  Decoders,
 * actions and quarantines have an instance of their own name without a group; a scanner needs one.
 * Does not call load().  Problems are added with file and line.  Never NULL; keeps a reference of
 * config. */
AmRegistry *am_registry_new(AmConfig *config, GPtrArray *problems);
/* Calls load() of the instances that belong to the process `where` (AM_CAP_SANDBOX or
 * AM_CAP_SESSION): decoders to the sandbox, actions and quarantines to the session, scanners to the
 * sandbox when they can work there and want no network.  host is kept and must outlive the registry.
 * Failures are problems, named by group; FALSE when there was one. */
gboolean am_registry_load(AmRegistry *registry, AmCaps where, const AmHost *host,
			  GPtrArray *problems);
gboolean am_registry_after_fork(AmRegistry *registry, GError **error);
gboolean am_registry_thread_init(AmRegistry *registry, GError **error);
void am_registry_thread_end(AmRegistry *registry);
void am_registry_free(AmRegistry *registry); /* unload(), in the process that loaded */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmRegistry, am_registry_free)

/* Instances of a kind that are loaded in this process, in order; borrowed array of AmInstance. */
GPtrArray *am_registry_instances(AmRegistry *registry, AmKind kind);
/* By name, NULL when there is none. */
AmInstance *am_registry_find(AmRegistry *registry, AmKind kind, const char *name);
/* All instances, loaded or not; and all objects found; for `amavisctl plugins`. */
GPtrArray *am_registry_all(AmRegistry *registry);
GPtrArray *am_registry_plugins(AmRegistry *registry); /* AmLoadedPlugin */

/* Around every call into a plugin. */
void am_instance_lock(AmInstance *instance);
void am_instance_unlock(AmInstance *instance);

/* The process an instance belongs to: AM_CAP_SANDBOX or AM_CAP_SESSION. */
AmCaps am_instance_process(const AmInstance *instance);
/* "scanner", "decoder", "action", "quarantine". */
const char *am_kind_name(AmKind kind);

/* Checks one descriptor as the loader does; for tests.  NULL with CONFIG. */
gboolean am_plugin_check(const AmPlugin *descriptor, AmPlugin *copy, GError **error);

/* Fills the host table: settings, names and log work, everything else fails politely.  The content
 * process and the pipeline put their own functions over it. */
void am_host_init(AmHost *host);
