/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The host side of the content process, without one. */

#include <config.h>

#include "mock-host.h"

#include <gmodule.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- scans --------------------------------------------------------------------------------- */

static int
mock_mail_fd(AmScan *scan)
{
	return scan->fd;
}

static guint64
mock_mail_size(AmScan *scan)
{
	return scan->size;
}

static gint64
mock_deadline_us(AmScan *scan)
{
	return scan->deadline_us;
}

static guint
mock_n_parts(AmScan *scan)
{
	return scan->parts != NULL ? scan->parts->len : 0;
}

static AmPart *
mock_part(AmScan *scan, guint index)
{
	g_assert_cmpuint(index, <, mock_n_parts(scan));
	return g_ptr_array_index(scan->parts, index);
}

static void
mock_part_info(AmPart *part, AmPartInfo *info)
{
	*info = part->info;
}

static int
mock_part_fd(AmPart *part)
{
	return part->fd;
}

static void
mock_finding(AmScan *scan, AmPart *part, const char *kind, const char *name,
	     G_GNUC_UNUSED const char *detail)
{
	g_string_append_printf(scan->findings, "%s:%s%s%s ", kind, name, part != NULL ? "@" : "",
			       part != NULL ? part->info.path : "");
}

/* ---- decodes ------------------------------------------------------------------------------- */

static AmPart *
mock_decode_part(AmDecode *decode)
{
	return decode->part;
}

static gboolean
mock_refuse(AmDecode *decode)
{
	if (decode->was_refused)
		decode->n_after_refusal++;
	decode->was_refused = TRUE;
	return FALSE;
}

static AmChild *
mock_child_open(AmDecode *decode, const char *name, guint32 flags)
{
	if (decode->was_refused || decode->children_left == 0) {
		(void)mock_refuse(decode);
		return NULL;
	}
	decode->children_left--;
	AmChild *child = g_new0(AmChild, 1);
	child->decode = decode;
	child->name = g_strdup(name);
	child->flags = flags;
	child->data = g_byte_array_new();
	g_ptr_array_add(decode->children, child);
	return child;
}

static gboolean
mock_child_write(AmChild *child, gconstpointer data, gsize len)
{
	AmDecode *decode = child->decode;
	g_assert_false(child->is_closed);
	decode->max_write = MAX(decode->max_write, len);
	if (decode->was_refused || len > decode->bytes_left)
		return mock_refuse(decode);
	decode->bytes_left -= len;
	g_byte_array_append(child->data, data, (guint)len);
	return TRUE;
}

static gboolean
mock_child_close(AmChild *child)
{
	g_assert_false(child->is_closed);
	child->is_closed = TRUE;
	return !child->decode->was_refused;
}

static void
mock_decode_mark(AmDecode *decode, guint32 flags, const char *reason)
{
	decode->marks |= flags;
	if (reason != NULL)
		g_string_append_printf(decode->reasons, "%s ", reason);
}

static void
mock_decode_finding(AmDecode *decode, const char *kind, const char *name,
		    G_GNUC_UNUSED const char *detail)
{
	g_string_append_printf(decode->findings, "%s:%s ", kind, name);
}

static gint64
mock_decode_deadline_us(G_GNUC_UNUSED AmDecode *decode)
{
	return g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
}

static void
mock_child_declare(AmChild *child, const char *type)
{
	g_free(child->declared);
	child->declared = g_strdup(type);
}

static const char *
mock_decode_password(AmDecode *decode, guint index)
{
	if (decode->passwords == NULL || index >= g_strv_length((char **)decode->passwords))
		return NULL;
	return decode->passwords[index];
}

static void
mock_decode_opened(AmDecode *decode, guint index)
{
	decode->opened_by = (int)index;
}

/* ---- programs ------------------------------------------------------------------------------ */

static int
mock_program_add(G_GNUC_UNUSED AmInstance *instance, const char *const *argv,
		 G_GNUC_UNUSED const char *ending, G_GNUC_UNUSED guint32 flags, GError **error)
{
	if (!g_str_has_prefix(argv[0], MOCK_NO_PROGRAM))
		return MOCK_PROGRAM;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "cannot run %s", argv[0]);
	return -1;
}

static gboolean
mock_program_run(AmDecode *decode, int program, const char *password, int *status, GError **error)
{
	g_assert_cmpint(program, ==, MOCK_PROGRAM);
	decode->n_runs++;
	for (decode->run = decode->runs; decode->run->output != NULL; decode->run++) {
		if (g_strcmp0(decode->run->password, password) != 0)
			continue;
		*status = decode->run->status;
		return TRUE;
	}
	decode->run = NULL;
	g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "could not be run");
	return FALSE;
}

static const char *
mock_program_output(AmDecode *decode)
{
	return decode->run != NULL ? decode->run->output : "";
}

static gboolean
mock_program_collect(AmDecode *decode)
{
	if (decode->run == NULL || decode->run->file == NULL)
		return TRUE;
	AmChild *child = mock_child_open(decode, decode->run->file, 0);
	return child != NULL && mock_child_close(child);
}

/* ---- for tests ----------------------------------------------------------------------------- */

