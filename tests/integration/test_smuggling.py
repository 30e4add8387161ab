# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""SMTP smuggling: a sequence that one server takes for the end of a mail and the next one does not makes
two mails of one.  As many mails must come out as the first server of the chain says it took."""

import os
import re
import socket
import unittest

import rig

SEQUENCES = (
    b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r.\r", b"\n.\r", b"\r\n.\r", b"\r\n\r.\r\n",
    b"\r\r\n.\r\n", b"\n\r.\r\n", b"\r\n.\r\r\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n",
    b"\r\n.\r\x00\n", b"\r\x00\n.\r\n", b"\n.\x00\n", b"\r\n..\r\n", b"\r\n. \r\n", b"\x85.\r\n",
    b"\r\n.\x0b\r\n", b"\r\n.\r\n",
)


def has_bare(sequence):
    return re.search(rb"\r(?!\n)|(?<!\r)\n", sequence) is not None


def ends(sequence):
    """RFC 5321 4.1.1.4: CR LF "." CR LF, and nothing else."""
    return 2 if b"\r\n.\r\n" in sequence else 1


class Smuggling(unittest.TestCase):
    def attack(self, port, number, sequence):
        """The sequence and a second mail behind it in one DATA; how many mails the server took, and the
        replies to their ends."""
        data = (b"From: <a@example.org>\r\nSubject: outer-%d\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
                b"Message-ID: <%d@example.org>\r\n\r\nouter" % (number, number) + sequence +
                b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<evil@example.org>\r\nDATA\r\n"
                b"Subject: inner-%d\r\nFrom: <evil@example.org>\r\n"
                b"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\nevil\r\n.\r\nQUIT\r\n" % number)
        client = rig.Client(port)
        for line in ("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"):
            reply = client.command(line)
            self.assertIn(reply[0], "23", reply)
        client.send(data)
        replies = []
        while True:
            try:
                reply = client.reply()
            except (ConnectionResetError, socket.timeout):
                break
            if reply == "EOF":
                break
            replies.append(reply)
        client.close()
        taken = [r for r in replies if re.match(r"250 2\.\d\.0 Ok(: queued|, id=)", r)]
        return len(taken), replies

    def attack_chunk(self, port, number, sequence):
        """The same in one chunk, where nothing is an end but its size."""
        data = (b"From: <a@example.org>\r\nSubject: outer-%d\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
                b"Message-ID: <c%d@example.org>\r\n\r\nouter" % (number, number) + sequence +
                b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<evil@example.org>\r\nDATA\r\n"
                b"Subject: inner-%d\r\n\r\nevil\r\n.\r\n" % number)
        client = rig.Client(port)
        self.assertIn("CHUNKING", client.hello)
        for line in ("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>"):
            self.assertEqual(client.command(line)[0], "2")
        client.send(b"BDAT %d LAST\r\n" % len(data) + data)
        replies = [client.reply(), client.command("QUIT")]
        client.close()
        self.assertTrue(replies[1].startswith("221"), replies)
        return int(replies[0].startswith("250")), replies

    def run_all(self, port, out, servers, attack=None):
        """Number of mails taken for each sequence; what comes out must be the same."""
        counts, total = {}, 0
        for number, sequence in enumerate(SEQUENCES):
            counts[sequence], replies = (attack or self.attack)(port, number, sequence)
            self.assertTrue(replies, sequence)
            total += counts[sequence]
        if not attack:
            self.assertEqual(counts[b"\r\n.\r\n"], 2, "two mails are two mails")
        rig.wait_for("empty queues", lambda: not any(s.queued() for s in servers), 60)
        out.wait(total)
        mails = out.mails()
        for number, sequence in enumerate(SEQUENCES):
            found = sum(1 for m in mails for kind in (b"outer", b"inner")
                        if b"\nSubject: %s-%d\n" % (kind, number) in m.split(b"\n\n")[0] + b"\n")
            with self.subTest(sequence=sequence):
                self.assertEqual(found, counts[sequence])
        self.assertEqual(len(mails), total)
        return counts

    def lenient(self, **kw):
        """Postfix as it was before it knew of smuggling."""
        return rig.Postfix(self, extra="smtpd_forbid_bare_newline = no\n" + kw.pop("extra", ""), **kw)

    def test_direct(self):
        """The clients' own bytes, before a next hop that takes anything for the end."""
        for bare in ("normalise", "reject"):
            out = self.lenient()
            daemon = rig.Daemon(self, forward=out.port, listener="bare_newline = %s\n" % bare)
            counts = self.run_all(daemon.port, out, [out])
            for sequence, n in counts.items():
                refused = bare == "reject" and has_bare(sequence)
                with self.subTest(bare=bare, sequence=sequence):
                    self.assertEqual(n, ends(sequence) - refused)

    def test_direct_lmtp_out(self):
        """By LMTP to the next hop, where each mail has an answer of its own too."""
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward="lmtp:[127.0.0.1]:%d" % sink.port)
        for number, sequence in enumerate(SEQUENCES):
            n, _ = self.attack(daemon.port, number, sequence)
            self.assertEqual(n, ends(sequence), sequence)
            self.assertEqual(len(sink.mails), n, sequence)
            self.assertFalse(any(re.search(rb"\r(?!\n)|(?<!\r)\n", m[2]) for m in sink.mails))
            sink.mails.clear()

    def test_chunks(self):
        """In by BDAT, out by DATA and by BDAT."""
        out = self.lenient()
        for bare, chunking in (("normalise", "no"), ("normalise", "always"), ("reject", "always")):
            with self.subTest(bare=bare, chunking=chunking):
                for path in out.inbox():
                    os.remove(path)
                daemon = rig.Daemon(self, forward=out.port, listener="bare_newline = %s\n" % bare,
                                    config="[next_hop]\nchunking = %s\n" % chunking)
                counts = self.run_all(daemon.port, out, [out], self.attack_chunk)
                for sequence, n in counts.items():
                    self.assertEqual(n, 0 if bare == "reject" and has_bare(sequence) else 1, sequence)

    def test_chunks_through_postfix(self):
        out = self.lenient()
        daemon = rig.Daemon(self, forward=out.port, config="[next_hop]\nchunking = always\n")
        first = self.lenient(deliver=False, extra="content_filter = smtp:[127.0.0.1]:%d\n" %
                             daemon.port)
        counts = self.run_all(first.port, out, [first, out], self.attack_chunk)
        self.assertEqual(set(counts.values()), {1})

    def test_after_queue(self):
        out = self.lenient()
        daemon = rig.Daemon(self, forward=out.port)
        first = self.lenient(deliver=False, extra="content_filter = smtp:[127.0.0.1]:%d\n" %
                             daemon.port)
        self.run_all(first.port, out, [first, out])

    def test_before_queue(self):
        out = self.lenient()
        daemon = rig.Daemon(self, forward=out.port)
        first = self.lenient(deliver=False, smtpd_options=(
            "-o smtpd_proxy_filter=127.0.0.1:%d -o smtpd_proxy_options=speed_adjust" % daemon.port))
        self.run_all(first.port, out, [first, out])


if __name__ == "__main__":
    unittest.main()
