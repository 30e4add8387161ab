/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What hooks see of the mail and the recipient, and the calls of hooks.
 *
 * These are handles, not tables: nothing of a mail is copied into Lua unless a script asks for it. */

#include <config.h>

#include <lauxlib.h>
#include <string.h>

#include "mail/address.h"
#include "mail/received.h"
#include "policy/lua-handle.h"
#include "policy/policy-private.h"

#define MAIL_TYPE "amavis.mail"
#define RECIPIENT_TYPE "amavis.recipient"
#define PART_TYPE "amavis.part"

#define HOP_MAX_BYTES 2048u /* of a Received field */
#define HEADER_MAX_BYTES 65536u /* of one field given to a script */

/* ---- mail */

static const AmEnvelope *
mail_envelope(lua_State *lua)
{
	return am_lua_handle_check(lua, 1, MAIL_TYPE)->more;
}

/* NULL: the hook runs before the mail is there. */
static const AmMail *
mail_get(lua_State *lua)
{
	return am_lua_handle_check(lua, 1, MAIL_TYPE)->data;
}

static const AmReport *
mail_report(lua_State *lua)
{
	const AmMail *mail = mail_get(lua);
	return mail != NULL ? mail->report : NULL;
}

/* Texts of the envelope; "" when unknown. */
#define MAIL_ENVELOPE_TEXT(field)                                                                  \
	static int mail_##field(lua_State *lua)                                                    \
	{                                                                                          \
		const char *text = mail_envelope(lua)->field;                                      \
		lua_pushstring(lua, text != NULL ? text : "");                                     \
		return 1;                                                                          \
	}
MAIL_ENVELOPE_TEXT(sender)
MAIL_ENVELOPE_TEXT(client_address)
MAIL_ENVELOPE_TEXT(client_name)
MAIL_ENVELOPE_TEXT(helo)
MAIL_ENVELOPE_TEXT(listener)
MAIL_ENVELOPE_TEXT(protocol)
MAIL_ENVELOPE_TEXT(queue_id)
MAIL_ENVELOPE_TEXT(authenticated)

/* Texts of the report; nil in the hook "recipient", or when the mail could not be inspected. */
#define MAIL_REPORT_TEXT(field)                                                                    \
	static int mail_##field(lua_State *lua)                                                    \
	{                                                                                          \
		const AmReport *report = mail_report(lua);                                         \
		lua_pushstring(lua, report != NULL ? report->field : NULL);                        \
		return 1;                                                                          \
	}
MAIL_REPORT_TEXT(subject)
MAIL_REPORT_TEXT(from)
MAIL_REPORT_TEXT(message_id)
MAIL_REPORT_TEXT(digest)

/* mail:id(): the mail id; nil in "recipient". */
static int
mail_id(lua_State *lua)
{
	const AmMail *mail = mail_get(lua);
	lua_pushstring(lua, mail != NULL ? mail->id : NULL);
	return 1;
}

/* mail:size(): bytes; in "recipient" the declared size, nil unknown. */
static int
mail_size(lua_State *lua)
{
	const AmMail *mail = mail_get(lua);
	gint64 declared = mail_envelope(lua)->declared_size;
	if (mail != NULL && mail->spool != NULL)
		lua_pushinteger(lua, (lua_Integer)am_spool_size(mail->spool));
	else if (declared >= 0)
		lua_pushinteger(lua, declared);
	else
		lua_pushnil(lua);
	return 1;
}

/* mail:has_bank(NAME): is the policy bank one of the listener's? */
static int
mail_has_bank(lua_State *lua)
{
	char **banks = mail_envelope(lua)->policy_banks;
	const char *name = luaL_checkstring(lua, 2);
	lua_pushboolean(lua, banks != NULL && g_strv_contains((const char *const *)banks, name));
	return 1;
}