const AmPlugin *
mock_host_open(const char *family, const char *name)
{
	g_autofree char *path = g_strdup_printf("%s/plugins/%s/%s/.libs/am-%s.so",
						g_getenv("AM_TOP_BUILDDIR"), family, name, name);
	GModule *module = g_module_open(path, G_MODULE_BIND_LOCAL);
	gpointer symbol;
	if (module == NULL || !g_module_symbol(module, AM_PLUGIN_SYMBOL, &symbol))
		g_error("%s: %s", path, g_module_error());
	g_module_make_resident(module);
	return symbol;
}

gboolean
mock_host_load(MockHost *mock, const AmPlugin *descriptor, AmKind kind, const char *settings,
	       GError **error)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	*mock = (MockHost){ 0 };
	if (!am_plugin_check(descriptor, &mock->loaded.plugin, error))
		return FALSE;
	const char *name = mock->loaded.plugin.name;
	g_autofree char *text = g_strdup_printf("[%s %s]\n%s", am_kind_name(kind), name, settings);
	mock->config = am_config_load_data("test", text, problems);
	mock->instance = (AmInstance){
		.plugin = &mock->loaded,
		.group = am_config_check_group(mock->config, am_kind_name(kind), name,
					       mock->loaded.plugin.settings, problems),
		.name = (char *)name,
		.kind = kind,
	};
	if (problems->len > 0) {
		const AmConfigProblem *problem = g_ptr_array_index(problems, 0);
		g_error("%s", problem->text);
	}
	am_host_init(&mock->host);
	mock->host.mail_fd = mock_mail_fd;
	mock->host.mail_size = mock_mail_size;
	mock->host.deadline_us = mock_deadline_us;
	mock->host.n_parts = mock_n_parts;
	mock->host.part = mock_part;
	mock->host.part_info = mock_part_info;
	mock->host.part_fd = mock_part_fd;
	mock->host.finding = mock_finding;
	mock->host.decode_part = mock_decode_part;
	mock->host.child_open = mock_child_open;
	mock->host.child_write = mock_child_write;
	mock->host.child_close = mock_child_close;
	mock->host.decode_mark = mock_decode_mark;
	mock->host.decode_finding = mock_decode_finding;
	mock->host.decode_deadline_us = mock_decode_deadline_us;
	mock->host.child_declare = mock_child_declare;
	mock->host.decode_password = mock_decode_password;
	mock->host.decode_opened = mock_decode_opened;
	mock->host.program_add = mock_program_add;
	mock->host.program_run = mock_program_run;
	mock->host.program_output = mock_program_output;
	mock->host.program_collect = mock_program_collect;
	mock->self = mock->loaded.plugin.load(&mock->host, &mock->instance, error);
	return mock->self != NULL;
}

void
mock_host_clear(MockHost *mock)
{
	if (mock->self != NULL && mock->loaded.plugin.unload != NULL)
		mock->loaded.plugin.unload(mock->self);
	mock->self = NULL;
	g_clear_pointer(&mock->config, am_config_unref);
}

int
mock_fd_new(gconstpointer data, gsize len)
{
	int fd = memfd_create("mock", MFD_CLOEXEC);
	g_assert_cmpint(fd, >=, 0);
	for (gsize done = 0; done < len;) {
		gssize n = pwrite(fd, (const char *)data + done, len - done, (off_t)done);
		g_assert_cmpint(n, >, 0);
		done += (gsize)n;
	}
	return fd;
}

AmPart *
mock_part_new(const char *path, const char *type, const char *short_type, const char *name,
	      gconstpointer data, gsize len)
{
	AmPart *part = g_new0(AmPart, 1);
	part->path = g_strdup(path);
	part->type = g_strdup(type != NULL ? type : "");
	part->short_type = g_strdup(short_type != NULL ? short_type : "");
	part->name = g_strdup(name != NULL ? name : "");
	part->info = (AmPartInfo){ .path = part->path,
				   .declared_type = "",
				   .type = part->type,
				   .short_type = part->short_type,
				   .name = part->name,
				   .size = len,
				   .parent = -1 };
	part->fd = mock_fd_new(data, len);
	return part;
}

void
mock_part_free(AmPart *part)
{
	if (part->fd >= 0)
		(void)close(part->fd);
	g_free(part->path);
	g_free(part->type);
	g_free(part->short_type);
	g_free(part->name);
	g_free(part);
}

static void
mock_child_free(gpointer data)
{
	AmChild *child = data;
	g_assert_true(child->is_closed); /* each child that was opened must be closed */
	g_byte_array_unref(child->data);
	g_free(child->name);
	g_free(child->declared);
	g_free(child);
}

void
mock_decode_init(AmDecode *decode, AmPart *part)
{
	*decode = (AmDecode){ .part = part, .bytes_left = 64 << 20, .children_left = 1000 };
	decode->children = g_ptr_array_new_with_free_func(mock_child_free);
	decode->reasons = g_string_new(NULL);
	decode->findings = g_string_new(NULL);
	decode->opened_by = -1;
}

void
mock_decode_clear(AmDecode *decode)
{
	g_ptr_array_unref(decode->children);
	(void)g_string_free(decode->reasons, TRUE);
	(void)g_string_free(decode->findings, TRUE);
}
