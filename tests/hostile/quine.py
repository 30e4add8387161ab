# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""A gzip file that unpacks to itself, after Russ Cox, "Zip Files All The Way Down".

DEFLATE is read as a language of two instructions, each written in one unit of five bytes: L(n) prints
the n units that follow it, R(4) prints the last four printed again.  Head and tail of the file are
three units each.  Then

    head L4 head L4 R4 L1 R4 L1 L1 L4 R4 L1 L1 L4 R4 L4 R4 L4 R4 L4 R4 L4 R4 tail R4 tail

prints itself.  The checksum in the tail must be that of a file in which it stands twice: checksums are
affine over GF(2), so that is a system of 32 linear equations."""

import struct
import zlib

UNIT = 5


def literal(units):
    """A stored block's head."""
    return struct.pack("<BHH", 0, units * UNIT, units * UNIT ^ 0xFFFF)


def again():
    """A block of Huffman codes: twice ten bytes from twenty back, exactly 40 bits."""
    copy = "0001000" + "01000" + "110"  # length 10; distance 17 and 3 more, least bit first
    bits = "0" + "10" + copy + copy + "0000000"
    return int(bits[::-1], 2).to_bytes(UNIT, "little")


def assemble(crc):
    head = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"q.gz\0"
    code = "L4 head L4 R4 L1 R4 L1 L1 L4 R4 L1 L1 L4 R4 L4 R4 L4 R4 L4 R4 L4 R4 tail R4 tail".split()
    size = UNIT * sum(3 if word in ("head", "tail") else 1 for word in ["head"] + code)
    # nothing, nothing and the end; checksum and size
    tail = literal(0) + b"\x03\0" + struct.pack("<II", crc, size)
    words = {"head": head, "tail": tail, "R4": again(), "L1": literal(1), "L4": literal(4)}
    return head + b"".join(words[word] for word in code)


def quine():
    at_zero = zlib.crc32(assemble(0))
    # row i: which bits of the checksum stated change bit i of the sum; bit 32: the constant
    columns = [zlib.crc32(assemble(1 << i)) ^ at_zero ^ 1 << i for i in range(32)]
    rows = [sum((columns[j] >> i & 1) << j for j in range(32)) | (at_zero >> i & 1) << 32
            for i in range(32)]
    pivots = []
    for bit in range(32):
        row = next((r for r in rows if r >> bit & 1), None)
        if row is None:
            continue
        rows.remove(row)
        rows = [r ^ row if r >> bit & 1 else r for r in rows]
        pivots = [(b, r ^ row if r >> bit & 1 else r) for b, r in pivots] + [(bit, row)]
    return assemble(sum((row >> 32 & 1) << bit for bit, row in pivots))