/* mail:n_recipients() */
static int
mail_n_recipients(lua_State *lua)
{
	lua_pushinteger(lua, mail_envelope(lua)->recipients->len);
	return 1;
}

/* mail:score(): sum over scanners; nil when the mail was not scored. */
static int
mail_score(lua_State *lua)
{
	const AmReport *report = mail_report(lua);
	if (report != NULL && report->is_scored)
		lua_pushnumber(lua, report->score);
	else
		lua_pushnil(lua);
	return 1;
}

/* mail:is_bulk(): list mail, automatic answers. */
static int
mail_is_bulk(lua_State *lua)
{
	const AmReport *report = mail_report(lua);
	lua_pushboolean(lua, report != NULL && report->is_bulk);
	return 1;
}

static int
mail_push_field(lua_State *lua, const AmMail *mail, const AmHeaderField *field)
{
	GError *error = NULL;
	if (field->value > field->len)
		return 0;
	gsize want = MIN(field->len - field->value, HEADER_MAX_BYTES);
	char *text = lua_newuserdatauv(lua, want + 1, 0);
	gssize len = am_read_at(am_spool_fd(mail->spool), text, want, field->offset + field->value,
				&error);
	if (len < 0)
		return am_lua_raise(lua, error);
	while (len > 0 && strchr("\r\n \t", text[len - 1]) != NULL)
		len--;
	while (len > 0 && (*text == ' ' || *text == '\t'))
		text++, len--;
	lua_pushlstring(lua, text, (gsize)len);
	return 1;
}

/* mail:header(NAME): raw value of the first field of that name, as it came (folded, not decoded, cut
 * at 64 KiB), or nil. */
static int
mail_header(lua_State *lua)
{
	const AmMail *mail = mail_get(lua);
	const char *name = luaL_checkstring(lua, 2);
	const AmHeaderField *field = NULL;
	if (mail != NULL && mail->report != NULL && mail->spool != NULL)
		field = am_report_field(mail->report, name);
	return field != NULL ? mail_push_field(lua, mail, field) : 0;
}

static const char *
mail_part_path(const AmReport *report, gint32 part)
{
	return part >= 0 && (guint)part < report->parts->len
		       ? ((const AmReportPart *)report->parts->pdata[part])->path
		       : "";
}

/* Iterators: the first upvalue is the mail, the second the index of the next element. */
static const AmReport *
iterator_next(lua_State *lua, guint *index)
{
	lua_settop(lua, 0);
	lua_pushvalue(lua, lua_upvalueindex(1));
	const AmReport *report = mail_report(lua);
	*index = (guint)lua_tointeger(lua, lua_upvalueindex(2));
	lua_pushinteger(lua, *index + 1);
	lua_replace(lua, lua_upvalueindex(2));
	return report;
}

static int
iterator_make(lua_State *lua, lua_CFunction next)
{
	(void)am_lua_handle_check(lua, 1, MAIL_TYPE);
	lua_settop(lua, 1);
	lua_pushinteger(lua, 0);
	lua_pushcclosure(lua, next, 2);
	return 1;
}

static int
mail_next_part(lua_State *lua)
{
	guint index;
	const AmReport *report = iterator_next(lua, &index);
	if (report == NULL || index >= report->parts->len)
		return 0;
	(void)am_lua_handle_push(lua, PART_TYPE, report->parts->pdata[index], report);
	return 1;
}

