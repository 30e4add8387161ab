/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The zygote: everything dear is loaded once (signatures, libmagic's database, charset converters)
 * and shared by the workers it forks.  One thread, one loop of poll() over signals and the workers'
 * channel.  It sees no mail, and takes from workers nothing but bounded records.
 *
 * A worker that ends is replaced at once; one that ends before it was ready is replaced with
 * back-off, and when none has ever been ready the generation has failed. */

#include <config.h>

#include "content/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/channel.h"
#include "content/host-program.h"
#include "content/host.h"
#include "content/leftovers.h"
#include "content/names.h"
#include "content/passwords.h"
#include "content/runner.h"
#include "content/sandbox.h"
#include "content/watch.h"
#include "content/worker.h"
#include "log/log.h"
#include "mail/fd.h"

#define BACKLOG 1024
#define STALE_CHECK_US (5 * G_USEC_PER_SEC)
#define BACKOFF_FIRST_US (100 * 1000)
#define BACKOFF_MOST_US (10 * G_USEC_PER_SEC)
#define FAILURES_AT_START 3 /* workers that end before any was ready: give up */
#define WATCH_US G_USEC_PER_SEC
#define DRAIN_EXTRA_US (10 * G_USEC_PER_SEC)

typedef struct {
	const AmGeneration *generation;
	AmWorkerSetup setup;
	GArray *workers; /* AmWatched */
	AmWatched others;	 /* counts the lines of helpers and of workers that are gone */
	guint n_wanted;
	int signal_fd, channel_fd;
	AmRunner runner;
	GPtrArray *programs; /* AmProgram, as decoders added them */
	AmLeftovers *leftovers;
	sigset_t old_mask;
	char *temporary_path; /* of the socket, until it is renamed */
	ino_t socket_inode;
	gboolean is_ready, is_stale, is_ending, has_failed;
	guint n_failures; /* in a row, before ready */
	gint64 next_fork_us, next_stale_us, next_watch_us, kill_us;
} Zygote;

static void
zygote_error(const Zygote *zygote, const char *text)
{
	g_autofree char *line = g_strdup_printf("ERROR %s", text);
	am_error("content: %s", text);
	am_generation_tell(zygote->generation, line);
}

/* ---- start --------------------------------------------------------------------------------- */

/* Before the plugins are loaded: what it is forked from is small then. */
static gboolean
zygote_start_runner(Zygote *zygote, GError **error)
{
	const AmWorkerSetup *setup = &zygote->setup;
	const AmKeeperSetup keeper = {
		.spool_directory = setup->spool_directory,
		.time_s = setup->time_s,
		.memory_bytes = setup->memory_bytes,
		.max_bytes = setup->limits.max_expansion_bytes,
		.max_files = setup->limits.max_parts,
		.channel_fd = setup->channel_fd,
	};
	return am_runner_start(&zygote->runner, &keeper, setup->is_best_effort, error);
}

static gboolean
zygote_wants_runner(AmRegistry *registry)
{
	GPtrArray *all = am_registry_all(registry);
	for (guint i = 0; i < all->len; i++) {
		const AmInstance *instance = all->pdata[i];
		if (instance->kind == AM_KIND_DECODER &&
		    (instance->plugin->plugin.caps & AM_CAP_EXEC) != 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
zygote_load_plugins(Zygote *zygote)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GError) error = NULL;
	AmRegistry *registry = am_registry_new(zygote->generation->config, problems);
	gboolean ok = problems->len == 0;
	zygote->setup.registry = registry;
	if (ok && zygote_wants_runner(registry))
		ok = zygote_start_runner(zygote, &error);
	if (ok) {
		am_content_host_set_programs(zygote->programs);
		ok = am_registry_load(registry, AM_CAP_SANDBOX, am_content_host(), problems);
		am_content_host_set_programs(NULL);
	}
	if (ok && zygote->programs->len > 0)
		ok = am_runner_send_programs(&zygote->runner, zygote->programs, &error);
	else
		am_runner_stop(&zygote->runner); /* nobody needs it */
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = am_config_problem_to_string(problems->pdata[i]);
		zygote_error(zygote, text);
	}
	if (error != NULL)
		zygote_error(zygote, error->message);
	return ok;
}

static void
zygote_configure(Zygote *zygote)
{
	const AmConfig *config = zygote->generation->config;
	const AmConfigGroup *content = am_config_group(config, "content", NULL);
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	AmWorkerSetup *setup = &zygote->setup;
	g_autofree char *run_directory = g_path_get_dirname(zygote->generation->content_socket);

	am_content_limits_from_config(config, &setup->limits);
	setup->work_root = g_build_filename(run_directory, "work", NULL);
	setup->spool_directory = g_strdup(zygote->generation->spool_directory != NULL
						  ? zygote->generation->spool_directory
						  : am_config_string(core, "spool_directory"));
	setup->mails = (guint)am_config_int(content, "mails_per_worker");
	setup->time_s = (guint)((am_config_int(content, "time_limit") + 999) / 1000);
	setup->memory_bytes = (guint64)am_config_int(content, "memory_limit");
	setup->is_best_effort = strcmp(am_config_string(content, "sandbox"), "best-effort") == 0;
	zygote->n_wanted = zygote->generation->workers > 0
				   ? zygote->generation->workers
				   : (guint)am_config_int(content, "workers");
	if (zygote->n_wanted == 0)
		zygote->n_wanted = 2 * g_get_num_processors();
}

static gboolean
zygote_make_directories(Zygote *zygote, GError **error)
{
	if (mkdir(zygote->setup.work_root, 0700) != 0 && errno != EEXIST) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot make %s",
				   zygote->setup.work_root);
		return FALSE;
	}
	am_leftovers_remove_old(zygote->leftovers);
	return TRUE;
}

