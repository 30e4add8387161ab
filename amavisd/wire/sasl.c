/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* libsasl2 is given mutexes of GLib's and a log callback that writes into our log what is worth it:
 * of its levels, those behind "notes" may show secrets and are thrown away.  No security layer is
 * ever agreed on (max_ssf 0), TLS is there for that; nobody may be anonymous, and a client that is
 * one user may not act as another. */

#include <config.h>

#include "wire/sasl.h"

#include <sasl/sasl.h>
#include <string.h>

#include "log/log.h"

#define SASL_APPLICATION "amavisd" /* the configuration file's name */

struct _AmSasl {
	sasl_conn_t *connection;
	gboolean is_server;
	const char *user, *password; /* of a client */
	char *mechanisms;	     /* of a server: allowed */
	gboolean has_external;
	sasl_secret_t *secret;
	int result;
	sasl_callback_t callbacks[5];
};

/* libsasl2 declares every callback as one that takes nothing */
typedef int (*SaslCallback)(void);

/* ---- the library's state ---- */

static void *
sasl_mutex_make(void)
{
	GMutex *mutex = g_new0(GMutex, 1);
	g_mutex_init(mutex);
	return mutex;
}

static int
sasl_mutex_take(void *mutex)
{
	g_mutex_lock(mutex);
	return SASL_OK;
}

static int
sasl_mutex_leave(void *mutex)
{
	g_mutex_unlock(mutex);
	return SASL_OK;
}

static void
sasl_mutex_end(void *mutex)
{
	if (mutex == NULL)
		return;
	g_mutex_clear(mutex);
	g_free(mutex);
}

static int
sasl_log(void *context G_GNUC_UNUSED, int level, const char *message)
{
	if (message == NULL)
		return SASL_BADPARAM;
	if (level == SASL_LOG_ERR)
		am_warning("SASL: %s", message);
	else if (level == SASL_LOG_WARN)
		am_info("SASL: %s", message);
	else if (level == SASL_LOG_FAIL || level == SASL_LOG_NOTE)
		am_debug("SASL: %s", message);
	return SASL_OK; /* SASL_LOG_PASS and its like are nobody's business */
}

static const sasl_callback_t sasl_global[] = {
	{ SASL_CB_LOG, (SaslCallback)(void (*)(void))sasl_log, NULL },
	{ SASL_CB_LIST_END, NULL, NULL },
};

static gboolean
sasl_check(int result, const char *what, GError **error)
{
	if (result == SASL_OK)
		return TRUE;
	g_set_error(error, AM_ERROR, result == SASL_NOMEM ? AM_ERROR_RESOURCE : AM_ERROR_CONFIG,
		    "SASL: %s: %s", what, sasl_errstring(result, NULL, NULL));
	return FALSE;
}

gboolean
am_sasl_init_server(const char *directory, GError **error)
{
	g_autofree char *path = g_strdup(directory);
	sasl_set_mutex(sasl_mutex_make, sasl_mutex_take, sasl_mutex_leave, sasl_mutex_end);
	if (path != NULL && !sasl_check(sasl_set_path(SASL_PATH_TYPE_CONFIG, path), "path", error))
		return FALSE;
	return sasl_check(sasl_server_init(sasl_global, SASL_APPLICATION), "server", error);
}

gboolean
am_sasl_init_client(GError **error)
{
	sasl_set_mutex(sasl_mutex_make, sasl_mutex_take, sasl_mutex_leave, sasl_mutex_end);
	return sasl_check(sasl_client_init(sasl_global), "client", error);
}

/* ---- an exchange ---- */

char *
am_sasl_common(const char *mechanisms, const char *others)
{
	GString *out = g_string_new(NULL);
	g_auto(GStrv) wanted = g_strsplit(mechanisms, " ", -1);
	g_auto(GStrv) known = g_strsplit(others, " ", -1);
	for (char **word = wanted; *word != NULL; word++) {
		char **other = known;
		while (*other != NULL && g_ascii_strcasecmp(*word, *other) != 0)
			other++;
		if (**word != '\0' && *other != NULL)
			g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "", *word);
	}
	return g_string_free(out, FALSE);
}

static gboolean
sasl_has(const char *mechanisms, const char *mechanism)
{
	g_autofree char *found = am_sasl_common(mechanism, mechanisms);
	return *found != '\0';
}

