# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Between two real Postfix instances: as content filter after the queue, and as proxy before it."""

import subprocess
import unittest

import rig


def swaks(port, *args):
    rig.need("swaks")
    return subprocess.run(["swaks", "--server", "127.0.0.1", "--port", str(port), "--from",
                           "sender@example.org", "--to", "rcpt@example.org", "--helo",
                           "client.example.org", *args], capture_output=True, text=True, timeout=120)


class AfterQueue(unittest.TestCase):
    def chain(self, **kw):
        out = rig.Postfix(self)
        daemon = rig.Daemon(self, forward=out.port, clamav=True, **kw)
        first = rig.Postfix(self, deliver=False, extra="content_filter = smtp:[127.0.0.1]:%d\n"
                            "smtp_send_xforward_command = yes" % daemon.port)
        return first, daemon, out

    def test_clean_virus_and_banned(self):
        first, daemon, out = self.chain(config="[policy]\nbanned_destiny = bounce\n")
        self.assertEqual(swaks(first.port, "--body", "clean mail").returncode, 0)
        mail = out.wait(1)[0]
        self.assertIn(b"clean mail", mail)
        self.assertIn(b"X-Virus-Scanned:", mail)
        event = daemon.event()
        self.assertTrue(event["recipients"][0]["reply"].startswith("250"), event)
        self.assertEqual(swaks(first.port, "--attach-name", "eicar.com", "--attach",
                               rig.EICAR.decode()).returncode, 0)
        self.assertEqual(daemon.event(2)["category"], "virus")
        self.assertEqual(swaks(first.port, "--attach-name", "a.exe", "--attach",
                               "MZ program").returncode, 0)
        self.assertEqual(daemon.event(3)["category"], "banned")
        bounce = [m for m in out.wait(2) if b"delivery-status" in m]
        self.assertEqual(len(bounce), 1)
        rig.wait_for("an empty queue", lambda: not first.queued())
        self.assertEqual(len(out.inbox()), 2)

    def test_load_of_smtp_source(self):
        rig.need("smtp-source")
        first, daemon, out = self.chain()
        n = 200
        subprocess.run(["smtp-source", "-s", "10", "-m", str(n), "-l", "4096", "-f",
                        "sender@example.org", "-t", "rcpt@example.org",
                        "127.0.0.1:%d" % first.port], check=True, timeout=120)
        out.wait(n, 120)
        rig.wait_for("an empty queue", lambda: not first.queued())
        self.assertEqual(len(out.inbox()), n)
        self.assertEqual(len(daemon.events()), n)

    def test_next_hop_away_keeps_mail_in_the_queue(self):
        out = rig.Postfix(self)
        port = rig.free_port()
        daemon = rig.Daemon(self, forward=port)
        first = rig.Postfix(self, deliver=False,
                            extra="content_filter = smtp:[127.0.0.1]:%d" % daemon.port)
        swaks(first.port, "--body", "patience")
        self.assertRegex(daemon.event()["recipients"][0]["reply"], "^4")
        self.assertEqual(len(first.queued()), 1)
        sink = rig.Sink(self, port=port)
        first.flush()
        self.assertIn(b"patience", sink.wait(1)[0][2])
        rig.wait_for("an empty queue", lambda: not first.queued())
        del out


class BeforeQueue(unittest.TestCase):
    def test_rejected_within_the_session(self):
        out = rig.Postfix(self)
        daemon = rig.Daemon(self, forward=out.port, clamav=True,
                            config="[policy]\nvirus_destiny = reject\nbanned_destiny = reject\n")
        first = rig.Postfix(self, deliver=False, smtpd_options=(
            "-o smtpd_proxy_filter=127.0.0.1:%d -o smtpd_proxy_options=speed_adjust" % daemon.port))
        self.assertEqual(swaks(first.port, "--body", "clean mail").returncode, 0)
        out.wait(1)
        r = swaks(first.port, "--attach-name", "eicar.com", "--attach", rig.EICAR.decode())
        self.assertNotEqual(r.returncode, 0)
        self.assertRegex(r.stdout, r"<\*\* +554 5\.7\.0 ")
        r = swaks(first.port, "--attach-name", "a.exe", "--attach", "MZ program")
        self.assertRegex(r.stdout, r"<\*\* +554 5\.7\.0 ")
        self.assertEqual(len(out.inbox()), 1)
        self.assertEqual(daemon.event(1)["category"], "clean")

    def test_load_of_smtp_source(self):
        rig.need("smtp-source")
        out = rig.Postfix(self)
        daemon = rig.Daemon(self, forward=out.port)
        first = rig.Postfix(self, deliver=False, smtpd_options=(
            "-o smtpd_proxy_filter=127.0.0.1:%d -o smtpd_proxy_options=speed_adjust" % daemon.port))
        subprocess.run(["smtp-source", "-s", "8", "-m", "120", "-l", "8192", "-f",
                        "sender@example.org", "-t", "rcpt@example.org",
                        "127.0.0.1:%d" % first.port], check=True, timeout=120)
        out.wait(120)
        self.assertEqual(len(out.inbox()), 120)
