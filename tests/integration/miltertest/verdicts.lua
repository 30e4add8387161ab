-- Copyright (C) 2026 the amavisd authors
-- SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception

-- What each verdict is in the words of the protocol.
local conn = open()

mail(conn, "TAGGED", { "tagged" }, { { "X-Virus-Scanned", " by others" } })
expect(conn, SMFIR_CONTINUE, "tagged")
changed(conn, MT_HDRCHANGE, "Subject", " *odd* of the mail")
changed(conn, MT_HDRDELETE, "X-Virus-Scanned")
changed(conn, MT_HDRINSERT, "X-Marked")

mail(conn, "MOVED", { "moved", "rcpt" })
expect(conn, SMFIR_CONTINUE, "moved")
changed(conn, MT_RCPTDELETE, "<moved@example.org>")
changed(conn, MT_RCPTADD, "<elsewhere@example.org>")
unchanged(conn, MT_RCPTDELETE, "<rcpt@example.org>")

mail(conn, "SPLIT", { "a", "marked", "b" })
expect(conn, SMFIR_CONTINUE, "split")
changed(conn, MT_RCPTDELETE, "<marked@example.org>")
unchanged(conn, MT_HDRINSERT, "X-Marked")

mail(conn, "HELD", { "held" })
expect(conn, SMFIR_CONTINUE, "held")
changed(conn, MT_QUARANTINE, "too deep")

mail(conn, "NEVER", { "never" })
expect(conn, SMFIR_REPLYCODE, "never")

mail(conn, "LATER", { "rcpt", "later" })
expect(conn, SMFIR_REPLYCODE, "later")

mail(conn, "NOWHERE", { "nowhere" })
expect(conn, SMFIR_DISCARD, "nowhere")

-- some of them: taken out
mail(conn, "SOME", { "rcpt", "nowhere" })
expect(conn, SMFIR_CONTINUE, "some")
changed(conn, MT_RCPTDELETE, "<nowhere@example.org>")
unchanged(conn, MT_RCPTDELETE, "<rcpt@example.org>")
mt.disconnect(conn)
