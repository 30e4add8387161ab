# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""docs/postfix.md with real Postfix: as content filter after the queue, and as proxy before it."""

import subprocess
import unittest

import page
import rig

RULES = """
amavis.settings{ for_recipient = 'bounce@example.org', banned_destiny = 'bounce' }
amavis.settings{ for_recipient = 'reject@example.org', banned_destiny = 'reject', spam_destiny = 'reject' }
amavis.settings{ for_recipient = 'lover@example.org', banned_destiny = 'pass', spam_destiny = 'pass' }
amavis.on('judge', function (mail, rcpt, verdict)
  if mail:subject() == 'buy' then verdict.score = 20 end
end)
"""


def swaks(port, *args):
    rig.need("swaks")
    return subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(port), "--from",
                           "sender@example.org", "--to", "rcpt@example.org", "--helo",
                           "client.example.org", *args], capture_output=True, text=True, timeout=120)


class Chain(unittest.TestCase):
    def postfix(self, title, extra="", **ports):
        """Postfix with the blocks of that section of the page."""
        blocks = page.section("postfix.md", title, **ports)
        port = rig.free_port()
        services = blocks["master.cf"].replace("smtp inet ", "127.0.0.1:%d inet " % port)
        mta = rig.Postfix(self, extra=blocks.get("main.cf", "") + extra, services=services)
        if services != blocks["master.cf"]:
            mta.port = port
        return mta

    def daemon(self, title, forward, **kw):
        """amavisd with what the section has for amavisd.conf."""
        daemon = rig.Daemon(self, forward=forward, clamav=True, start=False, **kw)
        text = page.section("postfix.md", title, _10024=daemon.port).get("amavisd.conf", "")
        daemon.write(daemon.dir + "/conf.d/60-page.conf", text)
        daemon.start()
        return daemon

    def chain(self, title, extra="", **kw):
        back = rig.free_port()
        daemon = self.daemon(title, back, **kw)
        return self.postfix(title, extra, _10024=daemon.port, _10025=back), daemon

    def until_empty(self, mta):
        rig.wait_for("an empty queue", lambda: not mta.queued())


class AfterQueue(Chain):
    TITLE = "After the queue (content_filter)"

    def test_clean_virus_and_banned(self):
        mta, daemon = self.chain(self.TITLE, config="[policy]\nbanned_destiny = bounce\n")
        self.assertEqual(swaks(mta.port, "--body", "clean mail").returncode, 0)
        mail = mta.wait(1)[0]
        self.assertIn(b"clean mail", mail)
        self.assertEqual(mail.count(b"X-Virus-Scanned:"), 1)
        event = daemon.event()
        self.assertTrue(event["recipients"][0]["reply"].startswith("250"), event)
        self.assertEqual(event["helo"], "client.example.org")  # by XFORWARD
        self.assertEqual(swaks(mta.port, "--attach-name", "eicar.com", "--attach",
                               rig.EICAR.decode()).returncode, 0)
        self.assertEqual(daemon.event(2)["category"], "virus")
        self.assertEqual(swaks(mta.port, "--attach-name", "a.exe", "--attach",
                               "MZ program").returncode, 0)
        self.assertEqual(daemon.event(3)["category"], "banned")
        bounce = [m for m in mta.wait(2) if b"delivery-status" in m]
        self.assertEqual(len(bounce), 1)
        self.until_empty(mta)
        self.assertEqual(len(mta.inbox()), 2)

    def test_load_of_smtp_source(self):
        rig.need("smtp-source")
        mta, daemon = self.chain(self.TITLE)
        n = 200
        subprocess.run(["smtp-source", "-s", "10", "-m", str(n), "-l", "4096", "-f",
                        "sender@example.org", "-t", "rcpt@example.org",
                        "127.0.0.1:%d" % mta.port], check=True, timeout=120)
        mta.wait(n, 120)
        self.until_empty(mta)
        self.assertEqual(len(mta.inbox()), n)
        self.assertEqual(len(daemon.events()), n)

    def test_next_hop_away_keeps_mail_in_the_queue(self):
        port = rig.free_port()
        daemon = self.daemon(self.TITLE, port)
        mta = self.postfix(self.TITLE, _10024=daemon.port, _10025=rig.free_port())
        swaks(mta.port, "--body", "patience")
        self.assertRegex(daemon.event()["recipients"][0]["reply"], "^4")
        self.assertEqual(len(mta.queued()), 1)
        sink = rig.Sink(self, port=port)
        mta.flush()
        self.assertIn(b"patience", sink.wait(1)[0][2])
        self.until_empty(mta)
        self.assertEqual(len(sink.mails), 1)


