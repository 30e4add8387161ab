# Copyright (C) 2026 the amavisd authors
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
"""Header sections and MIME structures that nobody writes in good faith."""

from mails import attach, base64_lines, case, head, part, plain

MIXED = b'Content-Type: multipart/mixed; boundary="%s"\n'

# ---- header section ---------------------------------------------------------------------------


@case("header", "million-lines")
def million_lines():
    return plain(b"hi\n", b"X-A: 1\n" * 1000000)


@case("header", "million-folds", "defect:*")
def million_folds():
    return plain(b"hi\n", b"X-A: 1\n" + b"\n".join([b" x", b" "] * 500000) + b"\n")


@case("header", "line-10m", "defect:long")
def long_line():
    return plain(b"hi\n", b"X-A: " + b"x" * 10000000 + b"\n")


@case("header", "fields-10m")
def many_fields():
    return plain(b"hi\n", b"".join(b"X-Field-%06d: %s\n" % (i, b"x" * 80) for i in range(100000)))


@case("header", "repeated", "defect:multiple")
def repeated_fields():
    return plain(b"hi\n", b"Subject: again\nFrom: c@example.org\n" * 50000)


@case("header", "parameters-100k")
def many_parameters():
    return plain(b"hi\n", b"Content-Type: text/plain" + b"".join(
        b";\n p%d=v" % i for i in range(100000)) + b"\n")


@case("header", "parameters-one-line", "defect:long")
def parameters_one_line():
    return plain(b"hi\n", b"Content-Type: text/plain; " + b"; ".join(
        b"p%d=v" % i for i in range(100000)) + b"\n")


@case("header", "rfc2231-100k")
def continuations():
    return (head() + MIXED % b"=_b" + b"\n--=_b\nContent-Type: text/plain\n"
            b"Content-Disposition: attachment" + b"".join(
                b";\n filename*%d*=%%41" % i for i in range(100000)) + b"\n\nhi\n--=_b--\n")


@case("header", "rfc2231-backwards")
def continuations_backwards():
    return (head() + MIXED % b"=_b" + b"\n--=_b\nContent-Type: text/plain\n"
            b"Content-Disposition: attachment" + b"".join(
                b";\n filename*%d=x" % i for i in range(99999, -1, -1)) + b"\n\nhi\n--=_b--\n")


@case("header", "rfc2047-1m")
def encoded_words():
    return head(b"\n ".join([b"=?utf-8?Q?=41=42?= =?iso-2022-jp?B?GyRC?="] * 25000)) + b"\nhi\n"


@case("header", "rfc2047-unfinished")
def encoded_words_unfinished():
    return head(b"=?" * 250000 + b"=?utf-8?Q?" * 50000) + b"\nhi\n"


@case("header", "comments-1m")
def nested_comments():
    return plain(b"hi\n", b"Reply-To: " + b"(" * 500000 + b")" * 500000 + b" x@example.org\n")


@case("header", "comments-open")
def open_comments():
    return plain(b"hi\n", b"Sender: " + b"(" * 1000000 + b"\nContent-Type: " + b"(" * 1000000
                 + b"\n")


@case("header", "addresses-100k")
def many_addresses():
    return plain(b"hi\n", b"Cc: " + b",\n ".join(
        b"u%d@example.org" % i for i in range(100000)) + b"\n")


@case("header", "quotes-1m")
def quotes():
    return plain(b"hi\n", b'Cc: "' + b'\\"' * 500000 + b"\nContent-Type: text/plain; x=\""
                 + b'\\"' * 500000 + b"\n")


@case("header", "no-body")
def no_body():
    return b"Subject: " + b"x" * 100


@case("header", "bytes", "defect:*")
def all_bytes():
    return bytes(range(256)) * 4000


# ---- MIME structure ---------------------------------------------------------------------------

@case("structure", "multipart-500", "limit")
def deep_multipart():
    top = b"".join(MIXED % (b"b%d" % i) + b"\n--b%d\n" % i for i in range(500))
    return head() + top + b"\ndeep\n" + b"".join(b"--b%d--\n" % i for i in range(499, -1, -1))


@case("structure", "multipart-same-boundary", "limit|ambiguous")
def deep_same():
    return head() + (MIXED % b"b" + b"\n--b\n") * 500 + b"\ndeep\n" + b"--b--\n" * 500


@case("structure", "rfc822-1000", "limit")
def deep_mails():
    return head() + b"Content-Type: message/rfc822\n\n" + (
        b"Subject: in\nContent-Type: message/rfc822\n\n" * 1000) + b"Subject: last\n\nhi\n"


@case("structure", "parts-100k", "limit")
def many_parts():
    return head() + MIXED % b"b" + b"\n" + b"--b\n\nx\n" * 100000 + b"--b--\n"


@case("structure", "parts-empty", "limit")
def empty_parts():
    return head() + MIXED % b"b" + b"\n" + b"--b\n" * 100000 + b"--b--\n"


@case("structure", "boundary-prefixes")
def like_boundaries():
    boundary = b"=_" + b"x" * 68
    return (head() + MIXED % boundary + b"\n--" + boundary + b"\n\n"
            + (b"--" + boundary[:-1] + b"y\n") * 100000 + b"--" + boundary + b"--\n")


