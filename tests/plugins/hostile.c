/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A scanner in hostile hands, for tests of the sandbox.  It does what the mail says:
 *
 *     X-Try: WORD [ARGUMENT]
 *
 * and reports a finding "stopped" with the word and errno, or "worked".  Most words end it.  A mail
 * without the field is let alone.  One object, no help from the core. */

#define _GNU_SOURCE

#include <amavisd/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define NUMBERS 64 /* of descriptors looked at */
#define FIND_BYTES 16384

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	int maps_fd;	 /* of the worker, opened while that was allowed */
	unsigned n_seen; /* what no plugin may do: state that outlives a mail */
} Hostile;

/* One try at work. */
typedef struct {
	Hostile *self;
	AmScan *scan;
	const char *argument;
} Try;

static int kept_in_data = 1;

static int
result(long rc)
{
	return rc >= 0 ? 0 : errno;
}

/* ---- files --------------------------------------------------------------------------------- */

static int
try_open(const Try *try)
{
	return result(open(try->argument, O_RDONLY | O_CLOEXEC));
}

static int
try_write(const Try *try)
{
	return result(open(try->argument, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
try_unlink(const Try *try)
{
	return result(unlink(try->argument));
}

static int
try_link(const Try *try)
{
	return result(link(try->argument, "stolen"));
}

static int
try_symlink(const Try *try)
{
	return result(symlink(try->argument, "stolen"));
}

static int
try_rename(const Try *try)
{
	return result(rename(try->argument, "stolen"));
}

static int
try_parent_fd(const Try *try)
{
	char path[64], target[256];
	int first = 0;
	(void)try;
	for (int fd = 0; fd < NUMBERS; fd++) {
		(void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getppid(), fd);
		if (open(path, O_RDONLY | O_CLOEXEC) >= 0)
			return 0;
		if (readlink(path, target, sizeof target) >= 0)
			return 0;
		if (first == 0)
			first = errno;
	}
	return first;
}

static int
try_sibling_memory(const Try *try)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%s/mem", try->argument);
	return result(open(path, O_RDONLY | O_CLOEXEC));
}

static int
try_own_memory(const Try *try)
{
	(void)try;
	return result(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static int
try_chmod(const Try *try)
{
	(void)try;
	return result(chmod(".", 0));
}

static int
try_chdir(const Try *try)
{
	(void)try;
	return result(chdir("/"));
}

static int
try_xattr(const Try *try)
{
	return result(syscall(SYS_setxattr, try->argument, "user.x", "x", 1, 0));
}

static int
try_leave_file(const Try *try)
{
	(void)try;
	return result(open("left-behind", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
try_leave_deep(const Try *try)
{
	int at = open(".", O_PATH | O_CLOEXEC);
	(void)try;
	for (int i = 0; i < 3000 && at >= 0; i++) {
		if (mkdirat(at, "d", 0700) != 0)
			return errno;
		int next = openat(at, "d", O_PATH | O_CLOEXEC);
		(void)close(at);
		at = next;
	}
	return result(at);
}

/* ---- the mail itself ----------------------------------------------------------------------- */

static int
try_mail_write(const Try *try)
{
	return result(pwrite(try->self->host->mail_fd(try->scan), "X", 1, 0));
}

static int
try_mail_truncate(const Try *try)
{
	return result(ftruncate(try->self->host->mail_fd(try->scan), 0));
}

static int
try_mail_map(const Try *try)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		       try->self->host->mail_fd(try->scan), 0);
	if (p == MAP_FAILED)
		return errno;
	memset(p, 'X', 1);
	return 0;
}

static int
try_mail_reopen(const Try *try)
{
	char path[64];
	int fd = try->self->host->mail_fd(try->scan);
	(void)fchmod(fd, 0600);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int again = open(path, O_RDWR | O_CLOEXEC); /* a memfd lets, but is sealed */
	return again < 0 ? errno : result(pwrite(again, "X", 1, 0));
}

static int
try_mail_offset(const Try *try)
{
	return result(lseek(try->self->host->mail_fd(try->scan), 1 << 20, SEEK_SET));
}

static int
try_mail_hole(const Try *try)
{
	return result(fallocate(try->self->host->mail_fd(try->scan),
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
}

/* ---- network ------------------------------------------------------------------------------- */

static int
try_tcp(const Try *try)
{
	(void)try;
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_udp(const Try *try)
{
	(void)try;
	return result(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int
try_unix(const Try *try)
{
	(void)try;
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
try_netlink(const Try *try)
{
	(void)try;
	return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
try_socketpair(const Try *try)
{
	int fds[2];
	(void)try;
	return result(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
}

/* The n-th connected socket: first the channel to the zygote, last the session. */
static int
find_socket(int n)
{
	int found = -1;
	for (int fd = 3; fd < NUMBERS && n > 0; fd++) {
		int listens = 0, type = 0;
		socklen_t len = sizeof listens;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && !listens &&
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    type == SOCK_SEQPACKET) {
			found = fd;
			n--;
		}
	}
	return found;
}

static int
each_descriptor(int (*func)(int fd, const struct sockaddr_un *address), const Try *try)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int worst = EBADF;
	if (try->argument != NULL)
		(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", try->argument);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	for (int fd = 0; fd < NUMBERS; fd++)
		if (func(fd, &address) == 0)
			worst = 0;
	return worst;
}

static int
connect_by(int fd, const struct sockaddr_un *address)
{
	return connect(fd, (const struct sockaddr *)address, sizeof *address);
}

static int
bind_by(int fd, const struct sockaddr_un *address)
{
	return bind(fd, (const struct sockaddr *)address, sizeof *address);
}

static int
listen_by(int fd, const struct sockaddr_un *address)
{
	(void)address;
	return listen(fd, 1);
}

static int
shutdown_by(int fd, const struct sockaddr_un *address)
{
	(void)address;
	return shutdown(fd, SHUT_RDWR);
}

static int
setsockopt_by(int fd, const struct sockaddr_un *address)
{
	const int on = 1;
	(void)address;
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &on, sizeof on);
}

static int
nonblock_by(int fd, const struct sockaddr_un *address)
{
	(void)address;
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int
close_by(int fd, const struct sockaddr_un *address)
{
	(void)address;
	return close(fd);
}

/* A socket of the datagram kind could send to any other; the reader knows by what arrives. */
static int
sendto_by(int fd, const struct sockaddr_un *address)
{
	return (int)sendto(fd, "READY=0\n", 8, MSG_NOSIGNAL | MSG_DONTWAIT,
			   (const struct sockaddr *)address, sizeof *address);
}

static int
write_by(int fd, const struct sockaddr_un *address)
{
	static const char lines[] = "\nREADY\nSTALE\nERROR forged\n{\"forged\":1}\n";
	(void)address;
	return write(fd, lines, sizeof lines - 1) >= 0 ? 0 : -1;
}

static int
try_connect(const Try *try)
{
	return each_descriptor(connect_by, try);
}

static int
try_bind(const Try *try)
{
	return each_descriptor(bind_by, try);
}

static int
try_listen(const Try *try)
{
	return each_descriptor(listen_by, try);
}

static int
try_shutdown(const Try *try)
{
	return each_descriptor(shutdown_by, try);
}

static int
try_setsockopt(const Try *try)
{
	return each_descriptor(setsockopt_by, try);
}

static int
try_nonblock(const Try *try)
{
	return each_descriptor(nonblock_by, try);
}

static int
try_sendto(const Try *try)
{
	return each_descriptor(sendto_by, try);
}

static int
try_write_all(const Try *try)
{
	return each_descriptor(write_by, try);
}

static int
try_ready(const Try *try)
{
	(void)try;
	for (int i = 0; i < 100; i++)
		(void)send(find_socket(1), "R", 2, MSG_NOSIGNAL | MSG_DONTWAIT);
	return 0;
}

static int
try_close_all(const Try *try)
{
	return each_descriptor(close_by, try);
}

/* ---- processes ----------------------------------------------------------------------------- */

static int
try_exec(const Try *try)
{
	(void)try;
	return result(execl("/bin/true", "true", NULL));
}

static int
try_fork(const Try *try)
{
	(void)try;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
try_fork_bomb(const Try *try)
{
	(void)try;
	for (;;)
		(void)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	return 0;
}

static void *
thread_main(void *data)
{
	return data;
}

static int
try_thread(const Try *try)
{
	pthread_t thread;
	(void)try;
	return pthread_create(&thread, NULL, thread_main, NULL);
}

static pid_t
target(const Try *try)
{
	return try->argument != NULL ? (pid_t)atoi(try->argument) : getppid();
}

static int
try_ptrace(const Try *try)
{
	return result(ptrace(PTRACE_ATTACH, target(try), NULL, NULL));
}

static int
try_vm_read(const Try *try)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &byte, 1 };
	return result(process_vm_readv(target(try), &here, 1, &there, 1, 0));
}

static int
try_kill(const Try *try)
{
	return result(kill(target(try), SIGKILL));
}

static int
try_kill_all(const Try *try)
{
	(void)try;
	return result(kill(-1, SIGKILL));
}

static int
try_tgkill(const Try *try)
{
	return result(syscall(SYS_tgkill, target(try), target(try), SIGKILL));
}

static int
try_sigqueue(const Try *try)
{
	siginfo_t info = { .si_code = SI_QUEUE };
	return result(syscall(SYS_rt_sigqueueinfo, target(try), SIGKILL, &info));
}

static int
try_pidfd(const Try *try)
{
	return result(syscall(SYS_pidfd_open, target(try), 0));
}

static int
try_prlimit(const Try *try)
{
	const struct rlimit none = { 0, 0 };
	return result(prlimit(target(try), RLIMIT_NOFILE, &none, NULL));
}

static int
try_owner(const Try *try)
{
	/* have the kernel send a signal for us */
	return result(fcntl(try->self->host->mail_fd(try->scan), F_SETOWN, getppid()));
}

/* ---- privileges and the kernel ------------------------------------------------------------- */

static int
try_setuid(const Try *try)
{
	(void)try;
	return result(syscall(SYS_setuid, 0));
}

static int
try_unshare(const Try *try)
{
	(void)try;
	return result(unshare(CLONE_NEWUSER));
}

static int
try_mount(const Try *try)
{
	(void)try;
	return result(mount("none", ".", "tmpfs", 0, NULL));
}

static int
try_chroot(const Try *try)
{
	(void)try;
	return result(chroot("."));
}

static int
try_mknod(const Try *try)
{
	(void)try;
	return result(mknod("fifo", S_IFIFO | 0600, 0));
}

static int
try_uring(const Try *try)
{
	struct io_uring_params params = { 0 };
	(void)try;
	return result(syscall(SYS_io_uring_setup, 1, &params));
}

static int
try_bpf(const Try *try)
{
	(void)try;
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
try_userfault(const Try *try)
{
	(void)try;
	return result(syscall(SYS_userfaultfd, 0));
}

static int
try_perf(const Try *try)
{
	(void)try;
	return result(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int
try_keyctl(const Try *try)
{
	(void)try;
	return result(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int
try_code(const Try *try)
{
	(void)try;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	return p == MAP_FAILED ? errno : 0;
}

static int
try_code_file(const Try *try)
{
	(void)try;
	int fd = memfd_create("code", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 4096) != 0)
		return 99;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? errno : 0;
}

static int
try_mprotect(const Try *try)
{
	void *page = (void *)((guintptr)&kept_in_data & ~(guintptr)4095);
	(void)try;
	return result(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
}

static int
try_move_code(const Try *try)
{
	guintptr code = (guintptr)try_mprotect & ~(guintptr)4095;
	(void)try;
	void *p = mremap((void *)code, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED,
			 (void *)(code + (1u << 24)));
	return p == MAP_FAILED ? errno : 0;
}

static int
try_tiocsti(const Try *try)
{
	(void)try;
	return result(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int
try_dumpable(const Try *try)
{
	(void)try;
	return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
try_death_signal(const Try *try)
{
	(void)try;
	return result(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

static int
try_raise_limits(const Try *try)
{
	static const int which[] = { RLIMIT_AS, RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CORE };
	struct rlimit limit;
	(void)try;
	for (size_t i = 0; i < G_N_ELEMENTS(which); i++) {
		if (getrlimit(which[i], &limit) != 0)
			return 99;
		limit.rlim_max = limit.rlim_max == RLIM_INFINITY ? RLIM_INFINITY
								 : limit.rlim_max + 1;
		if (limit.rlim_max == RLIM_INFINITY)
			continue; /* none was set, see the test */
		if (setrlimit(which[i], &limit) == 0)
			return 0;
	}
	return errno;
}

/* ---- signals, time ------------------------------------------------------------------------- */

static int
try_catch_sigsys(const Try *try)
{
	(void)try;
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}

static int
try_ignore_cpu(const Try *try)
{
	(void)try;
	return signal(SIGXCPU, SIG_IGN) == SIG_ERR ? errno : 0;
}

static int
try_spin(const Try *try)
{
	(void)try;
	for (volatile unsigned n = 0;; n++)
		;
	return 0;
}

static int
try_spin_blocked(const Try *try)
{
	sigset_t mask;
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	(void)sigfillset(&mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	(void)setrlimit(RLIMIT_CPU, &none);
	return try_spin(try);
}

static int
try_sleep(const Try *try)
{
	sigset_t mask;
	(void)try;
	(void)sigfillset(&mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	for (;;)
		(void)sleep(1000);
	return 0;
}

/* The signal that the sandbox sends cannot be kept away by a mask or a bad stack either. */
static int
try_blocked_socket(const Try *try)
{
	sigset_t mask;
	(void)sigfillset(&mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	return try_tcp(try);
}

/* ---- resources ----------------------------------------------------------------------------- */

static int
try_memory(const Try *try)
{
	const size_t piece = 16u << 20;
	(void)try;
	for (int i = 0; i < 4096; i++) {
		char *p = malloc(piece);
		if (p == NULL)
			return ENOMEM;
		for (size_t at = 0; at < piece; at += 4096)
			p[at] = 1;
	}
	return 0;
}

static int
fill(int fd)
{
	static const size_t most = (size_t)2 << 30;
	size_t len = 1u << 20;
	char *piece = calloc(1, len);
	for (size_t done = 0; done < most && piece != NULL; done += len)
		if (write(fd, piece, len) < 0)
			return errno;
	return 0;
}

static int
try_memfd(const Try *try)
{
	(void)try;
	for (int i = 0; i < 4; i++) {
		int rc = fill(memfd_create("fill", MFD_CLOEXEC));
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
try_disk(const Try *try)
{
	(void)try;
	for (int i = 0; i < 4; i++) {
		int rc = fill(open(try->argument != NULL ? try->argument : ".",
				   O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
try_descriptors(const Try *try)
{
	(void)try;
	for (int i = 0; i < 1 << 20; i++)
		if (memfd_create("fd", MFD_CLOEXEC) < 0)
			return errno;
	return 0;
}

static int
try_leak_descriptor(const Try *try)
{
	(void)try;
	return result(memfd_create("left", MFD_CLOEXEC));
}

static int
try_grow(const Try *try)
{
	size_t len = (size_t)atoi(try->argument) << 20;
	char *p = malloc(len);
	if (p == NULL)
		return ENOMEM;
	memset(p, 1, len); /* never given back */
	return 0;
}

/* ---- crashes ------------------------------------------------------------------------------- */

static int
try_segv(const Try *try)
{
	(void)try;
	*(volatile char *)8 = 1;
	return 0;
}

static int
try_abort(const Try *try)
{
	(void)try;
	abort();
}

static int
try_exit(const Try *try)
{
	(void)try;
	_exit(0);
}

static int
try_double_free(const Try *try)
{
	char *volatile p = malloc(3000);
	char *volatile q = malloc(3000);
	(void)try;
	free(p);
	free(q);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuse-after-free"
	free(p);
#pragma GCC diagnostic pop
	return 0;
}

static __attribute__((noinline)) int
overflow(volatile char *above)
{
	volatile char frame[65536];
	frame[0] = (char)(above[0] + 1);
	return above == frame ? 0 : overflow(frame) + frame[0];
}

static int
try_stack(const Try *try)
{
	(void)try;
	volatile char first = 0;
	return overflow(&first);
}

/* ---- the exchange with the session --------------------------------------------------------- */

static int
send_message(guint32 type, guint32 announced, const void *data, size_t len)
{
	char packet[65536];
	const guint32 head[] = { GUINT32_TO_LE(0x31584d41u), GUINT32_TO_LE(1 | type << 16),
				 GUINT32_TO_LE(announced) };
	memcpy(packet, head, sizeof head);
	if (len > 0)
		memcpy(packet + sizeof head, data, len);
	return result(send(find_socket(NUMBERS), packet, sizeof head + len, MSG_NOSIGNAL));
}

/* A report that the worker gave for a clean mail, in the argument as base64. */
static int
try_forge(const Try *try)
{
	gsize len;
	g_autofree guchar *bytes = g_base64_decode(try->argument, &len);
	return send_message(3, (guint32)len, bytes, len);
}

static int
try_oversized(const Try *try)
{
	(void)try;
	return send_message(3, 0x7fffffff, "x", 1);
}

static int
try_garbage(const Try *try)
{
	char bytes[1000];
	(void)try;
	memset(bytes, 0xa5, sizeof bytes);
	return send_message(3, sizeof bytes, bytes, sizeof bytes);
}

static int
try_noise(const Try *try)
{
	(void)try;
	return result(send(find_socket(NUMBERS), "noise", 5, MSG_NOSIGNAL));
}

static int
try_second_hello(const Try *try)
{
	(void)try;
	return send_message(2, 0, NULL, 0);
}

/* More than was asked for, and with a descriptor. */
static int
try_send_fd(const Try *try)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)"x", 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = try->self->host->mail_fd(try->scan);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	return result(sendmsg(find_socket(NUMBERS), &message, MSG_NOSIGNAL));
}

static int
try_flood(const Try *try)
{
	for (int i = 0; i < 200000; i++)
		try->self->host->log(try->self->instance, AM_LOG_ERROR, "flood\n%d", i);
	return 0;
}

/* ---- state --------------------------------------------------------------------------------- */

static int
try_keep_data(const Try *try)
{
	(void)try;
	kept_in_data++;
	return 0;
}

static int
try_keep_heap(const Try *try)
{
	try->self->n_seen++;
	return 0;
}

static int
try_change_host(const Try *try)
{
	((AmHost *)(gpointer)try->self->host)->finding = NULL;
	return 0;
}

/* Looks through all memory for what the mail before had.  The words searched for are written with
 * every byte raised by one, so that the search does not find itself. */
static int
search_range(const Try *try, const char *start, const char *end)
{
	static const char raised[] = "nbslfs.pg.b.nbjm"; /* "marker-of-a-mail" */
	const size_t len = sizeof raised - 1;
	int n_found = 0;
	for (const char *p = start; p + len <= end; p++) {
		size_t i = 0;
		while (i < len && p[i] == (char)(raised[i] - 1))
			i++;
		if (i < len)
			continue;
		n_found++;
		/* behind it stands which one: an exclusive or keeps it from being found twice */
		char where[64];
		(void)snprintf(where, sizeof where, "%c%c%c at %p", p[len] ^ 1, p[len + 1] ^ 1,
			       p[len + 2] ^ 1, (const void *)p);
		try->self->host->finding(try->scan, NULL, "remembered", where, NULL);
	}
	return n_found;
}

static int
try_search(const Try *try)
{
	static char text[1 << 16]; /* before the first mail, or it would be state */
	size_t len = 0;
	ssize_t n;
	int n_found = 0;
	while (len < sizeof text - 1 &&
	       (n = pread(try->self->maps_fd, text + len, sizeof text - 1 - len, (off_t)len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
		unsigned long start, end;
		char rights[8];
		next = strchr(line, '\n');
		next = next != NULL ? next + 1 : NULL;
		if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 && rights[0] == 'r' &&
		    rights[1] == 'w')
			n_found += search_range(try, (const char *)start, (const char *)end);
	}
	return n_found > 0 ? 0 : ENOENT;
}

/* ---- the plugin ---------------------------------------------------------------------------- */

static const struct {
	const char *word;
	int (*func)(const Try *try);
} words[] = {
	{ "open", try_open },
	{ "write", try_write },
	{ "unlink", try_unlink },
	{ "link", try_link },
	{ "symlink", try_symlink },
	{ "rename", try_rename },
	{ "parent-fd", try_parent_fd },
	{ "sibling-memory", try_sibling_memory },
	{ "own-memory", try_own_memory },
	{ "chmod", try_chmod },
	{ "chdir", try_chdir },
	{ "xattr", try_xattr },
	{ "leave-file", try_leave_file },
	{ "leave-deep", try_leave_deep },
	{ "mail-write", try_mail_write },
	{ "mail-truncate", try_mail_truncate },
	{ "mail-map", try_mail_map },
	{ "mail-reopen", try_mail_reopen },
	{ "mail-offset", try_mail_offset },
	{ "mail-hole", try_mail_hole },
	{ "tcp", try_tcp },
	{ "udp", try_udp },
	{ "unix", try_unix },
	{ "netlink", try_netlink },
	{ "socketpair", try_socketpair },
	{ "connect", try_connect },
	{ "bind", try_bind },
	{ "listen", try_listen },
	{ "shutdown", try_shutdown },
	{ "setsockopt", try_setsockopt },
	{ "nonblock", try_nonblock },
	{ "sendto", try_sendto },
	{ "write-all", try_write_all },
	{ "ready", try_ready },
	{ "close-all", try_close_all },
	{ "exec", try_exec },
	{ "fork", try_fork },
	{ "fork-bomb", try_fork_bomb },
	{ "thread", try_thread },
	{ "ptrace", try_ptrace },
	{ "vm-read", try_vm_read },
	{ "kill", try_kill },
	{ "kill-all", try_kill_all },
	{ "tgkill", try_tgkill },
	{ "sigqueue", try_sigqueue },
	{ "pidfd", try_pidfd },
	{ "prlimit", try_prlimit },
	{ "owner", try_owner },
	{ "setuid", try_setuid },
	{ "unshare", try_unshare },
	{ "mount", try_mount },
	{ "chroot", try_chroot },
	{ "mknod", try_mknod },
	{ "uring", try_uring },
	{ "bpf", try_bpf },
	{ "userfault", try_userfault },
	{ "perf", try_perf },
	{ "keyctl", try_keyctl },
	{ "code", try_code },
	{ "code-file", try_code_file },
	{ "mprotect", try_mprotect },
	{ "move-code", try_move_code },
	{ "tiocsti", try_tiocsti },
	{ "dumpable", try_dumpable },
	{ "death-signal", try_death_signal },
	{ "raise-limits", try_raise_limits },
	{ "catch-sigsys", try_catch_sigsys },
	{ "ignore-cpu", try_ignore_cpu },
	{ "spin", try_spin },
	{ "spin-blocked", try_spin_blocked },
	{ "sleep", try_sleep },
	{ "blocked-socket", try_blocked_socket },
	{ "memory", try_memory },
	{ "memfd", try_memfd },
	{ "disk", try_disk },
	{ "descriptors", try_descriptors },
	{ "leak-descriptor", try_leak_descriptor },
	{ "grow", try_grow },
	{ "segv", try_segv },
	{ "abort", try_abort },
	{ "exit", try_exit },
	{ "double-free", try_double_free },
	{ "stack", try_stack },
	{ "forge", try_forge },
	{ "oversized", try_oversized },
	{ "garbage", try_garbage },
	{ "noise", try_noise },
	{ "second-hello", try_second_hello },
	{ "send-fd", try_send_fd },
	{ "flood", try_flood },
	{ "keep-data", try_keep_data },
	{ "keep-heap", try_keep_heap },
	{ "change-host", try_change_host },
	{ "search", try_search },
};

static gpointer
hostile_load(const AmHost *host, AmInstance *instance, GError **error)
{
	(void)error;
	Hostile *self = g_new0(Hostile, 1);
	self->host = host;
	self->instance = instance;
	self->maps_fd = -1;
	return self;
}

static gboolean
hostile_after_fork(gpointer data, GError **error)
{
	Hostile *self = data;
	(void)error;
	self->maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	return self->maps_fd >= 0;
}

static gboolean
hostile_scan(gpointer data, AmScan *scan, GError **error)
{
	Hostile *self = data;
	char head[FIND_BYTES], word[64], detail[64];
	(void)error;
	gssize n = pread(self->host->mail_fd(scan), head, sizeof head - 1, 0);
	head[MAX(n, 0)] = '\0';
	char *at = strstr(head, "X-Try: ");
	if (at == NULL || sscanf(at, "X-Try: %63s", word) != 1)
		return TRUE;
	g_autofree char *argument = NULL;
	at += strlen("X-Try: ") + strlen(word);
	if (*at == ' ')
		argument = g_strndup(at + 1, strcspn(at + 1, "\r\n"));
	Try try = { self, scan, argument };
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		if (strcmp(words[i].word, word) != 0)
			continue;
		int rc = words[i].func(&try);
		(void)snprintf(detail, sizeof detail, "%s", rc != 0 ? strerrorname_np(rc) : "");
		if (self->host->finding != NULL)
			self->host->finding(scan, NULL, rc != 0 ? "stopped" : "worked", word,
					    detail);
	}
	return TRUE;
}

static void
hostile_unload(gpointer self)
{
	g_free(self);
}

static const AmScannerOps scanner_ops = {
	AM_ABI_HEAD(AmScannerOps),
	.scan = hostile_scan,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_SCANNER,
	.caps = AM_CAP_SANDBOX,
	.name = "hostile",
	.version = "1",
	.licence = "GPL-2.0-or-later",
	.summary = "for tests",
	.load = hostile_load,
	.after_fork = hostile_after_fork,
	.unload = hostile_unload,
	.scanner = &scanner_ops,
};