static gboolean
zygote_listen(Zygote *zygote, GError **error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	zygote->temporary_path =
		g_strdup_printf("%s.%d.tmp", zygote->generation->content_socket, (int)getpid());
	if (strlen(zygote->temporary_path) >= sizeof address.sun_path) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "path of a socket is too long: %s",
			    zygote->temporary_path);
		return FALSE;
	}
	strcpy(address.sun_path, zygote->temporary_path);
	(void)unlink(address.sun_path); /* of a process that had our number */
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	zygote->setup.listen_fd = fd;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
	    chmod(address.sun_path, 0600) != 0 || listen(fd, BACKLOG) != 0 ||
	    lstat(address.sun_path, &st) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot listen on %s",
				   address.sun_path);
		return FALSE;
	}
	zygote->socket_inode = st.st_ino;
	return TRUE;
}

static gboolean
zygote_catch_signals(Zygote *zygote, GError **error)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGHUP); /* reload is the master's affair */
	sigaddset(&mask, SIGINT);
	if (sigprocmask(SIG_BLOCK, &mask, &zygote->old_mask) != 0 ||
	    (zygote->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot catch signals");
		return FALSE;
	}
	return TRUE;
}

static gboolean
zygote_read_passwords(Zygote *zygote, GError **error)
{
	const AmConfigGroup *content = am_config_group(zygote->generation->config, "content", NULL);
	const char *path = am_config_string(content, "password_file");
	if (path == NULL)
		return TRUE;
	zygote->setup.passwords = am_passwords_read(path, error);
	zygote->setup.limits.passwords = (const char *const *)zygote->setup.passwords;
	g_prefix_error(error, "password_file: ");
	return zygote->setup.passwords != NULL;
}

static gboolean
zygote_check_sandbox(const Zygote *zygote, GError **error)
{
	g_autofree char *missing = NULL;
	if (!am_sandbox_check(zygote->setup.is_best_effort, &missing, error))
		return FALSE;
	if (*missing != '\0')
		am_warning("content: the kernel lacks: %s", missing);
	return TRUE;
}

