# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Hostile mails in the sandboxed worker: a selection; tests/hostile/run has them all."""

import importlib.machinery
import importlib.util
import os
import unittest

HOSTILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../hostile")
EVERY = 10  # of the files that were cut or changed, one in so many


def load():
    loader = importlib.machinery.SourceFileLoader("hostile_run", os.path.join(HOSTILE, "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class Hostile(unittest.TestCase):
    def test_selection(self):
        count = 0

        def select(mail):
            nonlocal count
            count += 1
            return mail["class"] not in ("corrupt", "truncated") or count % EVERY == 0

        hostile = load()
        results = hostile.run(select=select)
        for row in hostile.table(results):
            print("       %(class)-14s %(files)3d mails, slowest %(slowest_ms)5d ms, "
                  "peak %(peak_mb)3d MB" % row)
        self.assertEqual(["%s: %s" % (r["file"], "; ".join(r["problems"]))
                          for r in results if r["problems"]], [])
        self.assertGreater(len(results), 100)
