# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Reports of delivery: who sends which (RFC 3461)."""

import email
import time
import unittest

import rig


class Success(unittest.TestCase):
    def send(self, daemon, *recipients, sender="sender@example.org"):
        client = rig.Client(daemon.port)
        client.command("MAIL FROM:<%s> RET=HDRS ENVID=id+2B1" % sender)
        for one in recipients:
            self.assertTrue(client.command("RCPT TO:" + one).startswith("250"))
        self.assertTrue(client.command("DATA").startswith("354"))
        client.send(rig.message(body="secret\n").replace(b"\n", b"\r\n") + b".\r\n")
        reply = client.reply()
        client.close()
        return reply

    def report(self, sink, n):
        sender, recipients, data = sink.wait(n)[-1]
        self.assertEqual((sender, recipients), ("", ["sender@example.org"]))
        self.assertNotIn(b"secret", data)
        return email.message_from_bytes(data)

    def test_relayed_where_nobody_else_reports(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        reply = self.send(daemon, "<a@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o@example.org",
                          "<b@example.org> NOTIFY=FAILURE", "<c@example.org>", "<d@example.org> NOTIFY=NEVER")
        self.assertTrue(reply.startswith("250"))
        report = self.report(sink, 2)
        self.assertEqual(report.get_content_type(), "multipart/report")
        fields = report.get_payload(1).get_payload()
        self.assertEqual(fields[0]["Original-Envelope-Id"], "id+1")
        self.assertEqual([(f["Original-Recipient"], f["Final-Recipient"], f["Action"], f["Status"][0])
                          for f in fields[1:]],
                         [("rfc822; o@example.org", "rfc822; a@example.org", "relayed", "2")])
        self.assertEqual(len(sink.mails), 2)

    def test_passed_on_where_the_next_hop_reports(self):
        sink = rig.Sink(self, keywords=("PIPELINING", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES"))
        daemon = rig.Daemon(self, forward=sink.port)
        self.assertTrue(self.send(daemon, "<a@example.org> NOTIFY=SUCCESS").startswith("250"))
        self.assertIn("RCPT TO:<a@example.org> NOTIFY=SUCCESS", sink.commands)
        time.sleep(0.3)
        self.assertEqual(len(sink.mails), 1)

    def test_not_passed_on_when_switched_off(self):
        sink = rig.Sink(self, keywords=("PIPELINING", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES"))
        daemon = rig.Daemon(self, forward=sink.port, config="[next_hop]\ndsn = no\n")
        self.assertTrue(self.send(daemon, "<a@example.org> NOTIFY=SUCCESS").startswith("250"))
        self.assertIn("RCPT TO:<a@example.org>", sink.commands)
        self.report(sink, 2)

    def test_none_for_bounces_and_deferred_mail(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        self.assertTrue(self.send(daemon, "<a@example.org> NOTIFY=SUCCESS", sender="").startswith("250"))
        sink.script["dot"] = "450 4.2.0 later"
        self.assertTrue(self.send(daemon, "<a@example.org> NOTIFY=SUCCESS").startswith("450"))
        time.sleep(0.3)
        self.assertEqual([one[0] for one in sink.mails], [""])


if __name__ == "__main__":
    unittest.main()
