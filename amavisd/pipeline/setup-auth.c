/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The password for next hops.  A file that everybody may read or write is refused, and so is one of
 * an owner who is neither root nor the user we work as: whoever owns it can read it. */

#include <config.h>

#include "pipeline/setup-auth.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/error.h"
#include "mail/fd.h"
#include "mail/spool.h"
#include "wire/sasl.h"

#define PASSWORD_MAX 1024 /* bytes */

static gboolean
password_check_file(int fd, GError **error)
{
	struct stat status;
	if (fstat(fd, &status) < 0) {
		am_error_set_errno(error, AM_ERROR_CONFIG, errno, "stat");
		return FALSE;
	}
	if (!S_ISREG(status.st_mode))
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "it is not a regular file");
	else if ((status.st_mode & 0027) != 0)
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "its mode is %04o; 0600 or 0640 is what a secret needs",
			    status.st_mode & 07777);
	else if (geteuid() != 0 && status.st_uid != 0 && status.st_uid != geteuid())
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "its owner is neither root nor the user amavisd works as");
	else
		return TRUE;
	return FALSE;
}

/* The first line. */
static char *
password_read(const char *path, GError **error)
{
	char buffer[PASSWORD_MAX + 2] = { 0 };
	g_auto(AmFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		am_error_set_errno(error, AM_ERROR_CONFIG, errno, "%s", path);
		return NULL;
	}
	if (!password_check_file(fd, error))
		return NULL;
	gssize n = am_read_at(fd, buffer, sizeof buffer - 1, 0, error);
	if (n < 0)
		return NULL;
	gsize len = strcspn(buffer, "\r\n");
	gboolean is_good = len > 0 && len <= PASSWORD_MAX && memchr(buffer, '\0', (gsize)n) == NULL;
	char *password = is_good ? g_strndup(buffer, len) : NULL;
	explicit_bzero(buffer, sizeof buffer);
	if (!is_good)
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "its first line is not a password of 1 to %d bytes", PASSWORD_MAX);
	return password;
}

char *
am_setup_secret(const char *path, GError **error)
{
	return password_read(path, error);
}

char *
am_setup_password(const AmConfigGroup *group, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	const char *user = am_config_string(group, "auth_user");
	const char *path = am_config_string(group, "auth_password_file");
	const char *key = user != NULL ? "auth_password_file" : "auth_user";
	char *password = NULL;
	if (user == NULL && path == NULL)
		return NULL;
	if (user == NULL || path == NULL)
		g_set_error(&error, AM_ERROR, AM_ERROR_CONFIG,
			    "auth_user and auth_password_file belong together");
	else if (strcmp(am_config_string(group, "tls"), "no") == 0 &&
		 !am_config_bool(group, "auth_without_tls"))
		g_set_error(&error, AM_ERROR, AM_ERROR_CONFIG,
			    "AUTH needs tls, or auth_without_tls = yes");
	else if (am_sasl_init_client(&error))
		password = password_read(path, &error);
	if (error == NULL)
		return password;
	am_config_add_key_problem(problems, group, key, "%s: %s", key, error->message);
	return NULL;
}
