/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See reuse.h.  Looked at, each by means that cost next to nothing while all is well:
 *
 * - static data of the plugins, and the host's table: compared with a copy;
 * - descriptors: one poll() over the lowest numbers that were not in use at the start;
 * - directories: their times, which files that never had a name leave alone;
 * - memory: pages, from /proc/self/statm.
 *
 * What load() returned, a plugin's heap, cannot be seen; that it is not written to is a promise of the
 * plugin.  docs/sandbox.md says what follows. */

#include <config.h>

#include "content/reuse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gmodule.h>
#include <link.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/inspect.h"
#include "content/sandbox-private.h"
#include "mail/fd.h"

#define DESCRIPTORS_WATCHED 256 /* the lowest numbers that are not in use */

/* Writable memory that no mail may change. */
typedef struct {
	const char *name;
	guint8 *start;
	gsize len;
	guint8 *copy;
} Region;

typedef struct {
	const char *path;
	int fd;
	struct timespec changed;
} Directory;

struct _AmReuse {
	GArray *regions; /* Region */
	Directory directories[2];
	int statm_fd;
	guint64 growth_pages, pages; /* allowed; at the start */
	struct pollfd *watched;
};

/* ---- static data --------------------------------------------------------------------------- */

typedef struct {
	AmReuse *reuse;
	const char *name;
	uintptr_t inside; /* an address in the object looked for */
} Search;

static void
reuse_add_region(AmReuse *reuse, const char *name, uintptr_t start, uintptr_t end)
{
	if (end <= start)
		return;
	Region region = { name, (guint8 *)start, end - start, g_malloc(end - start) };
	g_array_append_val(reuse->regions, region);
}

/* What may be written in it, without what the linker has locked again after binding. */
static int
reuse_add_object(struct dl_phdr_info *info, size_t size, void *data)
{
	Search *search = data;
	uintptr_t locked = 0, locked_end = 0;
	gboolean is_it = FALSE;
	(void)size;
	for (guint i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *head = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + head->p_vaddr;
		is_it |= head->p_type == PT_LOAD && search->inside >= start &&
			 search->inside < start + head->p_memsz;
		if (head->p_type == PT_GNU_RELRO) {
			locked = start;
			locked_end = start + head->p_memsz;
		}
	}
	for (guint i = 0; is_it && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *head = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + head->p_vaddr, end = start + head->p_memsz;
		if (head->p_type != PT_LOAD || (head->p_flags & PF_W) == 0)
			continue;
		reuse_add_region(search->reuse, search->name, start, MIN(end, MAX(locked, start)));
		reuse_add_region(search->reuse, search->name, MAX(start, MIN(locked_end, end)),
				 end);
	}
	return is_it;
}

static void
reuse_add_plugins(AmReuse *reuse, AmRegistry *registry)
{
	GPtrArray *plugins = am_registry_plugins(registry);
	for (guint i = 0; i < plugins->len; i++) {
		const AmLoadedPlugin *plugin = plugins->pdata[i];
		gpointer descriptor;
		if (plugin->module == NULL ||
		    !g_module_symbol(plugin->module, "am_plugin", &descriptor))
			continue;
		Search search = { reuse, plugin->plugin.name, (uintptr_t)descriptor };
		(void)dl_iterate_phdr(reuse_add_object, &search);
	}
	uintptr_t host = (uintptr_t)am_content_host();
	reuse_add_region(reuse, NULL, host, host + sizeof(AmHost));
}

#if AM_SANDBOX_ASAN
/* Between a plugin's variables there is what AddressSanitizer keeps watch over. */
__attribute__((no_sanitize("address"))) static void
region_copy(const Region *region)
{
	for (gsize i = 0; i < region->len; i++)
		*(volatile guint8 *)(region->copy + i) = *(volatile guint8 *)(region->start + i);
}

__attribute__((no_sanitize("address"))) static gboolean
region_is_same(const Region *region)
{
	gsize i = 0;
	while (i < region->len && *(volatile guint8 *)(region->start + i) == region->copy[i])
		i++;
	return i == region->len;
}
#else
static void
region_copy(const Region *region)
{
	memcpy(region->copy, region->start, region->len);
}

static gboolean
region_is_same(const Region *region)
{
	return memcmp(region->start, region->copy, region->len) == 0;
}
#endif

static char *
reuse_check_regions(const AmReuse *reuse)
{
	for (guint i = 0; i < reuse->regions->len; i++) {
		const Region *region = &g_array_index(reuse->regions, Region, i);
		if (region_is_same(region))
			continue;
		return region->name != NULL
			       ? g_strdup_printf("plugin %s keeps state in static data",
						 region->name)
			       : g_strdup("the host's functions were exchanged");
	}
	return NULL;
}

/* ---- descriptors --------------------------------------------------------------------------- */

