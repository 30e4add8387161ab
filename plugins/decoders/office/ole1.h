/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Objects as OLE 1 writes them [MS-OLEDS 2.2], and what the Packager puts into one: a file. */

#include "../bytes/bytes.h"

typedef struct {
	gboolean is_link;
	char *class_name; /* "Package", "Equation.3" */
	char *topic;	  /* of a link: the file or URL */
	Bytes native;	  /* of an embedded object: its data */
} Ole1Object;

/* FALSE: it is none. */
gboolean ole1_parse(Bytes bytes, Ole1Object *object);
void ole1_clear(Ole1Object *object);

/* Native data of a Package (also of a stream \1Ole10Native, behind its length): a child named as
 * the file was, and the finding `embedded`.  FALSE: it is none; nothing was done then. */
gboolean ole1_add_package(Output *output, Bytes native);
/* An object: its package or its data as a child, or the finding `external` for a link. */
void ole1_add(Output *output, const Ole1Object *object);
