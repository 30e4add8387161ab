# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Every way in and every way out, each by IPv4, IPv6 and a Unix socket; several roles in one daemon, and
filters one behind the other."""

import os
import re
import shutil
import socket
import struct
import unittest

import rig
import test_faults

MAIL = rig.message().replace(b"\n", b"\r\n")


class Sink6(rig.Sink):
    address_family = socket.AF_INET6


class SinkUnix(rig.Sink):
    address_family = socket.AF_UNIX

    def __init__(self, case, path, **kw):
        self.path = path
        super().__init__(case, **kw)

    def server_bind(self):
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.server_address = self.path, 0


def connect(address):
    """Of a host and port, or of a path."""
    if isinstance(address, str):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(30)
        s.connect(address)
        return s
    return socket.create_connection(address, 30)


class Client(rig.Client):
    def __init__(self, address, hello):
        self.socket = connect(address)
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply()
        self.hello = self.command(hello)


def by_smtp(address, mail=MAIL):
    client = Client(address, "EHLO client.example.org")
    reply = client.mail(mail)
    client.close()
    return reply[:3]


def by_chunks(address, mail=MAIL):
    client = Client(address, "EHLO client.example.org")
    client.command("MAIL FROM:<sender@example.org>")
    client.command("RCPT TO:<rcpt@example.org>")
    client.send(b"BDAT %d LAST\r\n" % len(mail) + mail)
    reply = client.reply()
    client.close()
    return reply[:3]


def by_lmtp(address, mail=MAIL):
    client = Client(address, "LHLO client.example.org")
    reply = client.mail(mail, lmtp=True)[0]
    client.close()
    return reply[:3]


def by_milter(address, mail=MAIL):
    """As an MTA that asks for no more than it has to; the answer to the end of the mail, that of the
    body when it comes before."""
    s = connect(address)

    def packet(command, data=b""):
        s.sendall(struct.pack(">I", len(data) + 1) + command + data)

    def answer():
        head = s.recv(5, socket.MSG_WAITALL)
        size = struct.unpack(">I", head[:4])[0] - 1
        return head[4:], s.recv(size, socket.MSG_WAITALL) if size else b""

    packet(b"O", struct.pack(">III", 6, 0x1ff, 0))
    assert answer()[0] == b"O"
    head, body = mail.split(b"\r\n\r\n", 1)
    for command, data in [(b"C", b"mx.example.org\0" + b"4" + struct.pack(">H", 4711) + b"192.0.2.7\0"),
                          (b"H", b"mx.example.org\0"), (b"M", b"<sender@example.org>\0"),
                          (b"R", b"<rcpt@example.org>\0")] + \
                         [(b"L", line.replace(b": ", b"\0", 1) + b"\0") for line in head.split(b"\r\n")] + \
                         [(b"N", b"")] + [(b"B", body[at:at + 65535]) for at in range(0, len(body), 65535)]:
        packet(command, data)
        got, text = answer()
        if command == b"B" and got != b"c":
            s.close()
            return text[:3].decode() if got == b"y" else got.decode()
        assert got == b"c", (command, got)
    packet(b"E")
    while True:
        command, data = answer()
        if command not in b"hmip+-b":
            s.close()
            return data[:3].decode() if command == b"y" else command.decode()


def by_am_pdp(address, path):
    s = connect(address)
    s.sendall(("request=AM.PDP\r\nsender=<sender@example.org>\r\nrecipient=<rcpt@example.org>\r\n"
               "mail_file=%s\r\ntempdir_removed_by=client\r\n\r\n" % path).encode())
    text = b""
    while b"\r\n\r\n" not in text:
        data = s.recv(65536)
        if not data:
            break
        text += data
    s.close()
    return re.search(rb"return_value=(\w+)", text).group(1).decode()


class In(unittest.TestCase):
    WAYS = (("smtp", by_smtp, "250"), ("lmtp", by_lmtp, "250"), ("milter", by_milter, "c"),
            ("am.pdp", by_am_pdp, "continue"))

    def test_each_protocol_by_each_family(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, start=False)
        mails = daemon.dir + "/mails"
        os.mkdir(mails)
        with open(mails + "/mail", "wb") as f:
            f.write(MAIL)
        shutil.chown(mails + "/mail", daemon.user)
        table, text = [], ""
        for protocol, ask, good in self.WAYS:
            port4, port6 = rig.free_port(), rig.free_port()
            path = "%s/%s.sock" % (daemon.run, protocol)
            for family, written, address in (("ip4", "127.0.0.1:%d" % port4, ("127.0.0.1", port4)),
                                             ("ip6", "[::1]:%d" % port6, ("::1", port6)),
                                             ("unix", "unix:" + path, path)):
                name = protocol + "-" + family
                table.append((name, ask, good, address))
                text += "[listener %s]\naddress = %s\nprotocol = %s\nhostname = %s.example\n%s" % (
                    name, written, protocol, name,
                    "mail_directory = %s\n" % mails if protocol == "am.pdp" else "")
        with open(daemon.conf, "a") as f:
            f.write(text)
        daemon.start()
        for number, (name, ask, good, address) in enumerate(table):
            with self.subTest(name=name):
                sink.mails.clear()
                args = (mails + "/mail",) if ask == by_am_pdp else ()
                self.assertEqual(ask(address, *args), good)
                event = daemon.event(number + 1)
                self.assertEqual(event["listener"], name)
                if good == "250":
                    received = sink.mails[0][2].split(b"\r\nFrom:")[0]
                    self.assertIn(b"by %s.example (amavisd, listener %s)" %
                                  (name.encode(), name.encode()), received)
                    if name.endswith("ip6"):
                        self.assertIn(b"([IPv6:::1])", received)
        self.assertEqual(os.stat(daemon.run + "/smtp.sock").st_mode & 0o777, 0o660)

    def test_full_disk(self):
        """By each way a mail that does not fit is put off, in so many words, and a small one is taken."""
        spool = test_faults.Disk.mount(self, "3m")
        sink, ports = rig.Sink(self), {name: rig.free_port() for name in ("lmtp", "milter", "am.pdp")}
        daemon = rig.Daemon(self, forward=sink.port, spool=spool, start=False)
        mails = daemon.dir + "/mails"
        os.mkdir(mails)
        big = MAIL + (b"y" * 75 + b"\r\n") * 100000
        for name, data in (("mail", MAIL), ("big", big)):
            with open(mails + "/" + name, "wb") as f:
                f.write(data)
            shutil.chown(mails + "/" + name, daemon.user)
        with open(daemon.conf, "a") as f:
            f.write("".join("[listener %s]\naddress = 127.0.0.1:%d\nprotocol = %s\nmail_directory = %s\n" %
                            (name, port, name, mails) for name, port in ports.items()))
        daemon.start()
        ports["smtp"] = daemon.port
        for name, ask, good, bad in (("smtp", by_smtp, "250", "452"), ("smtp", by_chunks, "250", "452"),
                                     ("lmtp", by_lmtp, "250", "452"), ("milter", by_milter, "c", "452"),
                                     ("am.pdp", by_am_pdp, "continue", "tempfail")):
            with self.subTest(name=name, ask=ask.__name__):
                before = daemon.log_text().count("No space left on device")
                address = ("127.0.0.1", ports[name])
                is_file = ask == by_am_pdp
                self.assertEqual(ask(address, mails + "/big" if is_file else big), bad)
                self.assertGreater(daemon.log_text().count("No space left on device"), before)
                self.assertEqual(ask(address, mails + "/mail" if is_file else MAIL), good)
        self.assertTrue(all(mail[2].endswith(b"Hello, world.\r\n") for mail in sink.mails))

    def test_greeting_and_keywords(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, listener=(
            "hostname = in.example.org\ngreeting = ESMTP no words\nhide_extensions = 8BITMIME, dsn\n"))
        client = rig.Client(daemon.port)
        self.assertEqual(client.greeting, "220 in.example.org ESMTP no words")
        self.assertNotRegex(client.hello, "8BITMIME|SMTPUTF8|DSN")
        self.assertIn("PIPELINING", client.hello)
        self.assertEqual(client.command("QUIT"), "221 2.0.0 in.example.org closing connection")
        client.close()


class Out(unittest.TestCase):
    def test_each_protocol_by_each_family(self):
        directory = rig.Daemon(self, start=False).dir
        sinks = {"ip4": rig.Sink(self), "ip6": Sink6(self, address="::1"),
                 "unix": SinkUnix(self, directory + "/hop.sock")}
        routes = {"ip4": "[127.0.0.1]:%d" % sinks["ip4"].port, "ip6": "[::1]:%d" % sinks["ip6"].port,
                  "unix": "unix:%s/hop.sock" % directory}
        daemon = rig.Daemon(self, forward=sinks["ip4"].port, lua="".join(
            'amavis.settings{ for_recipient = "%s-%s@example.org", forward_route = "%s:%s" }\n' %
            (protocol, family, protocol, route)
            for protocol in ("smtp", "lmtp") for family, route in routes.items()))
        for protocol in ("smtp", "lmtp"):
            for family, sink in sinks.items():
                with self.subTest(protocol=protocol, family=family):
                    sink.mails.clear()
                    to = "%s-%s@example.org" % (protocol, family)
                    self.assertRegex(rig.send(daemon.port, rig.message(), to=to), "^250")
                    self.assertEqual([m[1] for m in sink.wait(1)], [[to]])

    def test_bind_address(self):
        sink, seen = rig.Sink(self), []
        sink.verify_request = lambda request, address: seen.append(address[0]) or True
        daemon = rig.Daemon(self, forward=sink.port, config="[next_hop]\nbind_address = 127.0.0.9, ::1\n")
        self.assertRegex(rig.send(daemon.port, rig.message()), "^250")
        self.assertEqual(seen, ["127.0.0.9"])

    def test_an_address_that_is_not_ours(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, config="[next_hop]\nbind_address = 192.0.2.99\n")
        self.assertRegex(rig.send(daemon.port, rig.message()),
                         r"^451 4\.4\.1 .*from 192\.0\.2\.99: Cannot assign requested address")
        self.assertEqual(sink.mails, [])


class Topologies(unittest.TestCase):
    def test_roles_of_listeners(self):
        """The same mail by two listeners: a policy bank of one of them lets it pass."""
        sink, port = rig.Sink(self), rig.free_port()
        daemon = rig.Daemon(self, forward=sink.port, listener="policy_banks = INCOMING\n",
                            config="[listener trusted]\naddress = 127.0.0.1:%d\n"
                                   "policy_banks = TRUSTED, OTHER\n" % port,
                            lua='amavis.settings{ banned_destiny = "reject" }\n'
                                'amavis.settings{ for_bank = "TRUSTED", banned_destiny = "pass" }\n')
        program = rig.attachment("setup.exe", b"MZ" + bytes(600))
        self.assertRegex(rig.send(daemon.port, program), "^5")
        self.assertEqual(sink.mails, [])
        self.assertRegex(rig.send(port, program), "^250")
        self.assertEqual(len(sink.mails), 1)
        self.assertEqual([daemon.event(n)["listener"] for n in (1, 2)], ["in", "trusted"])

    def test_chain(self):
        """A filter behind a filter: what the second one says is the answer of the first, and nobody says
        250 before the last has taken the mail."""
        sink = rig.Sink(self)
        second = rig.Daemon(self, forward=sink.port, protocol="lmtp", clamav=True,
                            lua='amavis.settings{ virus_destiny = "reject" }')
        first = rig.Daemon(self, forward="lmtp:[127.0.0.1]:%d" % second.port)
        self.assertRegex(rig.send(first.port, rig.message()), "^250 .*from MTA.*from MTA")
        self.assertEqual(sink.wait(1)[0][2].count(b"Received: "), 2)
        self.assertRegex(rig.send(first.port, rig.attachment("a.txt", rig.EICAR)), r"^554 5\.7\.0 ")
        sink.script = {"dot": "452 4.3.1 full"}
        self.assertRegex(rig.send(first.port, rig.message()), r"^452 4\.3\.1 ")
        second.stop()
        self.assertRegex(rig.send(first.port, rig.message()), r"^451 4\.4\.1 ")
        self.assertEqual(len(sink.mails), 1)

    def test_loop(self):
        """A route that leads back to ourselves ends, and the mail is not lost."""
        daemon = rig.Daemon(self, start=False)
        with open(daemon.conf, "a") as f:
            f.write("[routes]\nforward = smtp:[127.0.0.1]:%d\n" % daemon.port)
        daemon.start()
        many = rig.message(headers="Received: from x by y; Sun, 22 Nov 2026 12:00:00 +0000\n" * 97)
        self.assertRegex(rig.send(daemon.port, many), r"^554 5\.4\.6 ")


if __name__ == "__main__":
    unittest.main()
