"""Read pictures that a person, an article or a document brings, as assets.

A picture's type, size and shape are checked from its first bytes. Only then, and only if the
picture is not stored yet, another process decodes it (``renditions.py``).
"""

import hashlib
from dataclasses import dataclass, field, replace
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
    the file for errors, with the line that names it. `source` are the picture's bytes, or the file
    from which they are read again when they are needed."""

    sha256: str
    name: str
    media_type: str
    suffix: str
    width: int
    height: int
    source: bytes | Path
    where: str
    _outcomes: list[list[Rendition] | InputError] = field(
        default_factory=list, init=False, repr=False, compare=False
    )
    """The renditions or their error, once the picture was decoded."""

    @property
    def content(self) -> bytes:
        """The picture's bytes. Raises InputError if its file has changed since it was read."""
        if isinstance(self.source, bytes):
            return self.source
        content = _read_bytes(self.source, self.where)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise InputError(
                f"the picture {self.name!r} changed while it was being imported",
                where=self.where,
                hint="import it again once it is complete",
            )
        return content

    @property
    def reference(self) -> str:
        return f"asset:{self.sha256}.{self.suffix}"

    def make_renditions(self) -> list[Rendition]:
        """Decode the picture in another process, once. Raises InputError."""
        if not self._outcomes:
            self._outcomes.append(self._decode())
        (outcome,) = self._outcomes
        if isinstance(outcome, InputError):
            raise outcome
        return outcome

    def _decode(self) -> list[Rendition] | InputError:
        try:
            return make_renditions(self.content, self.media_type, self.suffix, self.where)
        except InputError as error:
            return error


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
        source=content,
        where=where,
    )


def read_picture_file(path: Path, where: str = "") -> LocalPicture:
    """Read a picture that a person names. Raises InputError with `where`, or with the path."""
    where = where or str(path)
    return build_picture(_read_bytes(path, where), path.name, where)


def _read_bytes(path: Path, where: str) -> bytes:
    return read_named_file(path, LARGEST, where, too_large_hint="make it smaller")


def find_article_picture(folder: Path, file_name: str, where: str) -> Path:
    """Return the file to which an article's name of a picture leads, relative to the folder of the
    article's own file.

    Raises InputError with `where` for a file outside the folder, which includes one that a link
    leads to, and for a file that is missing."""
    name = unquote(file_name)
    if holds_control(name) or "\\" in name:
        raise InputError(
            "the picture's file name holds a backslash or a control character",
            where=where,
            hint="rename the file, or write / between folders",
        )
    try:
        path = resolve_named_file(folder, name, where)
    except InputError as error:
        raise InputError(f"{_shorten(name)}: {error.message}", where=where) from error
    if path is None:
        raise InputError(
            f"the picture {_shorten(name)} lies outside the folder of the article",
            where=where,
            hint="copy it into the folder of the article",
        )
    if not path.exists():
        raise InputError(
            f"there is no picture {_shorten(name)} in the folder of the article",
            where=where,
            hint="check its name, which is relative to the article's file; a web address begins "
            "with https://",
        )
    return path


def _shorten(name: str) -> str:
    return repr(name if len(name) <= MAX_SHOWN_NAME else f"{name[:MAX_SHOWN_NAME]}…")


def read_article_picture(path: Path, file_name: str, where: str) -> LocalPicture:
    """Read a picture that :func:`find_article_picture` has found. Its bytes are not held, since a
    folder may have many articles with large pictures. Raises InputError with `where`."""
    try:
        return replace(read_picture_file(path, where), source=path)
    except InputError as error:
        name = _shorten(unquote(file_name))
        raise InputError(f"{name}: {error.message}", where=where, hint=error.hint) from error


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
