# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""BDAT and binary mail, in and out, and what MAIL asks of the next hop: REQUIRETLS, priorities,
times, limits."""

import os
import shutil
import smtplib
import ssl
import subprocess
import tempfile
import unittest

import cage
import rig

BINARY = (b"From: a@example.org\r\nTo: b@example.net\r\nSubject: binary\r\nMIME-Version: 1.0\r\n"
          b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n"
          b"\r\n" + bytes(range(256)) * 40 + b"\n.\n\r\r\n.\r\nQUIT\r\n")
ALL = ("PIPELINING", "8BITMIME", "CHUNKING", "BINARYMIME")


def body(data):
    return data.split(b"\r\n\r\n", 1)[1]


class Chunks(unittest.TestCase):
    def talk(self, daemon, params="", to=("rcpt@example.org",), hello="EHLO client.example.org"):
        client = rig.Client(daemon.port, hello=hello)
        self.addCleanup(client.close)
        self.assertRegex(client.command("MAIL FROM:<a@example.org>" + params), "^250")
        for address in to:
            self.assertRegex(client.command("RCPT TO:<%s>" % address), "^250")
        return client

    def chunk(self, client, data, last=False):
        client.send(b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data)
        return client.reply()

    def test_text(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        client = self.talk(daemon)
        self.assertIn("CHUNKING", client.hello)
        self.assertNotIn("BINARYMIME", client.hello)
        self.assertRegex(self.chunk(client, b"Subject: x\r\n\r\n.\r\n..a\r"), "^250")
        self.assertRegex(self.chunk(client, b"\n.\r\nend", True), "^250 .*queued as S1")
        self.assertEqual(body(sink.wait(1)[0][2]), b".\r\n..a\r\n.\r\nend\r\n")
        # the connection goes on, with DATA
        self.assertRegex(client.mail(rig.message()), "^250")

    def test_large_and_pipelined(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        lines = b"x" * 70 + b"\r\n.\r\n"
        client = rig.Client(daemon.port)
        self.addCleanup(client.close)
        client.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
                    b"BDAT 14\r\nSubject: x\r\n\r\n" +
                    (b"BDAT %d\r\n" % (len(lines) * 20000) + lines * 20000) * 3 +
                    b"BDAT 0 LAST\r\nNOOP\r\n")
        self.assertEqual([client.reply()[:3] for _ in range(8)], ["250"] * 8)
        self.assertEqual(sink.wait(1)[0][2].count(lines), 60000)

    def test_lmtp(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward="lmtp:[127.0.0.1]:%d" % sink.port, protocol="lmtp")
        client = self.talk(daemon, to=("a@example.org", "b@example.org"),
                           hello="LHLO client.example.org")
        self.assertRegex(self.chunk(client, b"Subject: x\r\n\r\n"), "^250")
        self.assertRegex(self.chunk(client, b"", True), "^250")
        self.assertRegex(client.reply(), "^250")
        self.assertEqual(sink.wait(1)[0][1], ["a@example.org", "b@example.org"])

    def test_gone_in_a_chunk(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        client = self.talk(daemon)
        client.send(b"BDAT 1000 LAST\r\nSubject: half\r\n")
        client.close()
        self.assertRegex(rig.send(daemon.port, rig.message("whole")), "^250")
        self.assertEqual(len(sink.wait(1)), 1)
        self.assertIn(b"whole", sink.mails[0][2])

    def test_many_stall_in_chunks(self):
        """A chunk that does not come holds no thread."""
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, config="[amavisd]\nthreads = 2\n", forward=sink.port)
        stalled = [self.talk(daemon) for _ in range(20)]
        for client in stalled:
            client.send(b"BDAT 1000 LAST\r\nSubject: x\r\n")
        self.assertRegex(rig.send(daemon.port, rig.message()), "^250")

    def test_binary(self):
        sink = rig.Sink(self, keywords=ALL)
        daemon = rig.Daemon(self, forward=sink.port, listener="binarymime = yes\n")
        client = self.talk(daemon, " BODY=BINARYMIME")
        self.assertIn("BINARYMIME", client.hello)
        self.assertRegex(client.command("DATA"), "^503")
        self.assertRegex(self.chunk(client, BINARY[:300]), "^250")
        self.assertRegex(self.chunk(client, BINARY[300:], True), "^250")
        self.assertEqual(body(sink.wait(1)[0][2]), body(BINARY))
        self.assertIn("BODY=BINARYMIME", sink.commands[0])
        self.assertRegex(sink.commands[2], r"^BDAT \d+ LAST$")

    def test_binary_has_no_way(self):
        sink = rig.Sink(self, keywords=("PIPELINING", "8BITMIME", "CHUNKING"))
        daemon = rig.Daemon(self, forward=sink.port, listener="binarymime = yes\n")
        client = self.talk(daemon, " BODY=BINARYMIME")
        self.assertRegex(self.chunk(client, BINARY, True), r"^554 5\.6\.1")
        self.assertEqual(sink.mails, [])
        # what only says it is binary goes on
        client = self.talk(daemon, " BODY=BINARYMIME")
        self.assertRegex(self.chunk(client, rig.message().replace(b"\n", b"\r\n"), True), "^250")
        self.assertIn("BODY=8BITMIME", sink.commands[0])

    def test_always(self):
        sink = rig.Sink(self, keywords=ALL)
        daemon = rig.Daemon(self, "[next_hop]\nchunking = always\n", forward=sink.port)
        self.assertRegex(rig.send(daemon.port, rig.message(body=".\n..\nend\n")), "^250")
        self.assertEqual(body(sink.wait(1)[0][2]), b".\r\n..\r\nend\r\n")
        self.assertRegex(sink.commands[2], "^BDAT")

    def test_postfix_takes_chunks(self):
        postfix = rig.Postfix(self)
        daemon = rig.Daemon(self, "[next_hop]\nchunking = always\n", forward=postfix.port)
        self.assertRegex(rig.send(daemon.port, rig.message("by chunk", body=".\nend\n")), "^250")
        postfix.wait(1)
        self.assertIn(b"\n.\nend\n", postfix.mails()[0])

    def exim(self, daemon, mail, *recipients):
        """Sends by Exim; its log."""
        program = cage.packages("exim4-daemon-light")[0] + "/usr/sbin/exim4"
        directory = tempfile.mkdtemp(prefix="amavisd-exim-")
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o777)
        rig.make_user("Debian-exim")  # compiled in
        with open(directory + "/exim.conf", "w") as f:
            f.write("exim_path = %s\nprimary_hostname = exim.example.org\nspool_directory = %s/spool\n"
                    "log_file_path = %s/%%slog\nexim_user = amavis-test\nexim_group = amavis-test\n"
                    "keep_environment =\n"
                    "begin routers\nout:\n  driver = manualroute\n  route_list = * 127.0.0.1\n"
                    "  self = send\n  transport = out\n"
                    "begin transports\nout:\n  driver = smtp\n  port = %d\n  hosts_avoid_tls = *\n"
                    % (program, directory, directory, daemon.port))
        # what a process without privileges cannot write to the log goes to stderr
        done = subprocess.run([program, "-C", directory + "/exim.conf", "-odf", "-i",
                               "-f", "a@example.org"] + list(recipients), input=mail, check=True,
                              timeout=60, stderr=subprocess.PIPE)
        with open(directory + "/mainlog") as f:
            return f.read() + done.stderr.decode()

    def test_exim_sends_chunks(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        log = self.exim(daemon, rig.message("from exim", ".\n..\nend\n"), "rcpt@example.org")
        self.assertEqual(body(sink.wait(1)[0][2]), b".\r\n..\r\nend\r\n")
        self.assertRegex(log, r"=> rcpt@example\.org .* K ")

    def test_exim_hears_each_recipient(self):
        """PRDR: what LMTP says of each recipient, in SMTP."""
        sink = rig.Sink(self, {"RCPT bad@example.org": "550 5.1.1 nobody"})
        daemon = rig.Daemon(self, forward=sink.port)
        log = self.exim(daemon, rig.message(), "good@example.org", "bad@example.org")
        self.assertRegex(log, r"=> good@example\.org .*PRDR")
        self.assertRegex(log, r"\*\* bad@example\.org .*550 5\.1\.1")
        self.assertEqual(sink.wait(1)[0][1], ["good@example.org"])


class Promises(unittest.TestCase):
    def mail(self, daemon, params):
        client = rig.Client(daemon.port)
        self.addCleanup(client.close)
        client.command("MAIL FROM:<a@example.org> " + params)
        client.command("RCPT TO:<b@example.org>")
        client.command("DATA")
        client.send(b"Subject: x\r\n\r\n.\r\n")
        return client.reply()

    def test_passed_on(self):
        sink = rig.Sink(self, keywords=("MT-PRIORITY STANAG4406", "DELIVERBY 60"))
        daemon = rig.Daemon(self, forward=sink.port)
        self.assertRegex(self.mail(daemon, "MT-PRIORITY=5 BY=600;RT"), "^250")
        self.assertRegex(sink.commands[0], r" MT-PRIORITY=5 BY=59\d;RT$")

    def test_not_offered(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port)
        self.assertRegex(self.mail(daemon, "BY=600;R"), r"^554 5\.3\.3")
        self.assertEqual(sink.commands, [])
        self.assertRegex(self.mail(daemon, "BY=600;N MT-PRIORITY=5"), "^250")
        self.assertNotRegex(sink.commands[0], "BY|PRIORITY")

    def test_limits(self):
        sink = rig.Sink(self, keywords=("PIPELINING", "LIMITS RCPTMAX=2 MAILMAX=1"))
        daemon = rig.Daemon(self, forward=sink.port)
        to = ["r%d@example.org" % i for i in range(5)]
        self.assertIn("LIMITS RCPTMAX=", rig.Client(daemon.port).hello)
        self.assertRegex(rig.send(daemon.port, rig.message(), to=to), "^250")
        self.assertEqual([m[1] for m in sink.mails], [to[0:2], to[2:4], to[4:]])
        self.assertEqual(sink.connections, 3)


class RequireTls(rig.Certified):
    def daemon(self, sink, tls):
        return rig.Daemon(self, "[next_hop]\ntls = %s\ntls_ca = %s\n" % (tls, self.file("ca")),
                          forward=sink.port,
                          listener="tls = starttls\ntls_certificate = %s\n" % self.file("good"))

    def mail(self, daemon):
        context = ssl.create_default_context(cafile=self.file("ca"))
        context.check_hostname = False
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.ehlo()
            self.assertFalse(client.has_extn("requiretls"))
            self.assertEqual(client.docmd("MAIL FROM:<a@example.org> REQUIRETLS")[0], 530)
            client.starttls(context=context)
            client.ehlo()
            self.assertTrue(client.has_extn("requiretls"))
            self.assertEqual(client.docmd("MAIL FROM:<a@example.org> REQUIRETLS")[0], 250)
            self.assertEqual(client.docmd("RCPT TO:<b@example.org>")[0], 250)
            code, text = client.data(rig.message())
            return "%d %s" % (code, text.decode())

    def test_kept(self):
        sink = rig.Sink(self, certificate=self.file("good"), tls_keywords=("REQUIRETLS",))
        self.assertRegex(self.mail(self.daemon(sink, "verify")), "^250")
        self.assertIn(" REQUIRETLS", sink.commands[0])
        self.assertEqual(sink.encrypted, 1)

    def test_next_hop_does_not_offer(self):
        sink = rig.Sink(self, certificate=self.file("good"))
        self.assertRegex(self.mail(self.daemon(sink, "verify")), r"^550 5\.7\.30")
        self.assertEqual(sink.mails, [])

    def test_not_verified(self):
        for tls in ("required", "no"):
            sink = rig.Sink(self, certificate=self.file("good"), keywords=("REQUIRETLS",),
                            tls_keywords=("REQUIRETLS",))
            self.assertRegex(self.mail(self.daemon(sink, tls)), r"^550 5\.7\.30")
            self.assertEqual(sink.mails, [])


if __name__ == "__main__":
    unittest.main()
