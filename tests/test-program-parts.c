/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* From a part to its children by way of a program: the inspector with the decoder command, a runner and
 * the helper that leaves in its folder what a hostile archive could. */

#include <config.h>

#include "content/inspect.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content/host-program.h"
#include "mail/fd.h"
#include "mail/spool.h"
#include "program-rig.h"

#define MAIL                                                                        \
	"Date: x\r\nFrom: a@b\r\nSubject: sesame\r\nContent-Type: application/x-y\r\n" \
	"Content-Disposition: attachment; filename=report.txt.lzo\r\n\r\nZOO some content\r\n"
#define WORKER 77

static const struct {
	const char *name;
	const char *program; /* arguments of the helper */
	const char *settings;
	const char *parts;   /* "name:size flag " of each child; with limits: some of it */
	guint32 flags;	     /* of the part itself */
	const char *finding; /* kind, NULL none */
} cases[] = {
	{ "files of all kinds", "zoo", "",
	  "bytes-\xff\x01:8 closed:8 fifo:0S link:0L plain:10 shut:0D shut/inner:21 twin:10 "
	  "up:0L void:0D ",
	  0, NULL },
	{ "nothing", "echo {file}", "", "", 0, NULL },
	{ "printed", "print-file {file}", "stdout = yes", "report.txt:14 ", 0, NULL },
	{ "password", "locked {password}", "encrypted_when = Wrong password",
	  "open.txt:13 secret.txt:16 ", 0, "opened" },
	{ "no password", "locked x{password}", "encrypted_when = Wrong password", "open.txt:13 ",
	  AM_PART_ENCRYPTED, "encrypted" },
	{ "foreign", "foreign", "foreign_when = what is that", "", 0, NULL },
	{ "bad", "fail", "", "", AM_PART_UNDECODED, NULL },
	{ "crash", "crash", "", "", AM_PART_UNDECODED, NULL },
	{ "bytes", "fill-many", "", ":65536 ", AM_PART_UNDECODED | AM_PART_LIMIT, "limit" },
	{ "files", "empty-files", "", ":0", AM_PART_UNDECODED | AM_PART_LIMIT, "limit" },
	{ "depth", "deep", "", "d:0D d/d:0D d/d/d:0D d/d/d/d:0D", AM_PART_UNDECODED | AM_PART_LIMIT, "limit" },
	{ "time", "spin", "", "", AM_PART_UNDECODED | AM_PART_LIMIT, "limit" },
};

static AmConfig *
make_config(const ProgramRig *rig, guint i)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autofree char *directory = g_test_build_filename(G_TEST_BUILT, "..", "plugins",
							   "decoders", "command", ".libs", NULL);
	/* {file} has to be among the arguments; what is behind the ones it knows the helper ignores */
	g_autofree char *text = g_strdup_printf(
		"[plugins]\ndirectory = %s\n[decoder x]\nplugin = command\nmagic = 0:5a4f4f\n"
		"program = %s %s - {file}\n%s\n",
		directory, rig->helper, cases[i].program, cases[i].settings);
	AmConfig *config = am_config_load_data("test", text, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	return config;
}

static AmRegistry *
load(const ProgramRig *rig, AmConfig *config)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	AmRegistry *registry = am_registry_new(config, problems);
	am_content_host_set_programs(rig->programs);
	(void)am_registry_load(registry, AM_CAP_SANDBOX, am_content_host(), problems);
	am_content_host_set_programs(NULL);
	for (guint i = 0; i < problems->len; i++)
		g_test_message("%s", ((AmConfigProblem *)problems->pdata[i])->text);
	g_assert_cmpuint(problems->len, ==, 0);
	g_assert_cmpuint(rig->programs->len, ==, 1);
	return registry;
}

static char *
describe(const AmReport *report)
{
	GString *text = g_string_new(NULL);
	for (guint i = 2; i < report->parts->len; i++) {
		const AmReportPart *part = report->parts->pdata[i];
		g_string_append_printf(text, "%s:%" G_GUINT64_FORMAT "%s%s%s ", part->name,
				       part->size, (part->flags & AM_PART_LINK) ? "L" : "",
				       (part->flags & AM_PART_SPECIAL) ? "S" : "",
				       (part->flags & AM_PART_DIRECTORY) ? "D" : "");
	}
	return g_string_free(text, FALSE);
}

