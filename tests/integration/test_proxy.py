# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Behind a load balancer: the PROXY protocol, versions 1 and 2."""

import socket
import struct
import unittest

import rig

V2 = b"\r\n\r\n\0\r\nQUIT\n"


class Proxy(unittest.TestCase):
    def setUp(self):
        self.sink = rig.Sink(self)
        self.daemon = rig.Daemon(self, forward=self.sink.port, listener="proxy_protocol = yes\n")

    def client(self, header):
        client = rig.Client.__new__(rig.Client)
        client.socket = socket.create_connection(("127.0.0.1", self.daemon.port), 20)
        client.file = client.socket.makefile("rb")
        client.send(header)
        return client

    def address_after(self, header, n):
        client = self.client(header)
        self.assertRegex(client.reply(), "^220 ")
        self.assertRegex(client.command("EHLO client.example.org"), "^250")
        self.assertRegex(client.mail(rig.message()), "^250 ")
        client.close()
        return self.daemon.event(n)["client"]

    def test_client_is_who_the_header_says(self):
        v4 = struct.pack("!4s4sHH", socket.inet_aton("192.0.2.7"), socket.inet_aton("192.0.2.9"), 4000, 25)
        for n, (header, address) in enumerate((
                (b"PROXY TCP4 192.0.2.7 192.0.2.9 4000 25\r\n", "192.0.2.7"),
                (b"PROXY TCP6 2001:db8::7 2001:db8::9 4000 25\r\n", "2001:db8::7"),
                (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
                (V2 + b"\x21\x11" + struct.pack("!H", len(v4)) + v4, "192.0.2.7"),
                (V2 + b"\x20\x00\x00\x00", "127.0.0.1"))):
            self.assertEqual(self.address_after(header, n + 1), address)
        self.assertEqual(len(self.sink.mails), 5)

    def test_no_header_no_service(self):
        for header in (b"EHLO client.example.org\r\n", b"PROXY TCP4 nonsense\r\n", V2 + b"\x99\0\0\0"):
            client = self.client(header)
            try:
                self.assertEqual(client.reply(), "EOF")
            except ConnectionResetError:
                pass  # what it sent was not read
            client.close()
        self.assertIn("no header of the PROXY protocol", self.daemon.log_text())
        # one that says nothing holds nobody up
        silent = self.client(b"PROXY ")
        self.assertEqual(self.address_after(b"PROXY UNKNOWN\r\n", 1), "127.0.0.1")
        silent.close()


if __name__ == "__main__":
    unittest.main()
