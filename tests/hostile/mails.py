# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Mails around hostile contents, and the list of cases that the other modules fill.

A case is a function that returns a mail.  It names its class, its file and what must be seen:
"limit", "undecoded|limit" (one of them), "part:NAME" (a part of that name was found),
"defect:KIND" (of the header), or nothing: that it is survived is enough."""

import base64

CASES = []

HEAD = (b"From: a@example.org\nTo: b@example.org\nSubject: %s\n"
        b"Date: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <hostile@example.org>\n"
        b"MIME-Version: 1.0\n")


def case(kind, name, *see):
    """Registers a function that returns the whole mail as bytes."""
    def register(function):
        CASES.append((kind, name, list(see), function))
        return function
    return register


def head(subject=b"hostile"):
    return HEAD % subject


def plain(body, fields=b""):
    return head() + fields + b"\n" + body


def base64_lines(data):
    return base64.encodebytes(data)


def part(name, data, ctype="application/octet-stream"):
    return (b"--=_b\nContent-Type: %s\nContent-Disposition: attachment; filename=\"%s\"\n"
            b"Content-Transfer-Encoding: base64\n\n%s\n"
            % (ctype.encode(), name.encode(), base64_lines(data)))


def attach(*files):
    """A mail with these (name, data)."""
    return (head() + b'Content-Type: multipart/mixed; boundary="=_b"\n\n'
            + b"".join(part(name, data) for name, data in files) + b"--=_b--\n")


def attached(kind, name, filename, *see):
    """Registers a function that returns the content of the one attachment."""
    def register(function):
        case(kind, name, *see)(lambda: attach((filename, function())))
        return function
    return register
