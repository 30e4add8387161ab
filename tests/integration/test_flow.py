# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""A mail on its way: what passes, what is blocked, and what each side is told."""

import unittest

import rig


class Flow(unittest.TestCase):
    def test_clean_mail_passes_unchanged(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        reply = rig.send(daemon.port, rig.message(body="line\n.dot\n..dots\n\nend\n"))
        self.assertRegex(reply, r"^250 2\.\d\.\d .*queued as S1")
        sender, recipients, data = sink.wait(1)[0]
        self.assertEqual(sender, "sender@example.org")
        self.assertEqual(recipients, ["rcpt@example.org"])
        self.assertTrue(data.endswith(b"\r\nline\r\n.dot\r\n..dots\r\n\r\nend\r\n"), data)
        self.assertIn(b"X-Virus-Scanned:", data)
        self.assertTrue(data.startswith(b"X-") or data.startswith(b"Received:"), data)
        self.assertIn(b"by filter.example.org", data)
        event = daemon.event()
        self.assertEqual(event["category"], "clean")
        self.assertEqual(event["recipients"][0]["destiny"], "pass")
        self.assertEqual(event["sender"], "sender@example.org")

    def test_virus_is_discarded_and_quarantined(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True)
        reply = rig.send(daemon.port, rig.attachment("eicar.com", rig.EICAR))
        self.assertRegex(reply, r"^250 2\.\d\.\d .*discarded")
        event = daemon.event()
        self.assertEqual(event["category"], "virus")
        self.assertIn("virus", [f["kind"] for f in event["findings"]])
        self.assertEqual(sink.mails, [])
        stored = daemon.quarantined()
        self.assertEqual(len(stored), 1)
        text = open(stored[0], "rb").read()
        self.assertIn(b"X-Envelope-From: <sender@example.org>", text)
        self.assertIn(b"X-Quarantine-ID:", text)

    def test_copies_notices_and_archive(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True, config=
                            "[policy]\nvirus_admin = admin@example.org\n"
                            "always_bcc = copy@example.org\narchive_quarantine = archive\n"
                            "[quarantine archive]\nplugin = file\ndirectory = DIR\n", start=False)
        with open(daemon.conf) as f:
            text = f.read()
        daemon.write(daemon.conf, text.replace("= DIR", "= " + daemon.quarantine + "/archive"))
        daemon.start()
        self.assertRegex(rig.send(daemon.port, rig.message()), "^250")
        self.assertEqual([m[1] for m in sink.wait(2)], [["rcpt@example.org"], ["copy@example.org"]])
        self.assertEqual(sink.mails[0][2].splitlines()[-3:], sink.mails[1][2].splitlines()[-3:])
        rig.send(daemon.port, rig.attachment("eicar.com", rig.EICAR))
        sender, recipients, data = sink.wait(3)[2]
        self.assertEqual((sender, recipients), ("", ["admin@example.org"]))
        self.assertRegex(data, rb"(?m)^    <rcpt@example.org>: discarded\r$")
        self.assertRegex(data, rb"(?m)^Reason:\r\n    virus: ")
        self.assertNotIn(rig.EICAR, data)
        self.assertEqual(len(daemon.quarantined()), 3)

    def test_reject_and_bounce_by_setting(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True,
                            config="[policy]\nvirus_destiny = reject\nbanned_destiny = bounce\n")
        reply = rig.send(daemon.port, rig.attachment("eicar.txt", rig.EICAR, "text/plain"))
        self.assertRegex(reply, r"^554 5\.7\.0 ")
        reply = rig.send(daemon.port, rig.attachment("setup.exe", b"MZ" + bytes(600)))
        self.assertRegex(reply, r"^250 2\.5\.0 ")
        sender, recipients, data = sink.wait(1)[0]
        self.assertEqual((sender, recipients), ("", ["sender@example.org"]))
        self.assertIn(b"report-type=delivery-status", data)
        self.assertRegex(data, rb"(?m)^Final-Recipient: rfc822; ?rcpt@example.org\r$")
        self.assertRegex(data, rb"(?m)^Action: failed\r$")
        # never to the null sender
        rig.send(daemon.port, rig.attachment("setup.exe", b"MZ" + bytes(600)), sender="")
        daemon.event(3)
        self.assertEqual(len(sink.mails), 1)

    def test_each_recipient_its_own(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True, lua='''
            amavis.settings{ for_recipient = "lover@example.org", virus_lover = true }
            amavis.settings{ for_recipient = "strict@example.org", virus_destiny = "reject" }
        ''')
        data = rig.attachment("eicar.txt", rig.EICAR, "text/plain", subject="three")
        reply = rig.send(daemon.port, data, to=("lover@example.org", "strict@example.org",
                                                "plain@example.org"))
        # delivered to one, so 250; the rejected one becomes a bounce of ours
        self.assertTrue(reply.startswith("250"), reply)
        sink.wait(1)
        passed = [m for m in sink.mails if m[0] == "sender@example.org"]
        self.assertEqual([m[1] for m in passed], [["lover@example.org"]])
        self.assertIn(b"X-Amavis-Alert:", passed[0][2])
        destinies = {r["address"]: r["destiny"] for r in daemon.event()["recipients"]}
        self.assertEqual(destinies["lover@example.org"], "pass")
        self.assertEqual(destinies["strict@example.org"], "reject")
        self.assertEqual(destinies["plain@example.org"], "discard")

    def test_lmtp_answers_each_recipient(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True, protocol="lmtp", lua='''
            amavis.settings{ for_recipient = "lover@example.org", virus_lover = true }
            amavis.settings{ for_recipient = "strict@example.org", virus_destiny = "reject" }
        ''')
        replies = rig.send(daemon.port, rig.attachment("eicar.txt", rig.EICAR, "text/plain"), lmtp=True,
                           to=("lover@example.org", "strict@example.org", "plain@example.org"))
        self.assertEqual([r[:3] for r in replies], ["250", "554", "250"])

    def test_equal_recipients_share_a_transaction(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        to = ["r%d@example.org" % i for i in range(50)]
        self.assertTrue(rig.send(daemon.port, rig.message(), to=to).startswith("250"))
        self.assertEqual(len(sink.mails), 1)
        self.assertEqual(sink.mails[0][1], to)

    def test_failing_policy_is_451_and_never_a_pass(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, lua='''
            amavis.on("judge", function(mail, rcpt, verdict) error("boom") end)
        ''')
        self.assertRegex(rig.send(daemon.port, rig.message()), r"^451 4\.3\.5")
        self.assertEqual(sink.mails, [])
        self.assertIn("boom", daemon.log_text())

    def test_endless_policy_is_stopped(self):
        daemon = rig.Daemon(self, forward=rig.Sink(self).port, lua='''
            amavis.on("judge", function(mail, rcpt, verdict) while true do end end)
        ''')
        self.assertRegex(rig.send(daemon.port, rig.message()), r"^451 4\.3\.5")

    def test_bare_newlines(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        client = rig.Client(daemon.port)
        for line in ("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"):
            client.command(line)
        client.send(b"Subject: x\r\n\r\nsmuggle\n.\nMAIL FROM:<evil@example.org>\r\n.\r\n")
        self.assertTrue(client.reply().startswith("250"))
        data = sink.wait(1)[0][2]
        self.assertIn(b"smuggle\r\n.\r\nMAIL FROM", data)  # one mail, normalised
        self.assertEqual(len(sink.mails), 1)

        strict = rig.Daemon(self, forward=sink.port, listener="bare_newline = reject\n")
        client = rig.Client(strict.port)
        for line in ("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"):
            client.command(line)
        client.send(b"Subject: x\r\n\r\nsmuggle\n.\nMAIL FROM:<evil@example.org>\r\n.\r\n")
        self.assertTrue(client.reply().startswith("550 5.6.11"))
        self.assertTrue(client.command("NOOP").startswith("250"))
        self.assertEqual(len(sink.mails), 1)

    def test_protocol_errors_keep_the_session(self):
        daemon = rig.Daemon(self, forward=rig.Sink(self).port)
        client = rig.Client(daemon.port, hello=None)
        for line, code in (("MAIL FROM:<a@b.example>", "503"), ("EHLO x", "250"), ("FOO", "500"),
                           ("VRFY x", "252"), ("EXPN x", "502"), ("RCPT TO:<a@b.example>", "503"),
                           ("DATA", "503"), ("MAIL FROM:a@b", "501"),
                           ("MAIL FROM:<a@b.example> FOO=1", "555"), ("HELP", "214"),
                           ("MAIL FROM:<a@b.example>", "250"), ("DATA", "554"),
                           ("MAIL FROM:<a@b.example>", "503"), ("RSET", "250"), ("X" * 5000, "500"),
                           ("NOOP", "250"), ("QUIT", "221")):
            with self.subTest(line=line[:40]):
                self.assertEqual(client.command(line)[:3], code)