static gboolean
zygote_start(Zygote *zygote)
{
	g_autoptr(GError) error = NULL;
	int channel[2];
	zygote_configure(zygote);
	zygote->setup.inherited = am_inherited_new(&error);
	if (zygote->setup.inherited == NULL || !zygote_check_sandbox(zygote, &error) ||
	    !zygote_read_passwords(zygote, &error) || !zygote_catch_signals(zygote, &error) ||
	    !am_channel_open(channel, &error)) {
		zygote_error(zygote, error->message);
		return FALSE;
	}
	zygote->channel_fd = channel[0];
	zygote->setup.channel_fd = channel[1];
	if (!zygote_load_plugins(zygote))
		return FALSE;
	am_content_init();
	am_names_preload();
	zygote->setup.types = am_types_new(&error);
	if (zygote->setup.types == NULL || !zygote_make_directories(zygote, &error) ||
	    !zygote_listen(zygote, &error)) {
		zygote_error(zygote, error->message);
		return FALSE;
	}
	return TRUE;
}

/* ---- workers ------------------------------------------------------------------------------- */

static void
zygote_back_off(Zygote *zygote)
{
	gint64 wait = BACKOFF_FIRST_US << MIN(zygote->n_failures, 10u);
	zygote->next_fork_us = g_get_monotonic_time() + MIN(wait, BACKOFF_MOST_US);
	zygote->n_failures++;
}

/* In the child. */
static void G_GNUC_NORETURN
zygote_become_worker(Zygote *zygote, AmStage *stage, pid_t zygote_pid, int program_fd)
{
	(void)close(zygote->signal_fd);
	(void)close(zygote->channel_fd);
	am_runner_stop(&zygote->runner); /* our copy of the socket */
	zygote->setup.program_fd = program_fd;
	_exit(am_worker_run(&zygote->setup, stage, zygote_pid));
}

static void
zygote_fork(Zygote *zygote)
{
	g_autoptr(GError) error = NULL;
	pid_t self = getpid();
	int ends[2] = { -1, -1 };
	gboolean has_runner = zygote->runner.fd >= 0;
	AmStage *stage = am_stage_new(&error);
	pid_t pid = -1;
	if (stage != NULL &&
	    (!has_runner || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0))
		pid = fork();
	if (pid == 0) {
		if (ends[0] >= 0)
			(void)close(ends[0]);
		zygote_become_worker(zygote, stage, self, ends[1]);
	}
	if (pid < 0) {
		am_error("content: cannot fork a worker: %s",
			 error != NULL ? error->message : g_strerror(errno));
		am_stage_free(stage);
		zygote_back_off(zygote);
	} else {
		AmWatched worker = { .pid = pid, .stage = stage };
		g_array_append_val(zygote->workers, worker);
		if (!am_stage_keep(stage, &error)) /* the next worker would see it: odd, no wall */
			am_warning("content: %s", error->message);
		g_clear_error(&error);
		if (has_runner && !am_runner_add_worker(&zygote->runner, pid, ends[0], &error))
			am_error("content: worker %d runs no programs: %s", (int)pid,
				 error->message);
	}
	for (guint i = 0; i < G_N_ELEMENTS(ends); i++)
		if (ends[i] >= 0)
			(void)close(ends[i]);
}

static void
zygote_keep_workers(Zygote *zygote)
{
	while (!zygote->is_ending && zygote->workers->len < zygote->n_wanted &&
	       g_get_monotonic_time() >= zygote->next_fork_us) {
		guint before = zygote->n_failures;
		zygote_fork(zygote);
		if (zygote->n_failures != before)
			break;
	}
}

static AmWatched *
zygote_find(Zygote *zygote, pid_t pid, guint *index)
{
	for (guint i = 0; i < zygote->workers->len; i++) {
		AmWatched *worker = &g_array_index(zygote->workers, AmWatched, i);
		if (worker->pid == pid) {
			*index = i;
			return worker;
		}
	}
	return NULL;
}

/* Workers keep the sockets of the one that is gone, and are replaced. */
static void
zygote_replace_runner(Zygote *zygote)
{
	g_autoptr(GError) error = NULL;
	am_error("content: the runner of programs ended%s",
		 zygote->is_ending ? "" : "; it and the workers are replaced");
	am_runner_stop(&zygote->runner);
	if (zygote->is_ending)
		return;
	if (!zygote_start_runner(zygote, &error) ||
	    !am_runner_send_programs(&zygote->runner, zygote->programs, &error)) {
		am_error("content: no programs are run: %s", error->message);
		am_runner_stop(&zygote->runner);
	}
	for (guint i = 0; i < zygote->workers->len; i++)
		(void)kill(g_array_index(zygote->workers, AmWatched, i).pid, SIGTERM); /* or gone */
}

