-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- One header for all, as the listener's conflict says; -D marked=yes: the marked one's.
local conn = open()
mail(conn, "CONFLICT", { "a", "worse", "b" })
expect(conn, SMFIR_CONTINUE, "end")
for _, rcpt in ipairs{ "a", "worse", "b" } do
	unchanged(conn, MT_RCPTDELETE, "<" .. rcpt .. "@example.org>")
end
check(mt.eom_check(conn, MT_HDRINSERT, "X-Marked") == (marked == "yes"), "X-Marked: not as " .. marked)
mt.disconnect(conn)
