/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A project is a storage with a stream `dir` or `_VBA_PROJECT`.  `dir`, compressed, is a list of
 * records: 16 bits of kind, 32 of length, the value; it says for each module the stream it is in
 * and where in it the compressed source begins.  When `dir` cannot be read or says something else
 * than is there, the source is looked for by how each begins, "Attribute VB_Name". */

#include "vba.h"

#include <string.h>

#include "inflate.h"

#define DIR_MAX_BYTES (4 << 20)
#define MODULES_MAX 1000
#define DETAIL_MAX 400
#define NAME_MAX_UNITS 64
#define TAIL_BYTES 32 /* no name of interest is longer */

enum {
	RECORD_VERSION = 0x0009, /* its length leaves two bytes out */
	RECORD_STREAM_NAME = 0x0032,
	RECORD_OFFSET = 0x0031,
};

static const char *const auto_names[] = {
	"autoopen",
	"auto_open",
	"autoexec",
	"autonew",
	"autoclose",
	"auto_close",
	"autoexit",
	"document_open",
	"documentopen",
	"document_close",
	"document_new",
	"documentbeforeclose",
	"workbook_open",
	"workbook_activate",
	"workbook_close",
	"workbook_beforeclose",
	"worksheet_calculate",
	"application_startup",
	"presentation_open",
	"onslideshow",
	"_layout",
	"_painted",
	"_documentcomplete",
};

typedef struct {
	Compound *compound;
	Output *output;
	guint8 *is_taken;
	GHashTable *offsets; /* folded name of a stream to where its source begins + 1 */
	GString *names, *autos;
	guint32 autos_seen; /* bits */
	guint n_modules;
} VbaRun;

/* ---- dir ----------------------------------------------------------------------------------- */

static gboolean
vba_sink_dir(gpointer user_data, Bytes piece)
{
	GByteArray *dir = user_data;
	if (dir->len + piece.len > DIR_MAX_BYTES)
		return FALSE;
	g_byte_array_append(dir, piece.data, (guint)piece.len);
	return TRUE;
}

static void
vba_read_dir(VbaRun *run, Bytes compressed)
{
	g_autoptr(GByteArray) array = g_byte_array_new();
	g_autofree char *name = NULL;
	(void)inflate_vba(compressed, vba_sink_dir, array); /* what comes out is looked at */
	Bytes dir = { array->data, array->len };
	for (gsize at = 0; dir.len >= 6 && at <= dir.len - 6;) {
		guint16 kind = bytes_u16(dir.data + at);
		guint32 len = bytes_u32(dir.data + at + 2);
		if (kind == RECORD_VERSION)
			len = 6;
		Bytes value = bytes_sub(dir, at + 6, len);
		if (kind == RECORD_STREAM_NAME) {
			g_free(name);
			name = bytes_utf16(bytes_sub(value, 0, 2 * NAME_MAX_UNITS));
		} else if (kind == RECORD_OFFSET && value.len >= 4 && name != NULL) {
			guint32 offset = bytes_u32(value.data);
			if (offset < G_MAXINT32 && g_hash_table_size(run->offsets) < MODULES_MAX)
				(void)g_hash_table_replace(run->offsets, g_ascii_strdown(name, -1),
							   GUINT_TO_POINTER(offset + 1));
		}
		if (value.len < len)
			return;
		at += 6 + (gsize)len;
	}
}

/* ---- modules ------------------------------------------------------------------------------- */

typedef struct {
	VbaRun *run;
	AmChild *child;
	char tail[TAIL_BYTES]; /* the last bytes of the piece before */
	gsize tail_len;
} VbaModule;

static void
vba_look(VbaModule *module, Bytes piece)
{
	VbaRun *run = module->run;
	gsize len = module->tail_len + piece.len;
	g_autofree char *text = g_malloc(len + 1);
	memcpy(text, module->tail, module->tail_len);
	for (gsize i = 0; i < piece.len; i++)
		text[module->tail_len + i] = g_ascii_tolower((char)piece.data[i]);
	Bytes bytes = { (const guint8 *)text, len };
	for (guint i = 0; i < G_N_ELEMENTS(auto_names); i++) {
		if ((run->autos_seen & 1U << i) != 0 ||
		    bytes_find(bytes, 0, auto_names[i], strlen(auto_names[i])) < 0)
			continue;
		run->autos_seen |= 1U << i;
		g_string_append_printf(run->autos, "%s%s", run->autos->len > 0 ? " " : "",
				       auto_names[i]);
	}
	module->tail_len = MIN(len, TAIL_BYTES);
	memcpy(module->tail, text + len - module->tail_len, module->tail_len);
}

