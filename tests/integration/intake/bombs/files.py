"""Files that are small, and large once opened."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from zipfile import ZIP_DEFLATED, ZipFile

from tests.integration.intake.bombs.zeros import MB, compress_zeros

GB = 1 << 30

# ---- zip archives -----------------------------------------------------------------------------


def _pack_local_header(
    name: bytes, size: int, packed_size: int, extra: bytes = b"", flags: int = 0
) -> bytes:
    return struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", 20, flags, 8, 0, 0, 0, packed_size, size, len(name), len(extra)
    ) + name + extra  # fmt: skip


def _pack_central_header(
    name: bytes, size: int, packed_size: int, offset: int, flags: int = 0
) -> bytes:
    return struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, flags, 8, 0, 0, 0, packed_size, size, len(name),
        0, 0, 0, 0, 0, offset,
    ) + name  # fmt: skip


def _pack_end_record(count: int, size: int, offset: int) -> bytes:
    return struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, size, offset, 0
    )


def _build_zip(entries: list[tuple[bytes, int, bytes]], flags: int = 0) -> bytes:
    """Build a zip archive of entries (name, declared size, content)."""
    body, directory = b"", b""
    for name, size, stored in entries:
        directory += _pack_central_header(name, size, len(stored), len(body), flags)
        body += _pack_local_header(name, size, len(stored), flags=flags) + stored
    return body + directory + _pack_end_record(len(entries), len(directory), len(body))


def _build_full_overlap() -> bytes:
    stored = b"".join(compress_zeros(40 * MB))
    body = _pack_local_header(b"a", 40 * MB, len(stored)) + stored
    directory = b"".join(
        _pack_central_header(b"a%d" % n, 40 * MB, len(stored), 0) for n in range(1500)
    )
    return body + directory + _pack_end_record(1500, len(directory), len(body))


def _build_quoted_overlap() -> bytes:
    """Build an archive of overlapping entries.

    Each entry's stream begins with a stored block that quotes the next entry's header, and goes on
    in the next entry's stream: all entries unpack the zeros of the last."""
    body = b"".join(compress_zeros(20 * MB))
    size, packed_size, head = 20 * MB, len(body), b""
    entries: list[tuple[bytes, int, int, int]] = []
    for number in range(200):
        if head:
            body = struct.pack("<BHH", 0, len(head), len(head) ^ 0xFFFF) + body
            size, packed_size = size + len(head), packed_size + 5 + len(head)
        name = b"f%03d" % number
        head = _pack_local_header(name, size, packed_size)
        body = head + body
        entries.append((name, size, packed_size, len(body)))
    directory = b"".join(
        _pack_central_header(entry_name, size, packed_size, len(body) - offset)
        for entry_name, size, packed_size, offset in entries
    )
    return body + directory + _pack_end_record(len(entries), len(directory), len(body))


def _build_many_entries(count: int) -> bytes:
    directory = b"".join(_pack_central_header(b"%d" % n, 0, 0, 0) for n in range(count))
    return _pack_local_header(b"0", 0, 0) + directory + _pack_end_record(count, len(directory), 31)


def _build_good_zip(count: int, size: int) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"word/{number}.xml", bytes(size))
    return buffer.getvalue()


ZIPS: dict[str, Callable[[], bytes]] = {
    "10 GB of zeros": lambda: _build_zip([(b"a", 0xFFFF_FFF0, b"".join(compress_zeros(10 * GB)))]),
    "10 GB that say they are 1 KB": lambda: _build_zip(
        [(b"a", 1000, b"".join(compress_zeros(10 * GB)))]
    ),
    "60 times 1 MB, each within bounds": lambda: _build_good_zip(60, MB),
    "60 MB in 2,000 files": lambda: _build_good_zip(2000, 30_000),
    "1,500 names for the same 40 MB": _build_full_overlap,
    "200 files that quote each other": _build_quoted_overlap,
    "65,000 files": lambda: _build_many_entries(65_000),
    "800,000 files": lambda: _build_many_entries(800_000),
    "a length of 2 GB that is not there": lambda: _build_zip([(b"a", 9, b"")]).replace(
        struct.pack("<LLL", 0, 0, 9), struct.pack("<LLL", 0, 0x7FFF_FFFF, 9)
    ),
    "locked": lambda: _build_zip([(b"a", 1, b"a")], flags=1),
}

# ---- XML --------------------------------------------------------------------------------------


def _build_billion_laughs(encoding: str = "utf-8") -> bytes:
    names = "abcdefghij"
    entities = "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names)
    )
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE r [<!ENTITY a "ha">{entities}]>'
    return f"{text}<r>&j;</r>".encode(encoding)


def _build_utf7_laughs() -> bytes:
    declaration, _, document = _build_billion_laughs("utf-7").partition(b"?>")
    return declaration + b"?>" + document.replace(b"<", b"+ADw-").replace(b"&", b"+ACY-")


def _build_declaring_xml(declaration: str, root: str = "<r>&a;</r>") -> bytes:
    return f"<!DOCTYPE r [{declaration}]>{root}".encode()


