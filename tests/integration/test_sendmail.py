# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""docs/sendmail.md, pasted into the configuration of Debian's sendmail and run."""

import base64
import contextlib
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import unittest

import ampdp
import page
import rig
from sendmail import HERE, ONWARD, SENDMAIL, Sendmail, before_mailers

EXE = rig.attachment("setup.exe", b"MZ" + bytes(600))
VIRUS = rig.attachment("eicar.com", rig.EICAR)
RULES = """
amavis.settings{ for_recipient = 'bounce@example.org', banned_destiny = 'bounce' }
amavis.settings{ for_recipient = 'reject@example.org', banned_destiny = 'reject' }
amavis.settings{ for_recipient = 'lover@example.org', banned_destiny = 'pass' }
amavis.on('judge', function (mail, rcpt, verdict)
  local name = rcpt:local_part()
  if name == 'marked' then verdict:tag_subject('[100% odd] '); verdict:add_header('X-Marked', 'a\\n b') end
  if name == 'moved' then verdict.redirect = 'elsewhere@example.org' end
  if name == 'held' then verdict:add_header('X-Amavis-Hold', 'too deep, 100%') end
  if name == 'never' then verdict.destiny = 'reject'; verdict.reply = 'not 100% what we want' end
  if name == 'later' then verdict.destiny = 'tempfail'; verdict.reply = 'the moon is not right' end
end)
"""


class Chain(unittest.TestCase):
    def block(self, title, **words):
        return page.section("sendmail.md", title, **words)

    def amavisd(self, conf, **kw):
        self.daemon = rig.Daemon(self, config=conf + kw.pop("config", ""), clamav=True, **kw)
        self.milter = self.daemon.port

    def chain(self, title="As a milter", more="", password=None, changed=(), **kw):
        """sendmail with our milter, and a next hop behind it."""
        self.sink, self.mta = rig.Sink(self), Sendmail(self)
        self.port, self.back, milter = rig.free_port(), rig.free_port(), rig.free_port()
        files = self.block(title, _10028=milter, _10025=self.back, **self.words())
        for name, old, new in changed:
            self.assertIn(old, files[name])
            files[name] = files[name].replace(old, new)
        self.amavisd(files.get("amavisd.conf"), **kw)
        self.mta.make("sendmail", self.mta.debian(self.port, ONWARD % self.sink.port + files["sendmail.mc"] + more))
        if password:
            self.mta.password("mta.example.org", *password)
        self.mta.serve(self.port)

    def words(self):
        return {}

    def send(self, data, *to, **kw):
        return rig.send(self.port, data, to=to or ("rcpt@example.org",), **kw)

    def until_empty(self, *folders):
        try:
            rig.wait_for("an empty queue", lambda: not any(self.mta.queued(f) for f in folders or ("mqueue",)), 30)
        except AssertionError as e:
            raise AssertionError("%s\n%s%s" % (e, self.mta.log(), self.daemon.log_text()))

    def received(self):
        """Recipient to the mails he got."""
        found = {}
        for _, recipients, data in self.sink.mails:
            for name in recipients:
                found.setdefault(name.split("@")[0], []).append(data)
        return found

    def away_and_back(self, refusal):
        self.daemon.stop()
        self.assertRegex(self.send(rig.message()), refusal)
        self.assertEqual((self.sink.mails, self.mta.queued()), ([], []))
        self.daemon.start()
        self.assertRegex(self.send(rig.message()), "^250 ")
        self.sink.wait(1)


