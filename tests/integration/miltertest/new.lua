-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- An MTA of version 6: nothing is answered that need not be; several mails, one of them given up.
local conn = open()
for _, option in ipairs{ SMFIP_NR_CONN, SMFIP_NR_HELO, SMFIP_NR_DATA, SMFIP_NR_HDR, SMFIP_NR_EOH,
			 SMFIP_NR_BODY, SMFIP_SKIP, SMFIP_HDR_LEADSPC } do
	check(mt.test_option(conn, option), "option " .. option)
end
for _, option in ipairs{ SMFIP_NOMAIL, SMFIP_NORCPT, SMFIP_NOHDRS, SMFIP_NOBODY, SMFIP_NR_MAIL,
			 SMFIP_NR_RCPT } do
	check(not mt.test_option(conn, option), "option " .. option)
end
for _, action in ipairs{ SMFIF_ADDHDRS, SMFIF_CHGHDRS, SMFIF_ADDRCPT, SMFIF_DELRCPT, SMFIF_QUARANTINE } do
	check(mt.test_action(conn, action), "action " .. action)
end
mail(conn, "NEW1", { "rcpt" })
expect(conn, SMFIR_CONTINUE, "end")
changed(conn, MT_HDRINSERT, "X-Virus-Scanned")
for _, op in ipairs{ MT_HDRCHANGE, MT_HDRDELETE, MT_BODYCHANGE } do
	unchanged(conn, op)
end
unchanged(conn, MT_RCPTDELETE, "<rcpt@example.org>")
begin(conn, "ABORTED", { "rcpt" })
step("abort", conn)
mail(conn, "NEW2", { "rcpt", "other" }, nil, string.rep("a line of many\r\n", 4000))
expect(conn, SMFIR_CONTINUE, "end")
mt.disconnect(conn)
