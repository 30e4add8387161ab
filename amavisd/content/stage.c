/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See stage.h.  Processes that are no workers have a page of their own, which nobody reads. */

#include <config.h>

#include "content/stage.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static AmStage stage_nobody;
static AmStage *stage = &stage_nobody; /* set once, at a worker's start */

AmStage *
am_stage_new(GError **error)
{
	void *page = mmap(NULL, sizeof(AmStage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	if (page == MAP_FAILED) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "shared memory for a worker");
		return NULL;
	}
	((AmStage *)page)->call = -1;
	return page;
}

void
am_stage_free(AmStage *page)
{
	if (page != NULL)
		(void)munmap(page, sizeof *page); /* fails only for wrong addresses */
}

gboolean
am_stage_keep(AmStage *page, GError **error)
{
	if (madvise(page, sizeof *page, MADV_DONTFORK) == 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "MADV_DONTFORK");
	return FALSE;
}

void
am_stage_use(AmStage *page)
{
	stage = page;
}

void
am_stage_begin(const char *mail_id)
{
	(void)g_strlcpy(stage->mail_id, mail_id, sizeof stage->mail_id);
	stage->plugin[0] = '\0';
	stage->mails++;
	__atomic_store_n(&stage->since_us, g_get_monotonic_time(), __ATOMIC_RELAXED);
}

void
am_stage_end(void)
{
	stage->plugin[0] = '\0';
	__atomic_store_n(&stage->since_us, 0, __ATOMIC_RELAXED);
}

const char *
am_stage_mail(void)
{
	return stage->mail_id;
}

void
am_stage_plugin(const char *name)
{
	(void)g_strlcpy(stage->plugin, name != NULL ? name : "", sizeof stage->plugin);
}

void
am_stage_call(int number)
{
	stage->call = number;
}

static void
stage_make_text(char *text, gsize size)
{
	text[size - 1] = '\0';
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~')
			*text = '?';
}

void
am_stage_read(const AmStage *page, AmStage *copy)
{
	memset(copy, 0, sizeof *copy);
	copy->call = -1;
	if (page == NULL)
		return;
	memcpy(copy, page, sizeof *copy);
	stage_make_text(copy->mail_id, sizeof copy->mail_id);
	stage_make_text(copy->plugin, sizeof copy->plugin);
}
