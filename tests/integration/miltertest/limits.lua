-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- A mail that is too large: the rest of the body need not come, and the end is its refusal.
local conn = open(6, 0x1ff, SMFIP_SKIP)
check(mt.test_option(conn, SMFIP_SKIP), "skip")
begin(conn, "LARGE", { "rcpt" })
step("bodystring", conn, "small\r\n")
expect(conn, SMFIR_CONTINUE, "small")
step("bodystring", conn, string.rep("a line of many\r\n", 4000))
expect(conn, SMFIR_SKIP, "large")
step("eom", conn)
expect(conn, SMFIR_REPLYCODE, "end")
-- the next one is fine
mail(conn, "SMALL", { "rcpt" })
expect(conn, SMFIR_CONTINUE, "small")
mt.disconnect(conn)
