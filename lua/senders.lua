-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- Points by sender, added to the spam score (Amavis: soft white and black lists):
--
--     local senders = require "senders"
--     senders.score("boss@example.com", -5)
--     senders.score({ "news.example.net", ".bulk.example" }, 3)
--     senders.score_map(amavis.file_map("senders.txt"))
--
-- Of several entries for a sender the most special counts.  The envelope's sender is what is
-- looked at, which anyone can write: give few points for it.

local senders = {}

function senders.score(keys, points)
	amavis.settings{ for_sender = keys, score_add = points }
end

-- A file of lines "KEY POINTS".
function senders.score_map(map)
	for _, key in ipairs(map:keys()) do
		local points = tonumber(map:get(key))
		if not points then
			error("sender " .. key .. ": points are a number, not " .. map:get(key), 2)
		end
		senders.score(key, points)
	end
end

return senders
