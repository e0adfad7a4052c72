"""A body, no larger than was allowed, however it is packed.

One coding is asked for, gzip, and zlib unpacks it here with a bound on what it may give: a library
that unpacks each piece whole makes 64 MB of 64 KB before anybody can look, and the square of that
where a body is packed twice.
"""

import zlib
from collections.abc import Iterable, Iterator

from mailer.errors import FetchError

MAX_PIECES = 20_000
"""Pieces that a body may come in. Each costs 16 µs whatever it holds; real servers send
kilobytes in one."""

_GZIP = 16 + zlib.MAX_WBITS
_PACKED = {"gzip", "x-gzip"}
_PLAIN = {"", "identity"}


def read_body(pieces: Iterable[bytes], coding: str, max_size: int) -> bytes:
    """The body that `pieces` are, unpacked by `coding` (RFC 9110 §8.4.1): of at most `size` bytes.

    Raises FetchError as soon as it is too large, for a coding that was not asked for, and where a
    packed body ends early or goes on after its end. `pieces` are read no further than that."""
    if coding not in _PACKED | _PLAIN:
        raise FetchError(
            f"it came packed as {coding[:40]!r}, for which nobody asked", is_permanent=True
        )
    body = bytearray()
    counted_pieces = _limit_pieces(pieces)
    for piece in (
        _decompress_pieces(counted_pieces, max_size) if coding in _PACKED else counted_pieces
    ):
        body += piece
        if len(body) > max_size:
            raise create_size_error(max_size)
    return bytes(body)


def create_size_error(max_size: int) -> FetchError:
    return FetchError(
        f"it is larger than {max_size:,} bytes",
        hint="give a smaller page, feed or file",
        is_permanent=True,
    )


def _limit_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        if number >= MAX_PIECES:
            raise FetchError("it comes in too many small pieces", is_permanent=True)
        yield piece


def _decompress_pieces(pieces: Iterable[bytes], max_size: int) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(_GZIP)
    remaining = max_size
    for piece in pieces:
        if decompressor.eof:
            raise FetchError("its packed content goes on after its end")
        try:
            unpacked = decompressor.decompress(piece, remaining + 1)
        except zlib.error as error:
            raise FetchError("its packed content can't be unpacked") from error
        remaining -= len(unpacked)
        if remaining < 0:
            raise create_size_error(max_size)
        if decompressor.unused_data:
            raise FetchError("its packed content goes on after its end")
        yield unpacked
    if not decompressor.eof:
        raise FetchError("its packed content ends early", hint="try again later")
