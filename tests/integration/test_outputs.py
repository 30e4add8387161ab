# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Next hops that are no servers: read back by Python's mailbox, sent on by msmtp, replayed by SMTP."""

import mailbox
import os
import socket
import subprocess
import tempfile
import threading
import unittest

import rig


class Outputs(unittest.TestCase):
    def place(self, size=None):
        """A directory of the daemon's user; with a size a disk of its own."""
        rig.need_root()
        rig.make_user("amavis-test")
        path = tempfile.mkdtemp(prefix="amavisd-out-")
        self.addCleanup(subprocess.run, ["rm", "-rf", path])
        if size:
            if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", path]).returncode:
                raise unittest.SkipTest("cannot mount")
            self.addCleanup(subprocess.run, ["umount", "-l", path])
        subprocess.run(["chown", "amavis-test", path], check=True)
        return path

    def test_mbox(self):
        path = self.place() + "/box"
        daemon = rig.Daemon(self, forward="mbox:" + path)
        mail = rig.message(body="From here\n.\n>From there\n")
        for _ in range(2):
            self.assertRegex(rig.send(daemon.port, mail, to=("a@example.org", "b@example.org")),
                             r"^250 2\.6\.0 Ok, id=\S+, from MTA\(mbox:%s\)" % path)
        box = mailbox.mbox(path)
        self.assertEqual(len(box), 2)
        for one in box:
            self.assertEqual(one["Return-Path"], "<sender@example.org>")
            self.assertIn("<a@example.org>", one["X-Envelope-To"])
            self.assertIn("<b@example.org>", one["X-Envelope-To"])
            self.assertIn("by filter.example.org", one["Received"])
            self.assertEqual(one.get_payload(), ">From here\n.\n>>From there\n")
        self.assertEqual(os.listdir(os.path.dirname(path)), ["box"])

    def test_many_at_once(self):
        path = self.place() + "/box"
        daemon = rig.Daemon(self, forward="mbox:" + path)
        said = []
        threads = [threading.Thread(target=lambda: said.append(rig.send(daemon.port, rig.message())))
                   for _ in range(20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([one[:3] for one in said], ["250"] * 20)
        self.assertEqual(len(mailbox.mbox(path)), 20)

    def test_maildir_after_a_dead_server(self):
        path = self.place() + "/dir"
        daemon = rig.Daemon(self, forward="smtp:[127.0.0.1]:%d, maildir:%s" % (rig.free_port(), path))
        mail = rig.message()
        self.assertTrue(rig.send(daemon.port, mail).startswith("250"))
        box = mailbox.Maildir(path, create=False)
        self.assertEqual(len(box), 1)
        one = box[box.keys()[0]]
        self.assertEqual(one["Return-Path"], "<sender@example.org>")
        self.assertTrue(bytes(one).endswith(mail), bytes(one))

    def test_full_disk(self):
        path = self.place("256k")
        daemon = rig.Daemon(self, forward="maildir:%s/dir" % path)
        big = rig.message(body=("y" * 75 + "\n") * 10000)
        self.assertRegex(rig.send(daemon.port, big), r"^451 4\.3\.0")
        self.assertIn("No space left on device", daemon.log_text())
        self.assertEqual(sum(len(f) for _, _, f in os.walk(path)), 0, "no partial file")
        self.assertTrue(rig.send(daemon.port, rig.message()).startswith("250"))

    def test_bounces_and_releases_go_their_own_ways(self):
        path = self.place()
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True, fragments={"20-routes.conf": (
            "[routes]\nnotify = mbox:%s/notices\nrelease = maildir:%s/released\nrequeue = bsmtp:%s/%%m.bsmtp\n"
            "[policy]\nbanned_destiny = bounce\n" % (path, path, path))})
        self.assertTrue(rig.send(daemon.port, rig.attachment("x.exe", b"MZ" + b"\0" * 100)).startswith("250"))
        notices = mailbox.mbox(path + "/notices")
        self.assertEqual([one["Return-Path"] for one in notices], ["<>"])
        self.assertEqual(notices[0].get_content_type(), "multipart/report")
        self.assertTrue(rig.send(daemon.port, rig.attachment("eicar.com", rig.EICAR)).startswith("250"))
        mail_id = daemon.event(2)["mail_id"]
        daemon.ctl("quarantine", "release", mail_id)
        released = mailbox.Maildir(path + "/released", create=False)
        self.assertEqual(len(released), 1)
        self.assertIn("Resent-From", released[released.keys()[0]])
        daemon.ctl("quarantine", "requeue", mail_id)
        self.assertEqual(sum(n.endswith(".bsmtp") for n in os.listdir(path)), 1)
        self.assertEqual(sink.mails, [])

    def test_bsmtp_is_smtp(self):
        path = self.place()
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward="bsmtp:%s/%%m.bsmtp" % path)
        mail = rig.message(body=".\n..dots\n")
        self.assertTrue(rig.send(daemon.port, mail, to=("a@example.org", "b@example.org")).startswith("250"))
        names = os.listdir(path)
        self.assertEqual(len(names), 1)
        with open(os.path.join(path, names[0]), "rb") as f, socket.create_connection(("127.0.0.1", sink.port)) as s:
            s.sendall(f.read())
            while s.recv(4096):
                pass
        sender, recipients, data = sink.wait()[0]
        self.assertEqual((sender, recipients), ("sender@example.org", ["a@example.org", "b@example.org"]))
        self.assertTrue(data.replace(b"\r\n", b"\n").endswith(mail))

    def pipe(self, sink, options="", **more):
        rig.need("msmtp")
        return rig.Daemon(self, forward="pipe:send", fragments={"20-pipe.conf": (
            "[pipe send]\ncommand = /usr/bin/msmtp --file=/dev/null --host=127.0.0.1 --port=%d --tls=off "
            "--from=%%{sender} -- %%{recipient}\n%s" % (sink.port, options))}, **more)

    def test_pipe_to_msmtp(self):
        sink = rig.Sink(self)
        daemon = self.pipe(sink)
        mail = rig.message(body="a\n.\nb\n")
        self.assertRegex(rig.send(daemon.port, mail, to=("a@example.org", "b+c@example.org")),
                         r"^250 2\.6\.0 Ok, id=\S+, from MTA\(pipe:send\)")
        sender, recipients, data = sink.wait()[0]
        self.assertEqual((sender, recipients), ("sender@example.org", ["a@example.org", "b+c@example.org"]))
        self.assertTrue(data.replace(b"\r\n", b"\n").endswith(mail))

    def test_pipe_refused(self):
        # msmtp ends with 65 (EX_DATAERR) for a 5xx, 75 for what cannot be connected to
        sink = rig.Sink(self, script={"RCPT": "550 5.1.1 unknown"})
        daemon = self.pipe(sink)
        self.assertRegex(rig.send(daemon.port, rig.message()), r"^554 5\.6\.0 .*550 5\.1\.1 unknown")
        sink.script["MAIL"] = "drop"
        self.assertRegex(rig.send(daemon.port, rig.message()), r"^4\d\d 4\.")
        self.assertEqual(sink.mails, [])

    def test_pipe_that_hangs(self):
        sink = rig.Sink(self, script={"greeting": "stall"})
        daemon = self.pipe(sink, "time_limit = 1s\n")
        self.assertRegex(rig.send(daemon.port, rig.message()), r"^451 4\.3\.0 .*send took too long")

    def test_route_of_one_recipient(self):
        path = self.place() + "/special"
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, lua="""
            amavis.settings{ for_recipient = "special@example.org", forward_route = "mbox:%s" }
        """ % path)
        self.assertTrue(rig.send(daemon.port, rig.message(),
                                 to=("special@example.org", "other@example.org")).startswith("250"))
        self.assertEqual([one[1] for one in sink.wait()], [["other@example.org"]])
        self.assertEqual([one["X-Envelope-To"] for one in mailbox.mbox(path)], ["<special@example.org>"])

    def test_route_by_category(self):
        # two recipients with different headers: the mail comes twice, both times under the name of its id
        path = self.place()
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, fragments={"20-routes.conf": (
            "[next_hop]\nkeep_when = busy\n"
            "[policy]\nbanned_destiny = pass\nbanned_route = bsmtp:%s/%%m.bsmtp\n" % path)}, lua=(
                'amavis.settings{ for_recipient = "b@example.org", banned_subject_tag = "[B] " }\n'))
        both = ("a@example.org", "b@example.org")
        self.assertTrue(rig.send(daemon.port, rig.message(), to=both).startswith("250"))
        self.assertEqual([one[1] for one in sink.wait()], [list(both)])
        said = rig.send(daemon.port, rig.attachment("x.exe", b"MZ" + b"\0" * 100), to=both)
        self.assertTrue(said.startswith("250"), said)
        names = sorted(os.listdir(path))
        self.assertEqual(len(names), 2, names)
        self.assertEqual(names[1], names[0] + ".1")
        texts = [open(os.path.join(path, name), errors="replace").read() for name in names]
        for text in texts:
            self.assertEqual("RCPT TO:<b@example.org>" in text, "Subject: [B] " in text)
        self.assertEqual(sum("RCPT TO:<a@example.org>" in text for text in texts), 1)
        self.assertEqual(sum("RCPT TO:<b@example.org>" in text for text in texts), 1)
        self.assertEqual(len(sink.mails), 1)

    def back(self, protocol, route):
        """Mail that came in by that protocol and goes back to the port after the one it came in on."""
        for _ in range(20):
            daemon = rig.Daemon(self, start=False, protocol=protocol, forward=route)
            try:
                sink = rig.Sink(self, port=daemon.port + 1)
                break
            except OSError:
                continue # somebody has that port
        daemon.start()
        said = rig.send(daemon.port, rig.message(), lmtp=protocol == "lmtp")
        said = said if isinstance(said, str) else said[0]
        self.assertRegex(said, r"^250 2\.\S+ .*MTA\(\[127\.0\.0\.1\]:%d\)" % sink.port)
        self.assertEqual([one[1] for one in sink.wait()], [["rcpt@example.org"]])

    def test_back_to_where_it_came_from(self):
        for protocol in ("smtp", "lmtp"):
            for route in ("smtp:*:*", "lmtp:*:*", "smtp:[127.0.0.1]:*"):
                with self.subTest(protocol=protocol, route=route):
                    self.back(protocol, route)

    def test_a_typo_is_named(self):
        daemon = rig.Daemon(self, start=False, forward="pipe:nobody", config=(
            "[pipe lda]\ncommand = /usr/bin/no-such-program\n"))
        said = daemon.ctl("config", "check", check=False)
        text = (said.stdout + said.stderr).decode()
        self.assertNotEqual(said.returncode, 0)
        self.assertRegex(text, r"amavisd.conf:\d+: \[routes\]: forward: there is no \[pipe nobody\]")
        self.assertRegex(text, r"amavisd.conf:\d+: \[pipe lda\]: command: /usr/bin/no-such-program is no program")


if __name__ == "__main__":
    unittest.main()
