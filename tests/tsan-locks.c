/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* GLib's mutexes and conditions on top of POSIX ones, for programs built with the thread sanitizer.
 *
 * GLib makes its locks from futexes, and the system's GLib is not instrumented, so the sanitizer sees
 * neither locking nor unlocking and reports races that are none.  These functions take the place of
 * GLib's in our own code; the sanitizer knows POSIX locks. */

#include <config.h>

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <time.h>

static pthread_mutex_t *
lock_mutex(GMutex *mutex)
{
	pthread_mutex_t *found = __atomic_load_n((pthread_mutex_t **)&mutex->p, __ATOMIC_ACQUIRE);
	if (found != NULL)
		return found;
	pthread_mutex_t *made = g_new0(pthread_mutex_t, 1);
	(void)pthread_mutex_init(made, NULL);
	if (g_atomic_pointer_compare_and_exchange(&mutex->p, NULL, made))
		return made;
	(void)pthread_mutex_destroy(made);
	g_free(made);
	return __atomic_load_n((pthread_mutex_t **)&mutex->p, __ATOMIC_ACQUIRE);
}

static pthread_cond_t *
lock_cond(GCond *cond)
{
	pthread_cond_t *found = __atomic_load_n((pthread_cond_t **)&cond->p, __ATOMIC_ACQUIRE);
	if (found != NULL)
		return found;
	pthread_cond_t *made = g_new0(pthread_cond_t, 1);
	pthread_condattr_t attributes;
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(made, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	if (g_atomic_pointer_compare_and_exchange(&cond->p, NULL, made))
		return made;
	(void)pthread_cond_destroy(made);
	g_free(made);
	return __atomic_load_n((pthread_cond_t **)&cond->p, __ATOMIC_ACQUIRE);
}

void
g_mutex_init(GMutex *mutex)
{
	mutex->p = NULL;
}

void
g_mutex_clear(GMutex *mutex)
{
	pthread_mutex_t *found = mutex->p;
	if (found == NULL)
		return;
	(void)pthread_mutex_destroy(found);
	g_free(found);
	mutex->p = NULL;
}

void
(g_mutex_lock)(GMutex *mutex)
{
	if (pthread_mutex_lock(lock_mutex(mutex)) != 0)
		g_error("mutex cannot be locked");
}

gboolean
(g_mutex_trylock)(GMutex *mutex)
{
	return pthread_mutex_trylock(lock_mutex(mutex)) == 0;
}

void
(g_mutex_unlock)(GMutex *mutex)
{
	if (pthread_mutex_unlock(lock_mutex(mutex)) != 0)
		g_error("mutex cannot be unlocked");
}

void
g_cond_init(GCond *cond)
{
	cond->p = NULL;
}

void
g_cond_clear(GCond *cond)
{
	pthread_cond_t *found = cond->p;
	if (found == NULL)
		return;
	(void)pthread_cond_destroy(found);
	g_free(found);
	cond->p = NULL;
}

void
g_cond_wait(GCond *cond, GMutex *mutex)
{
	(void)pthread_cond_wait(lock_cond(cond), lock_mutex(mutex));
}

gboolean
g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
	const struct timespec until = { .tv_sec = end_time / G_USEC_PER_SEC,
					.tv_nsec = end_time % G_USEC_PER_SEC * 1000 };
	return pthread_cond_timedwait(lock_cond(cond), lock_mutex(mutex), &until) != ETIMEDOUT;
}

void
g_cond_signal(GCond *cond)
{
	(void)pthread_cond_signal(lock_cond(cond));
}

void
g_cond_broadcast(GCond *cond)
{
	(void)pthread_cond_broadcast(lock_cond(cond));
}
