"""Streams of many zeros, compressed a thousandfold, made without compressing all of them."""

import zlib
from collections.abc import Iterator

MB = 1 << 20


def compress_zeros(size: int) -> Iterator[bytes]:
    """Yield a deflate stream of `size` zeros, in pieces of a MB each.

    After a full flush the compressor forgets its history, so one piece can be repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(size // MB):
        yield piece
    yield b"\x03\x00"  # an empty last block


def compress_zeros_as_gzip(size: int) -> Iterator[bytes]:
    yield b"\x1f\x8b\x08\x00" + bytes(5) + b"\xff"
    yield from compress_zeros(size)
    yield bytes(8)
