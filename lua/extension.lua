-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- Address extensions by category, for local recipients: user@example.org becomes
-- user+spam@example.org, so that the delivery agent can sort it into a folder.
--
--     local extension = require "extension"
--     extension.set{ spam = "spam", ["bad-header"] = "odd" }
--
-- An extension that is there already is replaced.  Blocked mail is left alone.

local extension = { delimiter = "+" }

function extension.apply(address, name)
	local at = address:match("^.*()@")
	local user, domain = address, ""
	if at then
		user, domain = address:sub(1, at - 1), address:sub(at)
	end
	local delimiter = user:find(extension.delimiter, 2, true)
	if delimiter then
		user = user:sub(1, delimiter - 1)
	end
	return user .. extension.delimiter .. name .. domain
end

function extension.set(by_category)
	amavis.on("judge", function (mail, rcpt, verdict)
		local name = by_category[verdict.category]
		if name and verdict.destiny == "pass" and verdict.redirect == "" and rcpt:is_local() then
			verdict.redirect = extension.apply(rcpt:address(), name)
		end
	end)
end

return extension
