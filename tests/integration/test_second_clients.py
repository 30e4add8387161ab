# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Clients that others have written, on each protocol and each way of encryption: swaks, smtp-source, smtplib,
curl, openssl s_client and msmtp.  Each mail arrives once and whole, and is known for how it came."""

import os
import smtplib
import subprocess
import unittest

import rig
import test_auth

TO = ["a@example.org", "b@example.org"]
BODY = "one\n.\n..dots\n.dot\n" + "x" * 900 + "\nlast\n"
CRLF = BODY.replace("\n", "\r\n").encode()
PEER = "192.0.2.7"

LISTENERS = """
[amavisd]
sasl_directory = {sasl}
[listener lmtp]
address = 127.0.0.1:{lmtp}
protocol = lmtp
tls = starttls
tls_certificate = {certificate}
auth = offered
[listener socket]
address = unix:{socket}
protocol = lmtp
mode = 0666
[listener smtpsocket]
address = unix:{smtpsocket}
mode = 0666
[listener implicit]
address = 127.0.0.1:{implicit}
tls = implicit
tls_certificate = {certificate}
auth = offered
[listener lmtps]
address = 127.0.0.1:{lmtps}
protocol = lmtp
tls = implicit
tls_certificate = {certificate}
[listener proxy]
address = 127.0.0.1:{proxy}
proxy_protocol = yes
"""


class Clients(test_auth.Auth):
    def setUp(self):
        self.sink = rig.Sink(self, keywords=("PIPELINING", "8BITMIME", "SIZE 0", "SMTPUTF8"))
        self.paths = {name: "%s/%s.sock" % (self.dir, name) for name in ("socket", "smtpsocket")}
        rig.make_user("amavis-test")
        os.chmod(self.dir, 0o777)
        self.ports = {name: rig.free_port() for name in ("lmtp", "implicit", "lmtps", "proxy")}
        self.daemon = rig.Daemon(
            self, forward=self.sink.port,
            listener="tls = starttls\ntls_certificate = %s\nauth = offered\nxclient_clients = 127.0.0.1\n" %
            self.file("good"),
            config=LISTENERS.format(sasl=self.sasl, certificate=self.file("good"), **self.ports, **self.paths))
        self.ports["smtp"] = self.daemon.port
        self.n = 0

    def run_client(self, command, data=None):
        rig.need(command[0])
        return subprocess.run([str(word) for word in command], input=data, capture_output=True, timeout=60,
                              env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))

    def arrived(self, protocol, to=TO, n=1, body=CRLF, **fields):
        """n mails more than before, each for these recipients and with all of the body."""
        mails = self.sink.wait(self.n + n)[self.n:]
        self.assertEqual(len(mails), n)
        for mail in mails:
            self.assertEqual(sorted(mail[1]), sorted(to))
            self.assertIn(body, mail[2])
        for number in range(self.n + 1, self.n + n + 1):
            event = self.daemon.event(number)
            self.assertEqual(event["protocol"], protocol)
            for name, value in fields.items():
                self.assertEqual(event[name], value)
        self.n += n

    def table(self, rows):
        """Rows of client, its arguments, what goes to its standard input, and what arrived() is asked."""
        for name, command, data, wanted in rows:
            with self.subTest(name):
                result = self.run_client(command, data)
                self.assertEqual(result.returncode, 0, (command, result.stdout[-2000:], result.stderr[-2000:]))
                self.arrived(**wanted)
        self.assertEqual(len(self.sink.mails), self.n)

    def test_swaks(self):
        common = ["--from", "sender@example.org", "--to", ",".join(TO), "--helo", "client.example.org", "--body",
                  BODY]
        fred = ["-au", "fred", "-ap", test_auth.PASSWORD]

        def swaks(listener, *args):
            where = (["--socket", self.paths[listener]] if listener in self.paths else
                     ["--server", "127.0.0.1", "--port", self.ports[listener]])
            return ["swaks", *where, *common, *args]

        proxy = ["--proxy-family", "TCP4", "--proxy-source", PEER, "--proxy-source-port", 4000, "--proxy-dest",
                 "192.0.2.9", "--proxy-dest-port", 25]
        v2 = ["--proxy-family", "AF_INET", "--proxy-protocol", "STREAM", "--proxy-command", "PROXY", *proxy[2:]]
        self.table((
            ("HELO", swaks("smtp", "--protocol", "SMTP"), None, {"protocol": "SMTP"}),
            ("EHLO", swaks("smtp"), None, {"protocol": "ESMTP"}),
            ("pipelined", swaks("smtp", "--pipeline"), None, {"protocol": "ESMTP"}),
            ("PRDR", swaks("smtp", "--prdr"), None, {"protocol": "ESMTP"}),
            ("socket", swaks("smtpsocket"), None, {"protocol": "ESMTP"}),
            ("STARTTLS", swaks("smtp", "-tls", "--tls-verify", "--tls-ca-path", self.file("ca")), None,
             {"protocol": "ESMTPS"}),
            ("TLS and AUTH", swaks("implicit", "-tlsc", "-a", "PLAIN", *fred), None,
             {"protocol": "ESMTPSA", "authenticated": "fred"}),
            ("XCLIENT", swaks("smtp", "--xclient", "ADDR=%s NAME=relay.example LOGIN=joe" % PEER), None,
             {"protocol": "ESMTPA", "client": PEER, "authenticated": "joe"}),
            ("PROXY 1", swaks("proxy", "--proxy-version", 1, *proxy), None, {"protocol": "ESMTP", "client": PEER}),
            ("PROXY 2", swaks("proxy", "--proxy-version", 2, *v2), None, {"protocol": "ESMTP", "client": PEER}),
            ("LMTP", swaks("lmtp", "--protocol", "LMTP"), None, {"protocol": "LMTP"}),
            ("LMTP pipelined", swaks("lmtp", "--protocol", "LMTP", "--pipeline"), None, {"protocol": "LMTP"}),
            ("LMTP socket", swaks("socket", "--protocol", "LMTP"), None, {"protocol": "LMTP"}),
            ("LMTP STARTTLS AUTH", swaks("lmtp", "--protocol", "LMTP", "-tls", "-a", "LOGIN", *fred), None,
             {"protocol": "LMTPSA", "authenticated": "fred"}),
            ("LMTP TLS", swaks("lmtps", "--protocol", "LMTP", "-tlsc"), None, {"protocol": "LMTPS"}),
        ))

    def test_smtp_source(self):
        common = ["-m", 20, "-s", 5, "-r", 2, "-f", "sender@example.org", "-t", "a@example.org", "-N"]
        for name, where, args in (("SMTP", "127.0.0.1:%d" % self.ports["smtp"], ["-d"]),
                                  ("SMTP", "unix:" + self.paths["smtpsocket"], []),
                                  ("LMTP", "127.0.0.1:%d" % self.ports["lmtp"], ["-L", "-d"]),
                                  ("LMTP", "unix:" + self.paths["socket"], ["-L"])):
            with self.subTest(name, where=where):
                result = self.run_client(["smtp-source", *common, *args, where])
                self.assertEqual(result.returncode, 0, result.stderr)
                mails = self.sink.wait(self.n + 20)[self.n:]
                self.assertEqual([len(m[1]) for m in mails], [2] * 20)
                self.n += 20
        self.assertEqual(len(self.sink.mails), self.n)

    def data(self, headers="", subject="hello"):
        return rig.message(subject=subject, headers=headers, body=BODY).replace(b"\n", b"\r\n")

    def test_smtplib(self):
        def use(client, **options):
            with client:
                if options.get("starttls"):
                    client.starttls(context=self.context())
                if options.get("login"):
                    client.login("fred", test_auth.PASSWORD)
                for _ in range(options.get("n", 1)):
                    self.assertEqual(client.sendmail("sender@example.org", TO, self.data()), {})
                    if isinstance(client, smtplib.LMTP):  # it takes the reply for the first recipient alone
                        self.assertEqual([client.getreply()[0] for _ in TO[1:]], [250])

        use(smtplib.SMTP("127.0.0.1", self.ports["smtp"]), n=3)
        self.arrived("ESMTP", n=3)
        use(smtplib.SMTP_SSL("127.0.0.1", self.ports["implicit"], context=self.context()), login=True)
        self.arrived("ESMTPSA", authenticated="fred")
        use(smtplib.LMTP("127.0.0.1", self.ports["lmtp"]))
        self.arrived("LMTP")
        use(smtplib.LMTP(self.paths["socket"]))
        self.arrived("LMTP")
        use(smtplib.LMTP("127.0.0.1", self.ports["lmtp"]), starttls=True, login=True)
        self.arrived("LMTPSA", authenticated="fred")
        self.assertEqual(len(self.sink.mails), self.n)

    def test_smtplib_pipelined_and_smtputf8(self):
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"]) as client:
            client.ehlo()
            client.send(b"MAIL FROM:<sender@example.org>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
                        b"DATA\r\n")
            self.assertEqual([client.getreply()[0] for _ in range(4)], [250, 250, 250, 354])
            client.send(smtplib._quote_periods(self.data()) + b".\r\nNOOP\r\nMAIL FROM:<next@example.org>\r\n")
            self.assertEqual([client.getreply()[0] for _ in range(3)], [250, 250, 250])
        self.arrived("ESMTP")
        with smtplib.SMTP("127.0.0.1", self.ports["smtp"]) as client:
            client.ehlo()
            client.sendmail("gr\u00fc\u00dfe@example.org", ["\u00fc@example.org"], self.data(subject="\u00fcber"),
                            mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        self.arrived("UTF8SMTP", to=["\u00fc@example.org"], sender="gr\u00fc\u00dfe@example.org")
        self.assertIn("Subject: \u00fcber".encode(), self.sink.mails[-1][2])

    def test_curl(self):
        mail = self.dir + "/mail"
        with open(mail, "wb") as f:
            f.write(self.data())

        def curl(scheme, listener, *args):
            return ["curl", "-sS", "--cacert", self.file("ca"), "--url", "%s://127.0.0.1:%d/client.example.org" %
                    (scheme, self.ports[listener]), "--mail-from", "sender@example.org", "--mail-rcpt", TO[0],
                    "--mail-rcpt", TO[1], "-T", mail, *args]

        fred = ("--user", "fred:" + test_auth.PASSWORD)
        self.table((
            ("smtp", curl("smtp", "smtp"), None, {"protocol": "ESMTP"}),
            ("starttls", curl("smtp", "smtp", "--ssl-reqd"), None, {"protocol": "ESMTPS"}),
            ("smtps", curl("smtps", "implicit"), None, {"protocol": "ESMTPS"}),
            ("smtps, AUTH", curl("smtps", "implicit", *fred), None,
             {"protocol": "ESMTPSA", "authenticated": "fred"}),
            ("smtps, AUTH LOGIN", curl("smtps", "implicit", "--login-options", "AUTH=LOGIN", *fred), None,
             {"protocol": "ESMTPSA", "authenticated": "fred"}),
            ("PROXY", curl("smtp", "proxy", "--haproxy-protocol"), None, {"protocol": "ESMTP"}),
        ))

    def test_s_client(self):
        """A mail typed into openssl s_client, which waits for nobody."""
        envelope = (b"MAIL FROM:<sender@example.org>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
                    b"DATA\r\n")
        mail = envelope + smtplib._quote_periods(self.data()) + b".\r\nQUIT\r\n"

        def s_client(listener, *args):
            return ["openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", self.file("ca"), "-connect",
                    "127.0.0.1:%d" % self.ports[listener], *args]

        ehlo, lhlo = b"EHLO client.example.org\r\n", b"LHLO client.example.org\r\n"
        self.table((
            ("smtp", s_client("smtp", "-starttls", "smtp"), ehlo + mail, {"protocol": "ESMTPS"}),
            ("smtp, TLS 1.2", s_client("smtp", "-starttls", "smtp", "-tls1_2"), ehlo + mail,
             {"protocol": "ESMTPS"}),
            ("lmtp", s_client("lmtp", "-starttls", "lmtp"), lhlo + mail, {"protocol": "LMTPS"}),
            ("smtps", s_client("implicit"), ehlo + mail, {"protocol": "ESMTPS"}),
            ("lmtps", s_client("lmtps"), lhlo + mail, {"protocol": "LMTPS"}),
        ))

    def test_msmtp(self):
        def msmtp(listener, *args):
            return ["msmtp", "--file=/dev/null", "--host=127.0.0.1", "--port=%d" % self.ports.get(listener, 1),
                    "--from=sender@example.org", "--domain=client.example.org", *args, *TO]

        tls = ("--tls=on", "--tls-trust-file=" + self.file("ca"))
        fred = ("--user=fred", "--passwordeval=echo " + test_auth.PASSWORD)
        data = self.data().replace(b"\r\n", b"\n")
        self.table((
            ("plain", msmtp("smtp"), data, {"protocol": "ESMTP"}),
            ("STARTTLS", msmtp("smtp", *tls), data, {"protocol": "ESMTPS"}),
            ("TLS", msmtp("implicit", *tls, "--tls-starttls=off"), data, {"protocol": "ESMTPS"}),
            ("SCRAM", msmtp("smtp", *tls, "--auth=scram-sha-256", *fred), data,
             {"protocol": "ESMTPSA", "authenticated": "fred"}),
            ("LMTP", msmtp("lmtp", "--protocol=lmtp"), data, {"protocol": "LMTP"}),
            ("LMTP, STARTTLS", msmtp("lmtp", "--protocol=lmtp", *tls), data, {"protocol": "LMTPS"}),
            ("LMTP, SCRAM", msmtp("lmtp", "--protocol=lmtp", *tls, "--auth=scram-sha-256", *fred), data,
             {"protocol": "LMTPSA", "authenticated": "fred"}),
            ("LMTP, socket", msmtp("", "--protocol=lmtp", "--socket=" + self.paths["socket"]), data,
             {"protocol": "LMTP"}),
        ))


if __name__ == "__main__":
    unittest.main()