static int
mail_next_hop(lua_State *lua)
{
	lua_settop(lua, 0);
	lua_pushvalue(lua, lua_upvalueindex(1));
	const AmMail *mail = mail_get(lua);
	guint n_fields = mail != NULL && mail->report != NULL && mail->spool != NULL
				 ? mail->report->fields->len
				 : 0;
	char text[HOP_MAX_BYTES], address[INET6_ADDRSTRLEN];
	for (guint i = (guint)lua_tointeger(lua, lua_upvalueindex(2)); i < n_fields; i++) {
		const AmHeaderField *field = mail->report->fields->pdata[i];
		if (g_ascii_strcasecmp(field->name, "Received") != 0 || field->value > field->len)
			continue;
		GError *error = NULL;
		gssize len = am_read_at(am_spool_fd(mail->spool), text,
					MIN(field->len - field->value, sizeof text),
					field->offset + field->value, &error);
		if (len < 0)
			return am_lua_raise(lua, error);
		if (!am_received_client(text, (gsize)len, address))
			continue;
		lua_pushinteger(lua, i + 1);
		lua_replace(lua, lua_upvalueindex(2));
		lua_pushstring(lua, address);
		lua_pushboolean(lua, am_address_is_public(address));
		return 2;
	}
	return 0;
}

/* for address, is_public in mail:hops() do ... end: of the Received fields, the last hop first. */
static int
mail_hops(lua_State *lua)
{
	return iterator_make(lua, mail_next_hop);
}

/* for part in mail:parts() do ... end; the first is the mail itself. */
static int
mail_parts(lua_State *lua)
{
	return iterator_make(lua, mail_next_part);
}

static int
mail_next_finding(lua_State *lua)
{
	guint index;
	const AmReport *report = iterator_next(lua, &index);
	if (report == NULL || index >= report->findings->len)
		return 0;
	const AmFinding *finding = report->findings->pdata[index];
	lua_pushstring(lua, finding->kind);
	lua_pushstring(lua, finding->name);
	lua_pushstring(lua, finding->scanner);
	lua_pushstring(lua, mail_part_path(report, finding->part));
	lua_pushstring(lua, finding->detail);
	return 5;
}

/* for kind, name, scanner, part_path, detail in mail:findings() do ... end */
static int
mail_findings(lua_State *lua)
{
	return iterator_make(lua, mail_next_finding);
}

static int
mail_next_defect(lua_State *lua)
{
	guint index;
	const AmReport *report = iterator_next(lua, &index);
	if (report == NULL || index >= report->defects->len)
		return 0;
	const AmHeaderDefect *defect = report->defects->pdata[index];
	lua_pushstring(lua, defect->kind);
	lua_pushstring(lua, defect->field);
	lua_pushinteger(lua, (lua_Integer)defect->position);
	lua_pushstring(lua, defect->section);
	lua_pushstring(lua, defect->detail);
	return 5;
}

/* for kind, field, position, section, detail in mail:defects() do ... end */
static int
mail_defects(lua_State *lua)
{
	return iterator_make(lua, mail_next_defect);
}

/* mail:content(): "clean", "infected" or "unchecked"; nil in the hook "recipient". */
static int
mail_content(lua_State *lua)
{
	if (mail_get(lua) == NULL)
		return 0;
	lua_pushstring(lua, am_content_name(am_report_content(mail_report(lua), NULL)));
	return 1;
}

static int
mail_next_test(lua_State *lua)
{
	guint index;
	const AmReport *report = iterator_next(lua, &index);
	if (report == NULL || index >= report->tests->len)
		return 0;
	const AmTest *test = report->tests->pdata[index];
	lua_pushstring(lua, test->name);
	lua_pushnumber(lua, test->points);
	lua_pushstring(lua, test->scanner);
	return 3;
}

/* for name, points, scanner in mail:tests() do ... end */
static int
mail_tests(lua_State *lua)
{
	return iterator_make(lua, mail_next_test);
}

/* mail:has_finding(KIND [, NAME]) */
static int
mail_has_finding(lua_State *lua)
{
	const AmReport *report = mail_report(lua);
	const char *kind = luaL_checkstring(lua, 2);
	const char *name = luaL_optstring(lua, 3, NULL);
	gboolean has = FALSE;
	for (guint i = 0; report != NULL && i < report->findings->len && !has; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		has = strcmp(finding->kind, kind) == 0 &&
		      (name == NULL || strcmp(finding->name, name) == 0);
	}
	lua_pushboolean(lua, has);
	return 1;
}

