# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""TLS on both sides: who may speak, with which certificate, and what happens when it fails."""

import hashlib
import shutil
import smtplib
import socket
import ssl
import subprocess
import unittest

import rig


class Tls(rig.Certified):
    def listener(self, mode, more=""):
        return "tls = %s\ntls_certificate = %s\n%s" % (mode, self.file("good"), more)


class Server(Tls):
    def test_starttls(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, listener=self.listener("starttls"))
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.ehlo()
            self.assertTrue(client.has_extn("starttls"))
            client.starttls(context=self.context())
            client.ehlo()
            self.assertFalse(client.has_extn("starttls"))
            self.assertEqual(client.docmd("STARTTLS")[0], 503)
            body = b"x" * 70 + b"\r\n"
            client.sendmail("sender@example.org", ["rcpt@example.org"],
                            rig.message().replace(b"\n", b"\r\n") + body * 30000)
        data = sink.wait(1)[0][2]
        self.assertIn(b"with ESMTPS", data)
        self.assertEqual(data.count(body), 30000)
        self.assertEqual(daemon.event()["protocol"], "ESMTPS")
        # in the clear as before
        self.assertRegex(rig.send(daemon.port, rig.message()), "^250")

    def test_required(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, listener=self.listener("required"))
        client = rig.Client(daemon.port)
        for command in ("MAIL FROM:<a@example.org>", "RSET", "XFORWARD NAME=x", "VRFY x"):
            self.assertRegex(client.command(command), "^530 5.7.0 ")
        self.assertRegex(client.command("NOOP"), "^250")
        self.assertRegex(client.command("STARTTLS now"), "^501")
        client.close()
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.starttls(context=self.context())
            client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message())
        sink.wait(1)

    def test_implicit(self):
        rig.need("swaks")
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, listener=self.listener("implicit"))
        with smtplib.SMTP_SSL("127.0.0.1", daemon.port, context=self.context()) as client:
            client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message())
        sink.wait(1)
        # a client that speaks in the clear hears nothing and is told of in the log
        with socket.create_connection(("127.0.0.1", daemon.port), 10) as plain:
            plain.sendall(b"EHLO client.example.org\r\n")
            try:
                self.assertNotIn(b"220", plain.recv(1000))
            except ConnectionResetError:
                pass
        rig.wait_for("the log", lambda: "TLS: " in daemon.log_text())
        result = subprocess.run(["swaks", "-tlsc", "-s", "127.0.0.1:%d" % daemon.port, "-f", "a@example.org",
                                 "-t", "b@example.org"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(len(sink.wait(2)), 2)

    def test_old_versions_and_the_shipped_client(self):
        daemon = rig.Daemon(self, listener=self.listener("starttls"))
        def s_client(*options):
            return subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % daemon.port,
                                   "-starttls", "smtp", "-CAfile", self.file("ca"), *options],
                                  input=b"QUIT\n", capture_output=True)
        for version in ("-tls1_2", "-tls1_3"):
            result = s_client(version)
            self.assertIn(b"Verify return code: 0 (ok)", result.stdout)
        result = s_client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        self.assertNotIn(b"Verify return code: 0 (ok)\n---\nNew", result.stdout)
        self.assertIn(b"alert", result.stderr)

    def test_client_certificates(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, listener=self.listener(
            "required", "tls_ca = %s\ntls_client_certificate = require\n" % self.file("ca")))
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.starttls(context=self.context("client"))
            client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message())
        for certificate in (None, "self"):
            with self.assertRaises((ssl.SSLError, smtplib.SMTPException, OSError)):
                client = smtplib.SMTP("127.0.0.1", daemon.port)
                client.starttls(context=self.context(certificate))
                client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message())
        rig.wait_for("the log", lambda: "peer did not return a certificate" in daemon.log_text())
        rig.wait_for("the log", lambda: "the peer's certificate: self-signed certificate" in
                     daemon.log_text())
        self.assertEqual(len(sink.mails), 1)

    def test_what_comes_in_the_clear_is_not_taken_into_tls(self):
        daemon = rig.Daemon(self, listener=self.listener("starttls"))
        client = rig.Client(daemon.port)
        client.send("STARTTLS\r\nMAIL FROM:<injected@example.org>\r\n")
        self.assertRegex(client.reply(), "^220 ")
        self.assertEqual(client.reply(), "EOF")
        rig.wait_for("the log", lambda: "behind STARTTLS in the clear" in daemon.log_text())

    def test_reload_takes_the_new_certificate(self):
        path = self.dir + "/renewed.pem"
        shutil.copy(self.file("good"), path)
        daemon = rig.Daemon(self, listener="tls = starttls\ntls_certificate = %s\n" % path)
        def name():
            with smtplib.SMTP("127.0.0.1", daemon.port) as client:
                client.starttls(context=self.context())
                return dict(x[0] for x in client.sock.getpeercert()["subject"])["commonName"]
        self.assertEqual(name(), "filter.example.org")
        shutil.copy(self.file("second"), path)
        self.assertEqual(name(), "filter.example.org")
        daemon.ctl("reload")
        rig.wait_for("the new certificate", lambda: name() == "second.example.org")

    def test_bad_files_are_named(self):
        daemon = rig.Daemon(self, start=False, listener="tls = starttls\ntls_certificate = /nonexistent.pem\n")
        result = daemon.ctl("config", "check", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex((result.stdout + result.stderr).decode(),
                         r"amavisd.conf:\d+: \[listener in\]: TLS: certificate /nonexistent.pem: No such file")


class Client(Tls):
    def deliver(self, certificate, settings, script=None):
        sink = rig.Sink(self, certificate=certificate and self.file(certificate), script=script)
        daemon = rig.Daemon(self, forward=sink.port,
                            config="[next_hop]\ntls_ca = %s\n%s" % (self.file("ca"), settings))
        return sink, daemon, rig.send(daemon.port, rig.message(body="x" * 60 + "\n"))

    def test_required_and_verified(self):
        for settings in ("tls = required\n", "tls = verify\n"):
            sink, daemon, reply = self.deliver("good", settings)
            self.assertRegex(reply, "^250 ")
            self.assertEqual((len(sink.mails), sink.encrypted), (1, 1))
            for _ in range(5):  # a kept connection stays encrypted
                self.assertRegex(rig.send(daemon.port, rig.message()), "^250 ")
            self.assertEqual((len(sink.mails), sink.encrypted), (6, 1))

    def test_bad_certificates_keep_the_mail_at_the_client(self):
        for certificate, why in (("expired", "certificate has expired"),
                                 ("wrong-name", "IP address mismatch"),
                                 ("self", "self-signed certificate")):
            sink, daemon, reply = self.deliver(certificate, "tls = verify\n")
            self.assertRegex(reply, "^451 4.4.2 .*STARTTLS.*" + why)
            self.assertEqual(sink.mails, [])
            self.assertIn(why, daemon.log_text())

    def smtps(self, certificate, settings, plain=False):
        sink = rig.Sink(self, certificate=self.file(certificate), implicit=not plain)
        daemon = rig.Daemon(self, forward="smtps:[127.0.0.1]:%d" % sink.port,
                            config="[next_hop]\ncommand_time = 2s\ntls_ca = %s\n%s" % (self.file("ca"), settings))
        return sink, daemon, rig.send(daemon.port, rig.message())

    def test_implicit(self):
        for settings in ("", "tls = required\n", "tls = verify\n"):
            sink, daemon, reply = self.smtps("good", settings)
            self.assertRegex(reply, "^250 ")
            self.assertRegex(rig.send(daemon.port, rig.message()), "^250 ")  # a kept connection
            self.assertEqual((len(sink.mails), sink.encrypted), (2, 1))
        sink, daemon, reply = self.smtps("self", "tls = verify\n")
        self.assertRegex(reply, "^451 4.4.2 .*TLS.*self-signed certificate")
        self.assertEqual(sink.mails, [])
        # never in the clear, whatever is said there
        sink, daemon, reply = self.smtps("good", "", plain=True)
        self.assertRegex(reply, "^451 4.4.2 .*TLS")
        self.assertEqual(sink.mails, [])

    def tlsa(self, name, usage=3):
        """The record of a certificate's key, by openssl."""
        key = subprocess.run(["openssl", "x509", "-in", self.file(name), "-noout", "-pubkey"], capture_output=True,
                             check=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True,
                             check=True).stdout
        return "%d 1 1 %s" % (usage, hashlib.sha256(der).hexdigest())

    def test_dane(self):
        good, other = self.tlsa("good"), self.tlsa("wrong-name")
        # names, dates and authorities do not count for the server's own key (RFC 7672 3.1.1)
        for certificate, records in (("good", good), ("good", other + ", " + good), ("expired", self.tlsa("expired")),
                                     ("wrong-name", other), ("self", self.tlsa("self"))):
            sink, _, reply = self.deliver(certificate, "tls = dane\ntlsa = %s\n" % records)
            self.assertRegex(reply, "^250 ", certificate)
            self.assertEqual(sink.encrypted, 1)
        sink, daemon, reply = self.deliver("good", "tls = dane\ntlsa = %s\n" % other)
        self.assertRegex(reply, "^451 4.4.2 .*STARTTLS.*(no matching DANE TLSA|TLSA)")
        self.assertEqual(sink.mails, [])
        sink, _, reply = self.deliver(None, "tls = dane\ntlsa = %s\n" % good)
        self.assertRegex(reply, "^451 4.7.4 ")  # never in the clear

    def test_dane_needs_records(self):
        for settings, said in (("tls = dane\n", "tls = dane needs tlsa"),
                               ("tlsa = 3 1 1 00\n", "tlsa is for tls = dane"),
                               ("tls = dane\ntlsa = 3 1 1 abcd\n", '"3 1 1 abcd" is no TLSA record; allowed: 3 1 1 HEX'),
                               ("tls = dane\ntlsa = 0 1 1 %s\n" % ("00" * 32), "is no TLSA record")):
            daemon = rig.Daemon(self, start=False, config="[next_hop]\n" + settings)
            check = daemon.ctl("config", "check", check=False)
            self.assertNotEqual(check.returncode, 0)
            self.assertIn(said, (check.stdout + check.stderr).decode())

    def test_implicit_needs_tls(self):
        daemon = rig.Daemon(self, start=False, forward="smtps:mail.example.org", config="[next_hop]\ntls = no\n")
        said = daemon.ctl("config", "check", check=False)
        self.assertIn(b"forward: smtps:mail.example.org:465 needs TLS, which [next_hop] tls = no forbids",
                      said.stdout + said.stderr)

    def test_what_is_not_offered_or_fails(self):
        sink, _, reply = self.deliver(None, "tls = required\n")
        self.assertRegex(reply, "^451 4.7.4 .*does not offer STARTTLS")
        sink, _, reply = self.deliver("good", "tls = required\n", {"STARTTLS": "454 4.7.0 not now"})
        self.assertRegex(reply, "^451 4.4.1 .*454 4.7.0 not now")
        sink, _, reply = self.deliver("good", "tls = required\n", {"STARTTLS": "drop"})
        self.assertRegex(reply, "^451 4.4.2 .*STARTTLS")
        self.assertEqual(sink.mails, [])
        # on this machine opportunistic is plain: nobody listens in
        sink, _, reply = self.deliver("good", "tls = opportunistic\n")
        self.assertRegex(reply, "^250 ")
        self.assertEqual(sink.encrypted, 0)

    def test_opportunistic_goes_on_in_the_clear(self):
        try:
            probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            probe.connect(("192.0.2.1", 9))
            own = probe.getsockname()[0]
        except OSError:
            self.skipTest("no address but loopback")
        sink = rig.Sink(self, address=own, certificate=self.file("expired"))
        daemon = rig.Daemon(self, forward="smtp:[%s]:%d" % (own, sink.port))
        self.assertRegex(rig.send(daemon.port, rig.message()), "^250 ")
        self.assertEqual(sink.encrypted, 1)  # nothing is demanded of its certificate
        sink.script = {"STARTTLS": "454 4.7.0 not now"}
        daemon.ctl("reload")
        rig.wait_for("a mail in the clear", lambda: rig.send(daemon.port, rig.message()) and
                     "goes on in the clear" in daemon.log_text())
        self.assertEqual(sink.encrypted, 1)


if __name__ == "__main__":
    unittest.main()
