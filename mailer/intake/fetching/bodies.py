"""Read a response's body within a maximum size, compressed or not.

Requests accept one coding, gzip, and zlib unpacks it here with a limit on its output. A library
that unpacks each piece whole would turn 64 KB into 64 MB before any check: a factor of 1,000, and
of 1,000,000 if a body is compressed twice.
"""

import zlib
from collections.abc import Iterable, Iterator

from mailer.errors import FetchError

MAX_PIECES = 20_000
"""Maximum number of pieces of a body. Each piece costs 16 µs, however small it is; real servers
send kilobytes in one piece."""

_GZIP = 16 + zlib.MAX_WBITS
_PACKED = {"gzip", "x-gzip"}
_PLAIN = {"", "identity"}


def read_body(pieces: Iterable[bytes], coding: str, max_size: int) -> bytes:
    """Join `pieces` to a body, unpacked by `coding` (RFC 9110 §8.4.1).

    Raises FetchError as soon as the body exceeds `max_size` bytes or has too many pieces. Also
    raises it for a coding that was not requested, and if a compressed body is broken, ends early or
    continues after its end. After an error, `pieces` are not read further."""
    if coding not in _PACKED | _PLAIN:
        raise FetchError(
            f"the content is packed as {coding[:40]!r}, which was not requested", is_permanent=True
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
        f"the content is larger than {max_size:,} bytes",
        hint="use a smaller page, feed or file",
        is_permanent=True,
    )


def _limit_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        if number >= MAX_PIECES:
            raise FetchError("the content comes in too many small pieces", is_permanent=True)
        yield piece


def _decompress_pieces(pieces: Iterable[bytes], max_size: int) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(_GZIP)
    remaining = max_size
    for piece in pieces:
        if decompressor.eof:
            raise FetchError("the packed content goes on after its end")
        try:
            unpacked = decompressor.decompress(piece, remaining + 1)
        except zlib.error as error:
            raise FetchError("the packed content can't be unpacked") from error
        remaining -= len(unpacked)
        if remaining < 0:
            raise create_size_error(max_size)
        if decompressor.unused_data:
            raise FetchError("the packed content goes on after its end")
        yield unpacked
    if not decompressor.eof:
        raise FetchError("the packed content ends early", hint="try again later")
