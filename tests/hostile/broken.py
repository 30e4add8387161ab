# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Files of every format a decoder reads: cut short, with bytes changed, and made to mislead."""

import glob
import os
import random
import struct
import tarfile

import tnef
from bombs import cpio_of, tar_of, zip_of
from mails import attach, attached, case, plain

SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fuzz/corpus")
FORMATS = ["archive", "encoded", "html", "ole", "onenote", "pdf", "rtf", "smime", "tnef"]
SEED_MAX_BYTES = 400000

# ---- real files, cut and changed --------------------------------------------------------------


def cut(data):
    """At several places, the last ones by their end."""
    size = len(data)
    return [data[:n] for n in sorted({size // 8, size // 4, size // 2, size * 3 // 4,
                                      max(size - 22, 0), max(size - 1, 0)})]


def changed(data, seed):
    chance = random.Random(seed)
    out = []
    for i in range(12):
        copy = bytearray(data)
        for _ in range(1 << i % 4):
            at = chance.randrange(min(len(copy), 64) if i < 6 else len(copy))
            copy[at] ^= 1 << chance.randrange(8) if i % 2 else 0xFF
        out.append(bytes(copy))
    return out


def break_seeds():
    for path in sorted(p for f in FORMATS for p in glob.glob("%s/%s/*" % (SEEDS, f))):
        form, name = path.split(os.sep)[-2:]
        size = os.path.getsize(path)
        if not 0 < size <= SEED_MAX_BYTES:
            continue

        def mail(make, path=path, name=name):
            with open(path, "rb") as f:
                data = f.read()
            return attach(*[("%d-%s" % (i, name), d) for i, d in enumerate(make(data))])
        case("truncated", form + "-" + name)(lambda mail=mail: mail(cut))
        case("corrupt", form + "-" + name)(
            lambda mail=mail, name=name: mail(lambda data: changed(data, name)))


break_seeds()


