"""Answers that never end, grow without bound, or take their time."""

import gzip
from collections.abc import Iterator
from itertools import repeat

from tests.integration.intake.bombs.zeros import MB, gzipped
from tests.integration.intake.site import Part, Site, answer, redirect

GB = 1 << 30
_CHUNKED = "Transfer-Encoding: chunked"


def endless(piece: bytes) -> Iterator[bytes]:
    """`piece` for ever."""
    return repeat(piece)


def _drip(text: bytes, seconds: float = 0.1) -> tuple[Part, ...]:
    """A byte each tenth of a second: hundreds of steps, none of them slow."""
    return tuple(part for byte in text for part in (bytes([byte]), seconds))


def _gzip(*fields: str) -> bytes:
    return answer(b"", "Content-Encoding: gzip", *(fields or ("Transfer-Encoding: chunked",)))


def _chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"%x\r\n" % len(piece) + piece + b"\r\n"
    yield b"0\r\n\r\n"


_HEAD = b"HTTP/1.1 200 OK\r\n"
_TO_THE_END = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"

LARGE: dict[str, tuple[Part, ...]] = {
    "10 GB of zeros as gzip": (_gzip(), _chunks(gzipped(10 * GB))),
    "10 GB of zeros as gzip, 64 KB a chunk": (
        _gzip(),
        _chunks(iter([b"".join(gzipped(64 * MB))])),
        _chunks(gzipped(10 * GB)),
    ),
    "gzip in gzip": (answer(gzip.compress(b"".join(gzipped(GB))), "Content-Encoding: gzip, gzip"),),
    "gzip in gzip, in two fields": (
        answer(b"", "Content-Encoding: gzip", "Content-Encoding: gzip", _CHUNKED),
        _chunks(gzipped(GB)),
    ),
    "gzip of a million members": (_gzip(), _chunks(repeat(gzip.compress(b"") * 3000))),
    "deflate, unasked": (answer(b"", "Content-Encoding: deflate", _CHUNKED), _chunks(gzipped(GB))),
    "brotli, unasked": (answer(b"", "Content-Encoding: br", _CHUNKED), _chunks(gzipped(GB))),
    "zstd, unasked": (answer(b"", "Content-Encoding: zstd", _CHUNKED), _chunks(gzipped(GB))),
    "a body without an end": (_TO_THE_END + b"\r\n", endless(bytes(65536))),
    "chunks without an end": (
        answer(b"", _CHUNKED),
        endless(b"10000\r\n" + bytes(65536) + b"\r\n"),
    ),
    "chunks of one byte": (answer(b"", _CHUNKED), endless(b"1\r\na\r\n" * 5000)),
    "empty gzip blocks": (
        _gzip(),
        next(_chunks(iter([next(gzipped(MB))]))),
        endless(b"5\r\n\x00\x00\x00\xff\xff\r\n" * 2000),
    ),
    "a chunk's extension without an end": (answer(b"", _CHUNKED), b"1;", endless(b"a" * 65536)),
    "trailers without an end": (answer(b"", _CHUNKED), b"0\r\n", endless(b"A: b\r\n" * 9000)),
    "a length of 10 GB": (answer(b"", f"Content-Length: {10 * GB}"), endless(bytes(65536))),
    "a length of 20 digits": (answer(b"", f"Content-Length: {'9' * 20}"), endless(bytes(65536))),
    "a length of 100,000 digits": (answer(b"", f"Content-Length: {'9' * 100_000}"),),
    "a status line without an end": (b"HTTP/1.1 200 ", endless(b"a" * 65536)),
    "a field without an end": (_HEAD + b"A: ", endless(b"a" * 65536)),
    "fields without an end": (_HEAD, endless(b"A: b\r\n" * 9000)),
    "folded fields without an end": (_HEAD + b"A: b\r\n", endless(b" c\r\n" * 9000)),
    "100,000 empty lines": (endless(b"\r\n" * 30_000),),
    "interim answers without an end": (endless(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" * 900),),
    "redirects in a circle": (redirect("/"),),
    "a redirect of 90,000 characters": (redirect("/" + "a" * 90_000),),
    "a redirect with a body without an end": (
        b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
        endless(bytes(65536)),
    ),
    "an error with a body without an end": (b"HTTP/1.1 500 No\r\n\r\n", endless(bytes(65536))),
}

SLOW: dict[str, tuple[Part, ...]] = {
    "a byte of the body at a time": (answer(b"", "Content-Length: 600"), *_drip(b"a" * 600)),
    "a byte of the head at a time": _drip(_HEAD + b"A: " + b"a" * 600),
    "a byte of gzip at a time": (
        _gzip("Content-Length: 600"),
        *_drip(gzip.compress(bytes(9 * MB))),
    ),
    "a chunk of one byte at a time": (
        answer(b"", _CHUNKED),
        *(part for _ in range(600) for part in (b"1\r\na\r\n", 0.1)),
    ),
    "an interim answer at a time": tuple(
        part for _ in range(600) for part in (b"HTTP/1.1 103 Early\r\n\r\n", 0.1)
    ),
    "silence": (60.0,),
    "silence after the head": (answer(b"", "Content-Length: 1"), 60.0),
}


def prepare(site: Site) -> dict[str, str]:
    """Put them on `site`: each one's name, and its address there, to be asked for once."""
    places = {}
    for number, (name, parts) in enumerate((LARGE | SLOW).items()):
        site.on(f"/{number}", *parts)
        places[name] = site.url(f"/{number}")
    site.on("/", redirect("/"))
    return places
