/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* System calls that a program must not make: each is tried, through runner and keeper. */

#include <config.h>

#include <seccomp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/sandbox-private.h"
#include "program-rig.h"

/* Of the list that programs and workers share, what is forgotten most easily. */
static const int deadly_calls[] = {
	SCMP_SYS(kexec_file_load),   SCMP_SYS(swapoff), SCMP_SYS(syslog),
	SCMP_SYS(quotactl),	     SCMP_SYS(fsmount), SCMP_SYS(mount_setattr),
	SCMP_SYS(name_to_handle_at),
};
/* No such call, for a program. */
static const int missing_calls[] = {
	SCMP_SYS(setuid),      SCMP_SYS(setresgid),  SCMP_SYS(setgroups), SCMP_SYS(capset),
	SCMP_SYS(personality), SCMP_SYS(execveat),   SCMP_SYS(mknod),	  SCMP_SYS(mknodat),
	SCMP_SYS(vmsplice),    SCMP_SYS(pidfd_open), SCMP_SYS(clone3),	  SCMP_SYS(rt_sigqueueinfo),
};

static void
check_call(int worker, guint program, int number, gboolean is_deadly)
{
	AmProgramReply reply;
	program_rig_ask(worker, program, NULL, 10000, &reply);
	g_test_message("call %d: %x %s", number, (guint)reply.status, reply.text->str);
	g_assert_true(reply.was_run);
	if (is_deadly) {
		g_assert_true(WIFSIGNALED(reply.status));
		g_assert_cmpint(WTERMSIG(reply.status), ==, SIGSYS);
	} else {
		g_assert_true(WIFEXITED(reply.status));
		g_assert_cmpstr(reply.text->str, ==, "ENOSYS\n");
	}
	am_program_reply_clear(&reply);
}

static gboolean
is_in(const GArray *calls, int number)
{
	for (guint i = 0; i < calls->len; i++)
		if (g_array_index(calls, int, i) == number)
			return TRUE;
	return FALSE;
}

static void
test_calls(void)
{
	ProgramRig rig;
	gsize n;
	const int *shared = am_sandbox_deadly_calls(&n), killing = AM_SANDBOX_KILLING_CALL;
	g_autoptr(GArray) calls = g_array_new(FALSE, FALSE, sizeof(int));
	g_array_append_vals(calls, shared, (guint)n);
	g_array_append_vals(calls, &killing, 1);
	const guint n_deadly = calls->len;
	g_array_append_vals(calls, missing_calls, G_N_ELEMENTS(missing_calls));
	for (gsize i = 0; i < G_N_ELEMENTS(deadly_calls); i++)
		g_assert_true(is_in(calls, deadly_calls[i]));
	program_rig_init(&rig);
	for (guint i = 0; i < calls->len; i++) {
		g_autofree char *number = g_strdup_printf("%d", g_array_index(calls, int, i));
		(void)program_rig_add(&rig, "call", number, 0);
	}
	program_rig_start(&rig);
	int worker = program_rig_worker(&rig, 77);
	for (guint i = 0; i < calls->len; i++) {
		int number = g_array_index(calls, int, i);
		if (number >= 0) /* others are of other machines */
			check_call(worker, i, number, i < n_deadly);
	}
	program_rig_done(worker);
	(void)close(worker);
	program_rig_clear(&rig);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	program_rig_drop_root();
	g_test_add_func("/program-calls/all", test_calls);
	return g_test_run();
}
