# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""The milter protocol step by step, by miltertest and the scripts in miltertest/; over TCP and Unix sockets."""

import os
import subprocess
import unittest

import rig

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "miltertest")
RULES = """
amavis.on('judge', function (mail, rcpt, verdict)
  local name = rcpt:local_part()
  if name == 'marked' or name == 'tagged' or name == 'worse' then verdict:add_header('X-Marked', 'yes') end
  if name == 'tagged' then verdict:tag_subject('*odd* ') end
  if name == 'worse' then verdict:add_category('spammy') end
  if name == 'moved' then verdict.redirect = 'elsewhere@example.org' end
  if name == 'held' then verdict:add_header('X-Amavis-Hold', 'too deep') end
  if name == 'never' then verdict.destiny = 'reject'; verdict.reply = 'not 100% what we want' end
  if name == 'later' then verdict.destiny = 'tempfail'; verdict.reply = 'the moon is not right' end
  if name == 'nowhere' then verdict.destiny = 'discard' end
end)
"""


class Miltertest(unittest.TestCase):
    def setUp(self):
        rig.need("miltertest")

    def daemon(self, listener=""):
        """Its second listener is a Unix socket."""
        self.sink = rig.Sink(self)
        path = rig.tempfile.mkdtemp(prefix="amavisd-test-")
        self.addCleanup(rig.shutil.rmtree, path)
        os.chmod(path, 0o777)
        self.unix = "unix:%s/milter" % path
        config = "[listener unix]\naddress = %s\nprotocol = milter\n%s" % (self.unix, listener)
        config += "[policy]\nremove_existing_x_scanned = yes\n"
        daemon = rig.Daemon(self, forward=self.sink.port, protocol="milter", listener=listener, config=config,
                            lua=RULES)
        self.tcp = "inet:%d@127.0.0.1" % daemon.port
        return daemon

    def play(self, name, address, **words):
        words.update(address=address, script=os.path.join(SCRIPTS, name + ".lua"))
        command = ["miltertest", "-s", os.path.join(SCRIPTS, "run.lua")]
        for word, value in words.items():
            command += ["-D", "%s=%s" % (word, value)]
        r = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(r.returncode, 0, "%s over %s: %s%s" % (name, address, r.stdout, r.stderr))

    def test_both_ways(self):
        daemon = self.daemon()
        for address in (self.tcp, self.unix):
            self.play("new", address)
            self.play("old", address)
        events = rig.wait_for("all events", lambda: len(daemon.events()) == 6 and daemon.events())
        self.assertEqual([e["queue_id"] for e in events], ["NEW1", "NEW2", "OLD1"] * 2)
        self.assertEqual({e["client"] for e in events}, {"192.0.2.7"})
        self.assertEqual({e["helo"] for e in events}, {"helo.example.org"})
        self.assertEqual([e["authenticated"] for e in events], ["fred", "fred", ""] * 2)
        self.assertEqual(daemon.status()["statistics"]["mails_in_work"], 0)

    def test_verdicts(self):
        self.daemon()
        self.play("verdicts", self.tcp)
        self.assertEqual([m[1] for m in self.sink.wait(1)], [["marked@example.org"]])
        self.assertIn(b"X-Marked: yes", self.sink.mails[0][2])

    def test_conflict(self):
        for conflict, marked in (("strictest", "yes"), ("mildest", "no")):
            self.daemon("conflict = %s\n" % conflict)
            self.play("conflict", self.unix, marked=marked)
            self.assertEqual(self.sink.mails, [])

    def test_limits_and_rights(self):
        daemon = self.daemon("size_limit = 20K\n")
        self.play("limits", self.tcp)
        self.play("rights", self.tcp)
        self.assertIn("does not let us take out recipients", daemon.log_text())
        self.assertIn("does not let us hold mail", daemon.log_text())


if __name__ == "__main__":
    unittest.main()
