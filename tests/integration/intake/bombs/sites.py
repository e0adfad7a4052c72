"""Answers that never end, grow without bound, or are slow."""

import gzip
from collections.abc import Iterator
from itertools import repeat

from tests.integration.intake.bombs.zeros import MB, compress_zeros_as_gzip
from tests.integration.intake.site import LoopbackSite, Part, build_answer, build_redirect

GB = 1 << 30
_CHUNKED = "Transfer-Encoding: chunked"


def repeat_endlessly(piece: bytes) -> Iterator[bytes]:
    """Yield `piece` forever."""
    return repeat(piece)


def _send_slowly(text: bytes, seconds: float = 0.1) -> tuple[Part, ...]:
    """Return parts of a byte each, 0.1 seconds apart: hundreds of steps, none of them slow."""
    return tuple(part for byte in text for part in (bytes([byte]), seconds))


def _build_gzip_answer(*fields: str) -> bytes:
    return build_answer(b"", "Content-Encoding: gzip", *(fields or ("Transfer-Encoding: chunked",)))


def _encode_chunks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"%x\r\n" % len(piece) + piece + b"\r\n"
    yield b"0\r\n\r\n"


_HEAD = b"HTTP/1.1 200 OK\r\n"
_TO_THE_END = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"

LARGE: dict[str, tuple[Part, ...]] = {
    "10 GB of zeros as gzip": (
        _build_gzip_answer(),
        _encode_chunks(compress_zeros_as_gzip(10 * GB)),
    ),
    "10 GB of zeros as gzip, 64 KB a chunk": (
        _build_gzip_answer(),
        _encode_chunks(iter([b"".join(compress_zeros_as_gzip(64 * MB))])),
        _encode_chunks(compress_zeros_as_gzip(10 * GB)),
    ),
    "gzip in gzip": (
        build_answer(
            gzip.compress(b"".join(compress_zeros_as_gzip(GB))), "Content-Encoding: gzip, gzip"
        ),
    ),
    "gzip in gzip, in two fields": (
        build_answer(b"", "Content-Encoding: gzip", "Content-Encoding: gzip", _CHUNKED),
        _encode_chunks(compress_zeros_as_gzip(GB)),
    ),
    "gzip of a million members": (
        _build_gzip_answer(),
        _encode_chunks(repeat(gzip.compress(b"") * 3000)),
    ),
    "deflate, unasked": (
        build_answer(b"", "Content-Encoding: deflate", _CHUNKED),
        _encode_chunks(compress_zeros_as_gzip(GB)),
    ),
    "brotli, unasked": (
        build_answer(b"", "Content-Encoding: br", _CHUNKED),
        _encode_chunks(compress_zeros_as_gzip(GB)),
    ),
    "zstd, unasked": (
        build_answer(b"", "Content-Encoding: zstd", _CHUNKED),
        _encode_chunks(compress_zeros_as_gzip(GB)),
    ),
    "a body without an end": (_TO_THE_END + b"\r\n", repeat_endlessly(bytes(65536))),
    "chunks without an end": (
        build_answer(b"", _CHUNKED),
        repeat_endlessly(b"10000\r\n" + bytes(65536) + b"\r\n"),
    ),
    "chunks of one byte": (build_answer(b"", _CHUNKED), repeat_endlessly(b"1\r\na\r\n" * 5000)),
    "empty gzip blocks": (
        _build_gzip_answer(),
        next(_encode_chunks(iter([next(compress_zeros_as_gzip(MB))]))),
        repeat_endlessly(b"5\r\n\x00\x00\x00\xff\xff\r\n" * 2000),
    ),
    "a chunk's extension without an end": (
        build_answer(b"", _CHUNKED),
        b"1;",
        repeat_endlessly(b"a" * 65536),
    ),
    "trailers without an end": (
        build_answer(b"", _CHUNKED),
        b"0\r\n",
        repeat_endlessly(b"A: b\r\n" * 9000),
    ),
    "a length of 10 GB": (
        build_answer(b"", f"Content-Length: {10 * GB}"),
        repeat_endlessly(bytes(65536)),
    ),
    "a length of 20 digits": (
        build_answer(b"", f"Content-Length: {'9' * 20}"),
        repeat_endlessly(bytes(65536)),
    ),
    "a length of 100,000 digits": (build_answer(b"", f"Content-Length: {'9' * 100_000}"),),
    "a status line without an end": (b"HTTP/1.1 200 ", repeat_endlessly(b"a" * 65536)),
    "a field without an end": (_HEAD + b"A: ", repeat_endlessly(b"a" * 65536)),
    "fields without an end": (_HEAD, repeat_endlessly(b"A: b\r\n" * 9000)),
    "folded fields without an end": (_HEAD + b"A: b\r\n", repeat_endlessly(b" c\r\n" * 9000)),
    "100,000 empty lines": (repeat_endlessly(b"\r\n" * 30_000),),
    "interim answers without an end": (
        repeat_endlessly(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" * 900),
    ),
    "redirects in a circle": (build_redirect("/"),),
    "a redirect of 90,000 characters": (build_redirect("/" + "a" * 90_000),),
    "a redirect with a body without an end": (
        b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
        repeat_endlessly(bytes(65536)),
    ),
    "an error with a body without an end": (
        b"HTTP/1.1 500 No\r\n\r\n",
        repeat_endlessly(bytes(65536)),
    ),
}

SLOW: dict[str, tuple[Part, ...]] = {
    "a byte of the body at a time": (
        build_answer(b"", "Content-Length: 600"),
        *_send_slowly(b"a" * 600),
    ),
    "a byte of the head at a time": _send_slowly(_HEAD + b"A: " + b"a" * 600),
    "a byte of gzip at a time": (
        _build_gzip_answer("Content-Length: 600"),
        *_send_slowly(gzip.compress(bytes(9 * MB))),
    ),
    "a chunk of one byte at a time": (
        build_answer(b"", _CHUNKED),
        *(part for _ in range(600) for part in (b"1\r\na\r\n", 0.1)),
    ),
    "an interim answer at a time": tuple(
        part for _ in range(600) for part in (b"HTTP/1.1 103 Early\r\n\r\n", 0.1)
    ),
    "silence": (60.0,),
    "silence after the head": (build_answer(b"", "Content-Length: 1"), 60.0),
}


def install_bombs(site: LoopbackSite) -> dict[str, str]:
    """Install all answers on `site`. Returns their names and addresses, each for one request."""
    urls = {}
    for number, (name, parts) in enumerate((LARGE | SLOW).items()):
        site.answer_with(f"/{number}", *parts)
        urls[name] = site.build_url(f"/{number}")
    site.answer_with("/", build_redirect("/"))
    return urls