class Milter(Chain):
    def test_clean(self):
        self.chain()
        body = "gr\u00fc\u00dfe\n.dot\n..\n" + "".join("line %d with some words in it\n" % i for i in range(20000))
        headers = "X-Folded: a\n b\n\tc\nX-Bare:none\nX-Wide:   three\nX-Empty:\n"
        self.assertRegex(self.send(rig.message(body=body, headers=headers), "a@example.org", "b@example.org"), "^250 ")
        sender, recipients, data = self.sink.wait(1)[0]
        self.assertEqual((sender, sorted(recipients)), ("sender@example.org", ["a@example.org", "b@example.org"]))
        data = data.replace(b"\r\n", b"\n")
        self.assertEqual(data.count(b"X-Virus-Scanned: amavisd\n"), 1)
        self.assertIn(headers.encode(), data.replace(b"X-Bare: none", b"X-Bare:none"))
        self.assertTrue(data.endswith(b"\n\n" + body.encode()))
        event = self.daemon.event()
        self.assertEqual((event["category"], event["client"], event["client_name"], event["helo"], event["protocol"]),
                         ("clean", "127.0.0.1", "localhost", "client.example.org", "ESMTP"))
        self.assertIn(" %s: from=<sender@example.org>" % event["queue_id"], self.mta.log())
        self.assertGreater(event["size"], len(body))
        self.until_empty()

    def test_header_arrives_at_once(self):
        """sendmail writes a field at a time and waits for acknowledgements that the kernel would delay."""
        self.chain()
        for n in range(5):
            self.assertRegex(self.send(rig.message()), "^250 ")
        self.daemon.event(5)
        self.assertLess(min(e["timing"]["receive"] for e in self.daemon.events()), 35)

    def test_header_edits(self):
        self.chain(lua=RULES)
        data = rig.message(subject="=?utf-8?q?=C3=BCber?=", headers="X-Marked: not ours\n")
        self.assertRegex(self.send(data, "marked@example.org"), "^250 ")
        data = self.sink.wait(1)[0][2]
        self.assertEqual(re.findall(rb"^Subject: .*", data, re.M), [b"Subject: [100% odd] =?utf-8?q?=C3=BCber?=\r"])
        self.assertIn(b"X-Marked: a\r\n b\r\n", data)
        self.assertIn(b"X-Marked: not ours\r\n", data)

    def test_verdicts(self):
        self.chain(lua=RULES, config="[policy]\nvirus_destiny = reject\n")
        self.assertRegex(self.send(VIRUS), r"^554 5\.7\.0 .*[Vv]irus.*Eicar")
        self.assertRegex(self.send(rig.message(), "never@example.org"), r"^554 5\.7\.\d .*not 100% what we want$")
        self.assertRegex(self.send(rig.message(), "later@example.org"), r"^450 4\.7\.\d .*the moon is not right$")
        self.assertRegex(self.send(EXE), "^250 ")  # discarded
        self.assertEqual([e["status"] for e in self.daemon.events()][-1], "blocked")
        self.assertEqual(len(self.daemon.quarantined()), 2)
        self.until_empty()
        self.assertEqual(self.sink.mails, [])

    def test_each_recipient_as_far_as_can_be(self):
        self.chain(lua=RULES)
        to = ["%s@example.org" % n for n in ("lover", "bounce", "reject", "rcpt")]
        self.assertRegex(self.send(EXE, *to), "^250 ")
        self.sink.wait(3)  # what cannot be refused alone is bounced; notices come back by the other port
        self.until_empty()
        got = self.received()
        self.assertEqual(sorted((name, len(mails)) for name, mails in got.items()), [("lover", 1), ("sender", 2)])
        self.assertEqual(sorted(m.count(b"Final-Recipient: rfc822; reject@") for m in got["sender"]), [0, 1])
        self.assertEqual(len(self.daemon.events()), 1)
        self.assertRegex(self.mta.log(), r"Milter \(amavisd\) delete: rcpt <bounce@example\.org>")

    def test_redirect_and_different_headers(self):
        self.chain(lua=RULES)
        self.assertRegex(self.send(rig.message(), "moved@example.org"), "^250 ")
        self.assertEqual(self.sink.wait(1)[0][1], ["elsewhere@example.org"])
        self.assertRegex(self.send(rig.message(), "a@example.org", "marked@example.org", "b@example.org"), "^250 ")
        self.until_empty()
        got = self.received()
        self.assertEqual({name: [b"X-Marked" in m for m in mails] for name, mails in got.items()},
                         {"elsewhere": [False], "a": [False], "b": [False], "marked": [True]})
        self.assertEqual(len(self.daemon.events()), 2)

    def test_on_hold(self):
        self.chain(lua=RULES)
        self.assertRegex(self.send(rig.message(), "held@example.org"), "^250 ")
        name = self.daemon.event()["queue_id"]
        rig.wait_for("it to be held", lambda: os.path.exists(self.mta.path("var/spool/mqueue/hf" + name)))
        self.assertRegex(self.mta.log(), name + ": milter=amavisd, quarantine=too deep, 100%")
        self.mta.run(SENDMAIL, "-qf")
        self.assertEqual(self.sink.mails, [])
        self.mta.run(SENDMAIL, "-qQ", "-Q")  # and let go
        self.assertIn(b"X-Amavis-Hold: too deep, 100%\r\n", self.sink.wait(1)[0][2])
        self.until_empty()
        # the mail's own field asks for nothing
        self.assertRegex(self.send(rig.message(headers="X-Amavis-Hold: please\n")), "^250 ")
        self.sink.wait(2)

    def test_daemon_away_and_back(self):
        self.chain()
        self.away_and_back(r"^451 4\.3\.2 ")

    def test_daemon_dies_with_a_mail(self):
        self.chain()
        client = rig.Client(self.port)
        self.addCleanup(client.close)
        for line in ("MAIL FROM:<sender@example.org>", "RCPT TO:<rcpt@example.org>", "DATA"):
            self.assertRegex(client.command(line), "^[23]")
        for pid in rig.tree(self.daemon.process.pid):
            with contextlib.suppress(ProcessLookupError):  # they end each other
                os.kill(pid, signal.SIGKILL)
        client.send(rig.message().replace(b"\n", b"\r\n") + b".\r\n")
        self.assertRegex(client.reply(), "^451 ")
        self.assertEqual((self.sink.mails, self.mta.queued()), ([], []))

    def test_ipv6(self):
        """From the client, and to us."""
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("no IPv6")
        port = rig.free_port()
        self.chain(changed=[("sendmail.mc", "S=inet:", "S=inet6:"), ("sendmail.mc", "@127.0.0.1", "@::1"),
                            ("amavisd.conf", "address = 127.0.0.1:", "address = [::1]:")],
                   more="DAEMON_OPTIONS(`Name=V6, Family=inet6, Addr=::1, Port=%d')dnl\n" % port)
        with smtplib.SMTP("::1", port) as client:
            client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message().decode())
        self.sink.wait(1)
        self.assertEqual(self.daemon.event()["client"], "::1")

    def stuck(self, *changed):
        """Nothing comes of the scanner, and the answer is due in 6 s; what the client hears."""
        self.chain(config="[scanner spamd]\naddress = 127.0.0.1:%d\ntimeout = 1h\nrequired = yes\n" %
                   rig.Mute(self).port,
                   changed=[("amavisd.conf", "protocol = milter", "protocol = milter\nanswer_time = 6s"), *changed])
        reply = self.send(rig.message())
        self.assertEqual((self.sink.mails, self.mta.queued()), ([], []))
        return reply

    def test_answer_in_time(self):
        self.assertRegex(self.stuck(), r"^451 4\.5\.0 ")

    def test_answer_too_late(self):
        """Why the page has R: sendmail gives up, and the client keeps the mail."""
        self.assertRegex(self.stuck(("sendmail.mc", "R:5m", "R:1s")), r"^451 4\.3\.2 ")
        self.assertIn("Milter (amavisd): timeout before data read", self.mta.log())
        self.assertEqual(self.daemon.event()["status"], "tempfailed")

    def test_many_mails_of_one_client(self):
        """Transactions that end in every way, on one connection to us."""
        self.chain(lua=RULES)
        client = rig.Client(self.port)
        self.addCleanup(client.close)
        for n in range(3):
            self.assertRegex(client.mail(rig.message(), to=["never@example.org"]), "^554 ")
            self.assertRegex(client.command("MAIL FROM:<gone@example.org>"), "^250 ")
            self.assertRegex(client.command("RCPT TO:<rcpt@example.org>"), "^250 ")
            self.assertRegex(client.command("RSET"), "^250 ")
            self.assertRegex(client.mail(rig.message(subject="n%d" % n)), "^250 ")
        self.assertRegex(client.command("EHLO again.example.org"), "^250")
        self.assertRegex(client.mail(rig.message(subject="again")), "^250 ")
        self.sink.wait(4)
        self.assertEqual(len(self.daemon.events()), 7)
        self.assertEqual(self.daemon.event(7)["helo"], "again.example.org")

    def test_load(self):
        rig.need("smtp-source")
        self.chain()
        subprocess.run(["smtp-source", "-s", "10", "-m", "60", "-l", "4096", "-f", "sender@example.org", "-t",
                        "rcpt@example.org", "127.0.0.1:%d" % self.port], check=True, timeout=60)
        self.sink.wait(60)
        self.until_empty()
        self.assertEqual((len(self.sink.mails), len(self.daemon.events())), (60, 60))

    def test_authenticated(self):
        rig.need("saslpasswd2")
        self.chain(password=("fred", "secret"), more="TRUST_AUTH_MECH(`PLAIN')dnl\ndefine(`confAUTH_MECHANISMS', `PLAIN')dnl\n"
                   "define(`confAUTH_REALM', `mta.example.org')dnl\n")
        client = rig.Client(self.port)
        self.addCleanup(client.close)
        word = base64.b64encode(b"\0fred\0secret").decode()
        self.assertIn("AUTH PLAIN", client.hello, self.mta.log())
        self.assertRegex(client.command("AUTH PLAIN " + word), "^235 ")
        self.assertRegex(client.mail(rig.message()), "^250 ")
        event = self.daemon.event()
        self.assertEqual((event["authenticated"], event["protocol"]), ("fred", "ESMTPA"))


