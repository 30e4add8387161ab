# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Much out of little."""

import base64
import bz2
import functools
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import quine
from mails import attach, attached, case

MIB = 1 << 20
GIB = 1 << 30
DATE = (2026, 11, 22, 12, 0, 0)


@functools.lru_cache(None)
def zeros_deflated(size):
    """Raw deflate of so many MiB: one block again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * (size // MIB) + b"\x03\x00"


@functools.lru_cache(None)
def zeros_crc(size):
    crc = 0
    for _ in range(size // MIB):
        crc = zlib.crc32(bytes(MIB), crc)
    return crc


def zip_of(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, DATE)
            info.compress_type = method
            archive.writestr(info, data)
    return out.getvalue()


def tar_of(members, **keys):
    """members: (name, data) or TarInfo."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **keys) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def gz_of(data):
    return gzip.compress(data, mtime=0)


# ---- streams ----------------------------------------------------------------------------------

@attached("bomb-stream", "gz-1g", "zeros.gz", "limit")
def gz_bomb():
    return (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + zeros_deflated(GIB)
            + struct.pack("<II", zeros_crc(GIB), GIB & 0xFFFFFFFF))


@attached("bomb-stream", "gz-members-1g", "zeros.gz", "limit")
def gz_members_bomb():
    return gz_of(bytes(16 * MIB)) * 64


@attached("bomb-stream", "bz2-1g", "zeros.bz2", "limit")
def bz2_bomb():
    return bz2.compress(bytes(16 * MIB)) * 64


@attached("bomb-stream", "xz-1g", "zeros.xz", "limit")
def xz_bomb():
    return lzma.compress(bytes(16 * MIB), preset=0) * 64


@attached("bomb-stream", "lzma-512m", "zeros.lzma", "limit")
def lzma_bomb():
    packer = lzma.LZMACompressor(lzma.FORMAT_ALONE, preset=0)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(512)) + packer.flush()


@attached("bomb-stream", "lzma-dictionary", "zeros.lzma", "undecoded")
def xz_dictionary():
    """A small stream that asks for a dictionary of 1.5 GiB."""
    data = lzma.compress(b"x" * 1000, lzma.FORMAT_ALONE, preset=0)
    return data[:1] + struct.pack("<I", 3 << 29) + data[5:]


@attached("bomb-stream", "zst-1g", "zeros.zst", "limit")
def zst_bomb():
    """RFC 8878: a window of 1 MiB, blocks of one byte repeated 128 KiB times."""
    frame = struct.pack("<IBB", 0xFD2FB528, 0, 0x50)
    count = GIB // (128 << 10)
    blocks = b"".join(
        struct.pack("<I", (128 << 10) << 3 | 1 << 1 | (i == count - 1))[:3] + b"\0"
        for i in range(count))
    return frame + blocks


@attached("bomb-stream", "zst-window", "zeros.zst", "limit|undecoded")
def zst_window():
    return struct.pack("<IBB", 0xFD2FB528, 0, 0xFF) + b"\x09\0\0x"


@attached("bomb-stream", "lz4-1g", "zeros.lz4", "limit")
def lz4_bomb():
    size, rest = 4 * MIB, 4 * MIB - 1 - 4 - 12
    block = b"\x1f\0\x01\0" + b"\xff" * ((rest - 15) // 255) + bytes([(rest - 15) % 255])
    block += b"\xc0" + bytes(12)
    frame = bytes.fromhex("04224d18") + b"\x40\x70\xdf"
    return frame + (struct.pack("<I", len(block)) + block) * (GIB // size) + bytes(4)


@attached("bomb-stream", "hqx-rle", "zeros.hqx", "limit")
def binhex_bomb():
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    binhex = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    raw = b"\x01a\0TEXTttxt\0\0" + struct.pack(">II", GIB, 0) + b"\0\0x" + b"\x90\xff" * 1500000
    body = base64.b64encode(raw).replace(b"=", b"").translate(bytes.maketrans(letters, binhex))
    lines = [b":" + body[:63]] + [body[i:i + 64] for i in range(63, len(body), 64)]
    return b"(This file must be converted with BinHex 4.0)\n\n" + b"\n".join(lines) + b":\n"


# ---- archives ---------------------------------------------------------------------------------

@attached("bomb-archive", "zip-1g", "zeros.zip", "limit")
def zip_bomb():
    data = zeros_deflated(GIB)
    fixed = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, zeros_crc(GIB), len(data), GIB, 5, 0)
    local = b"PK\3\4" + fixed + b"zeros" + data
    central = b"PK\1\2\x14\0" + fixed + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"zeros"
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central),
                                                     len(local), 0)


@attached("bomb-archive", "zip-42", "42.zip", "limit")
def zip_42():
    """Six levels of sixteen each."""
    data = zip_of([("zeros", bytes(4 * MIB))])
    for level in range(5):
        data = zip_of([("%d-%x.zip" % (level, i), data) for i in range(16)])
    return data