static void
check_case(guint i, const AmReport *report)
{
	const guint32 looked_at = AM_PART_ENCRYPTED | AM_PART_UNDECODED | AM_PART_LIMIT;
	const AmReportPart *part = report->parts->pdata[1];
	g_autofree char *parts = describe(report);
	g_test_message("%s: %s (%s)", cases[i].name, part->reason, parts);
	if ((cases[i].flags & AM_PART_LIMIT) != 0)
		g_assert_nonnull(strstr(parts, cases[i].parts));
	else if (strcmp(cases[i].program, "zoo") == 0) /* odd bytes are made valid by the report */
		g_assert_nonnull(strstr(parts, strchr(cases[i].parts, ' ')));
	else
		g_assert_cmpstr(parts, ==, cases[i].parts);
	g_assert_cmpuint(part->flags & looked_at, ==, cases[i].flags);
	static const char *const kinds[] = { "encrypted", "opened", "limit" };
	for (guint k = 0; k < G_N_ELEMENTS(kinds); k++)
		g_assert_true(am_report_has_finding(report, kinds[k]) ==
			      (g_strcmp0(cases[i].finding, kinds[k]) == 0));
}

static void
run_case(guint i, AmTypes *types)
{
	static const AmContentLimits limits = { .max_depth = 20,
						.max_parts = 100,
						.min_expansion_bytes = 1 << 20,
						.max_expansion_bytes = 1 << 20,
						.expansion_factor = 1,
						.part_memory_bytes = 65536,
						.password_tries = 5 };
	ProgramRig rig;
	program_rig_init(&rig);
	g_autoptr(AmConfig) config = make_config(&rig, i);
	g_autoptr(AmRegistry) registry = load(&rig, config);
	program_rig_start(&rig);
	int worker = program_rig_worker(&rig, WORKER);
	g_auto(AmFd) mail = memfd_create("mail", MFD_CLOEXEC);
	g_assert_true(am_write_all(mail, MAIL, strlen(MAIL), NULL));
	gboolean is_short = strcmp(cases[i].name, "time") == 0;
	const AmInspectRequest request = {
		.mail_id = "test",
		.mail_size = strlen(MAIL),
		.deadline_us = g_get_monotonic_time() + (is_short ? 1 : 20) * G_USEC_PER_SEC,
	};
	AmInspector *inspector = am_inspector_new(registry, &limits, types, NULL);
	am_inspector_set_programs(inspector, worker);
	g_autoptr(AmReport) report = am_inspector_run(inspector, &request, mail);
	/* nothing of the mail is left when its report is made */
	g_autofree char *run = g_strdup_printf("%s/work-%d", rig.spool, WORKER);
	g_assert_cmpint(g_rmdir(run), ==, 0);
	check_case(i, report);
	am_inspector_free(inspector);
	(void)close(worker);
	program_rig_clear(&rig);
}

static void
test_parts(void)
{
	AmTypes *types = am_types_new(NULL);
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		run_case(i, types);
	am_types_free(types);
}

/* Without a runner, and with one that dies under the worker. */
static void
test_nobody(void)
{
	static const AmContentLimits limits = { 20, 100, 1 << 20, 1 << 20, 1, 65536 };
	AmTypes *types = am_types_new(NULL);
	for (guint with = 0; with < 2; with++) {
		ProgramRig rig;
		int ends[2] = { -1, -1 };
		program_rig_init(&rig);
		g_autoptr(AmConfig) config = make_config(&rig, 0);
		g_autoptr(AmRegistry) registry = load(&rig, config);
		if (with) {
			g_assert_cmpint(pipe(ends), ==, 0); /* no socket, so nobody answers */
			(void)close(ends[0]);
		}
		g_auto(AmFd) mail = memfd_create("mail", MFD_CLOEXEC);
		g_assert_true(am_write_all(mail, MAIL, strlen(MAIL), NULL));
		const AmInspectRequest request = {
			.mail_id = "test",
			.mail_size = strlen(MAIL),
			.deadline_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC,
		};
		AmInspector *inspector = am_inspector_new(registry, &limits, types, NULL);
		am_inspector_set_programs(inspector, ends[1]);
		g_autoptr(AmReport) report = am_inspector_run(inspector, &request, mail);
		const AmReportPart *part = report->parts->pdata[1];
		g_assert_cmpuint(part->flags & AM_PART_UNDECODED, !=, 0);
		g_assert_cmpuint(report->parts->len, ==, 2);
		am_inspector_free(inspector);
		if (with)
			(void)close(ends[1]);
		program_rig_clear(&rig);
	}
	am_types_free(types);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	program_rig_drop_root();
	g_autofree char *plugin = g_test_build_filename(G_TEST_BUILT, "..", "plugins", "decoders",
							"command", ".libs", "am-command.so", NULL);
	if (access(plugin, R_OK) != 0) {
		g_printerr("nobody may not read the build tree\n");
		return 77;
	}
	g_test_add_func("/programs/parts", test_parts);
	g_test_add_func("/programs/nobody", test_nobody);
	return g_test_run();
}