static void
reuse_find_descriptors(AmReuse *reuse)
{
	guint n = 0;
	reuse->watched = g_new0(struct pollfd, DESCRIPTORS_WATCHED);
	for (int fd = 0; n < DESCRIPTORS_WATCHED; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			reuse->watched[n++].fd = fd;
}

static char *
reuse_check_descriptors(AmReuse *reuse)
{
	guint n_open = 0;
	if (poll(reuse->watched, DESCRIPTORS_WATCHED, 0) < 0)
		return g_strdup_printf("descriptors: %s", g_strerror(errno));
	for (guint i = 0; i < DESCRIPTORS_WATCHED; i++)
		n_open += (reuse->watched[i].revents & POLLNVAL) == 0;
	return n_open > 0 ? g_strdup_printf("%u descriptors were left open", n_open) : NULL;
}

/* ---- directories --------------------------------------------------------------------------- */

static gboolean
reuse_open_directory(Directory *directory, const char *path, GError **error)
{
	directory->path = path;
	directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory->fd >= 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot open %s", path);
	return FALSE;
}

static guint
reuse_count_entries(const Directory *directory)
{
	guint n = 0;
	DIR *dir = opendir(directory->path);
	struct dirent *entry;
	if (dir == NULL)
		return G_MAXUINT; /* not to be read any more: as bad */
	while ((entry = readdir(dir)) != NULL)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(dir);
	return n;
}

/* Names that came and went are no harm. */
static char *
reuse_check_directory(Directory *directory)
{
	struct stat st;
	if (fstat(directory->fd, &st) != 0)
		return g_strdup_printf("its directory: %s", g_strerror(errno));
	if (st.st_mtim.tv_sec == directory->changed.tv_sec &&
	    st.st_mtim.tv_nsec == directory->changed.tv_nsec)
		return NULL;
	directory->changed = st.st_mtim;
	return reuse_count_entries(directory) > 0 ? g_strdup("files were left in its directory")
						  : NULL;
}

/* ---- memory -------------------------------------------------------------------------------- */

/* Resident pages of our own, 0 when unknown. */
static guint64
reuse_pages(const AmReuse *reuse)
{
	char text[128];
	guint64 resident, shared;
	ssize_t n = pread(reuse->statm_fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (sscanf(text, "%*u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &resident, &shared) != 2)
		return 0;
	return resident > shared ? resident - shared : 0;
}

static char *
reuse_check_memory(const AmReuse *reuse)
{
	guint64 limit = reuse->pages + reuse->growth_pages;
	if (reuse_pages(reuse) <= limit)
		return NULL;
	(void)malloc_trim(0); /* free memory is no fault */
	guint64 pages = reuse_pages(reuse);
	return pages <= limit
		       ? NULL
		       : g_strdup_printf("memory grew by %" G_GUINT64_FORMAT " MiB",
					 (pages - reuse->pages) * (guint64)sysconf(_SC_PAGESIZE) >>
						 20);
}

/* ---- all of it ----------------------------------------------------------------------------- */

AmReuse *
am_reuse_new(AmRegistry *registry, const char *work_directory, const char *spool_directory,
	     guint64 growth_bytes, GError **error)
{
	AmReuse *reuse = g_new0(AmReuse, 1);
	reuse->regions = g_array_new(FALSE, FALSE, sizeof(Region));
	reuse->directories[0].fd = reuse->directories[1].fd = -1;
	reuse->growth_pages = growth_bytes / (guint64)sysconf(_SC_PAGESIZE);
	if (registry != NULL)
		reuse_add_plugins(reuse, registry);
	reuse->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (reuse->statm_fd < 0)
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "/proc/self/statm");
	if (reuse->statm_fd >= 0 &&
	    reuse_open_directory(&reuse->directories[0], work_directory, error) &&
	    reuse_open_directory(&reuse->directories[1], spool_directory, error))
		return reuse;
	am_reuse_free(reuse);
	return NULL;
}

gboolean
am_reuse_start(AmReuse *reuse, GError **error)
{
	for (guint i = 0; i < G_N_ELEMENTS(reuse->directories); i++) {
		struct stat st;
		if (fstat(reuse->directories[i].fd, &st) != 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "%s",
					   reuse->directories[i].path);
			return FALSE;
		}
		reuse->directories[i].changed = st.st_mtim;
	}
	for (guint i = 0; i < reuse->regions->len; i++)
		region_copy(&g_array_index(reuse->regions, Region, i));
	reuse_find_descriptors(reuse);
	reuse->pages = reuse_pages(reuse);
	return TRUE;
}

char *
am_reuse_check(AmReuse *reuse)
{
	char *why = reuse_check_regions(reuse);
	if (why == NULL)
		why = reuse_check_descriptors(reuse);
	for (guint i = 0; why == NULL && i < G_N_ELEMENTS(reuse->directories); i++)
		why = reuse_check_directory(&reuse->directories[i]);
	return why != NULL ? why : reuse_check_memory(reuse);
}

void
am_reuse_free(AmReuse *reuse)
{
	if (reuse == NULL)
		return;
	const int fds[] = { reuse->statm_fd, reuse->directories[0].fd, reuse->directories[1].fd };
	for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	for (guint i = 0; i < reuse->regions->len; i++)
		g_free(g_array_index(reuse->regions, Region, i).copy);
	g_array_free(reuse->regions, TRUE);
	g_free(reuse->watched);
	g_free(reuse);
}
