"""Read pictures that a person, an article or a document brings, as assets.

A picture's type, size and shape are checked from its first bytes. Only then, and only if the
picture is not stored yet, another process decodes it (``renditions.py``).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from mailer.errors import InputError
from mailer.intake.named_files import read_named_file, resolve_named_file
from mailer.intake.pictures import (
    LARGEST,
    PictureFacts,
    inspect_picture,
    is_progressive_jpeg,
    may_be_transparent,
)
from mailer.intake.renditions import make_renditions
from mailer.lines import holds_control
from mailer.model.assets import Rendition

MOST_PIXELS = 16_000_000
"""Maximum number of pixels of a PNG, GIF or WebP: decoding one takes four bytes for each of them.
A JPEG is decoded at a fraction of its size, and may have more."""

MOST_PROGRESSIVE_PIXELS = 25_000_000
"""Maximum number of pixels of a progressive JPEG, each of which takes up to six bytes."""

MAX_SHOWN_NAME = 100
"""Maximum number of characters of a file's name that an error shows."""

MIN_SIDE = 8
MAX_RATIO = 10
"""A picture is at most this many times as wide as it is high, or the other way round. In a mail, a
narrower one would be a line."""


@dataclass(frozen=True, slots=True)
class LocalPicture:
    """A picture that was read. Implements :class:`mailer.model.assets.PictureFile`. `where` names
    the file for errors, with the line that names it."""

    sha256: str
    name: str
    media_type: str
    suffix: str
    width: int
    height: int
    content: bytes
    where: str

    @property
    def reference(self) -> str:
        return f"asset:{self.sha256}.{self.suffix}"

    def make_renditions(self) -> list[Rendition]:
        """Decode the picture in another process. Raises InputError."""
        return make_renditions(self.content, self.media_type, self.suffix, self.where)


def build_picture(content: bytes, name: str, where: str) -> LocalPicture:
    """Return a picture as an asset's file, from its bytes. Raises InputError for a file that is not
    a JPEG, PNG, GIF or WebP, or whose size or shape is refused."""
    if content.lstrip()[:5].lower() in {b"<svg", b"<svg ", b"<?xml"}:
        raise InputError(
            "the picture is an SVG, which mail programs don't show",
            where=where,
            hint="save it as a PNG",
        )
    facts = inspect_picture(content, where)
    _check_size(facts, content, where)
    is_photo = facts.media_type == "image/jpeg" or (
        facts.media_type != "image/gif" and not may_be_transparent(content)
    )
    return LocalPicture(
        sha256=hashlib.sha256(content).hexdigest(),
        name=name,
        media_type=facts.media_type,
        suffix="jpg" if is_photo else "png",
        width=facts.width,
        height=facts.height,
        content=content,
        where=where,
    )


def read_picture_file(path: Path, where: str = "") -> LocalPicture:
    """Read a picture that a person names. Raises InputError with `where`, or with the path."""
    where = where or str(path)
    content = read_named_file(path, LARGEST, where, too_large_hint="make it smaller")
    return build_picture(content, path.name, where)


def read_article_picture(folder: Path, file_name: str, where: str) -> LocalPicture:
    """Read a picture that an article names, relative to the folder of the article's own file.

    Raises InputError with `where` for a file outside the folder, which includes one that a link
    leads to, and for a file that is missing or is not a picture."""
    name = unquote(file_name)
    if holds_control(name) or "\\" in name:
        raise InputError(
            "the picture's file name holds a backslash or a control character",
            where=where,
            hint="rename the file, or write / between folders",
        )
    shown_name = name if len(name) <= MAX_SHOWN_NAME else f"{name[:MAX_SHOWN_NAME]}…"
    try:
        path = resolve_named_file(folder, name, where)
        if path is not None and path.exists():
            return read_picture_file(path, where)
    except InputError as error:
        raise InputError(f"{shown_name!r}: {error.message}", where=where, hint=error.hint) from error
    if path is None:
        raise InputError(
            f"the picture {shown_name!r} lies outside the folder of the article",
            where=where,
            hint="copy it into the folder of the article",
        )
    raise InputError(
        f"there is no picture {shown_name!r} in the folder of the article",
        where=where,
        hint="check its name, which is relative to the article's file; a web address begins "
        "with https://",
    )


def _check_size(facts: PictureFacts, content: bytes, where: str) -> None:
    shape = f"{facts.width} × {facts.height}"
    most_pixels = 0
    if facts.media_type != "image/jpeg":
        most_pixels = MOST_PIXELS
    elif is_progressive_jpeg(content):
        most_pixels = MOST_PROGRESSIVE_PIXELS
    if most_pixels and facts.width * facts.height > most_pixels:
        raise InputError(
            f"the picture has more than {most_pixels // 1_000_000} megapixels ({shape}), "
            "which only a JPEG that is not progressive may have",
            where=where,
            hint="make it smaller, or save it as such a JPEG",
        )
    shorter, longer = sorted((facts.width, facts.height))
    if shorter < MIN_SIDE or longer > shorter * MAX_RATIO:
        raise InputError(
            f"the picture is too small or too narrow ({shape})",
            where=where,
            hint=f"its sides must have at least {MIN_SIDE} pixels, and one at most {MAX_RATIO} "
            "times the other",
        )
