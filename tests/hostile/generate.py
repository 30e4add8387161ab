#!/usr/bin/env python3
# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Writes a corpus of hostile mails, the same every time, with the standard library only.

    tests/hostile/generate.py FOLDER [CLASS...]

FOLDER/CLASS-NAME.eml each, and FOLDER/manifest.json: a list of {class, file, see}, where `see` are
the things that must be found in the mail, see mails.py."""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import mails  # noqa: E402
import bombs  # noqa: E402,F401
import broken  # noqa: E402,F401
import structure  # noqa: E402,F401


def write(folder, classes=()):
    """Returns the manifest."""
    os.makedirs(folder, exist_ok=True)
    manifest = []
    for kind, name, see, make in sorted(mails.CASES, key=lambda c: c[:2]):
        if classes and kind not in classes:
            continue
        file = "%s-%s.eml" % (kind, name)
        with open(os.path.join(folder, file), "wb") as f:
            f.write(make())
        manifest.append({"class": kind, "file": file, "see": see})
    with open(os.path.join(folder, "manifest.json"), "w") as f:
        json.dump(manifest, f, indent=1)
    return manifest


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    print("%d mails" % len(write(sys.argv[1], sys.argv[2:])))
