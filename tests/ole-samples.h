/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Compound files and what stands in them, made for tests. */

#include <glib.h>

typedef struct _OleSample OleSample;

OleSample *ole_sample_new(void);
/* A stream; its storages, "A/B/stream", are made as needed. */
void ole_sample_add(OleSample *sample, const char *path, gconstpointer data, gsize len);
void ole_sample_add_array(OleSample *sample, const char *path, const GByteArray *data);
/* Text as UTF-16LE. */
void ole_sample_add_utf16(OleSample *sample, const char *path, const char *text);
/* The file; frees the sample. */
GByteArray *ole_sample_finish(OleSample *sample);

void sample_u16(GByteArray *bytes, guint16 value);
void sample_u32(GByteArray *bytes, guint32 value);
/* The stream \1Ole10Native. */
GByteArray *sample_native(const char *label, const char *path, const char *content);
/* VBA compression without any. */
GByteArray *sample_vba(const char *text);
/* dir of a project with one module. */
GByteArray *sample_vba_dir(const char *module, guint32 offset);
/* Standard encryption of a package: the streams EncryptionInfo and EncryptedPackage. */
void sample_standard(OleSample *sample, const char *password, guint bits, gconstpointer data,
		     gsize len);
/* With everything: a document, a message, macros, an installer's name. */
GByteArray *sample_everything(void);
