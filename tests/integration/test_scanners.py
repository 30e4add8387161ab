# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Real scanners: libclamav in the sandbox on ClamAV's own test files, spamd with local rules."""

import glob
import gzip
import hashlib
import os
import unittest

import rig

TESTFILES = "/usr/share/clamav-testfiles"


class Clamav(unittest.TestCase):
    def test_every_test_file_is_found_in_an_attachment(self):
        files = sorted(f for f in glob.glob(TESTFILES + "/*") if os.path.isfile(f))
        if not files:
            raise unittest.SkipTest("clamav-testfiles is not installed")
        exe = open(TESTFILES + "/clam.exe", "rb").read()
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True, start=False,
                            config="[policy]\nbypass_banned_checks = yes\nvirus_destiny = reject\n")
        with open(daemon.dir + "/clamdb/test.hdb", "w") as f:
            f.write("%s:%d:ClamAV-Test-File\n" % (hashlib.md5(exe).hexdigest(), len(exe)))
        daemon.start()
        missed = []
        for path in files:
            reply = rig.send(daemon.port, rig.attachment(os.path.basename(path),
                                                         open(path, "rb").read()))
            if not reply.startswith("554 5.7.0"):
                missed.append("%s: %s" % (os.path.basename(path), reply))
        print("       %d of %d test files found" % (len(files) - len(missed), len(files)))
        self.assertEqual(missed, [])

    def test_missing_database_is_named(self):
        daemon = rig.Daemon(self, clamav="/nonexistent/clamdb", start=False)
        r = daemon.ctl("config", "check", check=False)
        daemon.start(wait=False)
        daemon.process.wait(30)
        text = daemon.stderr() + daemon.log_text() + r.stderr.decode() + r.stdout.decode()
        self.assertNotEqual(daemon.process.returncode, 0)
        self.assertIn("/nonexistent/clamdb", text)
        self.assertIn("freshclam", text)

    def test_new_database_without_stopping(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, clamav=True,
                            config="[policy]\nvirus_destiny = reject\n")
        mark = b"a new and terrible worm " * 3
        self.assertTrue(rig.send(daemon.port, rig.message(body=mark.decode())).startswith("250"))
        before = daemon.status()["content_pids"]
        with open(daemon.dir + "/clamdb/new.ndb", "w") as f:
            f.write("Test.Worm:0:*:%s\n" % mark.strip().hex())

        def found():
            reply = rig.send(daemon.port, rig.message(body=mark.decode()))
            self.assertIn(reply[:3], ("250", "554"), reply)
            return reply.startswith("554")
        rig.wait_for("the new signature", found, 60, 0.3)
        self.assertNotEqual(before, daemon.status()["content_pids"])


class Spam(unittest.TestCase):
    def test_gtube_and_samples(self):
        spamd = rig.Spamd(self)
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, config='''
[scanner spamd]
address = 127.0.0.1:%d
[policy]
spam_destiny = reject
tag_level = -100
''' % spamd.port, lua='amavis.settings{ for_recipient = "lover@example.org", spam_lover = true }')
        reply = rig.send(daemon.port, rig.message(body=rig.GTUBE.decode() + "\n"))
        self.assertRegex(reply, r"^554 5\.7\.0 ")
        event = daemon.event()
        self.assertEqual(event["category"], "spam")
        self.assertGreater(event["spam"]["score"], 900)
        self.assertIn("GTUBE", str(event["spam"]["tests"]))
        reply = rig.send(daemon.port, rig.message(body=rig.GTUBE.decode() + "\n"),
                         to="lover@example.org")
        self.assertTrue(reply.startswith("250"), reply)
        data = sink.wait(1)[0][2]
        self.assertIn(b"X-Spam-Flag: YES", data)
        self.assertRegex(data, rb"X-Spam-Status: Yes, score=")
        self.assertTrue(rig.send(daemon.port, rig.message(body="hi\n")).startswith("250"))
        data = sink.wait(2)[1][2]
        self.assertRegex(data, rb"X-Spam-Status: No, score=")
        samples = glob.glob("/usr/share/doc/spamassassin/examples/sample-*")
        for path in samples:
            opener = gzip.open if path.endswith(".gz") else open
            with opener(path, "rb") as f:
                text = f.read()
            reply = rig.send(daemon.port, text)
            want = "250" if "nonspam" in path else "554"
            self.assertTrue(reply.startswith(want), path + ": " + reply)
        self.assertTrue(samples, "SpamAssassin's samples are not installed")

    def test_spamd_down(self):
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, config="[scanner spamd]\naddress = 127.0.0.1:%d\n"
                            "required = no\n" % rig.free_port())
        self.assertTrue(rig.send(daemon.port, rig.message()).startswith("250"))
        self.assertIn("spamd", daemon.log_text())
        strict = rig.Daemon(self, forward=sink.port, config="[scanner spamd]\naddress = 127.0.0.1:%d\n"
                            "required = yes\n" % rig.free_port())
        self.assertRegex(rig.send(strict.port, rig.message()), "^45")