static void
zygote_reap(Zygote *zygote)
{
	int status;
	pid_t pid;
	guint index;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		AmWatched *worker = zygote_find(zygote, pid, &index);
		if (worker == NULL && pid == zygote->runner.pid)
			zygote_replace_runner(zygote);
		if (worker == NULL) {
			am_leftovers_reaped(zygote->leftovers, pid);
			continue;
		}
		gboolean was_ready = worker->is_ready;
		am_watch_log_end(worker, status);
		am_stage_free(worker->stage);
		g_array_remove_index_fast(zygote->workers, index);
		am_leftovers_add(zygote->leftovers, pid);
		if (was_ready)
			continue;
		zygote_back_off(zygote);
		if (!zygote->is_ready && !zygote->is_ending &&
		    zygote->n_failures >= FAILURES_AT_START) {
			zygote_error(zygote, "workers cannot start");
			zygote->has_failed = zygote->is_ending = TRUE;
		}
	}
}

/* ---- what comes in ------------------------------------------------------------------------- */

/* The first worker is ready: from now on connections find this generation. */
static void
zygote_open(Zygote *zygote)
{
	if (zygote->is_ready)
		return;
	if (rename(zygote->temporary_path, zygote->generation->content_socket) != 0) {
		g_autofree char *text = g_strdup_printf("cannot rename %s: %s",
							zygote->temporary_path, g_strerror(errno));
		zygote_error(zygote, text);
		zygote->has_failed = zygote->is_ending = TRUE;
		return;
	}
	zygote->is_ready = TRUE;
	am_generation_tell(zygote->generation, "READY");
}

/* Each has its turn once a second. */
static void
zygote_watch(Zygote *zygote)
{
	gint64 now = g_get_monotonic_time();
	if (now < zygote->next_watch_us)
		return;
	zygote->next_watch_us = now + WATCH_US;
	for (guint i = 0; i < zygote->workers->len; i++)
		am_watch_check(&g_array_index(zygote->workers, AmWatched, i), zygote->setup.mails,
			       zygote->setup.time_s);
}

static void
zygote_read_channel(Zygote *zygote)
{
	AmChannelRecord record;
	gboolean is_there = TRUE;
	for (guint n = 0; is_there && n < 100; n++) {
		guint index;
		if (!am_channel_receive(zygote->channel_fd, &record, &is_there))
			continue;
		AmWatched *worker = zygote_find(zygote, record.pid, &index);
		if (record.kind != AM_CHANNEL_READY) {
			am_watch_log_line(worker != NULL ? worker : &zygote->others, &record);
		} else if (worker != NULL && !worker->is_ready) {
			worker->is_ready = TRUE;
			zygote->n_failures = 0;
			zygote_open(zygote);
		}
	}
}

static void
zygote_signal_workers(const Zygote *zygote, int number)
{
	for (guint i = 0; i < zygote->workers->len; i++)
		(void)kill(g_array_index(zygote->workers, AmWatched, i).pid, number); /* or gone */
}

static void
zygote_read_signals(Zygote *zygote)
{
	struct signalfd_siginfo info;
	while (read(zygote->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo != SIGTERM || zygote->is_ending)
			continue;
		zygote->is_ending = TRUE;
	}
}

