"""Decoding new pictures before the transaction that stores them.

Decoding takes seconds, and while one connection writes to SQLite, no other one can.
"""

from collections.abc import Iterable
from contextlib import suppress

from mailer.errors import InputError
from mailer.model.assets import PictureFile
from mailer.model.transaction import Database

MAX_HELD_BYTES = 200_000_000
"""Total size of the renditions that are made beforehand. Those of most photographs have less than
half a megabyte. Pictures beyond it are decoded when they are added."""


def decode_pictures(database: Database, pictures: Iterable[PictureFile]) -> None:
    """Decode the pictures that are not stored yet, without a transaction. The caller adds them
    afterwards; only then is the error of a picture raised that can't be decoded."""
    pictures = tuple(pictures)
    if not pictures:
        return
    with database.read() as tx:
        new_pictures = [
            picture for picture in pictures if tx.assets.find_asset(picture.sha256) is None
        ]
    held_bytes = 0
    for picture in new_pictures:
        if held_bytes > MAX_HELD_BYTES:
            break
        with suppress(InputError):
            held_bytes += sum(len(rendition.content) for rendition in picture.make_renditions())
