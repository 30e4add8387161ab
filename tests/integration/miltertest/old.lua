-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- An MTA of version 2 waits for an answer to each step, and cannot hold mail.
local conn = mt.connect(address, 20, 0.1)
check(conn ~= nil, "no connection")
step("negotiate", conn, 2, 0x7f, SMFIF_ADDHDRS + SMFIF_ADDRCPT + SMFIF_DELRCPT + SMFIF_CHGHDRS)
local function answered(name, ...)
	step(name, conn, ...)
	expect(conn, SMFIR_CONTINUE, name)
end
answered("conninfo", "client.example.org", "192.0.2.7")
answered("helo", "helo.example.org")
step("macro", conn, SMFIC_MAIL, "i", "OLD1")
answered("mailfrom", "<sender@example.org>")
answered("rcptto", "<rcpt@example.org>")
answered("header", "From", "sender@example.org")
answered("header", "Date", "Mon, 23 Nov 2026 01:00:00 +0000")
answered("header", "Subject", "of the mail")
answered("eoh")
answered("bodystring", "one\r\n")
answered("bodystring", "two\r\n")
answered("eom")
changed(conn, MT_HDRINSERT, "X-Virus-Scanned")
mt.disconnect(conn)
