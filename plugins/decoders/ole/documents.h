/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The main streams of doc, xls and ppt: how they are encrypted, and what lies in them. */

#include "../bytes/bytes.h"

void document_add_word(Output *output, Bytes stream);	    /* WordDocument */
void document_add_workbook(Output *output, Bytes stream);   /* Workbook, Book */
void document_add_powerpoint(Output *output, Bytes stream); /* PowerPoint Document */
void document_add_user(Output *output, Bytes stream);	    /* Current User */
void document_add_link(Output *output, Bytes stream);	    /* \1Ole */

/* A compound file as saved beside web pages, "ActiveMime": with a head, compressed. */
gboolean document_is_mso(const guint8 *head, gsize len);
void document_add_mso(Output *output, Bytes bytes);
