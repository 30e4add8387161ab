# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Each step of a session by each fault, on both sides of the daemon, in SMTP and LMTP: who has the mail
then?  A cell is a client or a next hop of its own; all cells of a table share one daemon and run at the
same time, so that those that stall do not add up."""

import concurrent.futures
import os
import shutil
import socket
import ssl
import struct
import tempfile
import time
import unittest

import rig

TEXT = rig.message().replace(b"\n", b"\r\n")
CUT = len(TEXT) // 2
TIMES = ("connect_time = 2s\ncommand_time = 1s\ndata_init_time = 1s\ndata_block_time = 1s\n"
         "data_final_time = 1s\nquit_time = 1s\nprobe = 0s\n")


class Certificate:
    """Made once for this file."""
    directory = None

    @classmethod
    def path(cls):
        rig.need("openssl")
        if cls.directory is None:
            cls.directory = tempfile.mkdtemp(prefix="amavisd-matrix-")
            os.chmod(cls.directory, 0o755)
            rig.certificates(cls.directory)
        return cls.directory + "/good.pem"


def tearDownModule():
    if Certificate.directory:
        shutil.rmtree(Certificate.directory)


def run_cells(case, run, cells):
    """All at once; each failure is a test of its own."""
    with concurrent.futures.ThreadPoolExecutor(len(cells)) as pool:
        for cell, future in [(cell, pool.submit(run, *cell)) for cell in cells]:
            with case.subTest(cell=cell):
                future.result()


# ---- clients ----

def steps_of(protocol, sender):
    """(name, bytes, number of replies, mails that are whole behind it) of each dialogue."""
    hello = b"%s client.example.org\r\n" % (b"LHLO" if protocol == "lmtp" else b"EHLO")
    envelope = [("HELLO", hello, 1, 0), ("MAIL", b"MAIL FROM:<%s>\r\n" % sender, 1, 0),
                ("RCPT", b"RCPT TO:<b@example.org>\r\n", 1, 0)]
    data = [("DATA", b"DATA\r\n", 1, 0), ("half", TEXT[:CUT], 0, 0), ("dot", TEXT[CUT:] + b".\r\n", 1, 1)]
    size = len(TEXT) - CUT
    return {
        "data": envelope + data,
        "xforward": envelope[:1] + [("XFORWARD", b"XFORWARD NAME=a.example ADDR=192.0.2.7\r\n", 1, 0)],
        "bdat": envelope + [("in chunk", b"BDAT %d\r\n" % CUT + TEXT[:CUT - 9], 0, 0),
                            ("chunk", TEXT[CUT - 9:CUT], 1, 0),
                            ("in LAST", b"BDAT %d LAST\r\n" % size + TEXT[CUT:-9], 0, 0),
                            ("LAST", TEXT[-9:], 1, 1)],
        "rset": envelope + [("RSET", b"RSET\r\n", 1, 0), ("NOOP", b"NOOP\r\n", 1, 0)],
        "starttls": envelope[:1] + [("STARTTLS", b"STARTTLS\r\n", 1, 0)],
        "auth": envelope[:1] + [("AUTH", b"AUTH PLAIN\r\n", 1, 0)],
        # the connection is kept: a mail is behind it already
        "kept": envelope + data + [("%s again" % name, text, n, 1) for name, text, n, _ in
                                   envelope[1:] + data[:2]],
    }


class Session(rig.Client):
    def __init__(self, port, is_narrow):
        self.socket = socket.socket()
        if is_narrow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def rest(self):
        """All replies until the connection ends, a reset being an end too."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""


