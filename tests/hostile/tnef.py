# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""TNEF streams, good ones and others, after MS-OXTNEF."""

import struct

HELLO_LZFU = bytes.fromhex(  # the example of MS-OXRTFCP
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af3206865"
    "6c090020627705b06c647d0a800fa0")


def pad(data):
    return data + bytes(-len(data) % 4)


def prop(kind, number, data):
    """One property of stated length."""
    return struct.pack("<HHII", kind, number, 1, len(data)) + pad(data)


def string8(number, text):
    return prop(0x1E, number, text + b"\0")


def string(number, text):
    return prop(0x1F, number, (text + "\0").encode("utf-16-le"))


def long(number, value):
    return struct.pack("<HHI", 3, number, value)


def named(name, value):
    """A named property of type long."""
    raw = (name + "\0").encode("utf-16-le")
    return (struct.pack("<HH", 3, 0x8001) + bytes(16) + struct.pack("<II", 1, len(raw)) + pad(raw)
            + struct.pack("<I", value))


def properties(*items):
    return struct.pack("<I", len(items)) + b"".join(items)


def attribute(level, number, data, length=None, checksum=None):
    length = len(data) if length is None else length
    checksum = sum(data) & 0xFFFF if checksum is None else checksum
    return struct.pack("<BII", level, number, length) + data + struct.pack("<H", checksum)


def stream(*attributes, codepage=1252):
    return (struct.pack("<IH", 0x223E9F78, 1)
            + attribute(1, 0x89006, struct.pack("<I", 0x10000))
            + attribute(1, 0x69007, struct.pack("<II", codepage, 0)) + b"".join(attributes))


def message(*items):
    return attribute(1, 0x69003, properties(*items))


def attachment(title, data, *items, checksum=None):
    out = attribute(2, 0x69002, bytes(14))
    if title is not None:
        out += attribute(2, 0x18010, title + b"\0")
    if data is not None:
        out += attribute(2, 0x6800F, data, checksum=checksum)
    return out + (attribute(2, 0x69005, properties(*items)) if items else b"")


def embedded(data):
    """A message within, as a property of its attachment."""
    return prop(0x0D, 0x3701, bytes.fromhex("0703020000000000c000000000000046") + data)


def whole():
    """One of everything."""
    inner = stream(attachment(b"INNER.EXE", b"MZ inner"))
    return stream(
        message(string8(0x001A, b"IPM.Note"), named("x", 7), string(0x1000, "Hello \u20ac"),
                prop(0x102, 0x1013, b"<html><body>Hi</body></html>"),
                prop(0x102, 0x1009, HELLO_LZFU)),
        attachment(b"LONGNA~1.EXE", b"MZ data", long(0x3705, 1),
                   string(0x3707, "long n\u00e4me.exe"), string8(0x370E, b"application/x-y")),
        attachment(b"caf\xe9.txt", b"text"),
        attachment(None, None, string(0x3001, "a message"), embedded(inner)))
