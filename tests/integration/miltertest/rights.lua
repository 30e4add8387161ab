-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- What the verdict needs and the MTA does not let us do: the mail comes again.
local conn = open(6, SMFIF_ADDHDRS + SMFIF_CHGHDRS, nil)
check(not mt.test_action(conn, SMFIF_DELRCPT), "rights that were not offered")
for _, rcpt in ipairs{ "moved", "held" } do
	mail(conn, string.upper(rcpt), { rcpt })
	expect(conn, SMFIR_TEMPFAIL, rcpt)
end
mail(conn, "FINE", { "rcpt" })
expect(conn, SMFIR_CONTINUE, "rcpt")
mt.disconnect(conn, false)