class In(unittest.TestCase):
    """Clients that are broken."""

    def setUp(self):
        self.sink = rig.Sink(self)
        tls = "tls = starttls\ntls_certificate = %s\nauth = offered\nauth_without_tls = yes\n" % Certificate.path()
        times = "idle_time = 2s\nreceive_time = 4s\n"
        self.ports = {"lmtp": rig.free_port()}
        self.daemon = rig.Daemon(
            self, forward=self.sink.port, listener=times + tls,
            config="[listener lmtp]\naddress = 127.0.0.1:%d\nprotocol = lmtp\n%s" %
                   (self.ports["lmtp"], times + tls))
        self.ports["smtp"] = self.daemon.port

    # what the client does instead of going on; the first sentence of what it has heard by then

    def close(self, session):
        session.close()

    def reset(self, session):
        session.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        session.close()

    def half_close(self, session):
        session.socket.shutdown(socket.SHUT_WR)
        session.rest()
        session.close()

    def stall(self, session):
        said = session.rest()
        session.close()
        return said

    def garbage(self, session):
        try:
            for _ in range(60):
                session.send(b"\x00\xff" + os.urandom(60).replace(b".", b"x").replace(b"\n", b"y") + b"\r\n")
        except OSError:
            pass
        session.socket.settimeout(0.5)  # in a mail it is not answered
        try:
            session.rest()
        except socket.timeout:
            pass
        session.close()

    def window(self, session):
        """Asks for much and reads nothing, until it is thrown out."""
        session.socket.settimeout(1)
        try:
            for _ in range(20):
                session.send(b"EHLO x\r\nLHLO x\r\n" * 200)
        except OSError:
            pass
        session.socket.settimeout(10)
        session.rest()
        session.close()

    def run_cell(self, protocol, dialogue, n_steps, fault, sender):
        """How many mails were whole, and what was said."""
        session = Session(self.ports[protocol], fault == "window")
        self.assertEqual(session.reply()[:3], "220")
        n_mails, name = 0, ""
        for name, data, n_replies, n_mails in steps_of(protocol, sender.encode())[dialogue][:n_steps]:
            session.send(data)
            if fault in ("close", "reset") and name in ("dot", "LAST"):
                break  # it does not wait for the answer
            for _ in range(n_replies):
                self.assertIn(session.reply()[0], "23", name)
        said = getattr(self, fault)(session)
        if fault == "stall" and name != "STARTTLS":
            self.assertIn(b"421 4.4.2 ", said)
        if fault in ("garbage", "window") and name == "in LAST":
            n_mails = 1  # what is a chunk's is no garbage
        return n_mails, name

    def test_matrix(self):
        faults = ("close", "reset", "half_close", "stall", "garbage", "window")
        cells = []
        for protocol in ("smtp", "lmtp"):
            for dialogue, steps in steps_of(protocol, b"").items():
                first = {"data": 0, "kept": 7}.get(dialogue, len(steps) if dialogue in (
                    "starttls", "auth", "xforward") else 4)
                cells += [(protocol, dialogue, n, fault) for n in range(first, len(steps) + 1)
                          for fault in faults]
        expected = {}

        def run(*cell):
            sender = "%s@example.org" % "-".join(map(str, cell))
            expected[sender] = self.run_cell(*cell, sender)

        begin = time.monotonic()
        for at in range(0, len(cells), 80):
            run_cells(self, run, cells[at:at + 80])
            self.assertRegex(rig.send(self.daemon.port, rig.message()), "^250")
        rig.wait_for("all to be gone", lambda: not any(
            self.daemon.status()["statistics"][key] for key in ("connections", "mails_in_work")))
        self.assertEqual(len(expected), len(cells))
        came = [mail[0] for mail in self.sink.mails]
        for sender, (n_mails, name) in expected.items():
            with self.subTest(sender=sender, step=name):
                if "-reset@" in sender and name in ("dot", "LAST"):
                    self.assertLessEqual(came.count(sender), 1)  # it may overtake the dot
                else:
                    self.assertEqual(came.count(sender), n_mails)
        for sender, _, data in self.sink.mails:
            if "bdat-6" not in sender:
                self.assertTrue(data.endswith(b"Hello, world.\r\n"))
        print("       %d cells in %.0f s" % (len(cells), time.monotonic() - begin))


