# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""A root of its own for an MTA that cannot be installed beside the others: the files of its Debian
packages, the libraries they need, users and devices, entered by chroot.  Paths that are fixed in the
program are then the instance's own, and nothing of the machine is touched."""

import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import rig

DEVICES = ("null", "zero", "random", "urandom")
PACKAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/packages.sh")


def packages(*names):
    """The folders of these unpacked Debian packages; they are fetched when they are not there."""
    rig.need_root()
    rig.need("apt-get", "dpkg")
    r = subprocess.run(["bash", "-c", '. "$0" && packages_unpack "$@"', PACKAGES, *names],
                       capture_output=True, text=True)
    if r.returncode != 0:
        raise unittest.SkipTest("cannot be fetched: %s: %s" % (" ".join(names), r.stderr.strip()[-200:]))
    return r.stdout.split()


def libraries(programs):
    """What ldd says these programs need, their loader too."""
    out = subprocess.run(["ldd", *programs], capture_output=True, text=True).stdout
    missing = re.findall(r"(\S+) => not found", out)
    if missing:
        raise AssertionError("libraries are missing: " + " ".join(missing))
    return sorted(set(re.findall(r"(?:=> |^\s)(/\S+)", out, re.M)))


class Cage:
    """names: Debian packages, copied in; tools: programs of the machine that go with them; programs: paths in it that are run;
    users: name: number; a group of the same name and number goes with each."""

    def __init__(self, case, names, programs, users, tools=()):
        rig.need_root()
        rig.need("ldd", "chroot")
        self.dir = tempfile.mkdtemp(prefix="cage-test-")
        os.chmod(self.dir, 0o755)
        self.processes = []
        case.addCleanup(self.remove)
        for package in packages(*names):
            shutil.copytree(package, self.dir, symlinks=True, dirs_exist_ok=True)
        for tool in tools:
            self.copy(tool)
        for library in libraries([self.dir + p for p in programs]):
            self.copy(library)
        for name in ("tmp", "var/tmp"):
            os.makedirs(self.path(name), exist_ok=True)
            os.chmod(self.path(name), 0o1777)
        users = {"root": 0, "mail": 8, "uucp": 10, "nobody": 65534, **users}
        self.write("etc/passwd", "".join("%s:x:%d:%d::/:/bin/false\n" % (u, n, n) for u, n in users.items()))
        self.write("etc/group", "".join("%s:x:%d:\n" % (u, n) for u, n in users.items()))
        self.write("etc/hosts", "127.0.0.1 localhost\n127.0.0.1 mta.example.org mta\n")
        self.write("etc/resolv.conf", "")
        self.write("etc/services", "smtp 25/tcp\n")
        self.write("etc/mailname", "mta.example.org\n")
        self.write("etc/aliases", "")
        os.makedirs(self.path("dev"))
        for name in DEVICES:
            self.device(name)

    def device(self, name):
        path = self.path("dev/" + name)
        try:
            os.mknod(path, 0o020666, os.stat("/dev/" + name).st_rdev)
            with open(path, "rb"):
                pass
        except PermissionError:  # a container without devices; an empty file does for these programs
            if os.path.exists(path):
                os.unlink(path)
            open(path, "w").close()
        os.chmod(path, 0o666)

    def path(self, name):
        return os.path.join(self.dir, name)

    def copy(self, path):
        target = self.path(path[1:])
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(path, target)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as f:
            f.write(text)

    def read(self, pattern):
        return "".join(open(p, errors="replace").read() for p in sorted(glob.glob(self.path(pattern))))

    def run(self, *command, check=True, uid=0, **kw):
        r = subprocess.run(["chroot", "--userspec=%d:%d" % (uid, uid), "--groups=", self.dir, *command],
                           capture_output=True, timeout=60, **kw)
        if check and r.returncode != 0:
            raise AssertionError("%s: %s%s" % (command, r.stdout, r.stderr))
        return r

    def start(self, *command):
        with open(self.path("output"), "ab") as f:
            process = subprocess.Popen(["chroot", self.dir, *command], stdin=subprocess.DEVNULL, stdout=f,
                                       stderr=f)
        self.processes.append(process)
        return process

    def wait_ready(self, port):
        """Until what was started last serves the port."""
        process = self.processes[-1]
        rig.wait_for("port %d" % port, lambda: process.poll() is not None or rig.port_is_open(port), 30)
        if process.poll() is not None:
            raise AssertionError("ended with %d: %s" % (process.returncode, self.read("output")))

    def inhabitants(self):
        """Processes whose root this is, those that went into the background too."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                root = os.readlink("/proc/%s/root" % pid)
            except OSError:
                continue
            if root == self.dir or root.startswith(self.dir + "/"):
                found.append(int(pid))
        return found

    def stop(self):
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.inhabitants():
                try:
                    os.kill(pid, sign)
                except ProcessLookupError:
                    pass
            try:
                rig.wait_for("an empty cage", lambda: not self.alive(), 10)
                break
            except AssertionError:
                continue

    def alive(self):
        for process in self.processes:
            process.poll()
        return self.inhabitants()

    def remove(self):
        self.stop()
        if os.environ.get("KEEP"):
            print("kept", self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
