# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""AUTH on both sides, with clients of others, and what happens when it fails; XCLIENT."""

import base64
import os
import shutil
import smtplib
import subprocess
import unittest

import rig

PASSWORD = "pa-ss=word+1"


class Auth(rig.Certified):
    @classmethod
    def setUpClass(cls):
        rig.need("saslpasswd2")
        super().setUpClass()
        cls.sasl = cls.dir + "/sasl"
        os.mkdir(cls.sasl)
        with open(cls.sasl + "/amavisd.conf", "w") as f:
            f.write("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s/users\n" % cls.sasl)
        subprocess.run([shutil.which("saslpasswd2", path=os.environ["PATH"] + ":/usr/sbin"), "-p", "-c", "-f",
                        cls.sasl + "/users", "-u", "filter.example.org", "-a", "amavisd", "fred"],
                       input=PASSWORD.encode(), check=True)
        os.chmod(cls.sasl + "/users", 0o644)

    def server(self, sink, mode="required", more=""):
        return rig.Daemon(self, forward=sink.port, config="[amavisd]\nsasl_directory = %s\n" % self.sasl, listener=(
            "tls = starttls\ntls_certificate = %s\nauth = %s\n%s" % (self.file("good"), mode, more)))


class Server(Auth):
    def test_smtplib(self):
        sink = rig.Sink(self)
        daemon = self.server(sink)
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.ehlo()
            self.assertFalse(client.has_extn("auth"))
            self.assertEqual(client.docmd("AUTH", "PLAIN AGEAYg==")[0], 538)
            client.starttls(context=self.context())
            client.ehlo()
            self.assertEqual(client.esmtp_features["auth"].split(), ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
            self.assertEqual(client.docmd("MAIL", "FROM:<a@example.org>")[0], 530)
            with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
                client.login("fred", "not-the-word")
            self.assertEqual(caught.exception.smtp_code, 535)
            client.login("fred", PASSWORD)
            client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message())
        event = daemon.event()
        self.assertEqual((event["authenticated"], event["protocol"]), ("fred", "ESMTPSA"))
        self.assertIn(b"with ESMTPSA", sink.wait(1)[0][2])
        self.assertRegex(daemon.log_text(), r"\[127.0.0.1\]: AUTH (PLAIN|LOGIN) of fred failed")
        for secret in ("not-the-word", PASSWORD):
            self.assertNotIn(secret, daemon.log_text())
            self.assertNotIn(base64.b64encode(secret.encode()).decode(), daemon.log_text())

    def test_other_clients(self):
        rig.need("swaks", "msmtp", "curl")
        sink = rig.Sink(self)
        daemon = self.server(sink)
        mail = self.dir + "/mail"
        with open(mail, "wb") as f:
            f.write(rig.message())

        def swaks(mechanism, password):
            return subprocess.run(["swaks", "-s", "127.0.0.1:%d" % daemon.port, "-tls", "-a", mechanism, "-au",
                                   "fred", "-ap", password, "-f", "a@example.org", "-t", "b@example.org"],
                                  capture_output=True).returncode

        def msmtp(mechanism, password):
            return subprocess.run(["msmtp", "--file=/dev/null", "--host=127.0.0.1", "--port=%d" % daemon.port, "--tls=on",
                                   "--tls-starttls=on", "--tls-trust-file=" + self.file("ca"), "--auth=" + mechanism,
                                   "--user=fred", "--passwordeval=echo " + password, "--from=a@example.org",
                                   "b@example.org"], input=rig.message(), capture_output=True).returncode

        def curl(password):
            return subprocess.run(["curl", "-sS", "--ssl-reqd", "--cacert", self.file("ca"), "--url",
                                   "smtp://127.0.0.1:%d" % daemon.port, "--mail-from", "a@example.org", "--mail-rcpt",
                                   "b@example.org", "-T", mail, "--user", "fred:" + password],
                                  capture_output=True).returncode

        self.assertEqual([swaks("PLAIN", PASSWORD), swaks("LOGIN", PASSWORD)], [0, 0])
        self.assertEqual([msmtp("plain", PASSWORD), msmtp("login", PASSWORD), curl(PASSWORD)], [0, 0, 0])
        self.assertEqual(len(sink.wait(5)), 5)
        for code in (swaks("PLAIN", "x"), msmtp("plain", "x"), curl("x")):
            self.assertNotEqual(code, 0)
        self.assertEqual({event["authenticated"] for event in daemon.events()}, {"fred"})

    def test_external(self):
        sink = rig.Sink(self)
        daemon = self.server(sink, more="tls_ca = %s\ntls_client_certificate = ask\n" % self.file("ca"))
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.starttls(context=self.context("client"))
            client.ehlo()
            self.assertIn("EXTERNAL", client.esmtp_features["auth"].split())
            self.assertEqual(client.docmd("AUTH", "EXTERNAL =")[0], 235)
            client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message())
        self.assertNotEqual(daemon.event()["authenticated"], "")
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.starttls(context=self.context())
            client.ehlo()
            self.assertNotIn("EXTERNAL", client.esmtp_features["auth"].split())
            self.assertEqual(client.docmd("AUTH", "EXTERNAL =")[0], 504)

    def test_with(self):
        """RFC 3848 and RFC 6531 3.7.3: how a mail came, in our Received field and in the log."""
        sink, port = rig.Sink(self, keywords=("PIPELINING", "8BITMIME", "SMTPUTF8")), rig.free_port()
        listener = "tls = starttls\ntls_certificate = %s\nauth = offered\nauth_without_tls = yes\n" % (
            self.file("good"))
        daemon = rig.Daemon(self, forward=sink.port, listener=listener,
                            config="[listener lmtp]\naddress = 127.0.0.1:%d\nprotocol = lmtp\n%s"
                                   "[amavisd]\nsasl_directory = %s\n" % (port, listener, self.sasl))
        plain = base64.b64encode(b"\0fred\0" + PASSWORD.encode()).decode()
        number = 0
        for protocol in ("SMTP", "LMTP"):
            for has_tls in (False, True):
                for has_auth in (False, True):
                    for is_utf8 in (False, True):
                        number += 1
                        word = ("UTF8" if is_utf8 else "E" if protocol == "SMTP" else "") + protocol + (
                            "S" if has_tls else "") + ("A" if has_auth else "")
                        with self.subTest(word=word):
                            hello = ("EHLO" if protocol == "SMTP" else "LHLO") + " client.example.org"
                            client = rig.Client(daemon.port if protocol == "SMTP" else port, hello)
                            if has_tls:
                                self.assertTrue(client.command("STARTTLS").startswith("220"))
                                client.file.close()
                                client.socket = self.context().wrap_socket(
                                    client.socket, server_hostname="filter.example.org")
                                client.file = client.socket.makefile("rb")
                                client.command(hello)
                            if has_auth:
                                self.assertTrue(client.command("AUTH PLAIN " + plain).startswith("235"))
                            client.command("MAIL FROM:<a@example.org>" + (" SMTPUTF8" if is_utf8 else ""))
                            client.command("RCPT TO:<b@example.org>")
                            client.command("DATA")
                            client.send(rig.message().replace(b"\n", b"\r\n") + b".\r\n")
                            self.assertTrue(client.reply().startswith("250"))
                            client.close()
                            self.assertIn(b"\twith %s id " % word.encode(), sink.wait(number)[-1][2])
                            self.assertEqual(daemon.event(number)["protocol"], word)

    def test_needs_tls(self):
        daemon = rig.Daemon(self, listener="auth = offered\n", start=False)
        result = daemon.ctl("config", "check", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"auth_without_tls", result.stdout + result.stderr)