@case("structure", "boundary-nested-prefixes", "limit|ambiguous")
def nested_prefixes():
    """Each boundary is the start of the next one; lines that are nearly all of them."""
    names = [b"b" * (i + 1) for i in range(60)]
    top = b"".join(MIXED % n + b"\n--" + n + b"\n" for n in names)
    return head() + top + b"\n" + (b"--" + b"b" * 69 + b"\n") * 100000


@case("structure", "boundary-open", "defect:mime|ambiguous")
def no_end():
    return head() + MIXED % b"b" + b"\n--b\n\n" + b"--b-\n" * 100000


@case("structure", "boundary-1m", "defect:*|ambiguous")
def long_boundary():
    boundary = b"b" * 1000000
    return head() + MIXED % boundary + b"\n--" + boundary + b"\n\nhi\n--" + boundary + b"--\n"


@case("structure", "part-header-10m")
def part_header():
    return head() + MIXED % b"b" + b"\n--b\n" + b"X-A: 1\n" * 1400000 + b"\nhi\n--b--\n"


@case("structure", "external-body")
def external():
    return head() + b"Content-Type: message/external-body; access-type=URL; URL=\"file:///etc\"\n\n"


@case("structure", "partial")
def partial():
    return head() + (b"Content-Type: message/partial; id=\"x\"; number=1; total=2\n\n"
                     b"Content-Type: application/x-msdownload\n\nMZ\n")


# ---- bodies -----------------------------------------------------------------------------------

@case("body", "base64-one-line")
def base64_one_line():
    return plain(base64_lines(bytes(range(256)) * 60000).replace(b"\n", b""),
                 b"Content-Transfer-Encoding: base64\n")


@case("body", "base64-junk")
def base64_junk():
    return plain(b"!" * 10000000 + b"QUJD\n", b"Content-Transfer-Encoding: base64\n")


@case("body", "base64-padding", "ambiguous")
def base64_padding():
    return plain(b"QQ==" * 2000000 + b"\n", b"Content-Transfer-Encoding: base64\n")


@case("body", "qp-soft")
def qp_soft():
    return plain(b"=\n" * 3000000, b"Content-Transfer-Encoding: quoted-printable\n")


@case("body", "qp-equals")
def qp_equals():
    return plain(b"=" * 10000000, b"Content-Transfer-Encoding: quoted-printable\n")


@case("body", "nul-64m")
def nuls():
    return plain(bytes(64 << 20))


@case("body", "cr-10m")
def carriage_returns():
    return plain(b"\r" * 10000000)


@case("body", "lf-10m")
def line_feeds():
    return plain(b"\n" * 5000000)


@case("body", "dashes-10m")
def dashes():
    return head() + MIXED % b"b" + b"\n" + b"--" * 5000000 + b"\n" + b"--\n" * 1000000


@case("body", "utf7")
def utf7():
    return plain(b"+AD" * 1000000, b"Content-Type: text/plain; charset=utf-7\n")


# ---- contradictions ---------------------------------------------------------------------------

INNER = b"--a\n\none\n--a--\n--b\n\ntwo\n--b--\n"
CONTRADICTIONS = {
    "types": b"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=a\n",
    "boundaries": b"Content-Type: multipart/mixed; boundary=a; boundary=b\n",
    "boundary-2231": b"Content-Type: multipart/mixed; boundary=a; boundary*0=b\n",
    "no-boundary": b"Content-Type: multipart/mixed\n",
    "encodings": (b"Content-Type: multipart/mixed; boundary=a\nContent-Transfer-Encoding: base64\n"
                  b"Content-Transfer-Encoding: 7bit\n"),
    "encoded-multipart": (b"Content-Type: multipart/mixed; boundary=a\n"
                          b"Content-Transfer-Encoding: base64\n"),
}


def contradict(name, fields):
    case("contradiction", name, "ambiguous|defect:mime")(lambda: head() + fields + b"\n" + INNER)


for _name, _fields in CONTRADICTIONS.items():
    contradict(_name, _fields)


@case("contradiction", "two-encodings", "ambiguous")
def two_encodings():
    return (head() + MIXED % b"b" + b"\n--b\nContent-Type: application/x-msdownload\n"
            b"Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: quoted-printable\n\n"
            + base64_lines(b"MZ" + bytes(100)) + b"--b--\n")


@case("contradiction", "two-dispositions", "ambiguous")
def two_names():
    return (head() + MIXED % b"b" + b"\n--b\nContent-Type: text/plain; name=\"a.txt\"\n"
            b"Content-Disposition: attachment; filename=a.txt\n"
            b"Content-Disposition: attachment; filename=a.exe\n\nMZ\n--b--\n")


@case("contradiction", "attachment-in-preamble")
def preamble():
    return (head() + MIXED % b"b" + b"\nbegin 644 a.exe\n#0V%T\nend\n--b\n\nx\n--b--\n"
            + part("x", b"MZ"))


@case("contradiction", "header-in-body")
def header_again():
    return plain(b"Content-Type: application/x-msdownload; name=a.exe\n"
                 b"Content-Transfer-Encoding: base64\n\nTVo=\n")


@case("name", "attachments")
def odd_names():
    names = ["../../etc/passwd", "/etc/passwd", "..", ".", "C:\\\\windows\\\\x.exe", "a\\0b.exe",
             "x" * 65536, "con", "a.txt" + " " * 200 + ".exe", "%2e%2e%2f", "a\u202etxt.exe"]
    return attach(*[(name, b"hello") for name in names])
