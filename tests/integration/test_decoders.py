# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Formats that programs of the system open, as shipped in conf.d/20-decoders.conf: real archives made by
real programs, through a real worker, runner and cage."""

import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import rig

HERE = os.path.dirname(os.path.abspath(__file__))
SHIPPED = os.path.join(HERE, "../../conf.d/20-decoders.conf")
TESTFILES = "/usr/share/clamav-testfiles/"
TEXT = b"a text that lies in an archive\n" * 40
BINARY = bytes(i * 7 % 251 for i in range(5000))


def run(*argv, cwd, stdin=None, stdout=subprocess.DEVNULL):
    rig.need(argv[0])
    subprocess.run(argv, cwd=cwd, input=stdin, stdout=stdout, stderr=subprocess.DEVNULL, check=True,
                   env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))


def pack(*argv, into):
    """A function that makes the archive `into` of the files a.txt and b.bin."""
    def make(folder):
        run(*argv, cwd=folder)
        return into
    return make


def msi(folder):
    run("gcab", "-c", "data.cab", "a.txt", "b.bin", cwd=folder)
    run("msibuild", "x.msi", "-s", "Title", "Author", cwd=folder)
    run("msibuild", "x.msi", "-a", "data.cab", "data.cab", cwd=folder)
    return "x.msi"


def udf(folder):
    """What genisoimage makes is ISO 9660 and UDF; without its ISO descriptors it is UDF alone."""
    run("genisoimage", "-quiet", "-udf", "-o", "both.iso", "a.txt", "b.bin", cwd=folder)
    image = bytearray(open(folder + "/both.iso", "rb").read())
    at = image.index(b"\0BEA01", 32768)
    image[32768:32768 + 3 * 2048] = image[at:at + 3 * 2048]
    image[32768 + 3 * 2048:at + 3 * 2048] = bytes(at - 32768)
    open(folder + "/x.udf", "wb").write(image)
    return "x.udf"


def mbr(folder):
    """A disk with one partition, which holds an ISO image."""
    run("genisoimage", "-quiet", "-R", "-o", "inner.iso", "a.txt", "b.bin", cwd=folder)
    inner = open(folder + "/inner.iso", "rb").read()
    sectors = (len(inner) + 511) // 512
    entry = bytes([0, 0, 2, 0, 0x0b, 0, 0, 0]) + (64).to_bytes(4, "little") + \
        sectors.to_bytes(4, "little")
    disk = bytes(446) + entry + bytes(48) + b"\x55\xaa"
    disk += bytes(64 * 512 - len(disk)) + inner + bytes(sectors * 512 - len(inner))
    open(folder + "/x.img", "wb").write(disk)
    return "x.img"


def testfile(name):
    def make(folder):
        if not os.path.exists(TESTFILES + name):
            raise unittest.SkipTest("clamav-testfiles is not installed")
        shutil.copy(TESTFILES + name, folder)
        return name
    return make


def banned(folder):
    """An archive that is found to hold a program only when it is opened."""
    shutil.copy("/bin/true", folder + "/tool.exe")
    run("arj", "a", "x.arj", "tool.exe", cwd=folder)
    return "x.arj"


BOTH = (TEXT, BINARY)
CLAM = (TESTFILES + "clam.exe",)
# format, decoder expected to be its program, needed program, made by, contents that must be found
AS_SHIPPED = [
    ("iso", "7z", pack("genisoimage", "-quiet", "-R", "-J", "-o", "x.iso", "a.txt", "b.bin", into="x.iso"), BOTH),
    ("udf", "7z", udf, BOTH),
    ("disk image", "7z", mbr, BOTH),
    ("wim", "7z", pack("wimcapture", ".", "../x.wim", into="../x.wim"), BOTH),
    ("msi", "7z", msi, BOTH),
    ("cab", None, pack("gcab", "-c", "-z", "x.cab", "a.txt", "b.bin", into="x.cab"), BOTH),
    ("arj", "7z", pack("arj", "a", "x.arj", "a.txt", "b.bin", into="x.arj"), BOTH),
    ("7z", None, pack("7z", "a", "-bd", "x.7z", "a.txt", "b.bin", into="x.7z"), BOTH),
    ("7z encrypted", "7z", pack("7z", "a", "-bd", "-pSesame42", "x.7z", "a.txt", "b.bin", into="x.7z"), BOTH),
    ("7z names encrypted", "7z", pack("7z", "a", "-bd", "-pSesame42", "-mhe=on", "x.7z", "a.txt", "b.bin",
                                      into="x.7z"), BOTH),
    ("zip deflate64", "7z", pack("7z", "a", "-bd", "-tzip", "-mm=deflate64", "x.zip", "a.txt", "b.bin",
                                 into="x.zip"), BOTH),
    ("zip imploded", "7z", testfile("clam.impl.zip"), CLAM),
    ("chm", "7z", testfile("clam.chm"), CLAM),
    ("nsis", "7z", testfile("clam-nsis.exe"), CLAM),
    ("szdd", "7z", testfile("clam.exe.szdd"), CLAM),
    ("lzo", "lzop", pack("lzop", "-o", "x.txt.lzo", "a.txt", into="x.txt.lzo"), (TEXT,)),
    ("lrz", "lrzip", pack("lrzip", "-q", "-o", "x.bin.lrz", "b.bin", into="x.bin.lrz"), (BINARY,)),
    ("arc", "nomarch", pack("arc", "a", "x.arc", "a.txt", "b.bin", into="x.arc"), BOTH),
]
# with only those named on
ALONE = [
    ("arj encrypted", "arj", pack("arj", "a", "-gSesame42", "x.arj", "a.txt", "b.bin", into="x.arj"), BOTH),
    ("arj", "unar", pack("arj", "a", "x.arj", "a.txt", "b.bin", into="x.arj"), BOTH),
    ("cab", "cabextract", pack("gcab", "-c", "-z", "x.cab", "a.txt", "b.bin", into="x.cab"), BOTH),
    ("lha", "lha", pack("jlha", "a", "x.lha", "a.txt", "b.bin", into="x.lha"), BOTH),
    ("lha", "unar", pack("jlha", "a", "x.lha", "a.txt", "b.bin", into="x.lha"), BOTH),
]


def digest(content):
    if isinstance(content, str):
        content = open(content, "rb").read()
    return hashlib.sha256(content).hexdigest()


class Decoders(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="decoders-")
        self.addCleanup(shutil.rmtree, self.folder)

    def daemon(self, decoders, config=""):
        fragments = {"20-decoders.conf": decoders}
        daemon = rig.Daemon(self, start=False, config=config, fragments=fragments)
        return daemon

    def shipped(self, only=None, extra=""):
        """conf.d/20-decoders.conf; only: those groups alone, switched on."""
        text = open(SHIPPED).read()
        if only is None:
            return text
        groups = re.findall(r"^(\[decoder (.*?)\]\n(?:[^\[\n][^\n]*\n)+)", text, re.M)
        return "".join(g.replace("enabled = no\n", "") + extra for g, name in groups if name in only) + \
            "[decoder archive]\nenabled = no\n[decoder appended]\nenabled = no\n"

    def make(self, maker):
        folder = tempfile.mkdtemp(dir=self.folder)
        inner = os.path.join(folder, "files")
        os.mkdir(inner)
        for name, content in (("a.txt", TEXT), ("b.bin", BINARY)):
            with open(os.path.join(inner, name), "wb") as f:
                f.write(content)
        return open(os.path.join(inner, maker(inner)), "rb").read()

    def scan(self, daemon, data, name="x.dat"):
        """The JSON report; log lines of the run are in self.lines."""
        path = self.folder + "/mail"
        with open(path, "wb") as f:
            f.write(rig.attachment(name, data, subject="the password is Sesame42"))
        r = daemon.ctl("scan", "--json", path, check=False)
        self.lines = r.stderr.decode() + daemon.log_text()
        return json.loads(r.stdout)

    def check(self, daemon, what, maker, contents, name="x.dat"):
        report = self.scan(daemon, self.make(maker), name)
        found = {p["digest"] for p in report["parts"]}
        for content in contents:
            self.assertIn(digest(content), found, "%s: %s\n%s" % (what, report["parts"], self.lines))
        self.assertFalse([p for p in report["parts"] if p["encrypted"]], what)
        self.assertNotIn("stopped by the sandbox", self.lines)
        return report

    def run_table(self, table, daemon_for):
        n = 0
        for what, program, maker, contents in table:
            with self.subTest(what):
                try:
                    if program:
                        rig.need(program)
                    report = self.check(daemon_for(program), what, maker, contents)
                except unittest.SkipTest as e:
                    print("       %-20s skipped: %s" % (what, e))
                    continue
                n += 1
                print("       %-20s %-10s %d parts" % (what, program or "archive", len(report["parts"]) - 3))
        print("       %d of %d formats opened" % (n, len(table)))

    def test_as_shipped(self):
        daemon = self.daemon(self.shipped())
        self.run_table(AS_SHIPPED, lambda program: daemon)

    def test_those_that_are_off(self):
        self.run_table(ALONE, lambda program: self.daemon(self.shipped([program])))

    def test_without_the_password(self):
        rig.need("7z")
        daemon = self.daemon(self.shipped(), config="[content]\npassword_tries = 0\n")
        data = self.make(pack("7z", "a", "-bd", "-pSesame42", "-mhe=on", "x.7z", "a.txt", into="x.7z"))
        report = self.scan(daemon, data)
        self.assertTrue([p for p in report["parts"] if p["encrypted"]])
        self.assertIn("encrypted", [f["kind"] for f in report["findings"]])

    def test_broken_is_told(self):
        rig.need("7z", "arj", "lzop")
        daemon = self.daemon(self.shipped())
        for maker in (pack("arj", "a", "x.arj", "a.txt", "b.bin", into="x.arj"),
                      pack("lzop", "-o", "x.lzo", "b.bin", into="x.lzo"), testfile("clam.chm")):
            data = self.make(maker)
            report = self.scan(daemon, data[:len(data) * 2 // 3])
            self.assertTrue([p for p in report["parts"] if p["undecoded"] and p["reason"]], report["parts"])

    def test_a_program_is_no_archive(self):
        rig.need("7z")
        report = self.scan(self.daemon(self.shipped()), open("/bin/true", "rb").read() + b"MZ")
        self.assertFalse([p for p in report["parts"] if p["undecoded"]])

    def test_expansion_is_counted(self):
        rig.need("7z")
        with open(self.folder + "/zeros", "wb") as f:
            f.truncate(400 << 20)
        run("7z", "a", "-bd", "-mx=1", "-mhe=on", "-pSesame42", "x.7z", "zeros", cwd=self.folder)
        report = self.scan(self.daemon(self.shipped()), open(self.folder + "/x.7z", "rb").read())
        self.assertIn("limit", [f["kind"] for f in report["findings"]], report)

    def test_missing_program(self):
        group = "[decoder x]\nplugin = command\nprogram = /usr/bin/not-there {file}\ntypes = zoo\n"
        daemon = self.daemon(group)
        r = daemon.ctl("scan", self.folder + "/../", check=False)
        with open(self.folder + "/mail", "wb") as f:
            f.write(rig.message())
        r = daemon.ctl("scan", self.folder + "/mail", check=False)
        text = r.stderr.decode() + r.stdout.decode() + daemon.log_text()
        self.assertNotEqual(r.returncode, 0)
        self.assertRegex(text, r"20-decoders\.conf:1: \[decoder x\]: program: cannot run "
                               r"/usr/bin/not-there: No such file")
        daemon = self.daemon(group + "optional = yes\n")
        self.assertEqual(daemon.ctl("scan", self.folder + "/mail").returncode, 0)

    def test_nothing_stays(self):
        """Workers, keepers and folders are gone when the daemon is."""
        rig.need("7z", "arj")
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, fragments={"20-decoders.conf": self.shipped()},
                            config="[policy]\nbanned_destiny = reject\n")
        data = self.make(banned)
        for _ in range(3):
            self.assertRegex(rig.send(daemon.port, rig.attachment("x.arj", data)), "^554 ")
            self.assertEqual(glob.glob(daemon.spool + "/work-*/*"), [])
        daemon.stop()
        self.assertEqual(glob.glob(daemon.spool + "/work-*"), [])
        self.assertNotIn("keeper", daemon.log_text())

    def test_the_runner_is_replaced(self):
        rig.need("7z")
        sink = rig.Sink(self)
        daemon = rig.Daemon(self, forward=sink.port, fragments={"20-decoders.conf": self.shipped()},
                            config="[policy]\nbanned_destiny = reject\n")
        data = self.make(banned)

        def runners():
            found = []
            for path in glob.glob("/proc/[0-9]*/status"):
                try:
                    text = open(path).read()
                except OSError:
                    continue
                parent = re.search(r"^PPid:\s*(\d+)$", text, re.M).group(1)
                if text.startswith("Name:\tamavisd-runner\n") and \
                        int(parent) in daemon.status()["content_pids"]:
                    found.append(int(path.split("/")[2]))
            return found
        first = rig.wait_for("the runner", runners)
        self.assertEqual(len(first), 1)
        os.kill(first[0], 9)
        rig.wait_for("another runner", lambda: runners() not in ([], first))

        for _ in range(5):  # in whichever worker
            self.assertRegex(rig.send(daemon.port, rig.attachment("x.arj", data)), "^554 ")
        self.assertIn("the runner of programs ended; it and the workers are replaced", daemon.log_text())
        self.assertNotIn("could not be run", daemon.log_text())

    def test_no_runner_without_programs(self):
        daemon = rig.Daemon(self, forward=rig.Sink(self).port)
        pids = daemon.status()["content_pids"]
        for path in glob.glob("/proc/[0-9]*/status"):
            try:
                text = open(path).read()
            except OSError:
                continue
            if text.startswith("Name:\tamavisd-runner\n"):
                parent = int(re.search(r"^PPid:\s*(\d+)$", text, re.M).group(1))
                self.assertNotIn(parent, pids)
