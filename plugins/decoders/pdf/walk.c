/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Not the ways to files and scripts that the standard knows (name trees, annotations, actions of
 * pages, fields, outlines ...) are followed, but every dictionary of every object is looked at for
 * what makes it one of interest.  So nothing is hidden by an odd way to it, or by there being none.
 *
 *     file    a dictionary with /EF, or a stream of /Type /EmbeddedFile    ISO 32000-2, 7.11
 *     script  a dictionary with /JS                                        12.6.4.17
 *     action  a dictionary with /S /Launch and the like                    12.6.4
 *
 * First all objects that can be reached from the trailer, then all numbers up to /Size. */

#include "walk.h"

#include <malloc.h>
#include <string.h>

#define ID_MAX 1000000 /* objects beyond are looked at only when something refers to them */
#define ID_MIN 10000   /* ... and so those that a document of its size could hardly have */
#define BYTES_PER_OBJECT 8
#define OBJECTS_MAX 2000000
#define CHECK_EVERY 64	/* objects between two looks at the clock */
#define FINDINGS_MAX 20 /* of each kind */
#define DETAIL_BYTES 200
#define SCRIPTS_MAX 500

typedef enum {
	TOLD_SCRIPT,
	TOLD_LAUNCH,
	TOLD_EXTERNAL,
	TOLD_EMBEDDED,
	N_TOLD,
} PdfTold;

typedef struct {
	PdfRun *run;
	qpdf_data qpdf;
	GHashTable *seen; /* number << 16 | generation */
	GArray *queue;	  /* gsize, as above: to be looked at */
	GArray *stack;	  /* qpdf_oh, of the object at hand */
	GArray *streams;  /* int, numbers of embedded files that may have no name */
	guint n_objects;
	guint n_told[N_TOLD];
	guint n_links;
	char *first_link;
	gsize memory_before;
} Walk;

/* ---- findings ------------------------------------------------------------------------------ */

static void
walk_tell(Walk *walk, PdfTold told, const char *name, const char *detail)
{
	static const char *const kinds[] = { "javascript", "launch", "external", "embedded" };
	if (walk->n_told[told]++ >= FINDINGS_MAX)
		return;
	g_autofree char *cut = g_utf8_make_valid(detail, (gssize)strnlen(detail, DETAIL_BYTES));
	walk->run->host->decode_finding(walk->run->decode, kinds[told], name, cut);
}

/* The text of a key; of a file specification its name.  "" when there is none. */
static char *
walk_text(const Walk *walk, qpdf_oh dict, const char *key)
{
	static const char *const names[] = { "/UF", "/F", "/Unix", "/DOS", "/Mac", "/URL" };
	qpdf_oh value = qpdf_oh_get_key(walk->qpdf, dict, key);
	char *text = pdf_text(walk->run, value);
	for (gsize i = 0; i < G_N_ELEMENTS(names) && *text == '\0'; i++) {
		qpdf_oh name = qpdf_oh_get_key_if_dict(walk->qpdf, value, names[i]);
		g_free(text);
		text = pdf_text(walk->run, name);
		qpdf_oh_release(walk->qpdf, name);
	}
	qpdf_oh_release(walk->qpdf, value);
	return text;
}

/* ---- what is of interest ------------------------------------------------------------------- */

static void
walk_at_script(Walk *walk, qpdf_oh script)
{
	PdfRun *run = walk->run;
	g_autofree char *name = g_strdup_printf("javascript-%u.js", run->n_scripts + 1);
	size_t len = 0;
	if (qpdf_oh_is_stream(walk->qpdf, script)) {
		if (g_hash_table_contains(run->written, GINT_TO_POINTER(qpdf_oh_get_object_id(
								walk->qpdf, script))))
			return;
	} else if (!qpdf_oh_is_string(walk->qpdf, script)) {
		return;
	}
	walk_tell(walk, TOLD_SCRIPT, name, "");
	if (run->n_scripts++ >= SCRIPTS_MAX)
		return;
	if (qpdf_oh_is_stream(walk->qpdf, script)) {
		pdf_add_stream(run, name, script);
		return;
	}
	const char *text = qpdf_oh_get_binary_utf8_value(walk->qpdf, script, &len);
	pdf_add_bytes(run, name, text, len);
}