/* ---- parts: part.path .name .names .type .declared_type .short_type .size .digest .reason, and
 * .is_encrypted .is_undecoded .is_ambiguous .is_member .is_container */

/* Every reading of the name, and what each comes to. */
static int
part_push_names(lua_State *lua, const AmReportPart *part)
{
	lua_newtable(lua);
	for (lua_Integer i = 0; part->names != NULL && part->names[i] != NULL; i++) {
		lua_pushstring(lua, part->names[i]);
		lua_rawseti(lua, -2, i + 1);
	}
	return 1;
}

static int
part_index(lua_State *lua)
{
	static const struct {
		const char *name;
		gsize offset;
	} texts[] = {
		{ "path", offsetof(AmReportPart, path) },
		{ "name", offsetof(AmReportPart, name) },
		{ "type", offsetof(AmReportPart, type) },
		{ "declared_type", offsetof(AmReportPart, declared_type) },
		{ "short_type", offsetof(AmReportPart, short_type) },
		{ "digest", offsetof(AmReportPart, digest) },
		{ "reason", offsetof(AmReportPart, reason) },
	};
	static const struct {
		const char *name;
		guint32 flag;
	} flags[] = {
		{ "is_encrypted", AM_PART_ENCRYPTED },
		{ "is_ambiguous", AM_PART_AMBIGUOUS },
		{ "is_undecoded", AM_PART_UNDECODED },
		{ "is_member", AM_PART_MEMBER },
		{ "is_container", AM_PART_CONTAINER },
	};
	const AmReportPart *part = am_lua_handle_check(lua, 1, PART_TYPE)->data;
	const char *name = luaL_checkstring(lua, 2);
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (strcmp(texts[i].name, name) == 0) {
			lua_pushstring(lua, G_STRUCT_MEMBER(char *, part, texts[i].offset));
			return 1;
		}
	}
	for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
		if (strcmp(flags[i].name, name) == 0) {
			lua_pushboolean(lua, (part->flags & flags[i].flag) != 0);
			return 1;
		}
	}
	if (strcmp(name, "names") == 0)
		return part_push_names(lua, part);
	if (strcmp(name, "size") != 0)
		return luaL_error(lua, "a part has no \"%s\"", name);
	lua_pushinteger(lua, (lua_Integer)part->size);
	return 1;
}

/* ---- recipient */

static const AmRecipient *
recipient_get(lua_State *lua)
{
	return am_lua_handle_check(lua, 1, RECIPIENT_TYPE)->data;
}

/* rcpt:address(): unquoted, without <> */
static int
recipient_address(lua_State *lua)
{
	lua_pushstring(lua, recipient_get(lua)->address);
	return 1;
}

/* rcpt:domain() */
static int
recipient_domain(lua_State *lua)
{
	lua_pushstring(lua, am_address_domain(recipient_get(lua)->address));
	return 1;
}

/* rcpt:local_part() */
static int
recipient_local_part(lua_State *lua)
{
	char *local = am_address_local(recipient_get(lua)->address);
	lua_pushstring(lua, local);
	g_free(local);
	return 1;
}

/* rcpt:is_local() */
static int
recipient_is_local(lua_State *lua)
{
	const AmSettings *settings = am_lua_handle_check(lua, 1, RECIPIENT_TYPE)->more;
	lua_pushboolean(lua, settings->is_local);
	return 1;
}

/* ---- types */

