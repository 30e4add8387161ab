/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Opening of listeners.
 *
 *     address = IPv4 ":" port / "[" IPv6 ["%" zone] "]" ":" port / "unix:" absolute-path
 *     port    = 0..65535                             0: the kernel chooses, for tests
 *
 * Each generation has descriptors of its own; those of an address that stays are duplicates of one
 * socket.  So the old session and the new one accept side by side until the old one is told to go,
 * and the kernel's queue of that socket is never thrown away.
 *
 * Paths lie in directories that a less trusted user may own, so nothing here follows a symbolic
 * link: permissions are set by umask when the socket is bound, the owner by lchown(). */

#include <config.h>

#include "master/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"
#include "wire/address.h"

#define UNIX_PREFIX "unix:"
#define FIRST_INHERITED_FD 3 /* sd_listen_fds(3) */
#define INHERITED_MAX 256

typedef struct {
	AmSocketAddress address;
	socklen_t len;
} Endpoint;

static gboolean
endpoint_parse_port(const char *text, in_port_t *port)
{
	static const AmSettingSpec spec = { "port", AM_SETTING_INT, NULL, "0..65535", NULL };
	AmValue value;
	if (!am_value_parse(&spec, text, &value, NULL))
		return FALSE;
	*port = htons((guint16)value.integer);
	am_value_clear(&value);
	return TRUE;
}

static gboolean
endpoint_parse_unix(const char *path, Endpoint *endpoint)
{
	struct sockaddr_un *un = &endpoint->address.un;
	if (*path != '/' || strlen(path) >= sizeof(un->sun_path))
		return FALSE;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path));
	endpoint->len = sizeof(*un);
	return TRUE;
}

static gboolean
endpoint_parse_in6(const char *text, Endpoint *endpoint)
{
	struct sockaddr_in6 *in6 = &endpoint->address.in6;
	const char *end = strstr(text, "]:");
	if (end == NULL)
		return FALSE;
	g_autofree char *host = g_strndup(text + 1, (gsize)(end - text - 1));
	char *zone = strchr(host, '%');
	if (zone != NULL) {
		*zone++ = '\0';
		in6->sin6_scope_id = if_nametoindex(zone);
		if (in6->sin6_scope_id == 0)
			return FALSE;
	}
	in6->sin6_family = AF_INET6;
	endpoint->len = sizeof(*in6);
	return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 &&
	       endpoint_parse_port(end + 2, &in6->sin6_port);
}

static gboolean
endpoint_parse(const char *text, Endpoint *endpoint)
{
	memset(endpoint, 0, sizeof(*endpoint));
	if (g_str_has_prefix(text, UNIX_PREFIX))
		return endpoint_parse_unix(text + strlen(UNIX_PREFIX), endpoint);
	if (*text == '[')
		return endpoint_parse_in6(text, endpoint);
	const char *colon = strchr(text, ':');
	if (colon == NULL)
		return FALSE;
	g_autofree char *host = g_strndup(text, (gsize)(colon - text));
	endpoint->address.in4.sin_family = AF_INET;
	endpoint->len = sizeof(endpoint->address.in4);
	return inet_pton(AF_INET, host, &endpoint->address.in4.sin_addr) == 1 &&
	       endpoint_parse_port(colon + 1, &endpoint->address.in4.sin_port);
}

/* One spelling for each address, the key by which sockets are compared; to be freed. */
static char *
endpoint_text(const Endpoint *endpoint)
{
	const AmSocketAddress *address = &endpoint->address;
	char host[INET6_ADDRSTRLEN] = "";
	switch (address->any.sa_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &address->in4.sin_addr, host, sizeof(host));
		return g_strdup_printf("%s:%u", host, ntohs(address->in4.sin_port));
	case AF_INET6:
		(void)inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof(host));
		return address->in6.sin6_scope_id == 0
			       ? g_strdup_printf("[%s]:%u", host, ntohs(address->in6.sin6_port))
			       : g_strdup_printf("[%s%%%u]:%u", host, address->in6.sin6_scope_id,
						 ntohs(address->in6.sin6_port));
	case AF_UNIX:
		return g_strdup_printf(UNIX_PREFIX "%.*s", (int)sizeof(address->un.sun_path),
				       address->un.sun_path);
	default:
		return g_strdup("");
	}
}

