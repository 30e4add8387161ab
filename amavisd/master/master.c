/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The master: start, the poll loop, reload, stop.  Signals come through a signalfd, so all that
 * happens, happens in the loop.
 *
 * A reload reads and checks the files, opens what listeners are new, and hands the new generation to
 * the supervisor.  Until that one serves the old one does, and when the new one fails nothing has
 * changed. */

#include <config.h>

#include "master/master.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"
#include "master/control-server.h"
#include "master/control.h"
#include "master/listeners.h"
#include "master/notify.h"
#include "master/pid-file.h"
#include "master/status.h"

#define BIND_RETRY_US (5 * G_USEC_PER_SEC) /* a predecessor that is still finishing lets go */

typedef struct {
	const AmMasterOptions *options;
	const AmIdentity *identity;
	AmConfig *config; /* that of the first generation, then of the last that served */
	char *run_directory;
	AmStatistics *statistics;
	AmSupervisor *supervisor;
	AmControl *control;
	int pid_fd, signal_fd;
	gint64 started_us;
	gint64 watchdog_us, next_watchdog_us; /* 0 none */
	gboolean is_reload_wanted;	      /* by SIGHUP */
	gboolean is_stopping;
	gboolean has_served;
	char *start_error;
} Master;

gboolean
am_master_open_log(const AmConfig *config, GError **error)
{
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	return am_log_open(am_config_string(core, "log"),
			   (AmLogFormat)am_config_choice(core, "log_format"),
			   (AmLogLevel)am_config_choice(core, "log_level"), error);
}

static char *
master_status(gpointer user_data)
{
	const Master *master = user_data;
	return am_master_status(master->supervisor, master->statistics, master->started_us);
}

/* ---- start --------------------------------------------------------------------------------- */

/* What a predecessor that was killed left behind. */
static void
master_remove_old_sockets(const Master *master)
{
	g_autoptr(GDir) dir = g_dir_open(master->run_directory, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		if (!g_str_has_prefix(name, "content-") || strstr(name, ".sock") == NULL)
			continue;
		g_autofree char *path = g_build_filename(master->run_directory, name, NULL);
		if (unlink(path) != 0)
			am_warning("removing %s: %s", path, g_strerror(errno));
	}
}

static gboolean
master_open_directories(Master *master, GError **error)
{
	static const char *const keys[] = { "run_directory", "spool_directory" };
	const AmConfigGroup *core = am_config_group(master->config, "amavisd", NULL);
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
		if (!am_identity_own_directory(master->identity, keys[i],
					       am_config_string(core, keys[i]), error))
			return FALSE;
	return TRUE;
}

static gboolean
master_block_signals(Master *master, GError **error)
{
	sigset_t signals;
	(void)sigemptyset(&signals); /* these cannot fail with valid numbers */
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigaddset(&signals, SIGCHLD);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* ignored by some starters: no status would be left */
	if (sigprocmask(SIG_SETMASK, &signals, NULL) == 0)
		master->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (master->signal_fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "signals");
		return FALSE;
	}
	return TRUE;
}

/* A master that was killed leaves a session that finishes; its port is free a moment later. */
static GPtrArray *
master_open_listeners(Master *master, GError **error)
{
	g_autoptr(GArray) inherited = am_listeners_inherited();
	gint64 deadline_us = g_get_monotonic_time() + BIND_RETRY_US;
	g_autoptr(GError) why = NULL;
	GPtrArray *listeners;
	while ((listeners = am_listeners_open(master->config, master->identity, NULL, inherited,
					      &why)) == NULL &&
	       strstr(why->message, g_strerror(EADDRINUSE)) != NULL &&
	       g_get_monotonic_time() < deadline_us) {
		g_clear_error(&why);
		g_usleep(100 * 1000);
	}
	for (guint i = 0; i < inherited->len; i++) {
		int *fd = &g_array_index(inherited, int, i);
		if (*fd >= 0)
			am_warning("socket %d of the service manager is no listener's", *fd);
		am_fd_clear(fd);
	}
	if (why != NULL)
		g_propagate_error(error, g_steal_pointer(&why));
	return listeners;
}

static void
master_prepare_child(gpointer user_data)
{
	Master *master = user_data;
	am_fd_clear(&master->pid_fd);
	am_fd_clear(&master->signal_fd);
	am_control_close_in_child(master->control);
	am_supervisor_close_in_child(master->supervisor);
	if (master->options->in_child != NULL)
		master->options->in_child(master->options->user_data);
}