class Early(unittest.TestCase):
    """What can go wrong before there is a greeting: in a TLS handshake, in a PROXY header."""
    HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 100  # the begin of a ClientHello
    PROXY2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 127, 0, 0, 1, 0, 25, 0, 25])

    def test_matrix(self):
        sink, ports = rig.Sink(self), {"implicit": rig.free_port(), "proxied": rig.free_port()}
        daemon = rig.Daemon(self, forward=sink.port, config=(
            "[listener implicit]\naddress = 127.0.0.1:%d\nidle_time = 2s\ntls = implicit\ntls_certificate = %s\n"
            "[listener proxied]\naddress = 127.0.0.1:%d\nidle_time = 2s\nproxy_protocol = yes\n" % (
                ports["implicit"], Certificate.path(), ports["proxied"])))
        begins = [("implicit", b""), ("implicit", self.HELLO[:3]), ("implicit", self.HELLO),
                  ("implicit", b"EHLO client.example.org\r\n")]
        begins += [("proxied", data) for data in (b"", b"PROX", b"PROXY TCP4 192.0.2.7 127.0.0.1 25 ",
                                                  self.PROXY2[:12], self.PROXY2[:-1], b"EHLO x\r\n",
                                                  self.PROXY2 + b"EHLO x\r\n")]
        cells = [(name, data, fault) for name, data in begins
                 for fault in ("close", "reset", "half_close", "stall", "garbage")]

        def run(name, data, fault):
            s = socket.create_connection(("127.0.0.1", ports[name]), 20)
            s.sendall(data)
            Asked.fault(self, s, fault)
        begin = time.monotonic()
        run_cells(self, run, cells)
        self.assertLess(time.monotonic() - begin, 10)
        rig.wait_for("all to be gone", lambda: not any(
            daemon.status()["statistics"][key] for key in ("connections", "mails_in_work")))
        context = ssl.create_default_context(cafile=Certificate.directory + "/ca.pem")
        for name in ports:
            client = rig.Client.__new__(rig.Client)
            client.socket = socket.create_connection(("127.0.0.1", ports[name]), 20)
            if name == "implicit":
                client.socket = context.wrap_socket(client.socket, server_hostname="filter.example.org")
            else:
                client.send(self.PROXY2)
            client.file = client.socket.makefile("rb")
            client.reply()
            client.command("EHLO client.example.org")
            self.assertRegex(client.mail(rig.message()), "^250")
            client.close()


class Asked(unittest.TestCase):
    """Clients of milter and AM.PDP that are broken: they have their mail still, so nothing may be left of
    it here."""

    def packets(self):
        def packet(command, data=b""):
            return struct.pack(">I", len(data) + 1) + command + data

        head, body = TEXT.split(b"\r\n\r\n", 1)
        fields = [packet(b"L", line.replace(b": ", b"\0", 1) + b"\0") for line in head.split(b"\r\n")]
        return [packet(b"O", struct.pack(">III", 6, 0x1ff, 0)),
                packet(b"C", b"mx.example.org\0" + b"4" + struct.pack(">H", 4711) + b"192.0.2.7\0"),
                packet(b"H", b"mx.example.org\0"), packet(b"M", b"<sender@example.org>\0"),
                packet(b"R", b"<rcpt@example.org>\0"), b"".join(fields), packet(b"N"), packet(b"B", body),
                packet(b"E")]

    def lines(self, path):
        return [line.encode() + b"\r\n" for line in (
            "request=AM.PDP", "sender=<sender@example.org>", "recipient=<rcpt@example.org>",
            "mail_file=" + path, "tempdir_removed_by=client", "")]

    def fault(self, s, fault):
        if fault == "reset":
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "half_close":
            s.shutdown(socket.SHUT_WR)
        elif fault == "garbage":
            try:
                for _ in range(50):
                    s.sendall(b"\xff\0" + os.urandom(200))
                s.shutdown(socket.SHUT_WR)  # what looks like half a packet is waited for
            except OSError:
                pass
        if fault in ("half_close", "stall", "garbage"):
            try:
                while s.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        s.close()

    def test_matrix(self):
        sink, ports = rig.Sink(self), {"milter": rig.free_port(), "am.pdp": rig.free_port()}
        daemon = rig.Daemon(self, forward=sink.port, start=False)
        path = daemon.dir + "/mails/mail"
        os.mkdir(daemon.dir + "/mails")
        with open(path, "wb") as f:
            f.write(TEXT)
        shutil.chown(path, daemon.user)
        with open(daemon.conf, "a") as f:
            f.write("".join("[listener %s]\naddress = 127.0.0.1:%d\nprotocol = %s\nidle_time = 2s\n"
                            "mail_directory = %s/mails\n" % (name, port, name, daemon.dir)
                            for name, port in ports.items()))
        daemon.start()
        dialogues = {"milter": self.packets(), "am.pdp": self.lines(path)}
        cells = [(protocol, n, is_cut, fault) for protocol, parts in dialogues.items()
                 for n in range(1, len(parts) + 1) for is_cut in (False, True)
                 for fault in ("close", "reset", "half_close", "stall", "garbage")
                 if len(parts[n - 1]) > 2 or not is_cut]

        def run(protocol, n, is_cut, fault):
            data = b"".join(dialogues[protocol][:n])
            s = socket.create_connection(("127.0.0.1", ports[protocol]), 20)
            s.sendall(data[:-2] if is_cut else data)
            self.fault(s, fault)
        run_cells(self, run, cells)
        self.assertRegex(rig.send(daemon.port, rig.message()), "^250")
        rig.wait_for("all to be gone", lambda: not any(
            daemon.status()["statistics"][key] for key in ("connections", "mails_in_work")))
        self.assertEqual(len(sink.mails), 1, "clients deliver themselves")
        self.assertTrue(os.path.exists(path))
        self.assertEqual([name for name in os.listdir(daemon.spool) if not name.startswith("work-")], [])
        self.assertNotIn("session ended", daemon.log_text())


