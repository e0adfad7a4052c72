"""A body, no larger than was allowed, however it is packed.

One coding is asked for, gzip, and zlib unpacks it here with a bound on what it may give: a library
that unpacks each piece whole makes 64 MB of 64 KB before anybody can look, and the square of that
where a body is packed twice.
"""

import zlib
from collections.abc import Iterable, Iterator

from mailer.errors import FetchError

MOST_PIECES = 20_000
"""Pieces that a body may come in. Each costs 16 µs whatever it holds; real servers send
kilobytes in one."""

_GZIP = 16 + zlib.MAX_WBITS
_PACKED = {"gzip", "x-gzip"}
_PLAIN = {"", "identity"}


def read_body(pieces: Iterable[bytes], coding: str, size: int) -> bytes:
    """The body that `pieces` are, unpacked by `coding` (RFC 9110 §8.4.1): of at most `size` bytes.

    Raises FetchError as soon as it is too large, for a coding that was not asked for, and where a
    packed body ends early or goes on after its end. `pieces` are read no further than that."""
    if coding not in _PACKED | _PLAIN:
        raise FetchError(f"it came packed as {coding[:40]!r}, for which nobody asked", lasting=True)
    body = bytearray()
    counted = _counted(pieces)
    for piece in _unpacked(counted, size) if coding in _PACKED else counted:
        body += piece
        if len(body) > size:
            raise too_large(size)
    return bytes(body)


def too_large(size: int) -> FetchError:
    return FetchError(
        f"it is larger than {size:,} bytes", hint="give a smaller page, feed or file", lasting=True
    )


def _counted(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        if number >= MOST_PIECES:
            raise FetchError("it comes in too many small pieces", lasting=True)
        yield piece


def _unpacked(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    left = size
    for piece in pieces:
        if unpacker.eof:
            raise FetchError("its packed content goes on after its end")
        try:
            made = unpacker.decompress(piece, left + 1)
        except zlib.error as error:
            raise FetchError("its packed content can't be unpacked") from error
        left -= len(made)
        if left < 0:
            raise too_large(size)
        if unpacker.unused_data:
            raise FetchError("its packed content goes on after its end")
        yield made
    if not unpacker.eof:
        raise FetchError("its packed content ends early", hint="try again later")