static const luaL_Reg mail_functions[] = {
	{ "id", mail_id },
	{ "sender", mail_sender },
	{ "client", mail_client_address },
	{ "client_name", mail_client_name },
	{ "helo", mail_helo },
	{ "listener", mail_listener },
	{ "protocol", mail_protocol },
	{ "queue_id", mail_queue_id },
	{ "authenticated", mail_authenticated },
	{ "has_bank", mail_has_bank },
	{ "n_recipients", mail_n_recipients },
	{ "size", mail_size },
	{ "subject", mail_subject },
	{ "from", mail_from },
	{ "message_id", mail_message_id },
	{ "digest", mail_digest },
	{ "score", mail_score },
	{ "is_bulk", mail_is_bulk },
	{ "header", mail_header },
	{ "hops", mail_hops },
	{ "parts", mail_parts },
	{ "findings", mail_findings },
	{ "has_finding", mail_has_finding },
	{ "defects", mail_defects },
	{ "content", mail_content },
	{ "tests", mail_tests },
	{ NULL, NULL },
};

static const luaL_Reg recipient_functions[] = {
	{ "address", recipient_address },
	{ "domain", recipient_domain },
	{ "local_part", recipient_local_part },
	{ "is_local", recipient_is_local },
	{ NULL, NULL },
};

int
am_lua_open_mail(lua_State *lua)
{
	am_lua_type_make(lua, MAIL_TYPE, mail_functions, NULL, NULL);
	am_lua_type_make(lua, RECIPIENT_TYPE, recipient_functions, NULL, NULL);
	am_lua_type_make(lua, PART_TYPE, NULL, part_index, NULL);
	am_lua_open_verdict(lua);
	return 0;
}

/* ---- calls */

typedef struct {
	int reference; /* of the hook */
	const AmEnvelope *envelope;
	const AmMail *mail;
	const AmRecipient *recipient;
	AmSettings *settings;
	AmVerdict *verdict; /* NULL: the hook gets the settings */
} Call;

/* Inside the protected call, because making the handles may run out of memory. */
static int
call_run(lua_State *lua)
{
	const Call *call = lua_touserdata(lua, 1);
	lua_rawgeti(lua, LUA_REGISTRYINDEX, call->reference);
	(void)am_lua_handle_push(lua, MAIL_TYPE, call->mail, call->envelope);
	(void)am_lua_handle_push(lua, RECIPIENT_TYPE, call->recipient, call->settings);
	if (call->verdict != NULL)
		(void)am_lua_handle_push(lua, AM_LUA_VERDICT_TYPE, call->verdict, NULL);
	else
		(void)am_lua_handle_push(lua, AM_LUA_SETTINGS_TYPE, call->settings, NULL);
	lua_call(lua, 3, 0);
	return 0;
}

static gboolean
call_hook(AmPolicyThread *thread, Call *call, AmHook hook, guint number, GError **error)
{
	lua_State *lua = am_lua(thread->lua);
	call->reference = g_array_index(thread->hooks[hook], int, number);
	lua_pushcfunction(lua, call_run);
	lua_pushlightuserdata(lua, call);
	return am_lua_call(thread->lua, 1, 0, error);
}

gboolean
am_lua_call_recipient(AmPolicyThread *thread, const AmEnvelope *envelope,
		      const AmRecipient *recipient, AmSettings *settings, GError **error)
{
	Call call = { .envelope = envelope, .recipient = recipient, .settings = settings };
	for (guint i = 0; i < thread->policy->n_hooks[AM_HOOK_RECIPIENT]; i++) {
		if (!call_hook(thread, &call, AM_HOOK_RECIPIENT, i, error)) {
			g_prefix_error(error, "hook recipient: ");
			return FALSE;
		}
	}
	return TRUE;
}

gboolean
am_lua_call_judge(AmPolicyThread *thread, guint hook, const AmMail *mail, AmVerdict *verdict,
		  GError **error)
{
	Call call = {
		.envelope = mail->envelope,
		.mail = mail,
		.recipient = verdict->disposition->recipient,
		.settings = verdict->disposition->settings,
		.verdict = verdict,
	};
	if (call_hook(thread, &call, AM_HOOK_JUDGE, hook, error))
		return TRUE;
	g_prefix_error(error, "hook judge: ");
	return FALSE;
}