class Socket(Chain):
    def words(self):
        # the daemon is outside, the socket inside of sendmail's root
        self.mta.folder("run/amavisd", "root", "root", 0o755)
        rig.make_user("amavis-test")
        shutil.chown(self.mta.path("run/amavisd"), "amavis-test")
        return {}

    def amavisd(self, conf, **kw):
        path = "unix:/run/amavisd/milter.sock"
        self.assertIn(path, conf)
        super().amavisd(conf.replace(path, "unix:" + self.mta.path(path[6:])), forward=self.sink.port, **kw)

    def test_verdicts(self):
        self.chain("By a Unix socket", config="[policy]\nvirus_destiny = reject\n")
        self.assertRegex(self.send(rig.message()), "^250 ")
        self.assertIn(b"\nX-Virus-Scanned: amavisd", b"\n" + self.sink.wait(1)[0][2])
        self.assertRegex(self.send(VIRUS), r"^554 5\.7\.0 ")
        self.assertNotEqual(self.daemon.event()["queue_id"], "")

    def test_daemon_away_and_back(self):
        self.chain("By a Unix socket")
        self.away_and_back(r"^451 4\.3\.2 ")


class Helper(Chain):
    """amavisd-milter between sendmail and the daemon."""

    def words(self):
        self.helper = ampdp.AmavisMilter(self)
        return {"_8892": self.helper.port}

    def amavisd(self, conf, **kw):
        super().amavisd(self.helper.config, forward=self.sink.port, **kw)
        self.helper.start()

    def test_verdicts(self):
        self.chain("amavisd-milter", config="[policy]\nvirus_destiny = reject\n", lua=RULES)
        self.assertRegex(self.send(rig.message(body="line\n" * 20000)), "^250 ")
        data = self.sink.wait(1)[0][2]
        self.assertIn(b"\nX-Virus-Scanned: amavisd", b"\n" + data)
        self.assertTrue(data.endswith(b"line\r\n" * 20000))
        event = self.daemon.event()
        self.assertEqual((event["client"], event["helo"]), ("127.0.0.1", "client.example.org"))
        self.assertIn(" %s: from=" % event["queue_id"], self.mta.log())
        self.assertRegex(self.send(VIRUS), r"^554 5\.7\.0 ")
        self.assertRegex(self.send(EXE), "^250 ")  # discarded
        self.assertRegex(self.send(EXE, "rcpt@example.org", "lover@example.org"), "^250 ")
        self.assertEqual(self.sink.wait(2)[1][1], ["lover@example.org"])
        self.assertRegex(self.send(rig.message(), "moved@example.org"), "^250 ")
        self.assertEqual(self.sink.wait(3)[2][1], ["elsewhere@example.org"])
        self.assertRegex(self.send(rig.message(), "later@example.org"), "^450 4.7")
        self.until_empty()
        # it cannot ask to hold a mail, so the field is all there is
        self.assertRegex(self.send(rig.message(), "held@example.org"), "^250 ")
        self.assertIn(b"X-Amavis-Hold: too deep", self.sink.wait(4)[3][2])

    def test_daemon_away_and_back(self):
        self.chain("amavisd-milter")
        self.away_and_back("^451 ")


