# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""A plugin in hostile hands in the workers of the installed daemon: it is stopped, the log says so, its
mail never passes as clean, and the mail of others goes on all the time.  tests/test-hostile.c has the
whole list of tries."""

import glob
import json
import os
import subprocess
import tempfile
import threading
import unittest

import rig

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)

# word and argument, what the log has
TRIES = (
    ("tcp", "stopped by the sandbox: socket), in plugin hostile"),
    ("udp", "stopped by the sandbox: socket), in plugin hostile"),
    ("connect /run/systemd/notify", "stopped by the sandbox: connect"),
    ("bind @x", "stopped by the sandbox: bind"),
    ("shutdown", "stopped by the sandbox: shutdown"),
    ("exec", "stopped by the sandbox: execve"),
    ("fork-bomb", "stopped by the sandbox: clone"),
    ("ptrace", "stopped by the sandbox: ptrace"),
    ("kill", "stopped by the sandbox: kill"),
    ("kill-all", "stopped by the sandbox: kill"),
    ("mount", "stopped by the sandbox: mount"),
    ("unshare", "stopped by the sandbox: unshare"),
    ("catch-sigsys", "stopped by the sandbox: rt_sigaction"),
    ("segv", "SIGSEGV, in plugin hostile"),
    ("exit", "ended with status 0, in plugin hostile"),
    ("spin-blocked", "no answer in time"),
    ("sleep", "no answer in time"),
    ("garbage", "content worker"),
    ("oversized", "message over the limit"),
    ("noise", "not the exchange protocol"),
    ("close-all", "it went away"),
    ("write-all", "not the exchange protocol"),
)

REFUSED = (
    ("open /etc/passwd", "EACCES"),
    ("open {quarantine}", "EACCES"),
    ("write {spool}/x", "EACCES"),
    ("mail-write", "EPERM"),
    ("mail-reopen", "EPERM"),
    ("code", "EPERM"),
)


def build(case, source, output, *flags):
    rig.need("cc", "pkg-config")
    packages = subprocess.run(["pkg-config", "--cflags", "--libs", "glib-2.0", "libseccomp"],
                              capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["cc", "-O1", "-I", os.path.join(rig.PREFIX, "include"),
                    "-I", os.path.join(TESTS, "../amavisd/api"), "-o", output] + list(flags) +
                   source + packages, check=True)
    os.chmod(output, 0o755)


class Hostile(unittest.TestCase):
    def daemon(self, config="", lua=None):
        self.sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=self.sink.port, start=False, lua=lua,
                            config="[scanner hostile]\nrequired = yes\n[content]\nworkers = 3\n"
                            "time_limit = 1s\n" + config)
        build(self, glob.glob(TESTS + "/plugins/hostile*.c"),
              daemon.dir + "/conf.d/10-hostile.so", "-shared", "-fPIC")
        daemon.start()
        return daemon

    def others(self, daemon, answers, stop):
        while not stop.is_set():
            answers.append(rig.send(daemon.port, rig.message("others")))

    def test_stopped_and_others_flow(self):
        daemon = self.daemon()
        answers, stop = [], threading.Event()
        thread = threading.Thread(target=self.others, args=(daemon, answers, stop))
        thread.start()
        try:
            for words, line in TRIES:
                with self.subTest(words):
                    before = len(daemon.log_text())
                    mark = "try-" + words.split()[0]
                    reply = rig.send(daemon.port,
                                     rig.message(mark, headers="X-Try: %s\n" % words))
                    rig.wait_for("a line of " + words,
                                 lambda: line in daemon.log_text()[before:], 10)
                    passed = [m for m in self.sink.mails if mark.encode() in m[2]]
                    event = [e for e in daemon.events() if e.get("subject") == mark]
                    if reply[0] == "2":  # policy: let through, but never as clean
                        self.assertTrue(event and event[-1]["category"] != "clean", event)
                    else:
                        self.assertEqual(reply[0], "4", reply)
                        self.assertEqual(passed, [])
        finally:
            stop.set()
            thread.join()
        self.assertGreater(len(answers), len(TRIES))
        self.assertEqual([a for a in answers if not a.startswith("250")], [])
        self.assertNotIn("forged", daemon.log_text())

    def test_refused(self):
        daemon = self.daemon()
        for words, code in REFUSED:
            with self.subTest(words):
                words = words.format(quarantine=daemon.quarantine, spool=daemon.spool)
                mail = rig.message("refused", headers="X-Try: %s\n" % words)
                n = len(daemon.events()) + 1
                self.assertTrue(rig.send(daemon.port, mail).startswith("250"))
                event = json.dumps(daemon.event(n))
                self.assertIn('"stopped"', event)
                self.assertIn(code, event)
                # what was delivered is what came in
                self.assertIn(b"\r\nHello, world.\r\n", self.sink.mails[-1][2])

    def test_state_ends_the_worker(self):
        daemon = self.daemon()
        for word, line in (("keep-data", "plugin hostile keeps state"),
                           ("leak-descriptor", "descriptors were left open"),
                           ("leave-file", "files were left")):
            with self.subTest(word):
                rig.send(daemon.port, rig.message("state", headers="X-Try: %s\n" % word))
                rig.wait_for(line, lambda: line in daemon.log_text(), 10)
        self.assertEqual(glob.glob(daemon.run + "/work/*/*"), [])


class OldKernel(unittest.TestCase):
    def launch(self, setting):
        self.directory = tempfile.mkdtemp(prefix="amavisd-test-")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.directory])
        os.chmod(self.directory, 0o755)
        launcher = self.directory + "/launch-without"
        build(self, [TESTS + "/launch-without.c"], launcher)
        self.sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=self.sink.port, start=False,
                            config="[content]\nsandbox = %s\n" % setting)
        program = self.directory + "/amavisd"
        with open(program, "w") as f:
            f.write("#!/bin/sh\nexec %s landlock %s \"$@\"\n" % (launcher, rig.AMAVISD))
        os.chmod(program, 0o755)
        self.addCleanup(setattr, rig, "AMAVISD", rig.AMAVISD)
        rig.AMAVISD = program
        return daemon

    def test_required_refuses(self):
        daemon = self.launch("required")
        daemon.start(wait=False)
        self.assertNotEqual(daemon.process.wait(30), 0)
        text = daemon.stderr() + daemon.log_text()
        self.assertIn("the kernel has no Landlock (Linux 5.13, CONFIG_SECURITY_LANDLOCK", text)
        self.assertIn("best-effort would go on without it", text)

    def test_best_effort_serves(self):
        daemon = self.launch("best-effort")
        daemon.start()
        self.assertIn("the kernel lacks: Landlock (Linux 5.13", daemon.log_text())
        self.assertTrue(rig.send(daemon.port, rig.message()).startswith("250"))
        self.assertEqual(len(self.sink.mails), 1)


class Command(unittest.TestCase):
    def test_whole(self):
        daemon = rig.Daemon(self, start=False)
        result = json.loads(daemon.ctl("sandbox", "--json").stdout)
        self.assertTrue(result["whole"])
        self.assertEqual([c for c in result["checks"] if not c["ok"]], [])
