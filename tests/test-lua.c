/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The Lua host, the bindings, and the standard modules. */

#include <config.h>

#include "policy-fixture.h"

/* ---- the state alone */

static gboolean
run(AmLuaState *state, const char *text, GError **error)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
	return am_lua_run(state, "t.lua", bytes, error);
}

static void
test_forbidden(void)
{
	/* each must fail with this in the message, or with NULL succeed */
	static const char *const cases[][2] = {
		{ "io.open('/etc/passwd')", "io" },
		{ "os.execute('true')", "execute" },
		{ "os.getenv('HOME')", "getenv" },
		{ "dofile('x')", "dofile" },
		{ "loadfile('x')", "loadfile" },
		{ "debug.getregistry()", "debug" },
		{ "package.loadlib('x','y')", "package" },
		{ "coroutine.create(print)", "coroutine" },
		{ "collectgarbage('stop')", "collectgarbage" },
		{ "rawset(string, 'x', 1)", "rawset" },
		{ "string.dump(print)", "dump" },
		{ "string.x = 1", "cannot be changed" },
		{ "getmetatable('').__index = nil", "boolean" },
		{ "setmetatable(string, {})", "protected" },
		{ "setmetatable({}, { __gc = function () end })", "__gc" },
		{ "assert(load('\\27Lua'))", "binary" },
		{ "require 'nonsense'", "not found" },
		{ "require '../etc/passwd'", "not found" },
		{ "error({})", "error without a text" },
		{ "x = = 1", "t.lua:1:" },
		{ "\n\nnil_value.field = 1", "t.lua:3:" },
		{ "assert(load('y = 7'))() assert(y == 7)", NULL },
		{ "assert(os.time() > 0 and os.date('%Y') and os.clock())", NULL },
		{ "assert(('x'):rep(3) == 'xxx' and #utf8.char(228) == 2 and math.max(1, 2) == 2)",
		  NULL },
		{ "z = 1 assert(_G.z == 1 and _ENV.z == 1)", NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(AmLuaState) state = am_lua_state_new(1 << 20, 1000000, &error);
		g_assert_no_error(error);
		gboolean ok = run(state, cases[i][0], &error);
		g_test_message("%s: %s", cases[i][0], error != NULL ? error->message : "ok");
		g_assert_cmpint(ok, ==, cases[i][1] == NULL);
		if (ok)
			continue;
		g_assert_error(error, AM_ERROR, AM_ERROR_DATA);
		g_assert_nonnull(strstr(error->message, cases[i][1]));
		g_assert_null(strchr(error->message, '\n'));
	}
}

static void
test_limits(void)
{
	static const char *const cases[][2] = {
		{ "while true do end", "too many instructions" },
		{ "while true do pcall(function () while true do end end) end",
		  "too many instructions" },
		{ "local function f() while true do pcall(f) end end f()", "" },
		{ "local t = {} while true do t[#t + 1] = {} end", "not enough memory" },
		{ "local s = ('x'):rep(1 << 30)", "not enough memory" },
		{ "local s = 'x' while true do s = s .. s end", "not enough memory" },
		{ "local function f() return 1 + f() end f()",
		  "" }, /* stack or memory, as it comes */
		{ "local t = setmetatable({}, {}) getmetatable(t).__index = function (t, k) return "
		  "t[k] end return t.x",
		  "overflow" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(AmLuaState) state = am_lua_state_new(1 << 20, 1000000, &error);
		g_assert_false(run(state, cases[i][0], &error));
		g_test_message("%s: %.200s", cases[i][0], error->message);
		g_assert_error(error, AM_ERROR, AM_ERROR_DATA);
		g_assert_nonnull(strstr(error->message, cases[i][1]));
		g_assert_cmpuint(am_lua_memory(state), <=, 1 << 20);
		/* and the state is as good as before */
		g_clear_error(&error);
		g_assert_true(run(state, "assert(1 + 1 == 2)", &error));
		g_assert_no_error(error);
	}
}

static void
test_small_memory(void)
{
	/* from far too little to enough: an error each time, never more */
	for (gsize bytes = 100; bytes < 60000; bytes += 1500) {
		g_autoptr(GError) error = NULL;
		g_autoptr(AmLuaState) state = am_lua_state_new(bytes, 1000000, &error);
		g_assert_true((state == NULL) == (error != NULL));
	}
}

/* ---- hooks */

static AmDisposition *
judge_script(Fixture *f, const char *script, AmMail *mail, GPtrArray **all)
{
	g_autoptr(GError) error = NULL;
	fixture_open(f, NULL, script);
	*all = am_policy_judge(f->thread, mail, NULL, &error);
	g_assert_no_error(error);
	return (*all)->pdata[0];
}

static AmMail *
make_mail(void)
{
	static const char text[] = "Subject: Hi\r\n there\r\nX-Flag:  yes \r\n\r\nbody\r\n";
	AmMail *mail = fixture_mail("s@example.com", "User+x@example.org", text);
	AmReport *report = mail->report;
	AmHeaderField *subject = g_new0(AmHeaderField, 1);
	AmHeaderField *flag = g_new0(AmHeaderField, 1);
	*subject = (AmHeaderField){ g_strdup("Subject"), 0, 7, 8, 21 };
	*flag = (AmHeaderField){ g_strdup("X-Flag"), 21, 6, 7, 15 };
	g_ptr_array_add(report->fields, subject);
	g_ptr_array_add(report->fields, flag);
	fixture_set(&report->subject, "Hi there");
	fixture_set(&report->from, "author@example.com");
	fixture_set(&mail->envelope->client_address, "192.0.2.1");
	fixture_set(&mail->envelope->listener, "in");
	report->is_scored = TRUE;
	report->score = 4.5;
	am_report_add_test(report, "spamd", "BAYES_50", 0.8);
	am_report_add_finding(report, "macro", "AutoOpen", "x", 0, "in VBA");
	am_report_add_defect(report, "utf8", "Subject", 9, "RFC 5322 2.2", "UTF-8");
	(void)fixture_part(report, 0, "a.doc", "application/msword", "application/msword", "doc");
	return mail;
}

/* Rules against what decoders found, as docs/policy.md shows them. */
static void
test_finding_rules(void)
{
	static const struct {
		const char *rule;
		const char *label; /* NULL: not banned */
	} cases[] = {
		{ "{ deny = { finding = 'macro' }, label = 'macro' }", "macro" },
		{ "{ deny = { finding = 'macro/AutoOpen' } }", "finding macro/AutoOpen" },
		{ "{ deny = { finding = { 'launch', 'javascript' } } }", NULL },
		{ "{ allow = { extension = 'doc' } }, { deny = { finding = 'macro' } }", NULL },
		{ "{ deny = { extension = { 'xls', 'DOC' } }, label = 'office' }", "office" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Fixture f;
		g_autoptr(AmMail) mail = make_mail();
		g_autoptr(GPtrArray) all = NULL;
		g_autofree char *script = g_strdup_printf(
			"amavis.banned_rule('found', { %s })\n"
			"amavis.settings{ banned_rules = 'found' }", cases[i].rule);
		const AmDisposition *d = judge_script(&f, script, mail, &all);
		g_test_message("%s", script);
		g_assert_cmpstr(d->banned_rule, ==, cases[i].label != NULL ? cases[i].label : "");
		g_assert_cmpint(d->main_category == AM_CATEGORY_BANNED, ==, cases[i].label != NULL);
		fixture_close(&f);
	}
}

/* Hops from the top; fields that name none are passed over. */
static void
test_hops(void)
{
	static const char text[] = "Received: from a (a [10.0.0.1]) by b\r\n"
				   "Received: by b\r\nReceived: from x (x [192.0.2.9])\r\n by a\r\n";
	static const struct {
		guint64 offset;
		guint32 len;
	} fields[] = { { 0, 38 }, { 38, 16 }, { 54, 38 } };
	Fixture f;
	g_autoptr(AmMail) mail = fixture_mail("s@example.com", "r@example.org", text);
	g_autoptr(GPtrArray) all = NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
		AmHeaderField *field = g_new0(AmHeaderField, 1);
		*field = (AmHeaderField){ g_strdup("Received"), fields[i].offset, 8, 9, fields[i].len };
		g_ptr_array_add(mail->report->fields, field);
	}
	const AmDisposition *d = judge_script(
		&f,
		"amavis.on('judge', function (mail, rcpt, verdict)\n"
		"  local seen = ''\n"
		"  for address, is_public in mail:hops() do\n"
		"    seen = seen .. address .. (is_public and '! ' or ' ')\n"
		"  end\n"
		"  verdict:add_header('X-Seen', seen)\n"
		"end)\n",
		mail, &all);
	g_assert_cmpstr(am_edits_get(d->edits, 0)->value, ==, "10.0.0.1 192.0.2.9!");
	fixture_close(&f);
}

static void
test_facts(void)
{
	static const char script[] =
		"amavis.on('judge', function (mail, rcpt, verdict)\n"
		"  assert(mail:sender() == 's@example.com')\n"
		"  assert(mail:client() == '192.0.2.1' and mail:listener() == 'in')\n"
		"  assert(mail:helo() == '' and mail:queue_id() == '')\n"
		"  assert(mail:subject() == 'Hi there' and mail:from() == 'author@example.com')\n"
		"  assert(mail:header('subject') == 'Hi\\r\\n there')\n"
		"  assert(mail:header('X-FLAG') == 'yes' and mail:header('X-None') == nil)\n"
		"  assert(mail:size() == 44 and mail:score() == 4.5 and not mail:is_bulk())\n"
		"  assert(#mail:id() == 16 and mail:n_recipients() == 1 and not "
		"mail:has_bank('X'))\n"
		"  local n = 0\n"
		"  for part in mail:parts() do\n"
		"    n = n + 1\n"
		"    if n == 2 then\n"
		"      assert(part.name == 'a.doc' and part.type == 'application/msword')\n"
		"      assert(part.short_type == 'doc' and part.size == 0 and not "
		"part.is_encrypted and not part.is_ambiguous)\n"
		"      assert(type(part.names) == 'table' and #part.names == 0)\n"
		"      assert(not pcall(function () return part.nonsense end))\n"
		"    end\n"
		"  end\n"
		"  assert(n == 2)\n"
		"  for kind, name, scanner, path, detail in mail:findings() do\n"
		"    assert(kind == 'macro' and name == 'AutoOpen' and scanner == 'x' and path == "
		"'1' and detail == 'in VBA')\n"
		"    n = n + 1\n"
		"  end\n"
		"  for name, points in mail:tests() do assert(name == 'BAYES_50' and points == "
		"0.8) end\n"
		"  for kind, field, position, section, detail in mail:defects() do\n"
		"    assert(kind == 'utf8' and field == 'Subject' and position == 9)\n"
		"    assert(section == 'RFC 5322 2.2' and detail == 'UTF-8')\n"
		"  end\n"
		"  assert(mail:content() == 'clean')\n"
		"  assert(n == 3 and mail:has_finding('macro') and not mail:has_finding('macro', "
		"'y'))\n"
		"  assert(rcpt:address() == 'User+x@example.org' and rcpt:domain() == "
		"'example.org')\n"
		"  assert(rcpt:local_part() == 'User+x' and rcpt:is_local())\n"
		"  assert(verdict.destiny == 'pass' and verdict.category == 'clean')\n"
		"  assert(verdict.blocking == 'none' and verdict.reason == '' and verdict.score == "
		"4.5)\n"
		"  assert(verdict:setting('kill_level') == 6.31 and verdict:setting('virus_lover') "
		"== false)\n"
		"  assert(not pcall(function () return verdict.nonsense end))\n"
		"  assert(not pcall(function () verdict.reason = 'x' end))\n"
		"  verdict:add_header('X-Seen', 'yes')\n"
		"end)\n";
	Fixture f;
	g_autoptr(AmMail) mail = make_mail();
	g_autoptr(GPtrArray) all = NULL;
	const AmDisposition *d = judge_script(&f, script, mail, &all);
	g_assert_cmpuint(am_edits_count(d->edits), ==, 1);
	g_assert_cmpstr(am_edits_get(d->edits, 0)->name, ==, "X-Seen");
	fixture_close(&f);
}

static void
test_changes(void)
{
	static const struct {
		const char *body;
		AmDestiny destiny;
		AmCategory blocking;
		const char *reply; /* a piece, NULL none */
		const char *quarantine, *route, *target;
	} cases[] = {
		{ "", AM_DESTINY_PASS, AM_CATEGORY_NONE, NULL, "", "smtp:[127.0.0.1]:10025",
		  "User+x@example.org" },
		{ "verdict.destiny = 'reject' verdict.reply = 'not today'", AM_DESTINY_REJECT,
		  AM_CATEGORY_CLEAN, "554 5.7.0 Reject, id=", "", "smtp:[127.0.0.1]:10025",
		  "User+x@example.org" },
		{ "verdict.destiny = 'tempfail'", AM_DESTINY_TEMPFAIL, AM_CATEGORY_CLEAN,
		  "450 4.7.0", "", "smtp:[127.0.0.1]:10025", "User+x@example.org" },
		{ "verdict:add_category('banned')", AM_DESTINY_DISCARD, AM_CATEGORY_BANNED,
		  "250 2.7.0", "file", "smtp:[127.0.0.1]:10025", "User+x@example.org" },
		{ "verdict:add_category('virus') verdict.destiny = 'pass'", AM_DESTINY_PASS,
		  AM_CATEGORY_NONE, NULL, "", "smtp:[127.0.0.1]:10025", "User+x@example.org" },
		{ "verdict.score = 8 verdict.quarantine = 'other'", AM_DESTINY_PASS,
		  AM_CATEGORY_NONE, NULL, "other", "smtp:[127.0.0.1]:10025", "User+x@example.org" },
		{ "verdict.route = 'smtp:h:26' verdict.redirect = 'a@b'", AM_DESTINY_PASS,
		  AM_CATEGORY_NONE, NULL, "", "smtp:h:26", "a@b" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Fixture f;
		g_autoptr(AmMail) mail = make_mail();
		g_autoptr(GPtrArray) all = NULL;
		g_autofree char *script = g_strdup_printf(
			"amavis.on('judge', function (mail, rcpt, verdict) %s end)", cases[i].body);
		const AmDisposition *d = judge_script(&f, script, mail, &all);
		g_test_message("%s", cases[i].body);
		g_assert_cmpint(d->destiny, ==, cases[i].destiny);
		g_assert_cmpint(d->blocking, ==, cases[i].blocking);
		g_assert_cmpstr(d->quarantine, ==, cases[i].quarantine);
		g_assert_cmpstr(d->route, ==, cases[i].route);
		g_assert_cmpstr(d->target->address, ==, cases[i].target);
		g_assert_cmpint(d->reply != NULL, ==, cases[i].reply != NULL);
		if (d->reply != NULL) {
			g_autofree char *reply = am_reply_to_string(d->reply);
			g_assert_nonnull(strstr(reply, cases[i].reply));
		}
		fixture_close(&f);
	}
}

/* The second hook sees what the first changed; a rescored mail is judged again. */
static void
test_chain(void)
{
	Fixture f;
	g_autoptr(AmMail) mail = make_mail();
	g_autoptr(GPtrArray) all = NULL;
	const AmDisposition *d = judge_script(
		&f,
		"amavis.on('recipient', function (mail, rcpt, settings)\n"
		"  assert(settings.kill_level == 6.31 and settings.tag3_level == math.huge)\n"
		"  assert(mail:subject() == nil and mail:score() == nil)\n"
		"  settings.spam_destiny = 'reject' settings.kill_level = 5.5\n"
		"  settings.virus_lover = true settings.banned_rules = { 'default' }\n"
		"end)\n"
		"amavis.on('judge', function (m, r, v) assert(v.category == 'clean') v.score = 6 "
		"end)\n"
		"amavis.on('judge', function (m, r, v)\n"
		"  assert(v.category == 'spam' and v.destiny == 'reject') v:tag_subject('[x] ')\n"
		"end)\n",
		mail, &all);
	g_assert_cmpint(d->blocking, ==, AM_CATEGORY_SPAM);
	g_assert_cmpint(d->destiny, ==, AM_DESTINY_REJECT);
	g_assert_cmpstr(d->settings->subject_tag[AM_CATEGORY_SPAM], ==, "[x] ");
	g_assert_true(d->settings->is_lover[AM_CATEGORY_VIRUS]);
	fixture_close(&f);
}

static void
test_failing(void)
{
	static const char *const bodies[] = {
		"error('no')",
		"while true do end",
		"settings_of_nobody.x = 1",
		"verdict.destiny = 'drop'",
		"verdict.redirect = 'a b'",
		"verdict:add_category('nonsense')",
		"verdict:add_header('a:b', 'x')",
		"verdict.score = 0/0",
		"local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
		"amavis.on('judge', print)",
		"amavis.file_map('/nonexistent')",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(bodies); i++) {
		Fixture f;
		g_autoptr(GError) error = NULL;
		g_autoptr(AmMail) mail = make_mail();
		g_autofree char *script = g_strdup_printf(
			"amavis.on('judge', function (mail, rcpt, verdict)\n%s end)", bodies[i]);
		fixture_open(&f, NULL, script);
		g_assert_null(am_policy_judge(f.thread, mail, NULL, &error));
		g_test_message("%s", error->message);
		g_assert_error(error, AM_ERROR, AM_ERROR_DATA);
		/* Lua has no position for lack of memory */
		g_assert_true(strstr(error->message, "50-policy.lua:2:") != NULL ||
			      strstr(error->message, "not enough memory") != NULL);
		fixture_close(&f);
	}
}

static void
test_failing_recipient(void)
{
	static const char *const bodies[] = { "settings.nonsense = 1", "settings.kill_level = 'x'",
					      "settings.virus_destiny = {}",
					      "return settings.nonsense" };
	for (gsize i = 0; i < G_N_ELEMENTS(bodies); i++) {
		Fixture f;
		g_autoptr(GError) error = NULL;
		g_autoptr(AmMail) mail = make_mail();
		g_autofree char *script = g_strdup_printf(
			"amavis.on('recipient', function (mail, rcpt, settings)\n%s end)",
			bodies[i]);
		fixture_open(&f, NULL, script);
		g_assert_null(am_policy_settings(f.thread, mail->envelope,
						 mail->envelope->recipients->pdata[0], &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_DATA);
		g_clear_error(&error);
		g_assert_null(am_policy_judge(f.thread, mail, NULL, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_DATA);
		fixture_close(&f);
	}
}

/* Globals of a hook are gone with the mail, and what is kept of a mail cannot be used later. */
static void
test_environment(void)
{
	Fixture f;
	g_autoptr(AmMail) mail = make_mail();
	g_autoptr(GPtrArray) all = NULL, again = NULL;
	g_autoptr(GError) error = NULL;
	(void)judge_script(&f,
			   "kept = {} loaded = 'at load'\n"
			   "amavis.on('judge', function (mail, rcpt, verdict)\n"
			   "  assert(leaked == nil and loaded == 'at load')\n"
			   "  leaked = 1 loaded = 'changed'\n"
			   "  if kept.mail then\n"
			   "    local ok, text = pcall(function () return kept.mail:sender() end)\n"
			   "    assert(not ok and text:find('after the call'), text)\n"
			   "  end\n"
			   "  kept.mail = mail\n"
			   "end)\n",
			   mail, &all);
	again = am_policy_judge(f.thread, mail, NULL, &error);
	g_assert_no_error(error);
	fixture_close(&f);
}

static void
test_declaration_errors(void)
{
	/* script, piece of the problem; all at line 2 */
	static const char *const cases[][2] = {
		{ "amavis.settings{ for_nobody = 'x' }", "for_nobody" },
		{ "amavis.settings{ for_recipient = {} }", "for_recipient" },
		{ "amavis.settings{ for_recipient = { 1 } }", "element 1" },
		{ "amavis.settings{ for_recipient = 'a b' }", "no address" },
		{ "amavis.settings{ for_client = '192.0.2.1/24' }", "bits behind" },
		{ "amavis.settings{ kill_level = {} , 5 }", "settings are NAME = VALUE" },
		{ "amavis.settings{ kill_level = print }", "not function" },
		{ "amavis.settings(5)", "table expected" },
		{ "amavis.banned_rule('x', { { deny = { nam = 'x' } } })", "unknown key \"nam\"" },
		{ "amavis.banned_rule('x', { { deny = {} } })", "needs one of" },
		{ "amavis.banned_rule('x', { { deny = { name = 'x' }, allow = { name = 'x' } } })",
		  "either" },
		{ "amavis.banned_rule('x', { { deny = { regex = '(' } } })", "regex" },
		{ "amavis.banned_rule('a b', {})", "one word" },
		{ "amavis.banned_rule('x', { 5 })", "a rule is a table" },
		{ "amavis.on('nothing', print)", "unknown hook" },
		{ "amavis.on('judge', 5)", "function expected" },
		{ "amavis.file_map('none.txt')", "none.txt" },
		{ "amavis.settings{ forward_route = 'pigeon:coop' }", "forward_route" },
		{ "amavis.settings{ for_sender = '.', redirect = 'nobody at all' }", "redirect" },
		{ "amavis.settings{ virus_admin = 'x y' }", "virus_admin" },
		{ "amavis.nonsense()", "nonsense" },
		{ "amavis.x = 1", "cannot be changed" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Fixture f;
		g_autofree char *script = g_strconcat("\n", cases[i][0], NULL);
		fixture_init(&f);
		g_free(fixture_write(&f, "amavisd.conf", ""));
		g_free(fixture_write(&f, "conf.d/50-policy.lua", script));
		fixture_build(&f);
		g_test_message("%s", cases[i][0]);
		g_assert_cmpuint(f.problems->len, ==, 1);
		const AmConfigProblem *problem = f.problems->pdata[0];
		g_assert_cmpuint(problem->line, ==, 2);
		g_assert_true(g_str_has_suffix(problem->file, "/conf.d/50-policy.lua"));
		g_assert_nonnull(strstr(problem->text, cases[i][1]));
		fixture_close(&f);
	}
}

static void
test_maps_and_modules(void)
{
	Fixture f;
	g_autoptr(GError) error = NULL;
	fixture_init(&f);
	g_free(fixture_write(&f, "amavisd.conf", ""));
	g_free(fixture_write(&f, "conf.d/vips.txt",
			     "# people\nBoss@Example.org  vip one\n\n.example.net\nlast # none\n"));
	g_free(fixture_write(&f, "conf.d/lua/own.lua", "local m = {} m.level = 3 return m\n"));
	g_free(fixture_write(
		&f, "conf.d/50-policy.lua",
		"local map = amavis.file_map('vips.txt')\n"
		"assert(map:get('boss@example.org') == 'vip one' and map:get('last') == '1')\n"
		"assert(map:lookup('x@sub.example.net') == '1' and map:lookup('x@example.com') == "
		"nil)\n"
		"assert(#map:keys() == 3)\n"
		"amavis.settings{ for_recipient = map, kill_level = require('own').level }\n"
		"assert(require 'own' == require 'own')\n"
		"amavis.on('recipient', function (mail, rcpt, settings)\n"
		"  if map:lookup(rcpt:address()) == 'vip one' then settings.tag_level = -1 end\n"
		"end)\n"));
	fixture_build(&f);
	g_assert_cmpuint(f.problems->len, ==, 0);
	f.thread = am_policy_thread_new(f.policy, &error);
	g_assert_no_error(error);
	g_autoptr(AmMail) mail = fixture_mail("s@x", "boss@example.org a@b.example.net c@d", "x");
	static const double expected[][2] = { { 3, -1 }, { 3, 2 }, { 6.31, 2 } };
	for (guint i = 0; i < 3; i++) {
		g_autoptr(AmSettings) settings = am_policy_settings(
			f.thread, mail->envelope, mail->envelope->recipients->pdata[i], &error);
		g_assert_no_error(error);
		g_assert_cmpfloat(settings->kill_level, ==, expected[i][0]);
		g_assert_cmpfloat(settings->tag_level, ==, expected[i][1]);
	}
	fixture_close(&f);
}

static void
test_standard_modules(void)
{
	static const char script[] =
		"require 'banned'\n"
		"local senders = require 'senders'\n"
		"local extension = require 'extension'\n"
		"senders.score('s@example.com', 4)\n"
		"senders.score({ 'example.com', '.' }, -50)\n"
		"assert(extension.apply('u@x', 'spam') == 'u+spam@x')\n"
		"assert(extension.apply('u+old@x', 'spam') == 'u+spam@x')\n"
		"assert(extension.apply('+u@x', 'spam') == '+u+spam@x')\n"
		"assert(extension.apply('u', 'spam') == 'u+spam')\n"
		"extension.set{ spam = 'spam' }\n"
		"amavis.settings{ banned_rules = 'default, undecipherable, external, windows' }\n";
	Fixture f;
	g_autoptr(AmMail) mail = make_mail();
	g_autoptr(GPtrArray) all = NULL, banned = NULL;
	g_autoptr(GError) error = NULL;
	const AmDisposition *d = judge_script(&f, script, mail, &all);
	g_assert_cmpfloat(d->score, ==, 8.5);
	g_assert_cmpstr(d->target->address, ==, "User+spam@example.org");
	(void)fixture_part(mail->report, 0, "run.ps1", "", "text/plain", "txt");
	banned = am_policy_judge(f.thread, mail, NULL, &error);
	g_assert_no_error(error);
	d = banned->pdata[0];
	g_assert_cmpint(d->blocking, ==, AM_CATEGORY_BANNED);
	g_assert_cmpstr(d->banned_rule, ==, "extension that Windows runs");
	fixture_close(&f);
}

/* The shipped example and every example of docs/policy.md load, and say what they claim. */
static void
test_documentation(void)
{
	const char *top = g_getenv("AM_TOP_SRCDIR");
	g_autofree char *path = g_build_filename(top != NULL ? top : ".", "docs/policy.md", NULL);
	g_autofree char *text = NULL;
	guint n = 0;
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	for (const char *p = strstr(text, "```lua\n"); p != NULL; p = strstr(p, "```lua\n"), n++) {
		const char *end = strstr(p += strlen("```lua\n"), "```");
		g_autofree char *script = g_strndup(p, (gsize)(end - p));
		Fixture f;
		g_autoptr(GError) error = NULL;
		g_autoptr(AmMail) mail = make_mail();
		fixture_init(&f);
		g_test_message("%s", script);
		g_free(fixture_write(&f, "amavisd.conf", ""));
		g_free(fixture_write(&f, "conf.d/vips.txt", "boss@example.org\n"));
		g_free(fixture_write(&f, "conf.d/50-policy.lua", script));
		fixture_build(&f);
		g_assert_cmpuint(f.problems->len, ==, 0);
		f.thread = am_policy_thread_new(f.policy, &error);
		g_assert_no_error(error);
		g_autoptr(GPtrArray) all G_GNUC_UNUSED = am_policy_judge(f.thread, mail, NULL, &error);
		g_assert_no_error(error);
		fixture_close(&f);
	}
	g_assert_cmpuint(n, >=, 5);
	/* every setting has its entry */
	for (const AmSettingSpec *spec = am_settings_specs(); spec->name != NULL; spec++) {
		g_autofree char *entry = g_strdup_printf("`%s`", spec->name);
		const char *underscore = strchr(spec->name, '_');
		if (strstr(text, entry) != NULL)
			continue;
		/* by category: `CAT_destiny` and so on */
		gboolean is_found = FALSE;
		for (; underscore != NULL && !is_found; underscore = strchr(underscore + 1, '_')) {
			g_autofree char *by_category = g_strdup_printf("`CAT%s`", underscore);
			is_found = strstr(text, by_category) != NULL;
		}
		g_test_message("%s", spec->name);
		g_assert_true(is_found);
	}
}

static void
test_example(void)
{
	const char *top = g_getenv("AM_TOP_SRCDIR");
	g_autofree char *path =
		g_build_filename(top != NULL ? top : ".", "conf.d/50-policy.lua", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	g_autoptr(GString) active = g_string_new(NULL);
	Fixture f;
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	fixture_open(&f, NULL, text);
	g_assert_null(f.thread->lua); /* all of it is comment */
	fixture_close(&f);
	/* commented code starts with "--" and no blank: taken away, it must be right */
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL; line++) {
		if (g_str_has_prefix(*line, "--") && (*line)[2] != ' ' && (*line)[2] != '\0')
			g_string_append(active, *line + 2);
		g_string_append_c(active, '\n');
	}
	fixture_open(&f, NULL, active->str);
	g_assert_cmpuint(am_lookup_count(f.policy->lookup), >, 0);
	fixture_close(&f);
}

static gpointer
thread_run(gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmMail) mail = make_mail();
	AmPolicyThread *thread = am_policy_thread_new(data, &error);
	g_assert_no_error(error);
	for (guint i = 0; i < 50; i++) {
		g_autoptr(GPtrArray) all = am_policy_judge(thread, mail, NULL, &error);
		g_assert_no_error(error);
		g_assert_cmpint(((AmDisposition *)all->pdata[0])->destiny, ==, AM_DESTINY_REJECT);
	}
	am_policy_thread_free(thread);
	return NULL;
}

static void
test_threads(void)
{
	Fixture f;
	GThread *threads[4];
	fixture_open(&f, "[policy]\nlocal_domains = example.org\n",
		     "require 'banned'\n"
		     "local map = {}\n"
		     "amavis.settings{ for_recipient = 'user@example.org', kill_level = 4 }\n"
		     "amavis.on('judge', function (mail, rcpt, verdict)\n"
		     "  map.n = (map.n or 0) + 1\n"
		     "  if verdict.category == 'spam' then verdict.destiny = 'reject' end\n"
		     "end)\n");
	for (guint i = 0; i < 4; i++)
		threads[i] = g_thread_new("policy", thread_run, f.policy);
	for (guint i = 0; i < 4; i++)
		g_thread_join(threads[i]);
	fixture_close(&f);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/lua/forbidden", test_forbidden);
	g_test_add_func("/lua/limits", test_limits);
	g_test_add_func("/lua/small-memory", test_small_memory);
	g_test_add_func("/lua/facts", test_facts);
	g_test_add_func("/lua/hops", test_hops);
	g_test_add_func("/lua/finding-rules", test_finding_rules);
	g_test_add_func("/lua/changes", test_changes);
	g_test_add_func("/lua/chain", test_chain);
	g_test_add_func("/lua/failing", test_failing);
	g_test_add_func("/lua/failing-recipient", test_failing_recipient);
	g_test_add_func("/lua/environment", test_environment);
	g_test_add_func("/lua/declaration-errors", test_declaration_errors);
	g_test_add_func("/lua/maps-and-modules", test_maps_and_modules);
	g_test_add_func("/lua/standard-modules", test_standard_modules);
	g_test_add_func("/lua/documentation", test_documentation);
	g_test_add_func("/lua/example", test_example);
	g_test_add_func("/lua/threads", test_threads);
	return g_test_run();
}
