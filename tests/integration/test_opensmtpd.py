# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""docs/opensmtpd.md, run by Debian's OpenSMTPD."""

import glob
import os
import re
import subprocess
import unittest

import cage
import page
import rig

ELSEWHERE = "127.0.0.2"  # OpenSMTPD waits five seconds between connections to the same address
TITLE = "amavisd and OpenSMTPD"
USERS = {"opensmtpd": 201, "opensmtpq": 202, "a": 301, "b": 302, "lover": 303, "bounce": 304}
RULES = """
amavis.settings{ for_recipient = 'bounce@example.org', banned_destiny = 'bounce' }
amavis.settings{ for_recipient = 'lover@example.org', banned_destiny = 'pass' }
"""


class OpenSmtpd(cage.Cage):
    def __init__(self, case, out, amavisd, back):
        super().__init__(case, ("opensmtpd",), ["/usr/sbin/smtpd", "/usr/sbin/smtpctl", "/bin/sh",
                         "/usr/libexec/opensmtpd/mail.maildir"], USERS, tools=("/bin/sh",))
        self.port = rig.free_port()
        config = page.section("opensmtpd.md", TITLE, _10024=amavisd, _10025=back)["/etc/smtpd.conf"]
        config = self.replace(config, "listen on 0.0.0.0\n", "listen on 127.0.0.1 port %d\n" % self.port)
        config = self.replace(config, 'action "outbound" relay\n',
                              'action "outbound" relay host "smtp+notls://%s:%d"\n' % (ELSEWHERE, out))
        self.write("etc/smtpd.conf", config)
        self.write("etc/mail/recipients", "".join(u + "@example.org\n" for u in USERS))
        self.home()
        os.chown(self.path("usr/sbin/smtpctl"), 0, USERS["opensmtpq"])
        os.chmod(self.path("usr/sbin/smtpctl"), 0o2755)
        os.makedirs(self.path("var/spool/smtpd"))
        os.chmod(self.path("var/spool/smtpd"), 0o711)
        os.makedirs(self.path("var/lib/opensmtpd/empty"), exist_ok=True)
        os.makedirs(self.path("var/run"), exist_ok=True)
        self.start("/usr/sbin/smtpd", "-d")
        self.wait_ready(self.port)

    def replace(self, text, old, new):
        if old not in text:
            raise AssertionError("the page has no %r" % old)
        return text.replace(old, new)

    def home(self):
        lines = []
        for name, number in USERS.items():
            home = "/home/" + name
            os.makedirs(self.path(home[1:]))
            os.chown(self.path(home[1:]), number, number)
            lines.append("%s:x:%d:%d::%s:/bin/sh\n" % (name, number, number, home))
        self.write("etc/passwd", "root:x:0:0::/:/bin/sh\n" + "".join(lines))

    def inbox(self, user):
        return [open(p, "rb").read() for p in glob.glob(self.path("home/%s/Maildir/new/*" % user))]

    def queued(self):
        return self.run("/usr/sbin/smtpctl", "show", "queue").stdout.decode().splitlines()

    def flush(self):
        """Tries at once, routes that were given up for a while too."""
        for line in self.run("/usr/sbin/smtpctl", "show", "routes").stdout.decode().splitlines():
            self.run("/usr/sbin/smtpctl", "resume", "route", line.split(".")[0])
        self.run("/usr/sbin/smtpctl", "schedule", "all")