class Client(Auth):
    def relay(self, server, password, mode=0o640, more=""):
        path = self.dir + "/password"
        with open(path, "w") as f:
            f.write(password + "\n")
        os.chmod(path, mode)
        if os.geteuid() == 0:
            rig.make_user("amavis-test")
            shutil.chown(path, "amavis-test")
        return rig.Daemon(self, forward=server.port, start=mode == 0o640, config=(
            "[next_hop]\ntls = required\nauth_user = fred\nauth_password_file = %s\n%s" % (path, more)))

    def test_right(self):
        for mechanism in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
            sink = rig.Sink(self)
            server = self.server(sink)
            daemon = self.relay(server, PASSWORD, more="auth_mechanisms = %s\n" % mechanism)
            for n in range(2):
                self.assertRegex(rig.send(daemon.port, rig.message()), "^250")
            self.assertEqual([e["authenticated"] for e in (server.event(1), server.event(2))], ["fred", "fred"])
            daemon.stop()
            server.stop()

    def test_wrong(self):
        sink = rig.Sink(self)
        server = self.server(sink)
        daemon = self.relay(server, "not-the-word")
        self.assertRegex(rig.send(daemon.port, rig.message()), "^451 4.7.8 .*AUTH: 535 5.7.8")
        rig.wait_for("the log", lambda: "as fred failed: 535 5.7.8" in daemon.log_text())
        self.assertNotIn("not-the-word", daemon.log_text() + server.log_text())

    def test_readable_by_all(self):
        daemon = self.relay(rig.Sink(self), PASSWORD, mode=0o644)
        result = daemon.ctl("config", "check", check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(b"its mode is 0644", result.stdout + result.stderr)


class Xclient(unittest.TestCase):
    def test_xclient(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, listener="xclient_clients = 127.0.0.0/8\n")
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.ehlo()
            self.assertTrue(client.has_extn("xclient"))
            self.assertEqual(client.docmd("XCLIENT", "ADDR=192.0.2.7 NAME=a.example PORT=99 LOGIN=fred")[0], 220)
            client.ehlo()
            client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message())
        event = daemon.event()
        self.assertEqual((event["client"], event["client_name"], event["authenticated"], event["protocol"]),
                         ("192.0.2.7", "a.example", "fred", "ESMTPA"))

    def test_swaks(self):
        rig.need("swaks")
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, listener="xclient_clients = 127.0.0.1\n")
        result = subprocess.run(["swaks", "-s", "127.0.0.1:%d" % daemon.port, "-f", "a@example.org", "-t",
                                 "b@example.org", "--xclient-addr", "192.0.2.7", "--xclient-name", "a.example"],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(daemon.event()["client"], "192.0.2.7")

    def test_not_allowed(self):
        daemon = rig.Daemon(self, listener="xforward_clients = 192.0.2.1\n")
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.ehlo()
            self.assertFalse(client.has_extn("xclient") or client.has_extn("xforward"))
            self.assertEqual(client.docmd("XCLIENT", "ADDR=192.0.2.7")[0], 550)
            self.assertEqual(client.docmd("XFORWARD", "ADDR=192.0.2.7")[0], 550)

    def test_postfix_behind(self):
        postfix = rig.Postfix(self, "smtpd_authorized_xforward_hosts = 127.0.0.0/8")
        daemon = rig.Daemon(self, forward=postfix.port)
        with smtplib.SMTP("127.0.0.1", daemon.port) as client:
            client.ehlo()
            self.assertEqual(client.docmd("XFORWARD", "NAME=a.example ADDR=192.0.2.7 PORT=99 PROTO=ESMTP "
                                          "HELO=h.example IDENT=4XyZ SOURCE=REMOTE")[0], 250)
            client.sendmail("sender@example.org", ["rcpt@example.org"], rig.message())
        log = postfix.dir + "/maillog"
        rig.wait_for("Postfix's log", lambda: "orig_client=a.example[192.0.2.7]" in open(log).read())
        self.assertIn("orig_queue_id=4XyZ", open(log).read())


if __name__ == "__main__":
    unittest.main()