static gboolean
master_open(Master *master, GError **error)
{
	static const AmControlFuncs funcs = { master_status };
	if (!master_open_directories(master, error))
		return FALSE;
	master->pid_fd = am_pid_file_take(master->run_directory, error);
	if (master->pid_fd < 0 || !master_block_signals(master, error))
		return FALSE;
	master_remove_old_sockets(master);
	g_autofree char *path = g_build_filename(master->run_directory, AM_CONTROL_SOCKET, NULL);
	master->control = am_control_new(path, &funcs, master, error);
	if (master->control == NULL)
		return FALSE;
	void *memory = mmap(NULL, sizeof(AmStatistics), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "shared memory");
		return FALSE;
	}
	master->statistics = memory;
	GPtrArray *listeners = master_open_listeners(master, error);
	if (listeners == NULL)
		return FALSE;
	master->supervisor =
		am_supervisor_new(master->identity, &master->options->ops, &master->options->times,
				  master_prepare_child, master);
	am_supervisor_add(master->supervisor, am_config_ref(master->config), listeners,
			  master->run_directory, master->statistics);
	return am_identity_confine(master->identity, error);
}

static void
master_close(Master *master)
{
	am_supervisor_free(master->supervisor);
	am_control_free(master->control);
	if (master->statistics != NULL && munmap(master->statistics, sizeof(AmStatistics)) != 0)
		am_warning("munmap: %s", g_strerror(errno));
	am_pid_file_drop(master->run_directory, &master->pid_fd);
	am_fd_clear(&master->signal_fd);
	am_config_unref(master->config);
	g_free(master->run_directory);
	g_free(master->start_error);
}

/* ---- reload -------------------------------------------------------------------------------- */

/* What is bound to the process cannot change while it lives; "" or why not.  To be freed. */
static char *
master_find_fixed_change(const AmConfig *old, const AmConfig *new)
{
	static const char *const keys[] = { "user", "group", "run_directory" };
	const AmConfigGroup *before = am_config_group(old, "amavisd", NULL);
	const AmConfigGroup *after = am_config_group(new, "amavisd", NULL);
	for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
		if (g_strcmp0(am_config_string(before, keys[i]),
			      am_config_string(after, keys[i])) != 0)
			return g_strdup_printf("[amavisd] %s has changed: restart amavisd",
					       keys[i]);
	return g_strdup("");
}

