# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Clients that go away, say nothing, send garbage or want too much, in each state of the session: who
has the mail then, and are others still served?"""

import os
import resource
import socket
import struct
import subprocess
import time
import unittest

import rig

MAIL = rig.message().replace(b"\n", b"\r\n")
STEPS = (  # what is said, one after the other
    ("EHLO", b"EHLO client.example.org\r\n"),
    ("MAIL", b"MAIL FROM:<a@example.org>\r\n"),
    ("RCPT", b"RCPT TO:<b@example.org>\r\n"),
    ("DATA", b"DATA\r\n"),
    ("half", MAIL[:len(MAIL) // 2]),
    ("dot", MAIL[len(MAIL) // 2:] + b".\r\n"),
)


class Raw:
    def __init__(self, port, buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.text = b""

    def until(self, text):
        """Reads until the text or the end."""
        while text not in self.text:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                break
            self.text += data
        return self.text

    def go(self, steps):
        self.until(b"220 ")
        for name, data in STEPS[:steps]:
            self.text = b""
            self.socket.sendall(data)
            if name not in ("half", "dot"):
                self.until(b"\r\n" if name != "EHLO" else b"250 XFORWARD")

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def pss_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return [int(line.split()[1]) for line in f if line.startswith("Pss:")][0]


class Faults(unittest.TestCase):
    def setUp(self):
        self.sink = rig.Sink(self)
        self.daemon = rig.Daemon(self, forward=self.sink.port,
                                 listener="idle_time = 2s\nreceive_time = 4s\n")

    def still_works(self):
        before = len(self.sink.mails)
        self.assertRegex(rig.send(self.daemon.port, rig.message()), "^250")
        self.assertEqual(len(self.sink.mails), before + 1)

    def test_drop_and_reset(self):
        """Before the dot nobody but the client has the mail; behind it, it is delivered once."""
        for how in ("close", "reset"):
            for steps in range(len(STEPS) + 1):
                with self.subTest(how=how, steps=steps):
                    self.sink.mails.clear()
                    client = Raw(self.daemon.port)
                    client.go(steps)
                    client.reset() if how == "reset" else client.socket.close()
                    is_whole = steps == len(STEPS)
                    if is_whole and how == "close":
                        self.sink.wait(1)
                    time.sleep(0.2)
                    # a reset may overtake the dot
                    self.assertLessEqual(len(self.sink.mails), 1 if is_whole else 0)
                    self.still_works()
        rig.wait_for("no mail in work", lambda: self.daemon.status()["statistics"]["mails_in_work"] == 0)

    def test_stall(self):
        clients = []
        for steps in range(len(STEPS)):
            client = Raw(self.daemon.port)
            client.go(steps)
            clients.append(client)
        self.still_works()
        for steps, client in enumerate(clients):
            with self.subTest(steps=steps):
                self.assertIn(b"421 4.4.2 ", client.until(b"421 "))
        self.assertEqual(len(self.sink.mails), 1)
        rig.wait_for("no connection", lambda: self.daemon.status()["statistics"]["connections"] == 0)

    def test_garbage(self):
        for steps in range(len(STEPS)):
            with self.subTest(steps=steps):
                self.sink.mails.clear()
                client = Raw(self.daemon.port)
                client.go(steps)
                name = STEPS[steps - 1][0] if steps else ""
                for _ in range(40):
                    try:
                        client.socket.sendall(b"\x00\xff" + os.urandom(100).replace(b".", b"") +
                                              b"\r\n")
                    except OSError:
                        break
                if name in ("DATA", "half"):  # it is a mail, if an ugly one
                    client.text = b""
                    client.socket.sendall(b"\r\n.\r\n")
                    self.assertRegex(client.until(b"\r\n"), b"250|4..|5..")
                else:
                    self.assertIn(b"421 4.7.0", client.until(b"421 "))
                    self.assertEqual(self.sink.mails, [])
                client.socket.close()
                self.still_works()

    def test_tiny_window(self):
        """It asks without end and reads nothing: neither a thread nor much memory is its own."""
        session = self.daemon.status()["session_pids"][0]
        self.still_works()
        before = pss_kib(session)
        clients = [Raw(self.daemon.port, buffer=2048) for _ in range(30)]
        for client in clients:
            client.socket.setblocking(False)
            try:
                for _ in range(200):
                    client.socket.send(b"EHLO x\r\n" * 1000)
            except BlockingIOError:
                pass
        self.still_works()
        self.assertLess(pss_kib(session) - before, 20 * 1024)
        rig.wait_for("those to be cut off", lambda: self.daemon.status()["statistics"]["connections"] == 0, 20)

    def test_a_client_that_waits_for_the_acknowledgement(self):
        """Its last line comes when TCP has acknowledged what stands before it (Nagle): that must not take the 40 ms
        of a delayed acknowledgement."""
        client = rig.Client(self.daemon.port)
        for _ in range(15):
            for line in ("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"):
                client.command(line)
            client.send(MAIL)
            client.send(b".\r\n")
            self.assertRegex(client.reply(), "^250")
        client.close()
        rig.wait_for("the events", lambda: len(self.daemon.events()) == 15)
        times = [event["timing"]["receive"] for event in self.daemon.events()]
        self.assertLess(min(times), 30, times)  # ms; of a busy machine the best


class Many(unittest.TestCase):
    def test_a_thousand_stalled_in_data(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 2200:
            self.skipTest("too few descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, fragments={
            "10-limits.conf": "[amavisd]\nmax_mails = 1100\n"})
        rig.send(daemon.port, rig.message())
        session = daemon.status()["session_pids"][0]
        before = pss_kib(session)
        clients = []
        for _ in range(1000):
            client = Raw(daemon.port)
            client.socket.sendall(b"".join(data for _, data in STEPS[:5]))
            clients.append(client)
        for client in clients:
            self.assertIn(b"\r\n354 ", client.until(b"\r\n354 "))
        begin = time.monotonic()
        for _ in range(10):
            self.assertRegex(rig.send(daemon.port, rig.message()), "^250")
        seconds = time.monotonic() - begin
        used = pss_kib(session) - before
        print("       1000 stalled in DATA: %d KiB, ten mails beside them %.2f s" % (used, seconds))
        self.assertLess(seconds, 10)
        self.assertLess(used, 20 * 1024)
        for client in clients:
            client.socket.close()
        self.assertEqual(len(sink.mails), 11)

    def test_no_descriptors_left(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, config="[next_hop]\nkeep = 0\n")
        rig.send(daemon.port, rig.message())
        session = daemon.status()["session_pids"][0]
        used = max(int(fd) for fd in os.listdir("/proc/%d/fd" % session))
        rig.need("setpriv", "prlimit")
        subprocess.run((["setpriv", "--reuid", daemon.user, "--regid", daemon.user, "--clear-groups"]
                        if os.geteuid() == 0 else []) +
                       ["prlimit", "--pid", str(session), "--nofile=%d:" % (used + 20)], check=True)
        clients = []
        for _ in range(60):
            clients.append(rig.Client(daemon.port, hello=None))
            if clients[-1].greeting.startswith("421"):
                break
        self.assertRegex(clients[-1].greeting, r"^421 4\.3\.2 .*descriptors")
        self.assertGreater(len(clients), 5)
        # one that is in already can be served only with descriptors: it keeps its mail
        clients[0].command("EHLO x")
        reply = clients[0].mail(rig.message())
        self.assertRegex(reply, "^4")
        self.assertEqual(len(sink.mails), 1)
        for client in clients:
            client.close()
        rig.wait_for("a mail to pass again", lambda: rig.send(
            daemon.port, rig.message()).startswith("250"))
        self.assertEqual(len(sink.mails), 2)

    def test_no_descriptors_left_for_others(self):
        """Clients of milter and AM.PDP hear nothing, as nothing can be said unasked: they are closed, and
        later served again."""
        sink, ports = rig.Sink(self), {"milter": rig.free_port(), "am.pdp": rig.free_port()}
        daemon = rig.Daemon(self, forward=sink.port, config="".join(
            "[listener %s]\naddress = 127.0.0.1:%d\nprotocol = %s\n" % (name, port, name)
            for name, port in ports.items()))
        rig.send(daemon.port, rig.message())
        session = daemon.status()["session_pids"][0]
        used = max(int(fd) for fd in os.listdir("/proc/%d/fd" % session))
        rig.need("setpriv", "prlimit")
        subprocess.run((["setpriv", "--reuid", daemon.user, "--regid", daemon.user, "--clear-groups"]
                        if os.geteuid() == 0 else []) +
                       ["prlimit", "--pid", str(session), "--nofile=%d:" % (used + 10)], check=True)
        for name, port in ports.items():
            with self.subTest(name=name):
                clients = []
                for _ in range(30):
                    clients.append(socket.create_connection(("127.0.0.1", port), 5))
                    clients[-1].settimeout(0.1)
                refused = 0
                for client in clients:
                    try:
                        refused += client.recv(10) == b""
                    except socket.timeout:
                        pass
                    except ConnectionResetError:
                        refused += 1
                self.assertGreater(refused, 10)
                self.assertLess(refused, 30)
                for client in clients:
                    client.close()
                rig.wait_for("a mail to pass again", lambda: rig.send(
                    daemon.port, rig.message()).startswith("250"))

    def test_limits_of_one_client(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, listener=(
            "client_connections = 5\nclient_mails = 10\n"))
        clients = [rig.Client(daemon.port) for _ in range(5)]
        extra = rig.Client(daemon.port, hello=None)
        self.assertRegex(extra.greeting, r"^421 4\.7\.0 ")
        extra.close()
        replies = [clients[i % 4].mail(rig.message()) for i in range(11)]
        self.assertTrue(all(r.startswith("250") for r in replies[:10]), replies)
        self.assertRegex(replies[10], r"^421 4\.7\.0 ")
        self.assertEqual(len(sink.mails), 10)
        self.assertIn("Too many connections from your network", daemon.log_text())
        for client in clients:
            client.close()


SHORT = ("[next_hop]\nkeep = 0\nconnect_time = 1s\ncommand_time = 1s\ndata_init_time = 1s\n"
         "data_block_time = 2s\ndata_final_time = 1s\n")


class NextHop(unittest.TestCase):
    """What test_faults.py has not: extensions that are missing, windows that are tiny, TLS that fails."""

    def test_missing_extensions(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, config=SHORT)
        eightbit = rig.message(body="gr\u00fc\u00dfe\n")
        for keywords in ((), ("PIPELINING",), ("8BITMIME",), ("SIZE 100",), ("DSN", "SIZE")):
            for data in (rig.message(), eightbit):
                with self.subTest(keywords=keywords):
                    sink.keywords = keywords
                    sink.mails.clear()
                    reply = rig.send(daemon.port, data)
                    self.assertIn(reply[0], "25", reply)
                    self.assertEqual(len(sink.mails), 1 if reply[0] == "2" else 0)
                    if data is eightbit and reply[0] == "2":
                        self.assertIn("gr\u00fc\u00dfe".encode(), sink.mails[0][2])
        sink.keywords, sink.script = (), {"EHLO": "502 5.5.1 what?"}
        sink.mails.clear()
        self.assertRegex(rig.send(daemon.port, rig.message()), "^250")
        self.assertEqual(len(sink.mails), 1)

    def test_tiny_window(self):
        """Takes a few bytes at a time, then no more: 4xx, and no final dot was sent."""
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        self.addCleanup(server.close)
        daemon = rig.Daemon(self, forward=server.getsockname()[1], config=SHORT)
        client = rig.Client(daemon.port)
        for line in ("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"):
            client.command(line)
        client.send(rig.message().replace(b"\n", b"\r\n") + (b"x" * 76 + b"\r\n") * 60000 + b".\r\n")
        hop, _ = server.accept()
        self.addCleanup(hop.close)
        seen = b""
        for said in (b"220 tiny\r\n", b"250 tiny\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            hop.sendall(said)
            seen += hop.recv(100)
        for _ in range(20):
            seen += hop.recv(64)
            time.sleep(0.05)
        self.assertRegex(client.reply(), "^4")
        while True:
            try:
                data = hop.recv(65536)
            except ConnectionResetError:
                break
            if not data:
                break
            seen += data
        self.assertNotIn(b"\r\n.\r\n", seen)

    def test_it_waits_for_the_acknowledgement(self):
        """It writes each reply by itself, and TCP keeps the second one back until the first is acknowledged."""
        for lmtp in (False, True):
            with self.subTest(lmtp=lmtp):
                sink = rig.Sink(self)
                daemon = rig.Daemon(self, forward="%s:[127.0.0.1]:%d" % ("lmtp" if lmtp else "smtp", sink.port))
                for _ in range(15):
                    self.assertRegex(rig.send(daemon.port, rig.message(), to=("a@example.org", "b@example.org")), "^250")
                rig.wait_for("the events", lambda: len(daemon.events()) == 15)
                times = [event["timing"]["deliver"] for event in daemon.events()]
                self.assertLess(min(times), 30, times)  # ms; of a busy machine the best

    def test_starttls_states(self):
        rig.need("openssl")
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, config=SHORT + "tls = required\n")
        sink.keywords = ("PIPELINING", "STARTTLS")
        for answer in ("454 4.7.0 later", "554 5.7.0 never", "421 4.3.2 closing", "drop", "stall",
                       "garbage", "220 2.0.0 and no handshake"):
            with self.subTest(answer=answer):
                sink.script = {"STARTTLS": answer}
                reply = rig.send(daemon.port, rig.message())
                self.assertRegex(reply, "^4")
                self.assertEqual(sink.mails, [])
        sink.keywords, sink.script = ("PIPELINING",), {}
        self.assertRegex(rig.send(daemon.port, rig.message()), "^4")
        self.assertEqual(sink.mails, [])


if __name__ == "__main__":
    unittest.main()