def half(name, *see):
    """Half of a good archive: that something is missing must be seen."""
    def make():
        with open("%s/archive/%s" % (SEEDS, name), "rb") as f:
            data = f.read()
        return attach((name, data[:len(data) // 2]))
    case("half", name, *(see or ["undecoded"]))(make)


for _name in ["7z", "zip", "cab", "rar4.rar", "rar5.rar", "rpm", "xar", "lzh", "file.XZ", "file.lz",
              "file.lz4", "file.tbz2", "file.tar.zst", "file.exe.gz", "gnu.tar"]:
    if os.path.exists("%s/archive/%s" % (SEEDS, _name)):
        half(_name)

# ---- members that are no files ----------------------------------------------------------------

ODD_NAMES = ["../../../../etc/passwd", "/etc/passwd", "..", "./../x", "C:\\windows\\x.exe",
             "x" * 60000, "a\nb", "\x1b[2J", "a/../../b", ""]


@attached("member", "tar-names", "names.tar")
def tar_names():
    return tar_of([(name or "empty", b"hello") for name in ODD_NAMES], format=tarfile.GNU_FORMAT)


@attached("member", "zip-names", "names.zip")
def zip_names():
    data = zip_of([(name or "empty", b"hello") for name in ODD_NAMES] + [("a@b.exe", b"MZ")])
    return data.replace(b"a@b.exe", b"a\0b.exe")


def links():
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE,
                 tarfile.FIFOTYPE, tarfile.DIRTYPE, b"Z"):
        for name, target in (("../../etc/passwd", "/etc/shadow"), ("a", "a"), ("b", "../" * 50)):
            info = tarfile.TarInfo(name + kind.decode())
            info.type, info.linkname, info.mode = kind, target, 0o6777
            info.devmajor, info.devminor = 1, 3
            yield info
    yield "a0", b"through a link"
    yield "a2/x", b"through another"


@attached("member", "tar-links", "links.tar", "part:a2/x")
def tar_links():
    return tar_of(list(links()))


@attached("member", "cpio-links", "links.cpio", "part:file")
def cpio_links():
    return cpio_of([("../link", 0o120777, b"/etc/shadow", None), ("link", 0o120777, b"link", None),
                    ("char", 0o20666, b"", None), ("block", 0o60666, b"", None),
                    ("fifo", 0o10666, b"", None), ("socket", 0o140666, b"", None),
                    ("odd", 0o170666, b"", None), ("file", 0o106777, b"hello", None)])


# ---- nested without end -----------------------------------------------------------------------

@attached("deep", "pdf-arrays", "deep.pdf", "undecoded")
def pdf_arrays():
    body = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R /X " + b"[" * 100000
    return body + b"\nendobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"


@attached("deep", "pdf-dictionaries", "deep.pdf", "undecoded")
def pdf_dictionaries():
    body = b"%PDF-1.7\n1 0 obj\n" + b"<< /A " * 100000 + b">> " * 100000
    return body + b"\nendobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"


@attached("deep", "pdf-pages", "loop.pdf")
def pdf_loop():
    return (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles 3 0 R >> >>"
            b"\nendobj\n2 0 obj\n<< /Type /Pages /Kids [2 0 R] /Count 1 >>\nendobj\n"
            b"3 0 obj\n<< /Kids [3 0 R 3 0 R] >>\nendobj\n"
            b"trailer << /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF\n")


@attached("deep", "rtf-groups", "deep.rtf")
def rtf_groups():
    return b"{\\rtf1" + b"{" * 100000 + b"x" + b"}" * 100001


@attached("deep", "rtf-objects", "deep.rtf")
def rtf_objects():
    return b"{\\rtf1" + b"{\\object{\\*\\objdata 0105" * 100000


@attached("deep", "html-elements", "deep.html")
def html_elements():
    return b"<html><body>" + b"<div><a href=\"data:text/html,x\">" * 100000


@attached("deep", "html-open", "open.html")
def html_open():
    return b"<html><body>" + b"<!--" * 200000 + b"<script>" * 100000 + b"<a href='" * 100000


@attached("deep", "asn1", "smime.p7m")
def asn1():
    return b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + b"\xa0\x80\x30\x80" * 100000


@attached("deep", "xml", "word.docx")
def docx():
    return zip_of([("[Content_Types].xml", b"<Types>" + b"<x>" * 300000),
                   ("word/document.xml", b"<w>" * 300000),
                   ("_rels/.rels", b"<Relationships>" + b"<Relationship " * 100000)])


# ---- compound files ---------------------------------------------------------------------------

def compound(fat, directory, **fields):
    """One sector of FAT, one of directory entries, and nothing else that is true."""
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
                     + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
                     + struct.pack("<IIIIIIIIII", fields.get("directories", 0), 1, 1, 0, 4096,
                                   fields.get("minifat", 0xFFFFFFFE), fields.get("minifats", 0),
                                   fields.get("difat", 0xFFFFFFFE), fields.get("difats", 0), 0))
    head += struct.pack("<I", 0xFFFFFFFF) * 108
    fat = fat + [0xFFFFFFFF] * (128 - len(fat))
    return bytes(head[:512]) + struct.pack("<128I", *fat) + directory.ljust(512 * 3, b"\0")


def entry(name, kind, start, size, left=0xFFFFFFFF, right=0xFFFFFFFF, child=0xFFFFFFFF):
    raw = (name + "\0").encode("utf-16-le")
    return (raw.ljust(64, b"\0") + struct.pack("<HBBIII", len(raw), kind, 1, left, right, child)
            + bytes(36) + struct.pack("<IQ", start, size))


@attached("compound", "cyclic-fat", "cycle.doc")
def cyclic_fat():
    return compound([0xFFFFFFFD, 2, 1, 3],
                    entry("Root Entry", 5, 3, 4096, child=1)
                    + entry("WordDocument", 2, 3, 1 << 40))


@attached("compound", "cyclic-directory", "cycle.doc", "undecoded")
def cyclic_directory():
    return compound([0xFFFFFFFD, 0xFFFFFFFE],
                    entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1)
                    + entry("Macros", 1, 0, 0, left=1, right=1, child=0)
                    + entry("x", 1, 0, 0, left=1, right=2, child=1))


@attached("compound", "cyclic-difat", "cycle.doc", "undecoded")
def cyclic_difat():
    return compound([0xFFFFFFFD, 0xFFFFFFFE], entry("Root Entry", 5, 0xFFFFFFFE, 0),
                    difat=0, difats=0xFFFFFFFF, minifat=1, minifats=0xFFFFFFFF)


# ---- uuencode, yEnc, TNEF ---------------------------------------------------------------------

@case("encoded", "uu-long-lines")
def uu_lines():
    return plain(b"begin 644 a.exe\n" + (b"M" + b"A" * 100000 + b"\n") * 100 + b"end\n")


@case("encoded", "uu-begins", "undecoded")
def uu_begins():
    return plain(b"begin 644 a.exe\n#0V%T\n" * 2000)


@case("encoded", "uu-begins-100k", "limit")
def uu_begins_many():
    return plain(b"begin 644 a.exe\n#0V%T\nend\n" * 100000)


@case("encoded", "uu-nothing")
def uu_nothing():
    return plain(b"begin 644 a.exe\n" * 500000)


@case("encoded", "uu-deep", "limit")
def uu_deep():
    """uuencode in uuencode: every level again a text."""
    import binascii
    data = b"at the bottom\n"
    for _ in range(30):
        data = b"begin 644 a.txt\n" + b"".join(
            binascii.b2a_uu(data[i:i + 45]) for i in range(0, len(data), 45)) + b"`\nend\n"
    return plain(data)


@case("encoded", "yenc-sizes", "ambiguous")
def yenc_sizes():
    return plain(b"=ybegin part=99999999999999999999 total=1 line=0 size=99999999999999999999 "
                 b"name=a.exe\n=ypart begin=18446744073709551615 end=0\n" + b"=" * 5000000
                 + b"\n=yend size=18446744073709551615 crc32=ffffffffffffffffffff\n")


@case("encoded", "yenc-parts-100k", "undecoded|limit")
def yenc_parts():
    return plain(b"".join(b"=ybegin part=%d total=100001 line=1 size=1 name=a\nm\n=yend size=1\n"
                          % (i + 1) for i in range(100000)))


@attached("encoded", "tnef-length", "winmail.dat", "undecoded")
def tnef_length():
    return tnef.stream(tnef.attribute(2, 0x6800F, b"x" * 1000, length=0xFFFFFFFF))


@attached("encoded", "tnef-counts", "winmail.dat", "undecoded")
def tnef_counts():
    return tnef.stream(tnef.attribute(1, 0x69003, struct.pack(
        "<IHHIIHHI", 0xFFFFFFFF, 0x101E, 0x1000, 0xFFFFFFFF, 4, 0x41, 0x42, 0xFFFFFFFF)))


@attached("encoded", "tnef-many", "winmail.dat", "limit")
def tnef_many():
    return tnef.stream(tnef.attachment(b"a.exe", b"MZ") * 20000)


@attached("encoded", "tnef-deep", "winmail.dat", "limit")
def tnef_deep():
    data = b"at the bottom"
    for _ in range(60):
        data = tnef.stream(tnef.attachment(b"a", None, tnef.embedded(data)))
    return data
