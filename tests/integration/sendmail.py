# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Debian's sendmail in a root of its own: its m4 files make the configuration there, as on a machine."""

import glob
import os
import re
import shutil
import socket
import subprocess
import threading

import cage
import rig

SENDMAIL = "/usr/libexec/sendmail/sendmail"
MAKEMAP = "/usr/libexec/sendmail/makemap"
SASL = "/usr/lib/*/sasl2"
USERS = {"smmta": 110, "smmsp": 111}
# owner, group, mode of what Debian's maintainer scripts make
FOLDERS = {
    "etc/mail": ("root", "root", 0o755), "etc/mail/m4": ("root", "root", 0o755),
    "var/lib/sendmail": ("smmta", "smmsp", 0o751), "var/lib/sendmail/host_status": ("root", "smmsp", 0o775),
    "run/sendmail": ("root", "smmta", 0o755), "run/sendmail/mta": ("smmta", "smmsp", 0o755),
    "run/sendmail/msp": ("smmsp", "smmsp", 0o775), "var/spool/mqueue": ("smmta", "smmsp", 0o750),
    "var/spool/mqueue-client": ("smmsp", "smmsp", 0o770),
}
# no matter of the pages: no name server
HERE = """define(`confDOMAIN_NAME', `mta.example.org')dnl
FEATURE(`accept_unresolvable_domains')dnl
define(`confTO_IDENT', `0')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confTO_HOSTSTATUS', `0s')dnl
"""
# and that mail for everybody goes to a port
ONWARD = """define(`SMART_HOST', `esmtp:[127.0.0.1]')dnl
define(`MAIL_HUB', `esmtp:[127.0.0.1]')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h %d')dnl
"""


def before_mailers(mc, lines):
    if mc.count("MAILER_DEFINITIONS\n") != 1:
        raise AssertionError("no place for lines: " + mc)
    return mc.replace("MAILER_DEFINITIONS\n", lines + "MAILER_DEFINITIONS\n")



class Sendmail(cage.Cage):
    def __init__(self, case):
        super().__init__(case, ("sendmail-bin", "sendmail-base", "sendmail-cf"),
                         [SENDMAIL, MAKEMAP], USERS)
        for tool in ("m4", "sh", "sed", "rm", "date", "hostname", "whoami"):  # what makes configurations
            path = shutil.which(tool)
            case.assertIsNotNone(path, tool)
            for name in [path] + cage.libraries([path]):
                self.copy(name)
        os.symlink("usr/bin", self.path("bin"))
        os.symlink("../run", self.path("var/run"))
        self.users = {"root": 0, **USERS}
        for name, (user, group, mode) in FOLDERS.items():
            self.folder(name, user, group, mode)
        for name in ("m4/dialup.m4", "m4/provider.m4", "local-host-names"):
            self.write("etc/mail/" + name, "")
        self.write("etc/mail/service.switch", "hosts files\naliases files\n")
        self.write("etc/nsswitch.conf", "hosts: files\npasswd: files\n")
        self.write("etc/hosts", "127.0.0.1 localhost mta.example.org mta %s\n" % socket.gethostname())
        for name, text in (("access", b""), ("aliases", b"@ @\n")):  # that is how sendmail knows it as complete
            self.write("etc/mail/" + name, "")
            self.run(MAKEMAP, "-C", "/dev/null", "-N", "hash", "/etc/mail/" + name, input=text)
        os.chown(self.path(SENDMAIL[1:]), 0, USERS["smmsp"])
        os.chmod(self.path(SENDMAIL[1:]), 0o2755)
        self.lines = []
        self.listen()

    def folder(self, name, user, group, mode):
        os.makedirs(self.path(name), exist_ok=True)
        os.chown(self.path(name), self.users[user], self.users[group])
        os.chmod(self.path(name), mode)

    def listen(self):
        """What is sent to syslog is kept in self.lines."""
        self.syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.syslog.bind(self.path("dev/log"))
        os.chmod(self.path("dev/log"), 0o666)

        def take():
            while True:
                try:
                    line = self.syslog.recv(65536)
                except OSError:
                    return
                if not line:
                    return
                self.lines.append(line.decode("utf-8", "replace"))
        self.thread = threading.Thread(target=take, daemon=True)
        self.thread.start()

    def log(self):
        return "\n".join(list(self.lines)) + "\n"

    def remove(self):
        try:
            super().remove()
        finally:
            self.syslog.shutdown(socket.SHUT_RDWR)
            self.thread.join(5)
            self.syslog.close()

    def make(self, name, mc):
        """/etc/mail/NAME.cf of this text."""
        self.write("etc/mail/%s.mc" % name, mc)
        made = self.run("/usr/bin/m4", "/etc/mail/%s.mc" % name)
        if made.stderr:
            raise AssertionError("m4 %s.mc: %s" % (name, made.stderr.decode()))
        with open(self.path("etc/mail/%s.cf" % name), "wb") as f:
            f.write(made.stdout)

    def debian(self, port, lines):
        """Debian's own sendmail.mc with these lines before MAILER_DEFINITIONS."""
        with open(self.path("usr/share/sendmail/cf/debian/sendmail.mc")) as f:
            text = f.read()
        text = text.replace("Name=MTA-v4, Port=smtp,", "Name=MTA-v4, Port=%d," % port)
        text = re.sub(r"DAEMON_OPTIONS\(`Family=inet,  Name=MSP-v4.*\n", "", text)
        # the tests are in more of a hurry than people
        text = re.sub(r"(define\(`conf(CONNECTION_RATE|BAD_RCPT)_THROTTLE|"
                      r"FEATURE\(`(conncontrol|ratecontrol|greet_pause)).*\n", "", text)
        return before_mailers(text, HERE + lines)

    def submission(self, port, lines):
        """Debian's submit.cf with these lines at the end, for the command sendmail."""
        with open(self.path("usr/share/sendmail/cf/debian/submit.mc")) as f:
            text = f.read()
        self.make("submit", text.replace("FEATURE(`msp'", """define(`confDOMAIN_NAME', `mta.example.org')dnl
define(`RELAY_MAILER_ARGS', `TCP $h %d')dnl
FEATURE(`msp'""" % port) + lines)

    def serve(self, port, name="sendmail", queue="2s"):
        """A daemon of NAME.cf, and its queue runner."""
        self.start(SENDMAIL, "-bD", "-q" + queue, "-C", "/etc/mail/%s.cf" % name)
        try:
            rig.wait_for("sendmail", lambda: rig.port_is_open(port), 20)
        except AssertionError as e:
            raise AssertionError("%s\n%s%s" % (e, self.read("output"), self.log()))

    def password(self, realm, user, password):
        """A user of SASL, and the plugins that look him up."""
        for path in glob.glob(SASL + "/libplain.so*") + glob.glob(SASL + "/libsasldb.so*"):
            for name in [path] + cage.libraries([path]):
                self.copy(name)
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", self.path("etc/sasldb2"), "-u", realm, user],
                       input=password.encode(), check=True)

    def queued(self, folder="mqueue"):
        """Queue ids; those on hold have hf files."""
        return [n[2:] for n in os.listdir(self.path("var/spool/" + folder)) if n[:2] in ("qf", "hf", "Qf")]