/* /EF: streams under the names of systems, which may differ from one to the next. */
static void
walk_at_files(Walk *walk, qpdf_oh spec, qpdf_oh files)
{
	static const char *const keys[] = { "/UF", "/F", "/Unix", "/DOS", "/Mac" };
	g_autofree char *name = NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(keys) && (name == NULL || *name == '\0'); i++) {
		g_free(name);
		name = walk_text(walk, spec, keys[i]);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(keys) && !walk->run->is_over; i++) {
		qpdf_oh stream = qpdf_oh_get_key_if_dict(walk->qpdf, files, keys[i]);
		g_autofree char *own = walk_text(walk, spec, keys[i]);
		if (qpdf_oh_is_stream(walk->qpdf, stream))
			pdf_add_stream(walk->run, *own != '\0' ? own : name, stream);
		qpdf_oh_release(walk->qpdf, stream);
	}
}

/* /XFA: a form in XML, whole or in pieces with a name before each (12.7.8). */
static void
walk_at_xfa(Walk *walk, qpdf_oh xfa)
{
	walk_tell(walk, TOLD_EMBEDDED, "xfa", "");
	if (qpdf_oh_is_stream(walk->qpdf, xfa))
		pdf_add_stream(walk->run, "xfa.xml", xfa);
	if (!qpdf_oh_is_array(walk->qpdf, xfa))
		return;
	int n = MIN(qpdf_oh_get_array_n_items(walk->qpdf, xfa), 200);
	for (int i = 0; i + 1 < n && !walk->run->is_over; i += 2) {
		qpdf_oh name = qpdf_oh_get_array_item(walk->qpdf, xfa, i);
		qpdf_oh stream = qpdf_oh_get_array_item(walk->qpdf, xfa, i + 1);
		g_autofree char *text = pdf_text(walk->run, name);
		g_autofree char *file = g_strdup_printf("xfa-%s.xml", text);
		pdf_add_stream(walk->run, file, stream);
		qpdf_oh_release(walk->qpdf, name);
		qpdf_oh_release(walk->qpdf, stream);
	}
}

/* /F, or by system /Win << /F file /P parameters >>. */
static void
walk_at_launch(Walk *walk, qpdf_oh action)
{
	static const char *const systems[] = { "/Win", "/Unix", "/Mac" };
	g_autofree char *file = walk_text(walk, action, "/F");
	gboolean is_told = *file != '\0';
	if (is_told)
		walk_tell(walk, TOLD_LAUNCH, "file", file);
	for (gsize i = 0; i < G_N_ELEMENTS(systems); i++) {
		qpdf_oh dict = qpdf_oh_get_key(walk->qpdf, action, systems[i]);
		if (qpdf_oh_is_dictionary(walk->qpdf, dict)) {
			g_autofree char *program = walk_text(walk, dict, "/F");
			g_autofree char *parameters = walk_text(walk, dict, "/P");
			g_autofree char *command = g_strdup_printf("%s %s", program, parameters);
			walk_tell(walk, TOLD_LAUNCH, systems[i] + 1, g_strchomp(command));
			is_told = TRUE;
		}
		qpdf_oh_release(walk->qpdf, dict);
	}
	if (!is_told)
		walk_tell(walk, TOLD_LAUNCH, "unknown", "");
}

static void
walk_at_action(Walk *walk, qpdf_oh dict, const char *kind)
{
	static const char *const externals[] = { "SubmitForm", "GoToR", "ImportData", "Thread",
						 "GoToE" };
	if (strcmp(kind, "Launch") == 0) {
		walk_at_launch(walk, dict);
	} else if (strcmp(kind, "URI") == 0) {
		g_autofree char *link = walk_text(walk, dict, "/URI");
		if (walk->n_links++ == 0)
			walk->first_link = g_steal_pointer(&link);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(externals); i++) {
		if (strcmp(kind, externals[i]) != 0)
			continue;
		g_autofree char *file = walk_text(walk, dict, "/F");
		if (*file != '\0') /* else it goes to the document itself */
			walk_tell(walk, TOLD_EXTERNAL, kind, file);
	}
}

