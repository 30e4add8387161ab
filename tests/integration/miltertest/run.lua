-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- Runs a script beside it: miltertest -s run.lua -D script=PATH -D address=SOCKET.

mt.set_timeout(60)

-- Every step of miltertest gives nil when it went well, else what was wrong.
function step(name, ...)
	local wrong = mt[name](...)
	if wrong ~= nil then
		error(name .. ": " .. tostring(wrong), 2)
	end
end

function expect(conn, reply, what)
	local got = mt.getreply(conn)
	if got ~= reply then
		error(string.format("%s: answer %q instead of %q", what, string.char(math.floor(got)),
				    string.char(math.floor(reply))), 2)
	end
end

function check(is_true, what)
	if not is_true then
		error(what, 2)
	end
end

function changed(conn, ...)
	check(mt.eom_check(conn, ...), "not asked for: " .. table.concat({...}, " "))
end

function unchanged(conn, ...)
	check(not mt.eom_check(conn, ...), "asked for: " .. table.concat({...}, " "))
end

-- A connection that has agreed on version, actions and steps; nil: whatever libmilter has.
function open(version, actions, steps)
	local conn = mt.connect(address, 20, 0.1)
	check(conn ~= nil, "no connection")
	step("negotiate", conn, version, steps, actions) -- the manual has the last two the other way round
	step("conninfo", conn, "client.example.org", "192.0.2.7")
	step("helo", conn, "helo.example.org")
	return conn
end

-- A mail up to the end of its header; fields: {name, value} each.
function begin(conn, queue_id, recipients, fields)
	step("macro", conn, SMFIC_MAIL, "i", queue_id, "{auth_type}", "PLAIN", "{auth_authen}", "fred")
	step("mailfrom", conn, "<sender@example.org>", "SIZE=1000")
	expect(conn, SMFIR_CONTINUE, "MAIL")
	for _, rcpt in ipairs(recipients) do
		step("rcptto", conn, "<" .. rcpt .. "@example.org>")
		expect(conn, SMFIR_CONTINUE, rcpt)
	end
	step("data", conn)
	step("header", conn, "From", " sender@example.org")
	step("header", conn, "Date", " Mon, 23 Nov 2026 01:00:00 +0000")
	for _, field in ipairs(fields or {}) do
		step("header", conn, field[1], field[2])
	end
	step("header", conn, "Subject", " of the mail")
	step("eoh", conn)
end

function mail(conn, queue_id, recipients, fields, body)
	begin(conn, queue_id, recipients, fields)
	step("bodystring", conn, body or "the body\r\n")
	step("eom", conn)
end

local is_fine, wrong = pcall(dofile, script)
if not is_fine then
	print(wrong) -- miltertest alone says nothing
	error(wrong)
end
