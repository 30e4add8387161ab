# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Office documents through the decoders in the real sandbox."""

import json
import os
import unittest

import rig

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
DATA = os.path.join(TESTS, "data/office")
SEEDS = os.path.join(TESTS, "fuzz/corpus")


class Office(unittest.TestCase):
    def scan(self, path, subject="a document"):
        daemon = rig.Daemon(self, start=False)
        with open(path, "rb") as f:
            mail = rig.attachment(os.path.basename(path), f.read(), subject=subject)
        r = daemon.ctl("scan", "--json", "-", input=mail, check=False)
        self.assertIn(r.returncode, (0, 1), r.stderr)
        report = json.loads(r.stdout)
        self.assertEqual(report.get("failures", []), [])
        return report

    def findings(self, report):
        return {(f["kind"], f["name"]) for f in report["findings"]}

    def test_encrypted_opens_by_a_word_of_the_subject(self):
        for name in ("agile.docx", "standard.docx"):
            with self.subTest(name=name):
                report = self.scan(os.path.join(DATA, name), "the password is secret")
                self.assertIn(("opened", "secret"), self.findings(report))
                self.assertIn("word/document.xml", [p["name"] for p in report["parts"]])

    def test_encrypted_opens_by_the_default(self):
        report = self.scan(os.path.join(DATA, "default.xlsx"))
        self.assertIn(("opened", "VelvetSweatshop"), self.findings(report))

    def test_encrypted_stays_closed(self):
        for name, reason in (("agile.docx", "office agile AES-256 SHA512"),
                             ("rc4.doc", "doc RC4"), ("rc4.xls", "xls RC4")):
            with self.subTest(name=name):
                report = self.scan(os.path.join(DATA, name))
                self.assertIn(("encrypted", reason),
                              {(f["kind"], f["detail"]) for f in report["findings"]})

    def test_what_is_in_documents(self):
        for name, finding, part in (
                ("ole/everything", ("macro", "auto-exec"), "M.vba"),
                ("ole/everything", ("embedded", "a.exe"), "a.exe"),
                ("ole/message", None, "body.rtf"),
                ("ole/flat", None, "vbaProject.bin"),
                ("ole/relations", ("external", "attachedTemplate"), "relations"),
                ("rtf/package", ("embedded", "run.exe"), "run.exe"),
                ("onenote/two", ("embedded", "a.hta"), "a.hta")):
            with self.subTest(name=name, finding=finding):
                report = self.scan(os.path.join(SEEDS, name))
                if finding:
                    self.assertIn(finding, self.findings(report))
                self.assertIn(part, [p["name"] for p in report["parts"]])
