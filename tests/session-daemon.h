/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A session for tests: real sockets, real threads, and a pipeline whose mails only sleep. */

#include <glib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "session/serve.h"

#define GREET "EHLO client.example\r\n"
#define ENVELOPE "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
#define BODY "Subject: x\r\n\r\nbody\r\n.\r\n"

typedef struct {
	guint sleep_ms;
	gint mails;	    /* atomic */
	gint busy, busiest; /* atomic: mails at the same time */
	gint threads;	    /* atomic: contexts alive */
	gint housekept;	    /* atomic */
	gint fail_thread;   /* that many threads start, then one fails; -1 never */
	gboolean fail_start;
} Fake;

extern Fake fake; /* of the test that runs */
void fake_reset(void);

typedef struct {
	AmGeneration generation;
	AmStatistics statistics;
	GThread *thread;
	int tell_fd; /* read end */
	guint16 port;
	char *folder;
	struct sockaddr_un path;
} Daemon;

/* What the session tells the master next. */
char *daemon_told(Daemon *daemon);
/* core and listener: settings of [amavisd] and of [listener in], on TCP; [listener local] speaks
 * LMTP on a Unix socket. */
void daemon_start(Daemon *daemon, const char *core, const char *listener);
void daemon_expect_ready(Daemon *daemon);
/* Waits for its end and returns its status. */
int daemon_join(Daemon *daemon);
void daemon_end(Daemon *daemon);
int client_socket(void);
void client_connect(Daemon *daemon, int fd);
int client_new(Daemon *daemon);
void client_say(int fd, const char *text);
/* Reads until a last line that starts with `text`; "" until the end of the connection. */
void client_expect(int fd, const char *text);
void client_end(int fd);
/* A client that does all there is to do and looks at each reply. */
void client_send_mail(int fd);

/* Memory of this process, what it shares counted in part; -1: nobody knows. */
gint64 own_pss_kib(void);
/* As many descriptors as may be; are they that many? */
gboolean may_open(guint n);
