/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Who waits at epoll: regulars, and the relief that comes when they are all at work. */

#include <config.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include "session/relief.h"

#define PATIENCE_MS 5000

typedef struct {
	AmRelief relief;
	int event_fd; /* stands for epoll: readable when an event waits */
	gint n_came;  /* atomic */
	GThread *thread;
} Fixture;

static gpointer
relief_thread(gpointer data)
{
	Fixture *fixture = data;
	while (am_relief_sleep(&fixture->relief, fixture->event_fd))
		g_atomic_int_inc(&fixture->n_came);
	return NULL;
}

static void
set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	am_relief_init(&fixture->relief, 1000);
	fixture->event_fd = eventfd(0, EFD_NONBLOCK);
	g_assert_cmpint(fixture->event_fd, >=, 0);
	fixture->n_came = 0;
	fixture->thread = g_thread_new("relief", relief_thread, fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	am_relief_stop(&fixture->relief);
	(void)g_thread_join(fixture->thread);
	am_relief_clear(&fixture->relief);
	(void)close(fixture->event_fd);
}

static gboolean
comes(Fixture *fixture, gint n, guint wait_ms)
{
	for (guint i = 0; i < wait_ms && g_atomic_int_get(&fixture->n_came) < n; i++)
		g_usleep(1000);
	return g_atomic_int_get(&fixture->n_came) >= n;
}

static void
test_regulars(void)
{
	AmRelief relief;
	guint n = 0;
	am_relief_init(&relief, 1000);
	for (guint i = 0; i < 1000; i++)
		n += am_relief_join(&relief) ? 1 : 0;
	g_assert_cmpuint(n, >=, 4);
	g_assert_cmpuint(n, <, 1000);
	am_relief_clear(&relief);
	am_relief_init(&relief, 2); /* so few are regulars all */
	g_assert_true(am_relief_join(&relief));
	g_assert_true(am_relief_join(&relief));
	am_relief_clear(&relief);
}

static void
test_comes(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmpint(eventfd_write(fixture->event_fd, 1), ==, 0);
	am_relief_call(&fixture->relief);
	g_assert_true(comes(fixture, 1, PATIENCE_MS));
	am_relief_call(&fixture->relief); /* and again */
	g_assert_true(comes(fixture, 2, PATIENCE_MS));
}

/* The event comes long after the call, when nobody calls any more. */
static void
test_late_event(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	am_relief_call(&fixture->relief);
	g_assert_false(comes(fixture, 1, 100));
	g_assert_cmpint(eventfd_write(fixture->event_fd, 1), ==, 0);
	g_assert_true(comes(fixture, 1, PATIENCE_MS));
}

static void
test_not_needed(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmpint(eventfd_write(fixture->event_fd, 1), ==, 0);
	am_relief_wait_begin(&fixture->relief);
	am_relief_call(&fixture->relief); /* somebody waits: it is no call */
	g_assert_false(comes(fixture, 1, 100));
	am_relief_wait_end(&fixture->relief);
	am_relief_call(&fixture->relief);
	g_assert_true(comes(fixture, 1, PATIENCE_MS));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/relief/regulars", test_regulars);
	g_test_add("/relief/comes", Fixture, NULL, set_up, test_comes, tear_down);
	g_test_add("/relief/late-event", Fixture, NULL, set_up, test_late_event, tear_down);
	g_test_add("/relief/not-needed", Fixture, NULL, set_up, test_not_needed, tear_down);
	return g_test_run();
}