@attached("bomb-archive", "zip-nested", "nested.zip", "limit")
def zip_nested():
    data = b"at the bottom"
    for level in range(100):
        data = zip_of([("%d.zip" % level, data)])
    return data


@attached("bomb-archive", "gz-in-gz-20", "deep.gz", "limit")
def gz_nested():
    data = bytes(MIB)
    for _ in range(20):
        data = gz_of(data)
    return data


@attached("bomb-archive", "gz-quine", "quine.gz", "limit")
def gz_quine():
    return quine.quine()


def overlapping(central_count, quoted):
    """Fifield's zip: many entries that share their data.  quoted: each local header is, to the one
    before it, data stored as they are."""
    kernel = zeros_deflated(8 * MIB)
    crc, size = zeros_crc(8 * MIB), 8 * MIB
    files, tail, tail_crc, tail_size = [], kernel, crc, size
    for i in range(central_count):
        name = b"%05d" % i
        fixed = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, tail_crc, len(tail), tail_size, 5, 0)
        local = b"PK\3\4" + fixed + name
        files.insert(0, (fixed, name, len(local)))
        if not quoted:
            continue
        length = len(local)
        block = struct.pack("<BHH", 0, length, length ^ 0xFFFF) + local
        # the checksum is not kept: what reads such a file at all has written it by then
        tail, tail_size = block + tail, tail_size + length
    if not quoted:
        data, offsets = b"PK\3\4" + files[-1][0] + files[-1][1] + kernel, [0] * central_count
    else:
        data, offsets, at = tail[5:], [], 0
        for _, _, length in files:
            offsets.append(at)
            at += length + 5
    central = b"".join(
        b"PK\1\2\x14\0" + fixed + struct.pack("<HHHII", 0, 0, 0, 0, offset) + name
        for (fixed, name, _), offset in zip(files, offsets))
    return data + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, central_count, central_count,
                                                    len(central), len(data), 0)


@attached("bomb-archive", "zip-overlap-full", "overlap.zip", "limit|undecoded")
def zip_overlap():
    return overlapping(5000, False)


@attached("bomb-archive", "zip-overlap-quoted", "overlap.zip", "limit|undecoded")
def zip_overlap_quoted():
    return overlapping(250, True)


@attached("bomb-archive", "tar-100k", "many.tar.gz", "limit")
def tar_many():
    header = bytearray(tar_of([("x", b"")])[:512])
    return gz_of(bytes(header) * 100000 + bytes(1024))


@attached("bomb-archive", "zip-100k", "many.zip", "limit")
def zip_many():
    fixed = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, 0, 0, 6, 0)
    count, locals_, centrals = 60000, [], []
    for i in range(count):
        locals_.append(b"PK\3\4" + fixed + b"%06d" % i)
        centrals.append(b"PK\1\2\x14\0" + fixed + struct.pack("<HHHII", 0, 0, 0, 0, i * 36)
                        + b"%06d" % i)
    central = b"".join(centrals)
    return (b"".join(locals_) + central
            + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(central), count * 36, 0))


@attached("bomb-archive", "tar-sparse-1t", "sparse.tar", "limit|undecoded")
def tar_sparse():
    """One hole of a TiB, in GNU's format of version 1.0."""
    info = tarfile.TarInfo("hole")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                        "GNU.sparse.name": "hole", "GNU.sparse.realsize": str(1 << 40)}
    data = (b"1\n%d\n1\n" % ((1 << 40) - 1)).ljust(512, b"\0") + b"x"
    info.size = len(data)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@attached("bomb-archive", "tar-size", "size.tar", "undecoded|limit")
def tar_size():
    data = bytearray(tar_of([("x", b"abc")]))
    data[124:136] = b"\x80\0\0\0" + struct.pack(">Q", 1 << 62)
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def cpio_of(members):
    out = b""
    for name, mode, data, size in members + [("TRAILER!!!", 0, b"", None)]:
        raw = name.encode() + b"\0"
        fields = (1, mode, 0, 0, 1, 0, len(data) if size is None else size, 0, 0, 8, 1, len(raw), 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


@attached("bomb-archive", "cpio-size", "size.cpio", "undecoded|limit")
def cpio_size():
    return cpio_of([("big", 0o100644, b"abc", 0xFFFFFFFF)])


def ar_of(members):
    return b"!<arch>\n" + b"".join(
        b"%-16s%-12d%-6d%-6d%-8o%-10s`\n" % (name, 0, 0, 0, 0o100644, size) + data + b"\n" *
        (len(data) % 2) for name, size, data in members)


@attached("bomb-archive", "ar-size", "size.a", "undecoded|limit")
def ar_size():
    return ar_of([(b"big/", b"9999999999", b"abc")])


@case("bomb-archive", "zip-20-of-1g", "limit")
def many_bombs():
    data = zip_bomb()
    return attach(*[("zeros%d.zip" % i, data) for i in range(20)])
