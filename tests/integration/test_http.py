# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Checks over HTTP with curl, Python's http.client and clients that misbehave."""

import base64
import concurrent.futures
import http.client
import json
import os
import socket
import subprocess
import time
import unittest

import rig

EXE = rig.attachment("setup.exe", b"MZ" + bytes(600))
CLEAN = rig.message().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
ENVELOPE = {"From": "sender@example.org", "Rcpt": "rcpt@example.org"}

RULES = """
amavis.settings{ for_recipient = 'lover@example.org', banned_destiny = 'pass' }
amavis.settings{ for_recipient = 'reject@example.org', banned_destiny = 'reject' }
amavis.settings{ for_recipient = 'discard@example.org', banned_destiny = 'discard' }
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Http(unittest.TestCase):
    def setUp(self):
        self.out = rig.Sink(self)
        self.http = rig.free_port()

    def daemon(self, listener="", config="", lua=None, **more):
        return rig.Daemon(self, forward=self.out.port, clamav=True, lua=lua, config="""
[listener http]
address = 127.0.0.1:%d
protocol = http
%s%s""" % (self.http, listener, config), **more)

    def connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=60)
        self.addCleanup(connection.close)
        return connection

    def ask(self, method="POST", path="/check", body=CLEAN, headers=ENVELOPE, connection=None):
        """Status, the JSON answer, header."""
        connection = connection or self.connection()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None, answer.headers

    def raw(self, data, shut=False, seconds=30):
        """All that is answered to these bytes."""
        client = socket.create_connection(("127.0.0.1", self.http), timeout=seconds)
        self.addCleanup(client.close)
        try:
            client.sendall(data)
            if shut:
                client.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        found = b""
        while True:
            try:
                block = client.recv(65536)
            except ConnectionResetError:
                return found
            if not block:
                return found
            found += block

    def test_check(self):
        daemon = self.daemon()
        status, report, header = self.ask(headers={**ENVELOPE, "Helo": "mx.example.org", "IP": "192.0.2.7",
                                                   "Hostname": "client.example.org", "User": "joe",
                                                   "Queue-Id": "4XYZ", "Protocol-Name": "ESMTP"})
        self.assertEqual(status, 200)
        self.assertEqual(header["Content-Type"], "application/json")
        self.assertEqual(report["status"], "passed")
        self.assertEqual(report["answer"]["action"], "accept")
        self.assertEqual([report[n] for n in ("sender", "client", "client_name", "helo", "authenticated",
                                              "queue_id", "listener")],
                         ["sender@example.org", "192.0.2.7", "client.example.org", "mx.example.org", "joe",
                          "4XYZ", "http"])
        self.assertEqual([r["address"] for r in report["recipients"]], ["rcpt@example.org"])
        event = daemon.event()
        self.assertEqual(event["mail_id"], report["mail_id"])
        self.assertEqual(self.out.mails, [])  # the client delivers
        # the same as scan says
        self.assertEqual(json.loads(daemon.ctl("scan", "--json", "-", input=CLEAN).stdout)["digest"], report["digest"])

    def test_verdicts(self):
        daemon = self.daemon(lua=RULES)
        everybody = ["lover@example.org", "reject@example.org", "discard@example.org"]
        body = json.dumps({"sender": "", "recipients": everybody, "message": EXE.decode()})
        status, report, _ = self.ask(body=body, headers={"Content-Type": "application/json"})
        self.assertEqual(status, 200)
        self.assertEqual([r["outcome"] for r in report["recipients"]], ["deliver", "bounce", "discard"])
        self.assertEqual(report["category"], "banned")
        self.assertEqual(report["answer"]["action"], "accept")
        self.assertEqual(set(report["answer"]["remove"]), set(everybody[1:]))
        self.assertTrue(report["quarantine_location"])
        self.assertEqual(len(daemon.quarantined()), 1)
        connection = self.connection()
        connection.putrequest("POST", "/check")
        for name, value in (("From", "<>"), ("Rcpt", everybody[1]), ("Rcpt", "<%s>" % everybody[1]),
                            ("Content-Length", str(len(EXE)))):
            connection.putheader(name, value)
        connection.endheaders(EXE)
        report = json.loads(connection.getresponse().read())
        self.assertEqual(len(report["recipients"]), 2)
        self.assertEqual(report["answer"]["action"], "reject")
        self.assertRegex(report["answer"]["reply"], "^5")

    def test_scan_changes_nothing(self):
        daemon = self.daemon()
        status, report, _ = self.ask(path="/scan", body=EXE)
        self.assertEqual((status, report["category"]), (200, "banned"))
        self.assertNotIn("answer", report)
        self.assertEqual(daemon.quarantined(), [])
        self.assertEqual(daemon.events(), [])
        self.assertEqual(daemon.status()["statistics"]["mails_in_work"], 0)
        self.assertEqual(daemon.status()["statistics"]["mails_total"], 0)

    def test_json_forms(self):
        self.daemon()
        envelope = {"sender": "a@example.org", "recipients": ["b@example.org"]}
        _, raw, _ = self.ask(path="/scan")
        for message in ({"message": CLEAN.decode()}, {"message_base64": base64.b64encode(CLEAN).decode()},
                        {"message_base64": base64.encodebytes(CLEAN).decode()},
                        {"message": CLEAN.decode().replace("\r\n", "\n")}):
            status, report, _ = self.ask(path="/scan", body=json.dumps({**message, **envelope}),
                                         headers={"Content-Type": "application/json; charset=utf-8"})
            self.assertEqual((status, report["digest"], report["size"]), (200, raw["digest"], raw["size"]))

    def test_bad_requests(self):
        daemon = self.daemon("size_limit = 1M\n")
        as_json = {"Content-Type": "application/json"}
        for status, field, body, headers in (
                (400, "From", CLEAN, {"Rcpt": "a@b"}),
                (400, "Rcpt", CLEAN, {"From": "a@b"}),
                (400, "Rcpt", CLEAN, {"From": "a@b", "Rcpt": "a b c"}),
                (400, "From", CLEAN, {"From": "a@b c@d", "Rcpt": "a@b"}),
                (400, "IP", CLEAN, {**ENVELOPE, "IP": "300.0.0.1"}),
                (400, "Policy-Bank", CLEAN, {**ENVELOPE, "Policy-Bank": "a,,b"}),
                (400, None, b"", ENVELOPE),
                (400, "colour", b'{"colour":"red"}', as_json),
                (400, "sender", b'{"sender":1}', as_json),
                (400, None, b'{"sender":""', as_json),
                (400, "recipients", b'{"sender":"","recipients":[],"message":"x"}', as_json),
                (400, "message", b'{"sender":"","recipients":["a@b"]}', as_json),
                (415, None, CLEAN, {**ENVELOPE, "Content-Encoding": "gzip"}),
                (415, None, CLEAN, {**ENVELOPE, "Content-Type": "multipart/form-data; boundary=x"}),
                (413, None, bytes(1 << 21), ENVELOPE)):
            with self.subTest(status=status, field=field):
                # of a body that is refused unread the sender may not see the end
                try:
                    found, answer, _ = self.ask(body=body, headers=headers)
                except (BrokenPipeError, ConnectionResetError):
                    self.assertEqual(status, 413)
                    continue
                self.assertEqual((found, answer.get("field")), (status, field), answer)
                self.assertTrue(answer["error"])
        status, answer, header = self.ask("GET", "/check", None, {})
        self.assertEqual((status, header["Allow"]), (405, "POST"))
        status, answer, header = self.ask("DELETE", "/live", None, {})
        self.assertEqual((status, header["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(self.ask("GET", "/nowhere", None, {})[0], 404)
        self.assertEqual(self.ask("POST", "/", CLEAN)[0], 404)
        self.assertEqual(daemon.status()["statistics"]["mails_in_work"], 0)
        self.assertEqual(self.ask()[0], 200)

    def test_hostile_bytes(self):
        daemon = self.daemon("size_limit = 1M\n")
        self.assertIn(b" 400 ", self.raw(b"GARBAGE\r\n\r\n").split(b"\r\n")[0])
        self.assertIn(b" 400 ", self.raw(b"POST /check HTTP/1.1\r\n\r\n").split(b"\r\n")[0])
        self.assertIn(b" 431 ", self.raw(b"GET /live HTTP/1.1\r\nX: " + b"x" * 200000).split(b"\r\n")[0])
        self.assertIn(b" 431 ", self.raw(b"GET /live HTTP/1.1\r\n" + b"X: y\r\n" * 40000).split(b"\r\n")[0])
        head = b"POST /check HTTP/1.1\r\nHost: x\r\nFrom: a@b\r\nRcpt: c@d\r\n"
        # chunks without an end
        endless = head + b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 200
        self.assertIn(b" 413 ", self.raw(endless).split(b"\r\n")[0])
        # a body that is cut
        self.assertEqual(self.raw(head + b"Content-Length: 1000\r\n\r\nSubject: x\r\n", shut=True), b"")
        found = self.raw(head + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", shut=True)
        self.assertEqual(found.count(b"HTTP/1.1 "), 1)
        self.assertIn(b" 100 ", found)
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
        for bad in (chunked + b"5\r\nSubje", chunked + b"zz\r\nabc\r\n0\r\n\r\n", chunked + b"3\r\nabcd\r\n0\r\n\r\n",
                    chunked + b"3\nabc\n0\n\n", chunked + b"3\r\nabc\r\n0\r\n",
                    chunked.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + b"3\r\nabc\r\n0\r\n\r\n",
                    head + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", head + b"Content-Length: +3\r\n\r\nabc",
                    head + b"Content-Length: -5\r\n\r\n", head + b"Content-Length: 99999999999999999999\r\n\r\nx",
                    head + b"Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"):
            found = self.raw(bad, shut=True)
            self.assertTrue(found.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")) or found == b"", (bad, found))
            self.assertLessEqual(found.count(b"HTTP/1."), 1)
        self.assertEqual(self.ask()[0], 200)
        self.assertEqual(len(daemon.events()), 1)
        self.assertEqual(daemon.status()["statistics"]["mails_in_work"], 0)

    def test_bodies(self):
        """Chunked, kept connections, requests sent ahead, HTTP/1.0, HEAD."""
        self.daemon()
        connection = self.connection()
        for _ in range(5):
            self.assertEqual(self.ask(connection=connection)[0], 200)
            first = connection.sock
            self.assertIsNotNone(first)
            self.assertEqual(self.ask("GET", "/live", None, {}, connection)[0], 200)
            self.assertIs(connection.sock, first)
            status, report, _ = self.ask(body=iter([CLEAN[:10], CLEAN[10:]]), connection=connection)
            self.assertEqual((status, report["size"]), (200, len(CLEAN)))
            self.assertIs(connection.sock, first)
        one = b"POST /scan HTTP/1.1\r\nHost: x\r\nFrom: a@b\r\nRcpt: c@d\r\nContent-Length: %d\r\n\r\n%s" % (len(CLEAN), CLEAN)
        live = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
        found = self.raw(live + one + live + one + live.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.assertEqual(found.count(b"HTTP/1.1 200 OK\r\n"), 5)
        self.assertEqual(found.count(b'"mail_id"'), 2)
        self.assertIn(b"200 OK", self.raw(b"GET /live HTTP/1.0\r\n\r\n"))
        found = self.raw(b"HEAD /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertTrue(found.startswith(b"HTTP/1.1 200 ") and found.endswith(b"\r\n\r\n"))

    def test_large(self):
        """Far above what is kept in memory; the connection of a client that reads slowly."""
        daemon = self.daemon()
        line = b"x" * 76 + b"\r\n"
        big = CLEAN + line * 400000  # 31 MB
        status, report, _ = self.ask(body=big)
        self.assertEqual((status, report["size"]), (200, len(big)))
        text = json.dumps({"sender": "", "recipients": ["a@b"], "message_base64": base64.b64encode(big).decode()})
        status, report, _ = self.ask(body=text, headers={"Content-Type": "application/json"})
        self.assertEqual((status, report["size"]), (200, len(big)))
        for pid in daemon.status()["session_pids"]:
            with open("/proc/%d/status" % pid) as f:
                sizes = dict(line.split(":", 1) for line in f)
            peak, space = (int(sizes[name].split()[0]) for name in ("VmHWM", "VmPeak"))
            if space < 1 << 32:  # else it is a sanitizer that keeps what was freed
                self.assertLess(peak, 80 << 10)

    def test_many(self):
        daemon = self.daemon()

        def one(i):
            connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=120)
            try:
                headers = {**ENVELOPE, "Queue-Id": "Q%d" % i}
                return self.ask(headers=headers, connection=connection)[:2]
            finally:
                connection.close()
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            for i, (status, report) in enumerate(pool.map(one, range(100))):
                self.assertEqual((status, report["queue_id"]), (200, "Q%d" % i))
        self.assertEqual(len({e["mail_id"] for e in daemon.events()}), 100)

    def test_slow(self):
        """Half-open and slow clients stop nobody, and are told to go."""
        daemon = self.daemon("receive_time = 2s\nidle_time = 2s\n")
        slow = []
        for start in (b"", b"POST /che", b"POST /check HTTP/1.1\r\nHost: x\r\nFrom: a@b\r\nRcpt: c@d\r\nContent-Length: 500\r\n\r\nSubj"):
            for _ in range(30):
                client = socket.create_connection(("127.0.0.1", self.http), timeout=30)
                self.addCleanup(client.close)
                client.sendall(start)
                slow.append((start, client))
        self.assertEqual(self.ask()[0], 200)
        drip = slow[-1][1]
        end = time.monotonic() + 20
        try:
            while time.monotonic() < end:
                drip.sendall(b"x")
                time.sleep(0.2)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertLess(time.monotonic(), end, "a client that drips is served for ever\n%s" % daemon.log_text())
        for start, client in slow[:-1]:
            try:
                found = client.recv(65536)
            except ConnectionResetError:
                continue
            if start.startswith(b"POST"):
                self.assertIn(b" 408 ", found)
            else:
                self.assertEqual(found, b"")
        rig.wait_for("all to be gone", lambda: daemon.status()["statistics"]["mails_in_work"] == 0)
        self.assertEqual(self.ask()[0], 200)

    def test_limits(self):
        """Too many connections, too many mails."""
        self.daemon("client_connections = 3\nclient_mails = 2\n")
        first, second = self.connection(), self.connection()
        self.assertEqual(self.ask("GET", "/live", None, {}, first)[0], 200)
        self.assertEqual(self.ask("GET", "/live", None, {}, second)[0], 200)
        third = self.connection()
        self.assertEqual(self.ask("GET", "/live", None, {}, third)[0], 200)
        self.assertEqual(self.ask("GET", "/live", None, {})[0], 503)
        self.assertEqual([self.ask(connection=first)[0] for _ in range(2)], [200, 200])
        status, answer, header = self.ask(connection=second)
        self.assertEqual((status, header["Retry-After"]), (429, "10"))

    def test_secret(self):
        daemon = self.daemon(start=False)
        path = daemon.dir + "/token"
        daemon.write(path, "open sesame\n")
        os.chmod(path, 0o640)
        if os.geteuid() == 0:
            import pwd
            os.chown(path, 0, pwd.getpwnam(daemon.user).pw_gid)
        with open(daemon.conf) as f:
            text = f.read()
        daemon.write(daemon.conf, text.replace("protocol = http\n", "protocol = http\nsecret_file = %s\n" % path))
        daemon.start()
        for value in (None, "Bearer", "Bearer open", "Bearer open sesame2", "Basic open sesame"):
            headers = {**ENVELOPE, **({"Authorization": value} if value else {})}
            status, _, header = self.ask(headers=headers)
            self.assertEqual((status, header["WWW-Authenticate"]), (401, "Bearer"))
        self.assertEqual(self.ask(headers={**ENVELOPE, "Authorization": "Bearer open sesame"})[0], 200)
        self.assertEqual(self.ask("GET", "/ready", None, {})[0], 200)
        os.chmod(path, 0o644)
        self.assertIn(b"secret_file", daemon.ctl("reload", check=False).stderr + daemon.log_text().encode())

    def test_health(self):
        daemon = self.daemon()
        self.assertEqual(self.ask("GET", "/live", None, {})[:2], (200, {"status": "live"}))
        status, answer, _ = self.ask("GET", "/ready", None, {})
        self.assertEqual((status, answer["status"]), (200, "ready"))
        self.assertEqual([(c["name"], c["ok"]) for c in answer["checks"]],
                         [("content", True), ("policy", True), ("spool", True), ("mails", True)])
        # the workers' socket
        path = [os.path.join(daemon.run, n) for n in os.listdir(daemon.run) if "content" in n]
        path = [p for p in path if not os.path.isdir(p)]
        self.assertEqual(len(path), 1, os.listdir(daemon.run))
        os.rename(path[0], path[0] + "-away")
        status, answer, header = self.ask("GET", "/ready", None, {})
        self.assertEqual((status, answer["status"], answer["checks"][0]["ok"]), (503, "not ready", False))
        self.assertEqual(header["Retry-After"], "10")
        self.assertEqual(self.ask("GET", "/live", None, {})[0], 200)
        os.rename(path[0] + "-away", path[0])
        self.assertEqual(self.ask("GET", "/ready", None, {})[0], 200)

    def test_curl_unix(self):
        """The commands of docs/http.md."""
        rig.need("curl")
        daemon = self.daemon(config="[listener unix]\naddress = unix:/tmp/amavisd-http-%d.sock\nprotocol = http\nmode = 0600\n" % self.http)
        path = "/tmp/amavisd-http-%d.sock" % self.http
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        mail = daemon.dir + "/mail.eml"
        daemon.write(mail, EXE.decode())

        def curl(*args, input=None):
            r = subprocess.run(["curl", "-sS", "--unix-socket", path, *args], capture_output=True, timeout=60,
                               check=True, input=input)
            return json.loads(r.stdout)
        self.assertEqual(curl("http://localhost/live"), {"status": "live"})
        report = curl("-H", "From: a@example.org", "-H", "Rcpt: b@example.org", "-H", "Rcpt: c@example.org",
                      "-H", "Content-Type: message/rfc822", "--data-binary", "@" + mail, "http://localhost/scan")
        self.assertEqual((report["category"], len(report["recipients"])), ("banned", 2))
        report = curl("-T", mail, "-X", "POST", "-H", "From: <>", "-H", "Rcpt: b@example.org", "http://localhost/scan")
        self.assertEqual(report["category"], "banned")
        report = curl("-T", "-", "-X", "POST", "-H", "From: <>", "-H", "Rcpt: b@example.org", "http://localhost/scan",
                      input=EXE)
        self.assertEqual(report["category"], "banned")
        # above 1 MiB curl asks first (Expect: 100-continue)
        daemon.write(mail, EXE.decode() + "x\n" * 1000000)
        report = curl("-T", mail, "-X", "POST", "-H", "From: <>", "-H", "Rcpt: b@example.org", "http://localhost/scan")
        self.assertEqual(report["category"], "banned")
        connection = UnixConnection(path)
        self.assertEqual(self.ask(connection=connection)[0], 200)
        connection.close()

    def test_tls(self):
        import ssl
        keys = rig.tempfile.mkdtemp(prefix="http-tls-")
        self.addCleanup(rig.shutil.rmtree, keys)
        os.chmod(keys, 0o755)
        rig.certificates(keys)
        self.daemon("tls = implicit\ntls_certificate = %s/good.pem\n" % keys)
        context = ssl.create_default_context(cafile=keys + "/ca.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", self.http, timeout=30, context=context)
        self.addCleanup(connection.close)
        for _ in range(3):
            self.assertEqual(self.ask(connection=connection)[0], 200)
        self.assertEqual(self.ask(body=CLEAN + b"x\r\n" * 2000000, connection=connection)[0], 200)

    def test_behind_a_balancer(self):
        daemon = self.daemon("proxy_protocol = yes\nclient_connections = 1\n")
        head = b"PROXY TCP4 192.0.2.9 198.51.100.1 5555 80\r\n"
        mail = b"POST /check HTTP/1.1\r\nHost: a\r\nConnection: close\r\nFrom: <>\r\nRcpt: rcpt@example.org\r\nContent-Length: %d\r\n\r\n%s" % (
            len(CLEAN), CLEAN)
        self.assertTrue(self.raw(head + mail).startswith(b"HTTP/1.1 200"))
        another = head.replace(b"192.0.2.9", b"192.0.2.11")
        self.assertTrue(self.raw(another + mail.replace(b"From: <>\r\n", b"")).startswith(b"HTTP/1.1 400"))
        self.assertIn("listener http: [192.0.2.11]: 400: From: missing", daemon.log_text())
        self.assertEqual(self.raw(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n"), b"")
        self.assertIn("sent no header of the PROXY protocol", daemon.log_text())
        with socket.create_connection(("127.0.0.1", self.http)) as first:  # counted as who it really is
            head = head.replace(b"192.0.2.9", b"192.0.2.12")
            first.sendall(head)
            time.sleep(0.3)
            self.assertTrue(self.raw(head + b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 503"))
            other = head.replace(b"192.0.2.12", b"192.0.2.10")
            self.assertTrue(self.raw(other + b"GET /live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                            .startswith(b"HTTP/1.1 200"))

    def test_drain(self):
        """SIGTERM: a request under way is answered."""
        daemon = self.daemon()
        idle = self.connection()
        self.assertEqual(self.ask("GET", "/live", None, {}, idle)[0], 200)
        client = socket.create_connection(("127.0.0.1", self.http), timeout=30)
        self.addCleanup(client.close)
        head = b"POST /check HTTP/1.1\r\nHost: x\r\nFrom: a@b\r\nRcpt: c@d\r\nContent-Length: %d\r\n\r\n" % len(CLEAN)
        client.sendall(head + CLEAN[:20])
        rig.wait_for("the mail to begin", lambda: daemon.status()["statistics"]["mails_in_work"] == 1)
        daemon.process.terminate()
        time.sleep(1)
        client.sendall(CLEAN[20:])
        found = b""
        while block := client.recv(65536):
            found += block
        self.assertTrue(found.startswith(b"HTTP/1.1 200 "), found)
        self.assertEqual(daemon.process.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
