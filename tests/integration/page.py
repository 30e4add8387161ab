# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Configuration as the pages under docs/ have it, so that tests run what people paste.  A block is what is
indented by four blanks or fenced; its name is the last `code` of the text before it."""

import os
import re

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs")


def blocks(page):
    """(section, name, text) of each block, in the order of the page."""
    found, section, before, lines, is_fenced = [], "", "", [], False

    def end():
        nonlocal lines
        while lines and not lines[-1].strip():
            lines.pop()
        if lines:
            names = re.findall(r"`([^`\n]+)`", before)
            found.append((section, names[-1] if names else "", "\n".join(lines) + "\n"))
        lines = []

    with open(os.path.join(DOCS, page), encoding="utf-8") as f:
        text = f.read()
    for line in text.split("\n"):
        if line.startswith("```"):
            end()
            is_fenced = not is_fenced
        elif is_fenced:
            lines.append(line)
        elif line.startswith("    "):
            lines.append(line[4:])
        elif lines and not line.strip():
            lines.append("")
        else:
            if lines:
                end()
                before = ""
            if line.startswith("#"):
                section, before = line.lstrip("# "), ""
            else:
                before += line + "\n"
    end()
    return found


def section(page, title, **values):
    """Name to text for the blocks of the section with this title; what has the same name is put
    together.  In the texts each key of values stands for a word of the page: _10024=port."""
    found = {}
    for of, name, text in blocks(page):
        if of == title:
            found[name] = found.get(name, "") + fill(text, values)
    if not found:
        raise AssertionError("docs/%s has no block in a section %r" % (page, title))
    return found


def fill(text, values):
    """Replaces whole words."""
    words = {word.lstrip("_"): str(value) for word, value in values.items()}
    if not words:
        return text
    pattern = r"(?<!\w)(?:%s)(?!\w)" % "|".join(map(re.escape, words))
    return re.sub(pattern, lambda match: words[match.group()], text)  # at once: a value may be a word of the page