# ---- next hops ----

class Hop(rig.Sink):
    """A next hop with a narrow window; script["inside"] is what happens in the middle of a mail."""

    def __init__(self, case, **kw):
        super().__init__(case, **kw)
        self.RequestHandlerClass = HopSession

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        super().server_bind()

    def finish_request(self, request, address):
        try:
            super().finish_request(request, address)
        except OSError:
            pass


class HopSession(rig.SinkSession):
    def inside(self):
        """What came after all stands in `half`."""
        fault = self.server.script.get("inside")
        came = self.rfile.read(1000)
        if fault == "window":
            end = time.monotonic() + 3
            while time.monotonic() < end:
                came += self.rfile.read1(64)
                time.sleep(0.05)
        elif fault == "stall":
            time.sleep(3)
        elif fault == CLOSING:
            self.say(fault)
        try:
            while fault in ("window", "stall"):
                data = self.rfile.read(65536)
                came += data
                if not data:
                    break
        except ConnectionResetError:
            pass
        with self.server.lock:
            self.server.half.append(came)

    def data(self, sender, recipients, lmtp):
        if "inside" in self.server.script:
            return self.inside()
        return super().data(sender, recipients, lmtp)

    def answer(self, verb, default):
        fault = self.server.script.get(verb)
        if fault == "drip":  # each byte in time, the reply never
            for byte in b"250 2.0.0 in my own time\r\n":
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.2)
            return None
        if fault == "endless":
            for _ in range(100000):
                self.wfile.write(b"250-there is more\r\n")
            return None
        return super().answer(verb, default)

    def take(self, data, sender, recipients, lmtp):
        """Keeps what it is going to confirm, before it does so; one recipient is enough here."""
        if "dot" not in self.server.script:
            with self.server.lock:
                self.server.mails.append((sender, list(recipients), data))
        return self.answer("dot", "250 2.0.0 Ok: queued as H1")

    def chunk(self, words, sender, recipients, lmtp):
        if "inside" in self.server.script:
            return self.inside()
        return super().chunk(words, sender, recipients, lmtp)


ALL = ("PIPELINING", "8BITMIME", "SIZE 0", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8", "AUTH PLAIN",
       "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE")
LATER, NEVER, CLOSING = "450 4.2.0 later", "554 5.7.1 never", "421 4.3.2 closing"
FAULTS = (LATER, NEVER, CLOSING, "drop", "stall", "garbage", "drip", "endless")
AUTHED = {"AUTH": "235 2.7.0 welcome"}


def expected_of(protocol, step, fault):
    """What the client is told.  4: it keeps the mail, 5: its sender hears of it, 2: the next hop has it."""
    if step == "XFORWARD" and fault in (LATER, NEVER):
        return "250"  # worth no mail
    if step == "EHLO" and fault == NEVER:
        return "451 4.7.0"  # HELO is tried, but has no AUTH
    if step in ("MAIL", "RCPT", "DATA", "BDAT", "dot"):
        return {LATER: "450 4.2.0", NEVER: "554 5.7.1"}.get(fault, "451 4.")
    return "451 4."