static char *
endpoint_canonical(const char *text)
{
	Endpoint endpoint;
	return endpoint_parse(text, &endpoint) ? endpoint_text(&endpoint) : g_strdup(text);
}

static gboolean
endpoint_of_socket(int fd, Endpoint *endpoint)
{
	endpoint->len = sizeof(endpoint->address);
	return am_socket_address_own(fd, &endpoint->address);
}

char *
am_listener_bound_address(const AmListener *listener)
{
	Endpoint endpoint;
	return endpoint_of_socket(listener->fd, &endpoint) ? endpoint_text(&endpoint)
							   : g_strdup(listener->address);
}

/* ---- checks -------------------------------------------------------------------------------- */

static gboolean
listeners_parse_mode(const char *text, guint *mode)
{
	char *end;
	if (*text == '\0' || strspn(text, "01234567") != strlen(text) || strlen(text) > 4)
		return FALSE;
	*mode = (guint)strtoul(text, &end, 8);
	return *mode <= 0777;
}

static void
listeners_check_address(const AmConfigGroup *group, GHashTable *seen, GPtrArray *problems)
{
	const char *name = am_config_group_name(group);
	const char *address = am_config_string(group, "address");
	Endpoint endpoint;
	if (address == NULL) {
		am_config_add_problem(
			problems, am_config_group_file(group), am_config_group_line(group),
			"[listener %s]: address is not set; allowed: 127.0.0.1:10024, "
			"[::1]:10024 or unix:/path",
			name);
		return;
	}
	if (!endpoint_parse(address, &endpoint)) {
		am_config_add_key_problem(problems, group, "address",
					  "address = \"%s\" is not allowed; allowed: "
					  "127.0.0.1:10024, [::1]:10024 or unix:/path",
					  address);
		return;
	}
	char *text = endpoint_text(&endpoint);
	const char *other = g_hash_table_lookup(seen, text);
	/* port 0 is another port each time */
	if (other != NULL && !g_str_has_suffix(text, ":0"))
		am_config_add_key_problem(problems, group, "address",
					  "address = \"%s\" is that of [listener %s], too", address,
					  other);
	g_hash_table_insert(seen, text, (gpointer)name);
}

void
am_listeners_check(const AmConfig *config, GPtrArray *problems)
{
	g_autoptr(GPtrArray) groups = am_config_groups(config, "listener");
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (groups->len == 0)
		am_config_add_problem(problems, am_config_file(config), 0,
				      "no listener: nothing would be served; add [listener NAME] "
				      "with address = 127.0.0.1:10024");
	for (guint i = 0; i < groups->len; i++) {
		const AmConfigGroup *group = g_ptr_array_index(groups, i);
		const char *mode = am_config_string(group, "mode");
		guint bits;
		listeners_check_address(group, seen, problems);
		if (!listeners_parse_mode(mode, &bits))
			am_config_add_key_problem(problems, group, "mode",
						  "mode = \"%s\" is not allowed; allowed: "
						  "permissions in octal such as 0660",
						  mode);
	}
}

/* ---- sockets ------------------------------------------------------------------------------- */

GArray *
am_listeners_inherited(void)
{
	GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));
	const char *pid = g_getenv("LISTEN_PID"), *count = g_getenv("LISTEN_FDS");
	gint64 pid_number = 0, n = 0;
	if (pid != NULL && count != NULL &&
	    g_ascii_string_to_signed(pid, 10, 1, G_MAXINT, &pid_number, NULL) &&
	    g_ascii_string_to_signed(count, 10, 1, INHERITED_MAX, &n, NULL) &&
	    pid_number == getpid()) {
		for (int fd = FIRST_INHERITED_FD; fd < FIRST_INHERITED_FD + n; fd++)
			if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
				g_array_append_val(fds, fd);
	}
	g_unsetenv("LISTEN_PID");
	g_unsetenv("LISTEN_FDS");
	g_unsetenv("LISTEN_FDNAMES");
	return fds;
}

