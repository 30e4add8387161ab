# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Debian's amavisd-milter, with a daemon that it asks by AM.PDP."""

import shutil
import signal
import subprocess
import tempfile

import rig


class AmavisMilter:
    """home: where socket, mails and log are; the daemon listens there when it has self.config."""

    def __init__(self, case):
        rig.need_root()
        rig.need("amavisd-milter", "setpriv")
        rig.make_user("amavis-test")
        self.case = case
        self.home = tempfile.mkdtemp(prefix="ampdp-test-")
        case.addCleanup(shutil.rmtree, self.home, True)
        shutil.chown(self.home, "amavis-test", "amavis-test")
        self.config = ("\n[listener pdp]\naddress = unix:%s/pdp.sock\nprotocol = am.pdp\nmail_directory = %s\n" %
                       (self.home, self.home))
        self.port = rig.free_port()

    def start(self, *options):
        log = open(self.home + "/milter.log", "w")
        self.case.addCleanup(log.close)
        self.process = subprocess.Popen(
            ["setpriv", "--reuid=amavis-test", "--regid=amavis-test", "--clear-groups", "/usr/sbin/amavisd-milter",
             "-f", "-s", "inet:%d@127.0.0.1" % self.port, "-S", self.home + "/pdp.sock", "-w", self.home,
             "-p", self.home + "/pid", *options], stdout=log, stderr=log)
        self.case.addCleanup(self.stop)
        rig.wait_for("amavisd-milter", lambda: rig.port_is_open(self.port))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