/* ---- objects ------------------------------------------------------------------------------- */

/* Containers in the object itself are looked at next, other objects in their turn. */
static void
walk_push(Walk *walk, qpdf_oh value)
{
	gboolean is_kept = FALSE;
	if (qpdf_oh_is_indirect(walk->qpdf, value)) {
		gsize key = (gsize)qpdf_oh_get_object_id(walk->qpdf, value) << 16 |
			    ((gsize)qpdf_oh_get_generation(walk->qpdf, value) & 0xffff);
		if (g_hash_table_add(walk->seen, GSIZE_TO_POINTER(key)))
			g_array_append_val(walk->queue, key);
	} else if (qpdf_oh_is_dictionary(walk->qpdf, value) ||
		   qpdf_oh_is_array(walk->qpdf, value)) {
		g_array_append_val(walk->stack, value);
		is_kept = TRUE;
	}
	if (!is_kept)
		qpdf_oh_release(walk->qpdf, value);
}

static GPtrArray *
walk_keys(const Walk *walk, qpdf_oh dict)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
	qpdf_oh_begin_dict_key_iter(walk->qpdf, dict);
	while (qpdf_oh_dict_more_keys(walk->qpdf))
		g_ptr_array_add(keys, g_strdup(qpdf_oh_dict_next_key(walk->qpdf)));
	return keys;
}

static void
walk_at_key(Walk *walk, qpdf_oh dict, const char *key, qpdf_oh value)
{
	if (strcmp(key, "/JS") == 0) {
		walk_at_script(walk, value);
	} else if (strcmp(key, "/EF") == 0) {
		walk_at_files(walk, dict, value);
	} else if (strcmp(key, "/XFA") == 0) {
		walk_at_xfa(walk, value);
	} else if (strcmp(key, "/S") == 0) {
		g_autofree char *kind = pdf_text(walk->run, value);
		walk_at_action(walk, dict, kind);
	} else if (strcmp(key, "/Subtype") == 0 &&
		   qpdf_oh_is_name_and_equals(walk->qpdf, value, "/RichMedia")) {
		walk_tell(walk, TOLD_EMBEDDED, "richmedia", "");
	}
}

static void
walk_at_dictionary(Walk *walk, qpdf_oh dict)
{
	g_autoptr(GPtrArray) keys = walk_keys(walk, dict);
	for (guint i = 0; i < keys->len && !walk->run->is_over; i++) {
		qpdf_oh value = qpdf_oh_get_key(walk->qpdf, dict, keys->pdata[i]);
		walk_at_key(walk, dict, keys->pdata[i], value);
		walk_push(walk, value);
	}
}

static void
walk_at_array(Walk *walk, qpdf_oh array)
{
	int n = qpdf_oh_get_array_n_items(walk->qpdf, array);
	for (int i = 0; i < n; i++)
		walk_push(walk, qpdf_oh_get_array_item(walk->qpdf, array, i));
}

/* One object with all that is in it. */
static void
walk_at_object(Walk *walk, qpdf_oh object)
{
	qpdf_data qpdf = walk->qpdf;
	if (qpdf_oh_is_stream(qpdf, object)) {
		qpdf_oh dict = qpdf_oh_get_dict(qpdf, object);
		int id = qpdf_oh_get_object_id(qpdf, object);
		if (qpdf_oh_is_dictionary_of_type(qpdf, dict, "/EmbeddedFile", ""))
			g_array_append_val(walk->streams, id);
		g_array_append_val(walk->stack, dict);
	} else if (qpdf_oh_is_dictionary(qpdf, object) || qpdf_oh_is_array(qpdf, object)) {
		qpdf_oh copy = qpdf_oh_new_object(qpdf, object);
		g_array_append_val(walk->stack, copy);
	}
	while (walk->stack->len > 0) {
		qpdf_oh next = g_array_index(walk->stack, qpdf_oh, walk->stack->len - 1);
		g_array_set_size(walk->stack, walk->stack->len - 1);
		if (walk->run->is_over)
			; /* only to be released */
		else if (qpdf_oh_is_array(qpdf, next))
			walk_at_array(walk, next);
		else
			walk_at_dictionary(walk, next);
		qpdf_oh_release(qpdf, next);
	}
}