static char *
master_join_problems(GPtrArray *problems)
{
	g_autoptr(GString) out = g_string_new(NULL);
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = am_config_problem_to_string(g_ptr_array_index(problems, i));
		am_error("%s", text);
		g_string_append_printf(out, "%s%s", i > 0 ? "\n" : "", text);
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* NULL: the new generation starts; else why not.  To be freed. */
static char *
master_begin_reload(Master *master)
{
	const AmGeneration *current = am_supervisor_current(master->supervisor);
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(AmConfig) config = am_config_load(master->options->config_file, problems);
	if (config != NULL) {
		g_autoptr(AmIdentity) identity G_GNUC_UNUSED =
			am_master_check(config, master->options->check, problems);
	}
	if (problems->len > 0)
		return master_join_problems(problems);
	g_autofree char *change = master_find_fixed_change(master->config, config);
	if (*change != '\0')
		return g_steal_pointer(&change);
	const char *spool_directory =
		am_config_string(am_config_group(config, "amavisd", NULL), "spool_directory");
	if (!am_identity_own_directory(master->identity, "spool_directory", spool_directory,
				       &error))
		return g_strdup(error->message);
	GPtrArray *listeners =
		am_listeners_open(config, master->identity,
				  current != NULL ? current->listeners : NULL, NULL, &error);
	if (listeners == NULL)
		return g_strdup(error->message);
	/* the children inherit it; should the generation fail, the old log is opened again */
	if (!am_master_open_log(config, &error))
		am_error("log: %s", error->message);
	am_supervisor_add(master->supervisor, g_steal_pointer(&config), listeners,
			  master->run_directory, master->statistics);
	return NULL;
}

static void
master_finish_reload(Master *master, const char *failure)
{
	g_autofree char *answer =
		failure != NULL ? g_strconcat("error ", failure, NULL) : g_strdup("ok");
	if (failure != NULL)
		am_error("reload failed, the old configuration stays: %s", failure);
	am_control_answer_reload(master->control, answer);
	am_notify("READY=1");
}

static void
master_reload(Master *master)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *state = g_strdup_printf("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
						 g_get_monotonic_time());
	master->is_reload_wanted = FALSE;
	am_notify(state);
	if (!am_log_reopen(&error))
		am_error("reopening the log: %s", error->message);
	am_info("reload");
	g_autofree char *failure = master_begin_reload(master);
	if (failure != NULL)
		master_finish_reload(master, failure);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void
master_stop(Master *master)
{
	if (master->is_stopping)
		return;
	master->is_stopping = TRUE;
	am_notify("STOPPING=1");
	am_supervisor_stop(master->supervisor);
}

static void
master_generation_serves(Master *master)
{
	const AmGeneration *generation = am_supervisor_current(master->supervisor);
	am_config_unref(master->config);
	master->config = am_config_ref(generation->config);
	if (master->has_served) {
		master_finish_reload(master, NULL);
		return;
	}
	master->has_served = TRUE;
	am_notify("READY=1");
	if (master->options->ready != NULL)
		master->options->ready(master->options->user_data);
}

static void
master_generation_failed(Master *master)
{
	const char *failure = am_supervisor_failure(master->supervisor);
	g_autoptr(GError) error = NULL;
	if (!master->has_served) {
		master->start_error = g_strdup(failure);
		master_stop(master);
		return;
	}
	if (!am_master_open_log(master->config, &error))
		am_error("log: %s", error->message);
	master_finish_reload(master, failure);
}

static void
master_read_signals(Master *master)
{
	struct signalfd_siginfo info;
	while (read(master->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGTERM:
		case SIGINT:
			am_info("%s: mails under way are finished",
				info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
			master_stop(master);
			break;
		case SIGHUP:
			master->is_reload_wanted = TRUE;
			break;
		default:
			break; /* SIGCHLD: one may stand for many, so each turn looks for them */
		}
	}
}

static int
master_poll_time_ms(const Master *master)
{
	const gint64 times_us[] = { am_supervisor_next_us(master->supervisor),
				    am_control_next_us(master->control), master->next_watchdog_us };
	gint64 next_us = G_MAXINT64;
	for (guint i = 0; i < G_N_ELEMENTS(times_us); i++)
		if (times_us[i] != 0)
			next_us = MIN(next_us, times_us[i]);
	if (next_us == G_MAXINT64)
		return -1;
	gint64 left_us = next_us - g_get_monotonic_time();
	return (int)CLAMP(left_us / 1000 + 1, 0, G_MAXINT);
}

static void
master_wait(Master *master)
{
	g_autoptr(GArray) pollfds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
	struct pollfd item = { .fd = master->signal_fd, .events = POLLIN };
	g_array_append_val(pollfds, item);
	am_supervisor_add_fds(master->supervisor, pollfds);
	am_control_add_fds(master->control, pollfds);
	int n = poll((struct pollfd *)(gpointer)pollfds->data, pollfds->len,
		     master_poll_time_ms(master));
	if (n < 0) {
		if (errno == EINTR)
			return;
		am_error("poll: %s", g_strerror(errno));
		g_usleep(100 * 1000); /* out of memory: let it pass */
		return;
	}
	master_read_signals(master);
	am_supervisor_read(master->supervisor);
	am_supervisor_reap(master->supervisor);
	am_control_dispatch(master->control, pollfds);
}

static void
master_feed_watchdog(Master *master)
{
	gint64 now_us = g_get_monotonic_time();
	if (master->watchdog_us == 0 || now_us < master->next_watchdog_us)
		return;
	am_notify("WATCHDOG=1");
	master->next_watchdog_us = now_us + master->watchdog_us;
}

static void
master_loop(Master *master)
{
	for (;;) {
		master_feed_watchdog(master);
		switch (am_supervisor_step(master->supervisor)) {
		case AM_SUPERVISOR_SERVING:
			master_generation_serves(master);
			continue;
		case AM_SUPERVISOR_FAILED:
			master_generation_failed(master);
			continue;
		case AM_SUPERVISOR_STOPPED:
			return;
		case AM_SUPERVISOR_NOTHING:
			break;
		}
		if (master->has_served && !master->is_stopping &&
		    !am_supervisor_is_starting(master->supervisor) &&
		    (am_control_take_reloads(master->control) || master->is_reload_wanted)) {
			master_reload(master);
			continue;
		}
		master_wait(master);
	}
}

gboolean
am_master_run(AmConfig *config, const AmIdentity *identity, const AmMasterOptions *options,
	      GError **error)
{
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	Master master = {
		.options = options,
		.identity = identity,
		.config = am_config_ref(config),
		.run_directory = g_strdup(am_config_string(core, "run_directory")),
		.pid_fd = -1,
		.signal_fd = -1,
		.started_us = g_get_monotonic_time(),
		.watchdog_us = am_notify_watchdog_us(),
	};
	am_log_set_process("master");
	(void)umask(027); /* cannot fail */
	if (!identity->is_root && strcmp(identity->user, g_get_user_name()) != 0)
		am_info("not started as root: the user stays %s, not %s", g_get_user_name(),
			identity->user);
	gboolean is_good = master_open(&master, error);
	if (is_good) {
		am_info("amavisd %s starts", PACKAGE_VERSION);
		master_loop(&master);
		am_info("amavisd %s has ended", PACKAGE_VERSION);
	}
	if (is_good && master.start_error != NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "%s", master.start_error);
		is_good = FALSE;
	}
	master_close(&master);
	return is_good;
}