/* TRUE: nothing is at the path any more.  A socket that answers belongs to somebody. */
static gboolean
listeners_clear_path(const Endpoint *endpoint, GError **error)
{
	const char *path = endpoint->address.un.sun_path;
	struct stat info;
	if (lstat(path, &info) != 0) {
		if (errno == ENOENT)
			return TRUE;
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "unix:%s", path);
		return FALSE;
	}
	if (!S_ISSOCK(info.st_mode)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "unix:%s: something else is there",
			    path);
		return FALSE;
	}
	g_auto(AmFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "socket");
		return FALSE;
	}
	if (connect(fd, &endpoint->address.any, endpoint->len) == 0 || errno != ECONNREFUSED) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE,
			    "unix:%s: another program listens there", path);
		return FALSE;
	}
	if (unlink(path) != 0 && errno != ENOENT) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "unix:%s: removing the old one",
				   path);
		return FALSE;
	}
	return TRUE;
}

static int
listeners_bind(const Endpoint *endpoint, guint mode, int backlog, const AmIdentity *owner,
	       GError **error)
{
	int family = endpoint->address.any.sa_family, on = 1;
	if (family == AF_UNIX && !listeners_clear_path(endpoint, error))
		return -1;
	g_autofree char *text = endpoint_text(endpoint);
	g_auto(AmFd) fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "socket for %s", text);
		return -1;
	}
	if ((family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) ||
	    (family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "options of %s", text);
		return -1;
	}
	mode_t old_mask = umask((mode_t)(0777 & ~mode));
	int result = bind(fd, &endpoint->address.any, endpoint->len), errnum = errno;
	(void)umask(old_mask); /* cannot fail */
	if (result != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errnum, "bind to %s", text);
		return -1;
	}
	if (family == AF_UNIX && owner != NULL && owner->is_root &&
	    lchown(endpoint->address.un.sun_path, owner->uid, owner->gid) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "owner of %s", text);
		return -1;
	}
	if (listen(fd, backlog) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "listen on %s", text);
		return -1;
	}
	return g_steal_fd(&fd);
}

int
am_listen_unix(const char *path, guint mode, int backlog, const AmIdentity *owner, GError **error)
{
	Endpoint endpoint = { 0 };
	if (!endpoint_parse_unix(path, &endpoint)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "unix:%s: the path is too long",
			    path);
		return -1;
	}
	return listeners_bind(&endpoint, mode, backlog, owner, error);
}

/* The listener of the same address, NULL none.  With port 0 it is another one for each name. */
static AmListener *
listeners_find(GPtrArray *listeners, const char *name, const char *address)
{
	g_autofree char *wanted = endpoint_canonical(address);
	gboolean is_any_port = g_str_has_suffix(wanted, ":0");
	for (guint i = 0; listeners != NULL && i < listeners->len; i++) {
		AmListener *listener = g_ptr_array_index(listeners, i);
		g_autofree char *text = endpoint_canonical(listener->address);
		if (strcmp(text, wanted) == 0 &&
		    (!is_any_port || strcmp(listener->name, name) == 0))
			return listener;
	}
	return NULL;
}