/* Acting as somebody else needs a policy that we do not have. */
static int
sasl_authorize(sasl_conn_t *connection, void *context G_GNUC_UNUSED, const char *requested,
	       unsigned requested_len, const char *identity, unsigned identity_len,
	       const char *realm G_GNUC_UNUSED, unsigned realm_len G_GNUC_UNUSED,
	       struct propctx *properties G_GNUC_UNUSED)
{
	if (requested_len == identity_len && memcmp(requested, identity, identity_len) == 0)
		return SASL_OK;
	sasl_seterror(connection, 0, "may not act as another user");
	return SASL_NOAUTHZ;
}

static int
sasl_get_name(void *context, int id, const char **result, unsigned *len)
{
	const AmSasl *sasl = context;
	/* whom to act as stays empty: the one we prove to be (RFC 4616 2) */
	*result = id == SASL_CB_AUTHNAME ? sasl->user : "";
	if (len != NULL)
		*len = (unsigned)strlen(*result);
	return SASL_OK;
}

static int
sasl_get_secret(sasl_conn_t *connection G_GNUC_UNUSED, void *context, int id G_GNUC_UNUSED,
		sasl_secret_t **secret)
{
	AmSasl *sasl = context;
	gsize len = strlen(sasl->password);
	if (sasl->secret == NULL) {
		sasl->secret = g_malloc0(sizeof *sasl->secret + len + 1);
		sasl->secret->len = len;
		memcpy(sasl->secret->data, sasl->password, len);
	}
	*secret = sasl->secret;
	return SASL_OK;
}

/* No layer of its own, nobody anonymous. */
static gboolean
sasl_set_properties(AmSasl *sasl, guint bits, const char *external, GError **error)
{
	sasl_security_properties_t properties = { .security_flags = SASL_SEC_NOANONYMOUS };
	sasl_ssf_t ssf = bits;
	int result = sasl_setprop(sasl->connection, SASL_SEC_PROPS, &properties);
	if (result == SASL_OK && bits > 0)
		result = sasl_setprop(sasl->connection, SASL_SSF_EXTERNAL, &ssf);
	if (result == SASL_OK && external != NULL)
		result = sasl_setprop(sasl->connection, SASL_AUTH_EXTERNAL, external);
	return sasl_check(result, "properties", error);
}

AmSasl *
am_sasl_server_new(const AmSaslServerConfig *config, GError **error)
{
	g_autoptr(AmSasl) sasl = g_new0(AmSasl, 1);
	sasl->is_server = TRUE;
	sasl->mechanisms = g_strdup(config->mechanisms);
	sasl->has_external = config->external != NULL;
	sasl->callbacks[0] =
		(sasl_callback_t){ SASL_CB_PROXY_POLICY,
				   (SaslCallback)(void (*)(void))sasl_authorize, NULL };
	sasl->callbacks[1] = (sasl_callback_t){ SASL_CB_LIST_END, NULL, NULL };
	int result = sasl_server_new(config->service, config->hostname, config->realm, NULL, NULL,
				     sasl->callbacks, 0, &sasl->connection);
	if (!sasl_check(result, "server", error) ||
	    !sasl_set_properties(sasl, config->bits, config->external, error))
		return NULL;
	return g_steal_pointer(&sasl);
}

AmSasl *
am_sasl_client_new(const AmSaslClientConfig *config, GError **error)
{
	g_autoptr(AmSasl) sasl = g_new0(AmSasl, 1);
	sasl->user = config->user;
	sasl->password = config->password;
	SaslCallback name = (SaslCallback)(void (*)(void))sasl_get_name;
	SaslCallback secret = (SaslCallback)(void (*)(void))sasl_get_secret;
	sasl->callbacks[0] = (sasl_callback_t){ SASL_CB_USER, name, sasl };
	sasl->callbacks[1] = (sasl_callback_t){ SASL_CB_AUTHNAME, name, sasl };
	sasl->callbacks[2] = (sasl_callback_t){ SASL_CB_PASS, secret, sasl };
	sasl->callbacks[3] = (sasl_callback_t){ SASL_CB_LIST_END, NULL, NULL };
	int result = sasl_client_new(config->service, config->host, NULL, NULL, sasl->callbacks, 0,
				     &sasl->connection);
	if (!sasl_check(result, "client", error) ||
	    !sasl_set_properties(sasl, config->bits, NULL, error))
		return NULL;
	return g_steal_pointer(&sasl);
}

