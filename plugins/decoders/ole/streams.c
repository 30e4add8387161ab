/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A table says what is in streams of known names; what is in none of them becomes a child as it is,
 * so that nothing can hide in a stream of a name that nobody thought of.  Databases of the Windows
 * Installer have names in an alphabet of their own; their tables are left out. */

#include "streams.h"

#include <string.h>

#include "../office/ole1.h"
#include "documents.h"

#define MSI_FIRST 0x3800
#define MSI_SINGLE 0x4800
#define MSI_TABLE 0x4840

typedef void (*StreamFunc)(Output *output, Bytes stream);

static void
stream_add_native(Output *output, Bytes stream)
{
	/* behind its length, which need not be right; some writers leave it out */
	if (ole1_add_package(output, bytes_sub(stream, 4, stream.len)) ||
	    ole1_add_package(output, stream))
		return;
	output_finding(output, "embedded", "native", NULL);
	(void)output_child(output, NULL, NULL, bytes_sub(stream, 4, stream.len));
}

static void
stream_add_file(Output *output, Bytes stream)
{
	output_finding(output, "embedded", "package", NULL);
	(void)output_child(output, NULL, NULL, stream);
}

static void
stream_skip(G_GNUC_UNUSED Output *output, G_GNUC_UNUSED Bytes stream)
{
}

/* In this order; one that ends in "*" fits all names that begin so. */
static const struct {
	const char *name;
	StreamFunc func;
} streams[] = {
	{ "WordDocument", document_add_word },
	{ "Workbook", document_add_workbook },
	{ "Book", document_add_workbook },
	{ "PowerPoint Document", document_add_powerpoint },
	{ "Current User", document_add_user },
	{ "\1Ole10Native", stream_add_native },
	{ "\1Ole10ItemName", stream_skip },
	{ "\1Ole", document_add_link },
	{ "Package", stream_add_file },
	{ "CONTENTS", stream_add_file },
	{ "\1CompObj", stream_skip },
	{ "\2OlePres*", stream_skip }, /* pictures of objects */
	{ "\3*", stream_skip },
	{ "\5*", stream_skip }, /* properties */
	{ "\6*", stream_skip }, /* transforms of encrypted packages */
	{ "\11DRM*", stream_skip },
	{ "0Table", stream_skip },
	{ "1Table", stream_skip },
	{ "Data", stream_skip },
	{ "Pictures", stream_skip },
	{ "PROJECT", stream_skip },
	{ "PROJECTwm", stream_skip },
	{ "PROJECTlk", stream_skip },
	{ "EncryptionInfo", stream_skip },
	{ "EncryptedSummary", stream_skip },
	{ "Catalog", stream_skip }, /* of Thumbs.db */
	{ "__properties_version1.0", stream_skip },
	{ "__substg1.0_*", stream_skip },
	{ "DataSpaceMap", stream_skip },
	{ "StrongEncryptionDataSpace", stream_skip },
	{ "Version", stream_skip },
};

/* Storages whose streams hold nothing but numbers. */
static const char *const dull_storages[] = { "_SX_DB_CUR", "DataSpaceInfo", "__nameid_version1.0" };

/* ---- Windows Installer --------------------------------------------------------------------- */

static gboolean
stream_is_msi_name(const char *name)
{
	for (const char *c = name; *c != '\0'; c = g_utf8_next_char(c)) {
		gunichar letter = g_utf8_get_char(c);
		if (letter >= MSI_FIRST && letter <= MSI_TABLE)
			return TRUE;
	}
	return FALSE;
}

/* Two letters of 64 in each character.  NULL: a table's. */
static char *
stream_msi_name(const char *name)
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
	GString *text = g_string_new(NULL);
	for (const char *c = name; *c != '\0'; c = g_utf8_next_char(c)) {
		gunichar letter = g_utf8_get_char(c);
		if (letter == MSI_TABLE && text->len == 0) {
			(void)g_string_free(text, TRUE);
			return NULL;
		}
		if (letter < MSI_FIRST || letter >= MSI_TABLE) {
			g_string_append_unichar(text, letter);
		} else if (letter >= MSI_SINGLE) {
			g_string_append_c(text, letters[letter - MSI_SINGLE]);
		} else {
			g_string_append_c(text, letters[(letter - MSI_FIRST) & 63]);
			g_string_append_c(text, letters[(letter - MSI_FIRST) >> 6 & 63]);
		}
	}
	return g_string_free(text, FALSE);
}

/* ---- all ----------------------------------------------------------------------------------- */

static StreamFunc
stream_func(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(streams); i++) {
		gsize len = strlen(streams[i].name);
		if (streams[i].name[len - 1] == '*'
			    ? g_ascii_strncasecmp(name, streams[i].name, len - 1) == 0
			    : g_ascii_strcasecmp(name, streams[i].name) == 0)
			return streams[i].func;
	}
	return NULL;
}

static gboolean
stream_is_dull(const Compound *compound, const CompoundEntry *entry)
{
	const char *storage = compound_parent_name(compound, entry);
	for (gsize i = 0; i < G_N_ELEMENTS(dull_storages); i++)
		if (g_ascii_strcasecmp(storage, dull_storages[i]) == 0)
			return TRUE;
	return *storage == '\6'; /* of encrypted packages */
}

static void
stream_add(Compound *compound, Output *output, const CompoundEntry *entry, StreamFunc func)
{
	CompoundStream stream;
	g_autofree char *name = NULL;
	if (stream_is_msi_name(entry->name)) {
		name = stream_msi_name(entry->name);
		if (name == NULL)
			return;
	}
	if (!compound_stream_open(compound, entry, &stream)) {
		output_mark(output, AM_PART_UNDECODED, "ole: streams overlap");
		output->is_full = TRUE; /* nothing more is to be had */
		return;
	}
	if (func != NULL)
		func(output, stream.bytes);
	else if (stream.bytes.len > 0)
		(void)output_child(output, name != NULL ? name : entry->name, NULL, stream.bytes);
	if (stream.is_cut && func != stream_skip)
		output_mark(output, AM_PART_UNDECODED, "ole: a stream is cut short");
	compound_stream_close(&stream);
}

void
streams_add(Compound *compound, Output *output, const guint8 *is_taken)
{
	for (guint i = 1; i < compound->entries->len && !output_is_over(output); i++) {
		const CompoundEntry *entry = compound_entry(compound, i);
		if (entry->kind != COMPOUND_STREAM || entry->name == NULL || is_taken[i] ||
		    stream_is_dull(compound, entry))
			continue;
		StreamFunc func = stream_func(entry->name);
		if (func != stream_skip)
			stream_add(compound, output, entry, func);
	}
}