static gsize
walk_memory(void)
{
	struct mallinfo2 info = mallinfo2();
	return info.uordblks + info.hblkhd;
}

/* FALSE: enough. */
static gboolean
walk_may_go_on(Walk *walk)
{
	PdfRun *run = walk->run;
	if (run->is_over)
		return FALSE;
	if (++walk->n_objects % CHECK_EVERY != 0)
		return TRUE;
	gsize memory = walk_memory();
	const char *why = NULL;
	if (run->deadline_us != 0 && g_get_monotonic_time() >= run->deadline_us)
		why = "no time left for all its objects";
	else if (walk->n_objects > OBJECTS_MAX ||
		 (memory > walk->memory_before &&
		  memory - walk->memory_before > (gsize)run->memory_max))
		why = "too many objects";
	if (why == NULL)
		return TRUE;
	pdf_mark(run, why);
	run->is_over = TRUE;
	return FALSE;
}

static void
walk_queue(Walk *walk)
{
	/* the queue grows while it is worked off */
	for (guint i = 0; i < walk->queue->len && walk_may_go_on(walk); i++) {
		gsize key = g_array_index(walk->queue, gsize, i);
		qpdf_oh object =
			qpdf_get_object_by_id(walk->qpdf, (int)(key >> 16), (int)(key & 0xffff));
		walk_at_object(walk, object);
		qpdf_oh_release(walk->qpdf, object);
	}
	g_array_set_size(walk->queue, 0);
}

/* Objects to which nothing leads; /Size may say any number, and asking for an object takes memory even
 * if there is none. */
static void
walk_the_rest(Walk *walk, qpdf_oh trailer)
{
	qpdf_oh size = qpdf_oh_get_key(walk->qpdf, trailer, "/Size");
	int n = 0;
	if (!qpdf_oh_get_value_as_int(walk->qpdf, size, &n))
		n = 0;
	qpdf_oh_release(walk->qpdf, size);
	n = MIN(n, MIN(ID_MAX, ID_MIN + (int)(walk->run->size / BYTES_PER_OBJECT)));
	for (int id = 1; id < n && !walk->run->is_over; id++) {
		gsize key = (gsize)id << 16;
		if (g_hash_table_contains(walk->seen, GSIZE_TO_POINTER(key)))
			continue;
		g_array_append_val(walk->queue, key);
		walk_queue(walk);
	}
}

static void
walk_end(Walk *walk)
{
	for (guint i = 0; i < walk->streams->len && !walk->run->is_over; i++) {
		int id = g_array_index(walk->streams, int, i);
		g_autofree char *name = g_strdup_printf("embedded-%d", id);
		qpdf_oh stream = qpdf_get_object_by_id(walk->qpdf, id, 0);
		pdf_add_stream(walk->run, name, stream);
		qpdf_oh_release(walk->qpdf, stream);
	}
	if (walk->n_links == 0)
		return;
	g_autofree char *detail =
		g_strdup_printf("%u, the first: %s", walk->n_links, walk->first_link);
	walk_tell(walk, TOLD_EXTERNAL, "URI", detail);
}

void
pdf_walk(PdfRun *run)
{
	Walk walk = { .run = run, .qpdf = run->qpdf, .memory_before = walk_memory() };
	walk.seen = g_hash_table_new(NULL, NULL);
	walk.queue = g_array_new(FALSE, FALSE, sizeof(gsize));
	walk.stack = g_array_new(FALSE, FALSE, sizeof(qpdf_oh));
	walk.streams = g_array_new(FALSE, FALSE, sizeof(int));
	qpdf_oh trailer = qpdf_get_trailer(run->qpdf);
	walk_at_object(&walk, trailer);
	walk_queue(&walk);
	walk_the_rest(&walk, trailer);
	qpdf_oh_release(run->qpdf, trailer);
	walk_end(&walk);
	g_free(walk.first_link);
	g_array_free(walk.streams, TRUE);
	g_array_free(walk.stack, TRUE);
	g_array_free(walk.queue, TRUE);
	g_hash_table_unref(walk.seen);
}