class Chain(unittest.TestCase):
    def chain(self, **kw):
        self.sink = rig.Sink(self, address=ELSEWHERE, keywords=("PIPELINING", "8BITMIME", "SIZE 0", "DSN"))
        back = rig.free_port()
        self.daemon = rig.Daemon(self, forward=back, clamav=True, **kw)
        self.mta = OpenSmtpd(self, self.sink.port, self.daemon.port, back)

    def send(self, data, **kw):
        return rig.send(self.mta.port, data, **kw)

    def until_empty(self):
        try:
            rig.wait_for("an empty queue", lambda: not self.mta.queued(), 60)
        except AssertionError as e:
            raise AssertionError("%s\n%s%s" % (e, self.mta.read("output"), self.daemon.log_text()))

    def test_clean(self):
        self.chain()
        self.assertRegex(self.send(rig.message(subject="one", headers="X-Folded: a\n b\n"),
                                   to=["a@example.org", "b@example.org", "c@elsewhere.example"]), "^250")
        self.assertRegex(self.send(rig.message(subject="two", body="gr\u00fc\u00dfe\n.dot\n"), sender="",
                                   to=["a@example.org"]), "^250")
        self.assertRegex(self.send(rig.message(), to=["nobody@example.org"]), "^550 ")
        self.sink.wait(1)
        self.until_empty()
        self.assertEqual([len(self.mta.inbox(user)) for user in ("a", "b")], [2, 1])
        self.assertEqual([m[1] for m in self.sink.mails], [["c@elsewhere.example"]])
        mails = self.mta.inbox("a") + self.mta.inbox("b") + [self.sink.mails[0][2].replace(b"\r", b"")]
        for data in mails:
            self.assertEqual(data.count(b"X-Virus-Scanned:"), 1)
            self.assertEqual(data.count(b"by filter.example.org (amavisd, listener in)"), 1)
        self.assertEqual(sum(b"X-Folded: a\n b\n" in data for data in mails), 3)
        self.assertEqual(sum("gr\u00fc\u00dfe\n.dot\n".encode() in data for data in mails), 1)
        self.assertEqual(len(self.daemon.events()), 2)

    def test_verdicts(self):
        self.chain(lua=RULES)
        to = [user + "@example.org" for user in ("lover", "bounce", "a", "b")]
        self.assertRegex(self.send(rig.attachment("setup.exe", b"MZ" + bytes(600)), to=to,
                                   sender="sender@elsewhere.example"), "^250")
        self.assertRegex(self.send(rig.attachment("eicar.com", rig.EICAR), to=["a@example.org"]), "^250")
        bounce = self.sink.wait(1)[0]
        self.assertEqual(self.daemon.event(2)["category"], "virus")
        self.until_empty()
        self.assertEqual([len(self.mta.inbox(user)) for user in ("lover", "bounce", "a", "b")], [1, 0, 0, 0])
        self.assertEqual(bounce[:2], ("", ["sender@elsewhere.example"]))
        self.assertIn(b"Reporting-MTA: dns; filter.example.org", bounce[2])
        self.assertEqual(re.findall(rb"Final-Recipient: rfc822; (\w+)@", bounce[2]), [b"bounce"])
        self.assertEqual((len(self.sink.mails), len(self.daemon.quarantined())), (1, 2))

    def test_daemon_away_and_back(self):
        self.chain()
        self.daemon.stop()
        self.assertRegex(self.send(rig.message(subject="patience"), to=["a@example.org"]), "^250")
        # it tries for ten seconds
        rig.wait_for("OpenSMTPD to give up for now", lambda: "TempFail" in self.mta.read("output"))
        self.assertEqual(len(self.mta.queued()), 1)
        self.daemon.start()
        self.mta.flush()
        rig.wait_for("the mail", lambda: self.mta.inbox("a"))
        self.until_empty()
        self.assertEqual(len(self.mta.inbox("a")), 1)

    def test_dsn_parameters(self):
        self.chain()
        client = rig.Client(self.mta.port)
        for line in ("MAIL FROM:<sender@example.org> RET=HDRS ENVID=e+2B1",
                     "RCPT TO:<x@elsewhere.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;first@example.org", "DATA"):
            self.assertRegex(client.command(line), "^[23]")
        client.send(rig.message().replace(b"\n", b"\r\n") + b".\r\n")
        self.assertRegex(client.reply(), "^250")
        client.close()
        self.sink.wait(1)
        commands = "\n".join(self.sink.commands)
        for word in ("RET=HDRS", "ENVID=e+2B1", "NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;first@example.org"):
            self.assertIn(word, commands)

    def test_load(self):
        rig.need("smtp-source")
        self.chain()
        subprocess.run(["smtp-source", "-s", "10", "-m", "60", "-l", "4096", "-f", "sender@example.org", "-t",
                        "a@example.org", "127.0.0.1:%d" % self.mta.port], check=True, timeout=60)
        rig.wait_for("60 mails", lambda: len(self.mta.inbox("a")) >= 60)
        self.until_empty()
        self.assertEqual((len(self.mta.inbox("a")), len(self.daemon.events())), (60, 60))


if __name__ == "__main__":
    unittest.main()