class Lmtp(Chain):
    TITLE = "After the queue by LMTP"

    def bounces(self, mta):
        return [m for m in mta.mails() if b"delivery-status" in m]

    def test_each_recipient_has_its_answer(self):
        mta, daemon = self.chain(self.TITLE, lua=RULES)
        to = ["%s@example.org" % n for n in ("lover", "reject", "bounce", "rcpt")]
        self.assertRegex(rig.send(mta.port, rig.attachment("setup.exe", b"MZ" + bytes(600)), to=to), "^250 ")
        self.assertRegex(rig.send(mta.port, rig.message(subject="buy"), to=to[:2]), "^250 ")
        rig.wait_for("the bounces", lambda: len(self.bounces(mta)) == 3)
        self.until_empty(mta)
        bounces = self.bounces(mta)
        by_us = [b for b in bounces if b"Reporting-MTA: dns; filter.example.org" in b]
        self.assertEqual(len(by_us), 1)
        self.assertIn(b"rfc822; bounce@example.org", by_us[0])
        for bounce in bounces:
            if bounce not in by_us:
                self.assertIn(b"Final-Recipient: rfc822; reject@example.org", bounce)
                self.assertRegex(bounce, rb"554 5\.7\.[01] ")
        got = [m for m in mta.mails() if m not in bounces]
        self.assertEqual([m.count(b"Delivered-To: lover@example.org") for m in got], [1, 1])
        self.assertEqual(daemon.event()["protocol"], "LMTP")

    def test_addresses_are_mapped_once(self):
        """amavisd sees what the client said; aliases and copies come once, of own mail too."""
        mta, daemon = self.chain(self.TITLE, extra="virtual_alias_maps = inline:{ team@example.org=rcpt@example.org }\n"
                                 "always_bcc = copy@example.org\n")
        self.assertRegex(rig.send(mta.port, rig.message(), to=["team@example.org"]), "^250 ")
        subprocess.run(["sendmail", "-C", mta.dir + "/conf", "-f", "sender@example.org", "team@example.org"],
                       input=rig.message(), check=True)
        mta.wait(4)
        self.until_empty(mta)
        to = [line for m in mta.mails() for line in m.split(b"\n") if line.startswith(b"Delivered-To:")]
        self.assertEqual(sorted(to), [b"Delivered-To: copy@example.org"] * 2 + [b"Delivered-To: rcpt@example.org"] * 2)
        for event in (daemon.event(1), daemon.event(2)):
            self.assertEqual([r["address"] for r in event["recipients"]], ["team@example.org"])

    def test_daemon_away_and_back(self):
        mta, daemon = self.chain(self.TITLE)
        daemon.stop()
        self.assertRegex(rig.send(mta.port, rig.message(subject="patience")), "^250 ")
        rig.wait_for("Postfix to try", lambda: "status=deferred" in mta.log())
        self.assertEqual(mta.inbox(), [])
        daemon.start()
        mta.flush()
        self.assertIn(b"Subject: patience", mta.wait(1)[0])
        self.until_empty(mta)
        self.assertEqual(len(mta.inbox()), 1)

    def test_dsn_and_smtputf8(self):
        sink = rig.Sink(self, keywords=("PIPELINING", "8BITMIME", "SIZE 0", "DSN", "SMTPUTF8"))
        mta, daemon = self.chain(self.TITLE, extra="relayhost = [127.0.0.1]:%d\n" % sink.port)
        client = rig.Client(mta.port)
        for line in ("MAIL FROM:<sender@example.org> RET=HDRS ENVID=e+2B1",
                     "RCPT TO:<a@elsewhere.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;first@example.org", "DATA"):
            self.assertRegex(client.command(line), "^[23]")
        client.send(rig.message().replace(b"\n", b"\r\n") + b".\r\n")
        self.assertRegex(client.reply(), "^250")
        sink.wait(1)
        for word in ("RET=HDRS", "ENVID=e+2B1", "NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;first@example.org"):
            self.assertIn(word, "\n".join(sink.commands))
        for line in ("MAIL FROM:<gr\u00fc\u00dfe@example.org> SMTPUTF8", "RCPT TO:<\u00fc@elsewhere.example>", "DATA"):
            self.assertRegex(client.command(line), "^[23]")
        client.send(rig.message(subject="\u00fcber").replace(b"\n", b"\r\n") + b".\r\n")
        self.assertRegex(client.reply(), "^250")
        client.close()
        self.assertIn("Subject: \u00fcber".encode(), sink.wait(2)[1][2])
        self.assertRegex("\n".join(sink.commands), "MAIL FROM:<gr\u00fc\u00dfe@example.org>.* SMTPUTF8")


class BeforeQueue(Chain):
    TITLE = "Before the queue (smtpd_proxy_filter)"

    def test_rejected_within_the_session(self):
        mta, daemon = self.chain(self.TITLE, lua="amavis.settings{ spam_destiny = 'reject' }\n" + RULES)
        self.assertEqual(swaks(mta.port, "--body", "clean mail").returncode, 0)
        mta.wait(1)
        for args in (("--attach-name", "eicar.com", "--attach", rig.EICAR.decode()),
                     ("--attach-name", "a.exe", "--attach", "MZ program"), ("--h-Subject", "buy")):
            r = swaks(mta.port, *args)
            self.assertNotEqual(r.returncode, 0)
            self.assertRegex(r.stdout, r"<\*\* +554 5\.7\.[01] ")
        self.until_empty(mta)
        self.assertEqual(len(mta.inbox()), 1)
        self.assertEqual([daemon.event(n)["category"] for n in (1, 2, 3, 4)], ["clean", "virus", "banned", "spam"])

    def test_load_of_smtp_source(self):
        """More clients than Postfix has processes."""
        rig.need("smtp-source")
        mta, daemon = self.chain(self.TITLE)
        subprocess.run(["smtp-source", "-s", "50", "-m", "200", "-l", "8192", "-f",
                        "sender@example.org", "-t", "rcpt@example.org",
                        "127.0.0.1:%d" % mta.port], check=True, timeout=120)
        mta.wait(200)
        self.until_empty(mta)
        self.assertEqual(len(mta.inbox()), 200)


del Chain

if __name__ == "__main__":
    unittest.main()
