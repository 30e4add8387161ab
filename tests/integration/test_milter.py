# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""As a milter of a real Postfix: mail from clients, and mail of the machine's own."""

import glob
import subprocess
import unittest

import page
import rig

RULES = """
amavis.settings{ for_recipient = 'bounce@example.org', banned_destiny = 'bounce' }
amavis.settings{ for_recipient = 'reject@example.org', banned_destiny = 'reject' }
amavis.settings{ for_recipient = 'lover@example.org', banned_destiny = 'pass' }
amavis.on('judge', function (mail, rcpt, verdict)
  if rcpt:address() == 'marked@example.org' then verdict:add_header('X-Marked', 'yes') end
  if rcpt:address() == 'held@example.org' then verdict:add_header('X-Amavis-Hold', 'too deep') end
  if rcpt:address() == 'moved@example.org' then verdict.redirect = 'elsewhere@example.org' end
end)
"""


class Milter(unittest.TestCase):
    def chain(self, config="", listener="", lua=None):
        out = rig.Sink(self)
        daemon = rig.Daemon(self, forward=out.port, clamav=True, protocol="milter",
                            config=config, listener=listener, lua=lua)
        blocks = page.section("postfix.md", "As a milter", _10028=daemon.port, _10025=rig.free_port())
        mta = rig.Postfix(self, extra=blocks["main.cf"], services=blocks["master.cf"])
        return out, daemon, mta

    def send(self, mta, data, to=("rcpt@example.org",)):
        return rig.send(mta.port, data, to=to)

    def test_clean_mail_gets_our_fields(self):
        out, daemon, mta = self.chain()
        body = "".join("line %d with some words in it\n" % i for i in range(20000))
        self.assertRegex(self.send(mta, rig.message(body=body, headers="X-Folded: a\n b\n\tc\n")), "^250 ")
        mail = mta.wait(1)[0]
        self.assertIn(b"\nX-Virus-Scanned:", mail)
        self.assertIn(b"X-Folded: a\n b\n\tc\n", mail)
        self.assertIn(b"line 19999 with", mail)
        event = daemon.event()
        self.assertEqual(event["category"], "clean")
        self.assertEqual(event["client"], "127.0.0.1")
        self.assertEqual(event["helo"], "client.example.org")
        self.assertNotEqual(event["queue_id"], "")
        self.assertEqual(event["recipients"][0]["outcome"], "deliver")
        self.assertEqual(out.mails, [])

    def test_virus(self):
        out, daemon, mta = self.chain()
        eicar = rig.attachment("eicar.com", rig.EICAR)
        self.assertRegex(self.send(mta, eicar), "^250 ")  # discarded
        self.assertEqual(daemon.event()["category"], "virus")
        self.assertEqual(len(daemon.quarantined()), 1)
        out, daemon, mta = self.chain(config="[policy]\nvirus_destiny = reject\n")
        self.assertRegex(self.send(mta, eicar), r"^554 5\.7\.0 ")
        self.assertEqual(mta.inbox(), [])

    def test_each_recipient_as_far_as_can_be(self):
        out, daemon, mta = self.chain(lua=RULES)
        to = ["%s@example.org" % n for n in ("lover", "bounce", "reject", "rcpt")]
        self.assertRegex(self.send(mta, rig.attachment("setup.exe", b"MZ" + bytes(600)), to), "^250 ")
        self.assertEqual(mta.wait(1)[0].count(b"Delivered-To: lover@example.org"), 1)
        # what cannot be refused alone is bounced
        notices = sorted(m[2].count(b"Final-Recipient: rfc822; reject@") for m in out.wait(2))
        self.assertEqual(notices, [0, 1])
        rig.wait_for("an empty queue", lambda: not mta.queued())
        self.assertEqual(len(mta.inbox()), 1)

    def test_redirect_and_different_headers(self):
        out, daemon, mta = self.chain(lua=RULES)
        self.assertRegex(self.send(mta, rig.message(), ["moved@example.org"]), "^250 ")
        self.assertIn(b"Delivered-To: elsewhere@example.org", mta.wait(1)[0])
        # split: who is to get another header gets it from us
        self.assertRegex(self.send(mta, rig.message(subject="split"),
                                   ["a@example.org", "marked@example.org", "b@example.org"]), "^250 ")
        sender, recipients, data = out.wait(1)[0]
        self.assertEqual(recipients, ["marked@example.org"])
        self.assertIn(b"X-Marked: yes", data)
        mails = mta.wait(3)
        self.assertEqual(sum(b"X-Marked" in m for m in mails), 0)
        # strictest and mildest: one header for all
        out, daemon, mta = self.chain(lua=RULES, listener="conflict = mildest\n")
        self.assertRegex(self.send(mta, rig.message(), ["a@example.org", "marked@example.org"]), "^250 ")
        self.assertEqual(len(mta.wait(2)), 2)
        self.assertEqual(out.mails, [])

    def test_the_page_alone(self):
        """docs/postfix.md: what a milter cannot do goes by the port behind."""
        port, back = rig.free_port(), rig.free_port()
        blocks = page.section("postfix.md", "As a milter", _10028=port, _10025=back)
        daemon = rig.Daemon(self, forward=back, lua=RULES, fragments={"60-page.conf": blocks["amavisd.conf"]})
        mta = rig.Postfix(self, extra=blocks["main.cf"], services=blocks["master.cf"])
        to = ["a@example.org", "marked@example.org"]
        self.assertRegex(self.send(mta, rig.message(), to), "^250 ")
        self.assertEqual(sorted(b"X-Marked: yes" in m for m in mta.wait(2)), [False, True])
        to = ["lover@example.org", "bounce@example.org"]
        self.assertRegex(self.send(mta, rig.attachment("setup.exe", b"MZ" + bytes(600)), to), "^250 ")
        self.assertEqual(sum(b"delivery-status" in m for m in mta.wait(4)), 1)
        rig.wait_for("an empty queue", lambda: not mta.queued())
        self.assertEqual((len(mta.inbox()), len(daemon.events())), (4, 2))

    def test_on_hold(self):
        out, daemon, mta = self.chain(lua=RULES)
        self.assertRegex(self.send(mta, rig.message(), ["held@example.org"]), "^250 ")
        rig.wait_for("it to be held", lambda: glob.glob(mta.dir + "/queue/hold/*"))
        self.assertIn("milter triggers HOLD action", mta.log())
        subprocess.run(["postsuper", "-c", mta.dir + "/conf", "-H", "ALL"], check=True, capture_output=True)
        self.assertIn(b"X-Amavis-Hold: too deep", mta.wait(1)[0])

    def test_own_mail_and_load(self):
        rig.need("smtp-source")
        out, daemon, mta = self.chain()
        subprocess.run(["sendmail", "-C", mta.dir + "/conf", "-f", "sender@example.org", "rcpt@example.org"],
                       input=rig.message(), check=True)
        self.assertIn(b"X-Virus-Scanned:", mta.wait(1)[0])
        subprocess.run(["smtp-source", "-s", "10", "-m", "300", "-l", "4096", "-f", "sender@example.org", "-t",
                        "rcpt@example.org", "127.0.0.1:%d" % mta.port], check=True, timeout=120)
        self.assertEqual(len(mta.wait(301, 120)), 301)
        rig.wait_for("all events", lambda: len(daemon.events()) == 301)

    def test_daemon_away_and_back(self):
        out, daemon, mta = self.chain()
        daemon.stop()
        self.assertRegex(self.send(mta, rig.message()), "^4")
        daemon.start()
        self.assertRegex(self.send(mta, rig.message()), "^250 ")
        mta.wait(1)


if __name__ == "__main__":
    unittest.main()