XMLS: dict[str, Callable[[], bytes]] = {
    "a billion laughs": _build_billion_laughs,
    "a billion laughs in UTF-16": lambda: _build_billion_laughs("utf-16"),
    "a billion laughs in UTF-7": _build_utf7_laughs,
    "a long entity, often": lambda: _build_declaring_xml(
        f'<!ENTITY a "{"a" * 100_000}">', f"<r>{'&a;' * 100_000}</r>"
    ),
    "an entity from a file": lambda: _build_declaring_xml(
        '<!ENTITY a SYSTEM "file:///etc/passwd">'
    ),
    "an entity from an address": lambda: _build_declaring_xml(
        '<!ENTITY a SYSTEM "http://127.0.0.1/">'
    ),
    "a parameter entity": lambda: _build_declaring_xml(
        '<!ENTITY % a SYSTEM "http://127.0.0.1/"> %a;'
    ),
    "defaults for attributes": lambda: _build_declaring_xml(
        "".join(f'<!ATTLIST r a{n} CDATA "{"a" * 100}">' for n in range(10_000)), "<r/>" * 1000
    ),
    "a model that nests": lambda: _build_declaring_xml(
        f"<!ELEMENT r {'(a,' * 100_000}a{')' * 100_000}>"
    ),
    "elements 400,000 deep": lambda: b"<a>" * 400_000,
    "2 million elements": lambda: b"<r>" + b"<a/>" * 2_000_000 + b"</r>",
    "a million attributes": lambda: b"<r " + b" ".join(b"a%d=''" % n for n in range(10**6)) + b"/>",
    "21 MB": lambda: b"<r>" + b"a" * 21_000_000 + b"</r>",
}

FEEDS: dict[str, Callable[[], bytes]] = {
    **{name: make for name, make in XMLS.items() if "UTF-7" not in name},
    "broken, then a billion laughs": lambda: b"<r>&</r>" + _build_billion_laughs(),
    "white space, then a billion laughs": lambda: b"\n\t " + _build_billion_laughs(),
    "a billion laughs with NULs": lambda: _build_billion_laughs().replace(b"ENTITY", b"EN\0TITY"),
}

# ---- pictures ---------------------------------------------------------------------------------


def _build_png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _build_png(width: int, height: int, more: bytes = b"") -> bytes:
    head = _build_png_chunk(b"IHDR", struct.pack(">2L5B", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + more
        + _build_png_chunk(b"IDAT", b"")
        + _build_png_chunk(b"IEND", b"")
    )


def _build_jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    frame = struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + before + b"\xff\xc0" + frame + b"\xff\xd9"


def _build_webp(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + sides


def _build_zlib_stream(size: int) -> bytes:
    return b"\x78\xda" + b"".join(compress_zeros(size)) + bytes(4)


PICTURES: dict[str, Callable[[], bytes]] = {
    "PNG of 10 gigapixels": lambda: _build_png(100_000, 100_000),
    "PNG of 2^62 pixels": lambda: _build_png(2**31 - 1, 2**31 - 1),
    "JPEG of 4 gigapixels": lambda: _build_jpeg(65_535, 65_535),
    "GIF of 4 gigapixels": lambda: b"GIF89a" + b"\xff" * 4 + b"\0\0\0;",
    "WebP of 2^48 pixels": lambda: _build_webp(1 << 24, 1 << 24),
    "JPEG of 5 million segments": lambda: _build_jpeg(9, 9, b"\xff\xe3\0\x02" * 4_990_000),
    "JPEG of nothing but fill": lambda: b"\xff\xd8" + b"\xff" * 19_000_000,
    "JPEG of nothing but marks": lambda: b"\xff\xd8" + b"\xff\x01" * 9_000_000,
    "21 MB": lambda: _build_jpeg(9, 9) + bytes(21_000_000),
    "noise": lambda: bytes(range(256)) * 70_000,
    "SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>",
}

ACCEPTED: dict[str, Callable[[], bytes]] = {
    "PNG with 1 GB in zTXt": lambda: _build_png(
        9, 9, _build_png_chunk(b"zTXt", b"k\0\0" + _build_zlib_stream(GB))
    ),
    "PNG with 1 GB in iTXt": lambda: _build_png(
        9, 9, _build_png_chunk(b"iTXt", b"k\0\x01\0\0\0" + _build_zlib_stream(GB))
    ),
    "PNG with 1 GB in iCCP": lambda: _build_png(
        9, 9, _build_png_chunk(b"iCCP", b"k\0\0" + _build_zlib_stream(GB))
    ),
    "PNG of a million chunks": lambda: _build_png(9, 9, _build_png_chunk(b"tIME", b"") * 1_000_000),
    "GIF of 500,000 frames": lambda: (
        b"GIF89a\x09\0\x09\0\0\0\0" + (b"," + bytes(9) + b"\x02\x02D\x01\0") * 500_000 + b";"
    ),
    "JPEG behind 5 MB of fill": lambda: _build_jpeg(9, 9, b"\xff" * 5_000_000),
}
"""Honest pictures, which are costly only for programs that decode them."""