class Out(unittest.TestCase):
    """Next hops that are broken.  The daemon finds the cell's one by the recipient."""

    def start(self, cells, more="", threads=100):
        rules = "".join('amavis.settings{ for_recipient = "%d@example.org", forward_route = "%s:[127.0.0.1]:%d" }\n' %
                        (hop.port, protocol, hop.port) for protocol, hop in cells)
        directory = tempfile.mkdtemp(prefix="amavisd-matrix-")
        self.addCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        with open(directory + "/password", "w") as f:
            f.write("secret\n")
        os.chmod(directory + "/password", 0o640)
        if os.geteuid() == 0:
            rig.make_user("amavis-test")
            shutil.chown(directory + "/password", "amavis-test")
        return rig.Daemon(self, forward=rig.free_port(), lua=rules,
                          fragments={"10-threads.conf": "[amavisd]\nthreads = %d\n" % threads},
                          config="[next_hop]\n%sauth_user = filter\nauth_password_file = %s/password\n"
                                 "auth_without_tls = yes\nchunking = always\n%s" % (TIMES, directory, more))

    def send(self, hop, data=None):
        client = rig.Client(self.daemon.port)
        reply = client.mail(data or rig.message(), to="%d@example.org" % hop.port)
        client.close()
        return reply

    def check_first(self, hop, expected, data=None):
        """The mail of a cell with its fault: in nobody's hands but of who is said to have it."""
        reply = self.send(hop, data)
        self.assertTrue(reply.startswith(expected), reply)
        self.assertEqual(len(hop.mails), 1 if reply.startswith("2") else 0)

    def check_second(self, hop):
        """The next hop has come to its senses: nothing of the fault is left over."""
        before = len(hop.mails)
        hop.script = dict(AUTHED)
        reply = self.send(hop)
        self.assertTrue(reply.startswith("250"), reply)
        self.assertEqual(len(hop.mails), before + 1)
        self.assertTrue(hop.mails[-1][2].endswith(b"Hello, world.\r\n"))

    def run_table(self, rows, more="", certificate=None, keywords=ALL):
        """rows: protocol, step, fault, keywords more."""
        cells = []
        for protocol, step, fault, extra in rows:
            hop = Hop(self, keywords=keywords + extra, certificate=certificate,
                      tls_keywords=ALL if certificate else (), script=dict(AUTHED, **{step: fault}))
            cells.append((protocol, step, fault, hop))
        self.daemon = self.start([(cell[0], cell[3]) for cell in cells], more)

        def run(protocol, step, fault, hop):
            self.check_first(hop, expected_of(protocol, step.replace("LHLO", "greeting"), fault))
            self.check_second(hop)
        run_cells(self, run, cells)

    def test_steps(self):
        rows = []
        for protocol, hello in (("smtp", "EHLO"), ("lmtp", "LHLO")):
            for step in ("greeting", hello, "AUTH", "XFORWARD", "MAIL", "RCPT", "DATA", "dot"):
                rows += [(protocol, step, fault, ()) for fault in FAULTS]
            for step in ("MAIL", "RCPT", "dot"):  # of a mail that goes by BDAT
                rows += [(protocol, step, fault, ("CHUNKING",)) for fault in FAULTS]
        self.run_table(rows)

    def test_steps_under_tls(self):
        rows = [(protocol, step, fault, ()) for protocol in ("smtp", "lmtp")
                for step in ("STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "dot") for fault in FAULTS]
        rows += [(protocol, "STARTTLS", "220 2.0.0 but no handshake follows\r\n220 x", ())
                 for protocol in ("smtp", "lmtp")]
        self.run_table(rows, "tls = required\n", Certificate.path(), ("PIPELINING",))

    def test_inside_of_a_mail(self):
        """No final dot and no LAST when the next hop fails in the middle."""
        big = rig.message(body=("x" * 76 + "\n") * 100000)
        cells = []
        for protocol in ("smtp", "lmtp"):
            for extra in ((), ("CHUNKING",)):
                for fault in ("drop", "stall", "window", CLOSING):
                    hop = Hop(self, keywords=ALL + extra, script=dict(AUTHED, inside=fault))
                    cells.append((protocol, extra, fault, hop))
        self.daemon = self.start([(cell[0], cell[3]) for cell in cells])

        def run(protocol, extra, fault, hop):
            self.check_first(hop, "451 4.", big)
            rig.wait_for("the rest of the mail", lambda: hop.half)
            self.assertFalse(hop.half[0].endswith(b"\r\n.\r\n"))
            self.assertLess(len(hop.half[0]), len(big))
            self.check_second(hop)
        run_cells(self, run, cells)

    def test_kept_connections(self):
        """RSET, NOOP and QUIT concern no mail: whatever becomes of them, each mail goes once."""
        cells = []
        for protocol in ("smtp", "lmtp"):
            for step in ("RSET", "NOOP", "QUIT"):
                for fault in FAULTS:
                    hop = Hop(self, keywords=ALL, script=dict(AUTHED))
                    cells.append((protocol, step, fault, hop))
        self.daemon = self.start([(cell[0], cell[3]) for cell in cells], "keep_idle = 1s\n")

        def run(protocol, step, fault, hop):
            self.assertRegex(self.send(hop), "^250")
            hop.script = dict(AUTHED, **{step: fault})
            if step == "RSET":  # said behind a recipient that is refused
                hop.script["RCPT"] = LATER
                self.assertRegex(self.send(hop), r"^450 4\.2\.0")
            elif step == "NOOP":  # said before the kept connection is used
                self.assertRegex(self.send(hop), "^250")
                self.assertEqual(len(hop.mails), 2)
                self.assertEqual(hop.connections, 2)
            else:
                time.sleep(6)  # until it is too old and QUIT is said
            before = len(hop.mails)
            self.check_second(hop)
            self.assertEqual(len(hop.mails), before + 1)
        run_cells(self, run, cells)

    def test_each_kept_step(self):
        """On a connection that was kept: before the answer to MAIL it is tried again over a new one, when
        the old one is lost; behind that it is as with any other."""
        cells = []
        for protocol in ("smtp", "lmtp"):
            for step in ("MAIL", "RCPT", "DATA", "dot"):
                for fault in FAULTS:
                    cells.append((protocol, step, fault, Hop(self, keywords=ALL, script=dict(AUTHED))))
        self.daemon = self.start([(cell[0], cell[3]) for cell in cells])

        def run(protocol, step, fault, hop):
            self.assertRegex(self.send(hop), "^250")
            hop.mails.clear()
            hop.script = dict(AUTHED, **{step: fault})
            self.check_first(hop, expected_of(protocol, step, fault))
            self.check_second(hop)
        run_cells(self, run, cells)

    def test_missing_extensions(self):
        """An extension that the mail needs and the next hop lacks: never a silent change of the mail."""
        eight = rig.message(body="gr\u00fc\u00dfe\n")
        utf8 = rig.message(subject="gr\u00fc\u00dfe")
        table = (("PIPELINING", "", TEXT, "250"), ("SIZE 0", " SIZE=500", TEXT, "250"),
                 ("ENHANCEDSTATUSCODES", "", TEXT, "250"), ("XFORWARD", "", TEXT, "250"),
                 ("DSN", " RET=HDRS ENVID=x", TEXT, "250"), ("AUTH", "", TEXT, "451 4.7.0"),
                 ("8BITMIME", "", TEXT, "250"), ("8BITMIME", " BODY=8BITMIME", TEXT, "250"),
                 ("8BITMIME", " BODY=8BITMIME", eight, "550 5.6.3"),
                 ("SMTPUTF8", " SMTPUTF8", TEXT, "250"), ("SMTPUTF8", " SMTPUTF8", utf8, "550 5.6.7"),
                 ("CHUNKING", "", TEXT, "250"))
        cells = []
        for protocol in ("smtp", "lmtp"):
            for keyword, parameters, data, expected in table:
                words = tuple(w for w in ALL + ("CHUNKING",) if not w.startswith(keyword.split()[0]))
                hop = Hop(self, keywords=words, script=dict(AUTHED))
                cells.append((protocol, parameters, data, expected, hop))
        self.daemon = self.start([(cell[0], cell[4]) for cell in cells])

        def run(protocol, parameters, data, expected, hop):
            client = rig.Client(self.daemon.port)
            for line in ("MAIL FROM:<sender@example.org>" + parameters, "RCPT TO:<%d@example.org>" % hop.port,
                         "DATA"):
                self.assertIn(client.command(line)[0], "23")
            client.send(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b".\r\n")
            reply = client.reply()
            client.close()
            self.assertTrue(reply.startswith(expected), reply)
            self.assertEqual(len(hop.mails), 1 if expected == "250" else 0)
        run_cells(self, run, cells)


if __name__ == "__main__":
    unittest.main()