void
am_sasl_free(AmSasl *sasl)
{
	if (sasl == NULL)
		return;
	if (sasl->connection != NULL)
		sasl_dispose(&sasl->connection);
	if (sasl->secret != NULL)
		explicit_bzero(sasl->secret->data, sasl->secret->len);
	g_free(sasl->secret);
	g_free(sasl->mechanisms);
	g_free(sasl);
}

char *
am_sasl_server_mechanisms(const AmSasl *sasl)
{
	const char *list = NULL;
	unsigned len = 0;
	int count = 0;
	if (sasl_listmech(sasl->connection, NULL, "", " ", "", &list, &len, &count) != SASL_OK ||
	    list == NULL)
		return g_strdup("");
	return am_sasl_common(sasl->mechanisms, list);
}

static AmSaslStep
sasl_judge(AmSasl *sasl, int result)
{
	sasl->result = result;
	switch (result) {
	case SASL_OK:
		return AM_SASL_DONE;
	case SASL_CONTINUE:
		return AM_SASL_MORE;
	case SASL_NOMECH:
		return AM_SASL_NO_MECHANISM;
	case SASL_TOOWEAK:
	case SASL_WRONGMECH:
		return AM_SASL_WEAK;
	case SASL_TRANS:
		return AM_SASL_TRANSITION;
	case SASL_ENCRYPT:
		return AM_SASL_ENCRYPT;
	case SASL_BADPROT:
		return AM_SASL_MALFORMED;
	case SASL_BADAUTH:
	case SASL_NOAUTHZ:
	case SASL_EXPIRED:
	case SASL_DISABLED:
	case SASL_NOUSER:
	case SASL_NOVERIFY:
	case SASL_PWLOCK:
	case SASL_BADBINDING:
	case SASL_BADSERV:
		return AM_SASL_REFUSED;
	default:
		return AM_SASL_FAILED;
	}
}

AmSaslStep
am_sasl_server_start(AmSasl *sasl, const char *mechanism, const char *message, gsize len,
		     const char **out, gsize *out_len)
{
	unsigned n = 0;
	*out = NULL;
	*out_len = 0;
	/* EXTERNAL is always there for the library; without a certificate it proves nothing */
	if (!sasl_has(sasl->mechanisms, mechanism) ||
	    (g_ascii_strcasecmp(mechanism, "EXTERNAL") == 0 && !sasl->has_external))
		return sasl_judge(sasl, SASL_NOMECH);
	int result =
		sasl_server_start(sasl->connection, mechanism, message, (unsigned)len, out, &n);
	*out_len = n;
	return sasl_judge(sasl, result);
}

AmSaslStep
am_sasl_client_start(AmSasl *sasl, const char *offered, const char **mechanism, const char **out,
		     gsize *out_len)
{
	unsigned n = 0;
	*out = NULL;
	*mechanism = "";
	int result = sasl_client_start(sasl->connection, offered, NULL, out, &n, mechanism);
	*out_len = n;
	return sasl_judge(sasl, result);
}

AmSaslStep
am_sasl_step(AmSasl *sasl, const char *message, gsize len, const char **out, gsize *out_len)
{
	unsigned n = 0;
	*out = NULL;
	int result =
		sasl->is_server
			? sasl_server_step(sasl->connection, message, (unsigned)len, out, &n)
			: sasl_client_step(sasl->connection, message, (unsigned)len, NULL, out, &n);
	*out_len = n;
	return sasl_judge(sasl, result);
}

const char *
am_sasl_user(const AmSasl *sasl)
{
	const void *name = NULL;
	if (sasl_getprop(sasl->connection, SASL_USERNAME, &name) == SASL_OK && name != NULL)
		return name;
	if (sasl_getprop(sasl->connection, SASL_AUTHUSER, &name) == SASL_OK && name != NULL)
		return name;
	return "";
}

const char *
am_sasl_reason(const AmSasl *sasl)
{
	const char *detail = sasl_errdetail(sasl->connection);
	return detail != NULL ? detail : sasl_errstring(sasl->result, NULL, NULL);
}