class Two(Chain):
    """A sendmail before the daemon, and one behind it."""

    def chain(self, **kw):
        self.sink, self.mta = rig.Sink(self), Sendmail(self)
        self.port, self.back = rig.free_port(), rig.free_port()
        # by name one host: what the page says of it is needed
        self.daemon = rig.Daemon(self, forward=self.back, clamav=True, **kw,
                                 fragments={"10-name.conf": "[amavisd]\nhostname = mta.example.org\n"})
        files = self.block("Two sendmails", _10024=self.daemon.port, _10025=self.back)
        self.mta.folder("var/spool/mqueue-rx", "root", "root", 0o750)
        self.mta.make("sendmail-rx", self.mta.debian(self.port, files["sendmail-rx.mc"]))
        self.mta.make("sendmail-tx", before_mailers(files["sendmail-tx.mc"], HERE + ONWARD % self.sink.port))
        self.mta.serve(self.back, "sendmail-tx")
        self.mta.serve(self.port, "sendmail-rx")

    def until_empty(self):
        super().until_empty("mqueue", "mqueue-rx")

    def test_clean(self):
        self.chain()
        body = "gr\u00fc\u00dfe\n.dot\n"
        for sender in ("sender@example.org", ""):
            self.assertRegex(self.send(rig.message(body=body), "a@example.org", "root@mta.example.org", sender=sender),
                             "^250 ")
        self.sink.wait(2)
        self.until_empty()
        self.assertEqual({name: len(mails) for name, mails in self.received().items()}, {"a": 2, "root": 2})
        for _, _, data in self.sink.mails:
            self.assertEqual(data.count(b"X-Virus-Scanned: amavisd\r\n"), 1)
            self.assertTrue(data.endswith(("\r\n\r\n" + body.replace("\n", "\r\n")).encode()))
            self.assertEqual(len(re.findall(rb"^Received: ", data, re.M)), 3)
        self.assertEqual(len(self.daemon.events()), 2)

    def test_verdicts(self):
        self.chain(lua=RULES, config="[policy]\nvirus_destiny = reject\n")
        to = ["%s@example.org" % n for n in ("lover", "bounce", "rcpt")]
        self.assertRegex(self.send(EXE, *to), "^250 ")
        self.sink.wait(2)
        self.until_empty()
        self.assertEqual({n: len(m) for n, m in self.received().items()}, {"lover": 1, "sender": 1})
        self.assertRegex(self.send(VIRUS), "^250 ")  # refused to the first sendmail, which tells the sender
        self.sink.wait(3)
        self.until_empty()
        sender, recipients, data = self.sink.mails[2]
        self.assertEqual((sender, recipients), ("", ["sender@example.org"]))
        self.assertIn(b"554 5.7.0", data)

    def test_daemon_away_and_back(self):
        self.chain()
        self.daemon.stop()
        self.assertRegex(self.send(rig.message(subject="patience")), "^250 ")
        rig.wait_for("a try", lambda: "Connection refused" in self.mta.log())
        self.assertEqual(len(self.mta.queued("mqueue-rx")), 1)
        self.daemon.start()
        self.assertIn(b"Subject: patience", self.sink.wait(1)[0][2])
        self.until_empty()
        self.assertEqual(len(self.sink.mails), 1)

    def test_second_away_and_back(self):
        """The daemon keeps nothing: the mail stays with the first until the second has it."""
        self.chain()
        behind = self.mta.processes[0]
        behind.terminate()
        behind.wait(20)
        self.assertRegex(self.send(rig.message()), "^250 ")
        rig.wait_for("a try", lambda: re.search(r"stat=Deferred: 4\d\d 4\.\d\.\d", self.mta.log()))
        self.assertEqual(len(self.mta.queued("mqueue-rx")), 1)
        self.mta.serve(self.back, "sendmail-tx")
        self.sink.wait(1)
        self.until_empty()
        self.assertEqual(len(self.sink.mails), 1)


