/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See inherited.h. */

#include <config.h>

#include "content/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content/sandbox-private.h"
#include "mail/fd.h"

typedef struct {
	gsize start, end;
} Range;

struct _AmInherited {
	GArray *fds;	/* int */
	GArray *shared; /* Range */
};

static gboolean
inherited_list_fds(GArray *fds, GError **error)
{
	g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, error);
	const char *name;
	if (dir == NULL)
		return FALSE;
	while ((name = g_dir_read_name(dir)) != NULL) {
		int fd = (int)g_ascii_strtoll(name, NULL, 10);
		g_array_append_val(fds, fd);
	}
	return TRUE;
}

/* Writable memory that other processes see too. */
static gboolean
inherited_list_shared(GArray *shared, GError **error)
{
	char line[512], rights[8];
	FILE *file = fopen("/proc/self/maps", "re");
	if (file == NULL) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "/proc/self/maps");
		return FALSE;
	}
	while (fgets(line, sizeof line, file) != NULL) {
		Range range;
		if (sscanf(line, "%zx-%zx %7s", &range.start, &range.end, rights) == 3 &&
		    rights[1] == 'w' && rights[3] == 's')
			g_array_append_val(shared, range);
	}
	(void)fclose(file); /* only read */
	return TRUE;
}

AmInherited *
am_inherited_new(GError **error)
{
	AmInherited *inherited = g_new0(AmInherited, 1);
	inherited->fds = g_array_new(FALSE, FALSE, sizeof(int));
	inherited->shared = g_array_new(FALSE, FALSE, sizeof(Range));
	if (!inherited_list_fds(inherited->fds, error) ||
	    !inherited_list_shared(inherited->shared, error)) {
		am_inherited_free(inherited);
		return NULL;
	}
	for (guint i = inherited->fds->len; i-- > 0;) /* the listing's own */
		if (fcntl(g_array_index(inherited->fds, int, i), F_GETFD) < 0)
			g_array_remove_index_fast(inherited->fds, i);
	return inherited;
}

void
am_inherited_free(AmInherited *inherited)
{
	if (inherited == NULL)
		return;
	g_array_free(inherited->fds, TRUE);
	g_array_free(inherited->shared, TRUE);
	g_free(inherited);
}

void
am_inherited_add(AmInherited *inherited, int fd)
{
	g_array_append_val(inherited->fds, fd);
}

gboolean
am_inherited_drop(const AmInherited *inherited, GError **error)
{
	g_auto(AmFd) null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "/dev/null");
		return FALSE;
	}
	for (guint i = 0; i < inherited->fds->len; i++) {
		int fd = g_array_index(inherited->fds, int, i);
		if (fd == null || (fd == STDERR_FILENO && AM_SANDBOX_ASAN))
			continue;
		if (dup3(null, fd, O_CLOEXEC) < 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "descriptor %d", fd);
			return FALSE;
		}
	}
	for (guint i = 0; i < inherited->shared->len; i++) {
		const Range *range = &g_array_index(inherited->shared, Range, i);
		if (munmap(GSIZE_TO_POINTER(range->start), range->end - range->start) != 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "shared memory");
			return FALSE;
		}
	}
	return TRUE;
}