/* Takes the socket of that address out of inherited; -1 none. */
static int
listeners_take_inherited(GArray *inherited, const char *address)
{
	g_autofree char *wanted = endpoint_canonical(address);
	for (guint i = 0; inherited != NULL && i < inherited->len; i++) {
		int *fd = &g_array_index(inherited, int, i);
		Endpoint endpoint;
		int is_listening = 0;
		socklen_t len = sizeof(is_listening);
		if (*fd < 0 || !endpoint_of_socket(*fd, &endpoint) ||
		    getsockopt(*fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 ||
		    !is_listening)
			continue;
		g_autofree char *text = endpoint_text(&endpoint);
		if (strcmp(text, wanted) == 0)
			return g_steal_fd(fd);
	}
	return -1;
}

/* An open socket is made ours: non-blocking, with the queue the configuration asks for. */
static gboolean
listeners_adopt(AmListener *listener, int backlog, GError **error)
{
	int flags = fcntl(listener->fd, F_GETFL);
	if (flags < 0 || fcntl(listener->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    listen(listener->fd, backlog) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "taking over %s",
				   listener->address);
		return FALSE;
	}
	return TRUE;
}

static gboolean
listeners_open_one(AmListener *listener, const AmIdentity *owner, GPtrArray *old, GArray *inherited,
		   GError **error)
{
	int backlog = (int)am_config_int(listener->group, "backlog");
	guint mode = 0660;
	Endpoint endpoint;
	AmListener *before = listeners_find(old, listener->name, listener->address);
	if (before != NULL) {
		listener->fd = fcntl(before->fd, F_DUPFD_CLOEXEC, 0);
		listener->is_inherited = before->is_inherited;
		if (listener->fd < 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sharing %s",
					   listener->address);
			return FALSE;
		}
		return listeners_adopt(listener, backlog, error);
	}
	listener->fd = listeners_take_inherited(inherited, listener->address);
	if (listener->fd >= 0) {
		listener->is_inherited = TRUE;
		return listeners_adopt(listener, backlog, error);
	}
	if (!endpoint_parse(listener->address, &endpoint) ||
	    !listeners_parse_mode(am_config_string(listener->group, "mode"), &mode)) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "bad address or mode");
		return FALSE;
	}
	listener->fd = listeners_bind(&endpoint, mode, backlog, owner, error);
	return listener->fd >= 0;
}

GPtrArray *
am_listeners_open(const AmConfig *config, const AmIdentity *owner, GPtrArray *old,
		  GArray *inherited, GError **error)
{
	g_autoptr(GPtrArray) groups = am_config_groups(config, "listener");
	GPtrArray *listeners = g_ptr_array_new_with_free_func((GDestroyNotify)am_listener_free);
	g_autoptr(GPtrArray) kept = g_ptr_array_new();
	if (old != NULL)
		g_ptr_array_add(kept, old);
	for (guint i = 0; i < groups->len; i++) {
		const AmConfigGroup *group = g_ptr_array_index(groups, i);
		AmListener *listener = g_new0(AmListener, 1);
		listener->group = group;
		listener->name = g_strdup(am_config_group_name(group));
		listener->address = g_strdup(am_config_string(group, "address"));
		listener->protocol = g_strdup(am_config_string(group, "protocol"));
		listener->fd = -1;
		g_ptr_array_add(listeners, listener);
		if (!listeners_open_one(listener, owner, old, inherited, error)) {
			g_prefix_error(error, "[listener %s]: ", listener->name);
			am_listeners_unlink(listeners, kept);
			g_ptr_array_unref(listeners);
			return NULL;
		}
	}
	return listeners;
}

void
am_listeners_unlink(GPtrArray *listeners, GPtrArray *others)
{
	for (guint i = 0; i < listeners->len; i++) {
		const AmListener *listener = g_ptr_array_index(listeners, i);
		gboolean is_kept = listener->is_inherited || listener->fd < 0 ||
				   !g_str_has_prefix(listener->address, UNIX_PREFIX);
		for (guint j = 0; !is_kept && j < others->len; j++)
			is_kept = listeners_find(g_ptr_array_index(others, j), listener->name,
						 listener->address) != NULL;
		if (!is_kept && unlink(listener->address + strlen(UNIX_PREFIX)) != 0 &&
		    errno != ENOENT)
			am_warning("%s: removing it: %s", listener->address, g_strerror(errno));
	}
}