class Submission(Chain):
    """The command sendmail, as a user without rights has it."""

    def chain(self, **kw):
        super().chain(**kw)
        self.mta.submission(self.port, self.block("Mail of this machine")["submit.mc"])

    def submit(self, data, *options):
        done = self.mta.run(SENDMAIL, "-t", "-i", *options, input=data, uid=65534, check=False)
        return done.returncode, done.stdout + done.stderr

    def until_submitted(self):
        self.until_empty("mqueue", "mqueue-client")

    def test_clean(self):
        self.chain()
        self.assertEqual(self.submit(rig.message(headers="Bcc: <b@example.org>\n", body="a\n.\nb\n")), (0, b""))
        sender, recipients, data = self.sink.wait(1)[0]
        self.assertEqual(sorted(recipients), ["b@example.org", "rcpt@example.org"])
        self.assertTrue(data.endswith(b"\r\n\r\na\r\n.\r\nb\r\n"))
        self.assertIn(b"\nX-Virus-Scanned: amavisd\r\n", b"\n" + data)
        self.assertNotIn(b"Bcc:", data)
        self.assertEqual(self.daemon.event()["sender"], "nobody@mta.example.org")
        self.until_submitted()

    def test_rejected_and_told(self):
        self.chain(config="[policy]\nvirus_destiny = reject\n")
        self.submit(VIRUS, "-f", "me@example.org")
        sender, recipients, data = self.sink.wait(1)[0]  # a bounce, by the same way
        self.assertEqual((sender, recipients), ("", ["me@example.org"]))
        self.assertIn(b"554 5.7.0", data)
        self.until_submitted()

    def test_daemon_away_and_back(self):
        self.chain()
        self.daemon.stop()
        self.assertEqual(self.submit(rig.message())[0], 0)
        self.assertEqual((len(self.mta.queued("mqueue-client")), self.mta.queued(), self.sink.mails), (1, [], []))
        self.daemon.start()
        self.mta.run(SENDMAIL, "-Ac", "-q")
        self.sink.wait(1)
        self.until_submitted()


del Chain

if __name__ == "__main__":
    unittest.main()