static gboolean
vba_sink_source(gpointer user_data, Bytes piece)
{
	VbaModule *module = user_data;
	vba_look(module, piece);
	return output_write(module->run->output, module->child, piece);
}

/* Where the compressed source begins: a container's mark, the head of a chunk, no flags,
 * "Attribut". */
static gssize
vba_find_source(Bytes stream)
{
	static const char start[] = "\0Attribut";
	for (gssize at = 0; (at = bytes_find(stream, (gsize)at, start, 9)) >= 0; at++)
		if (at >= 3 && stream.data[at - 3] == 1 && (stream.data[at - 1] & 0x70) == 0x30)
			return at - 3;
	return -1;
}

static void
vba_add_module(VbaRun *run, const CompoundEntry *entry, Bytes stream)
{
	g_autofree char *key = g_ascii_strdown(entry->name, -1);
	gsize known = GPOINTER_TO_UINT(g_hash_table_lookup(run->offsets, key));
	gssize at = known > 0 && known <= stream.len && stream.data[known - 1] == 1
			    ? (gssize)known - 1
			    : vba_find_source(stream);
	if (at < 0 || run->n_modules >= MODULES_MAX)
		return;
	run->n_modules++;
	g_autofree char *name = g_strconcat(entry->name, ".vba", NULL);
	VbaModule module = { .run = run, .child = output_open(run->output, name, "text/plain") };
	if (module.child == NULL)
		return;
	InflateStatus status =
		inflate_vba(bytes_sub(stream, (gsize)at, stream.len), vba_sink_source, &module);
	if (output_close(run->output, module.child) && status == INFLATE_BROKEN)
		output_mark(run->output, AM_PART_UNDECODED, "vba: source of a macro is broken");
	if (run->names->len < DETAIL_MAX)
		g_string_append_printf(run->names, "%s%s", run->names->len > 0 ? " " : "",
				       entry->name);
}

/* ---- projects ------------------------------------------------------------------------------ */

static gboolean
vba_is_cache(const CompoundEntry *entry)
{
	return compound_is_named(entry, "dir") || compound_is_named(entry, "_VBA_PROJECT") ||
	       g_ascii_strncasecmp(entry->name, "__SRP_", 6) == 0;
}

static void
vba_add_streams(VbaRun *run, const guint8 *is_project)
{
	for (guint i = 1; i < run->compound->entries->len && !output_is_over(run->output); i++) {
		const CompoundEntry *entry = compound_entry(run->compound, i);
		CompoundStream stream;
		if (entry->kind != COMPOUND_STREAM || entry->parent < 0 ||
		    !is_project[entry->parent] || (entry->parent == 0 && run->is_taken[i]))
			continue;
		if (vba_is_cache(entry)) {
			run->is_taken[i] = 1;
			continue;
		}
		if (!compound_stream_open(run->compound, entry, &stream))
			return;
		guint n_before = run->n_modules;
		vba_add_module(run, entry, stream.bytes);
		if (run->n_modules > n_before)
			run->is_taken[i] = 1;
		compound_stream_close(&stream);
	}
}

void
vba_add_projects(Compound *compound, Output *output, guint8 *is_taken)
{
	g_autofree guint8 *is_project = g_malloc0(compound->entries->len);
	gboolean has_project = FALSE;
	VbaRun run = { .compound = compound, .output = output, .is_taken = is_taken };
	run.offsets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	run.names = g_string_new(NULL);
	run.autos = g_string_new(NULL);
	for (guint i = 1; i < compound->entries->len && !output_is_over(output); i++) {
		const CompoundEntry *entry = compound_entry(compound, i);
		CompoundStream stream;
		if (entry->kind != COMPOUND_STREAM || entry->parent < 0 ||
		    (!compound_is_named(entry, "_VBA_PROJECT") &&
		     !(compound_is_named(entry, "dir") &&
		       g_ascii_strcasecmp(compound_parent_name(compound, entry), "VBA") == 0)))
			continue;
		is_project[entry->parent] = 1;
		has_project = TRUE;
		if (!compound_is_named(entry, "dir") ||
		    !compound_stream_open(compound, entry, &stream))
			continue;
		vba_read_dir(&run, stream.bytes);
		compound_stream_close(&stream);
	}
	if (has_project)
		vba_add_streams(&run, is_project);
	if (has_project)
		output_finding(output, "macro", "VBA", run.names->len > 0 ? run.names->str : NULL);
	if (run.autos->len > 0)
		output_finding(output, "macro", "auto-exec", run.autos->str);
	g_hash_table_unref(run.offsets);
	(void)g_string_free(run.names, TRUE);
	(void)g_string_free(run.autos, TRUE);
}