static void
zygote_check_stale(Zygote *zygote)
{
	gint64 now = g_get_monotonic_time();
	if (zygote->is_stale || !zygote->is_ready || now < zygote->next_stale_us)
		return;
	zygote->next_stale_us = now + STALE_CHECK_US;
	GPtrArray *scanners = am_registry_instances(zygote->setup.registry, AM_KIND_SCANNER);
	for (guint i = 0; i < scanners->len && !zygote->is_stale; i++) {
		AmInstance *instance = scanners->pdata[i];
		const AmScannerOps *ops = instance->plugin->plugin.scanner;
		zygote->is_stale = ops->is_stale != NULL && ops->is_stale(instance->data);
	}
	if (zygote->is_stale)
		am_generation_tell(zygote->generation, "STALE");
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* Tells the workers once; those that do not end in time are killed. */
static void
zygote_end_workers(Zygote *zygote)
{
	gint64 now = g_get_monotonic_time();
	if (zygote->kill_us == 0) {
		zygote->kill_us = now + zygote->setup.time_s * G_USEC_PER_SEC + DRAIN_EXTRA_US;
		zygote_signal_workers(zygote, SIGTERM);
	} else if (now >= zygote->kill_us) {
		zygote_signal_workers(zygote, SIGKILL);
	}
}

static int
zygote_wait_ms(const Zygote *zygote)
{
	if (!zygote->is_ending && zygote->workers->len < zygote->n_wanted) {
		gint64 wait = zygote->next_fork_us - g_get_monotonic_time();
		return (int)CLAMP(wait / 1000 + 1, 1, 1000);
	}
	return 1000;
}

static void
zygote_serve(Zygote *zygote)
{
	while (!zygote->is_ending || zygote->workers->len > 0) {
		struct pollfd fds[] = {
			{ .fd = zygote->signal_fd, .events = POLLIN },
			{ .fd = zygote->channel_fd, .events = POLLIN },
		};
		zygote_keep_workers(zygote);
		if (poll(fds, G_N_ELEMENTS(fds), zygote_wait_ms(zygote)) < 0 && errno != EINTR) {
			zygote_error(zygote, g_strerror(errno));
			zygote->has_failed = zygote->is_ending = TRUE;
		}
		zygote_read_channel(zygote); /* before reaping: a worker's last words */
		zygote_read_signals(zygote);
		zygote_reap(zygote);
		zygote_watch(zygote);
		zygote_check_stale(zygote);
		if (zygote->is_ending)
			zygote_end_workers(zygote);
	}
	zygote_read_channel(zygote); /* the last worker's last words */
	am_leftovers_wait(zygote->leftovers);
}

static void
zygote_close(Zygote *zygote)
{
	struct stat st;
	const char *path = zygote->generation->content_socket;
	if (zygote->temporary_path != NULL && !zygote->is_ready)
		(void)unlink(zygote->temporary_path);
	else if (lstat(path, &st) == 0 && st.st_ino == zygote->socket_inode)
		(void)unlink(path); /* else a newer generation has the name */
	const int fds[] = { zygote->setup.listen_fd, zygote->setup.channel_fd, zygote->channel_fd,
			    zygote->signal_fd };
	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	g_clear_pointer(&zygote->setup.registry, am_registry_free);
	g_clear_pointer(&zygote->setup.types, am_types_free);
	g_strfreev(zygote->setup.passwords);
	am_inherited_free(zygote->setup.inherited);
	g_free(zygote->setup.work_root);
	g_free(zygote->setup.spool_directory);
	g_free(zygote->temporary_path);
	am_runner_stop(&zygote->runner);
	g_ptr_array_unref(zygote->programs);
	am_leftovers_free(zygote->leftovers);
	g_array_free(zygote->workers, TRUE);
}

int
am_zygote_run(const AmGeneration *generation)
{
	Zygote zygote = {
		.generation = generation,
		.workers = g_array_new(FALSE, FALSE, sizeof(AmWatched)),
		.programs = g_ptr_array_new_with_free_func((GDestroyNotify)am_program_free),
		.runner = AM_RUNNER_NONE,
		.signal_fd = -1,
		.channel_fd = -1,
		.setup = { .listen_fd = -1, .channel_fd = -1, .program_fd = -1 },
	};
	zygote.leftovers = am_leftovers_new(&zygote.setup);
	am_log_set_process("content");
	gboolean ok = zygote_start(&zygote);
	if (ok)
		zygote_serve(&zygote);
	zygote_close(&zygote);
	return ok && !zygote.has_failed ? 0 : 1;
}
