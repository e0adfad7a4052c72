"""The records of assets: pictures that the office stores once and uses in mails and on pages.

Articles name an asset by its reference, ``asset:`` and the SHA-256 of its file. The rules are in
``mailer/assets``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

RENDITION_WIDTHS = (1104, 552)
"""Widths in pixels of a picture's renditions, the widest first. A mail's column is 552 pixels wide,
and screens with twice the pixels show the wider one."""

SUFFIXES_BY_TYPE = {"image/jpeg": "jpg", "image/png": "png"}
"""Ends of the renditions' file names by media type. All mail programs show these two types."""


class AssetOutcome(StrEnum):
    """The result of adding or editing an asset."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Rendition:
    """A picture as mails and pages show it: without metadata, upright, and at most `max_width`
    pixels wide."""

    max_width: int
    width: int
    height: int
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class PictureAsset:
    """A stored picture. `sha256` is the hash of its original file in hex, and `name` the file's
    name. `suffix` is the end of its renditions' names: jpg or png.

    `alts` and `captions` are by language. `terms` are the conditions of use, and `terms_end` the
    last day on which the office may use the picture, if there is one."""

    sha256: str
    name: str
    media_type: str
    suffix: str
    width: int
    height: int
    size: int
    alts: Mapping[str, str] = field(default_factory=dict)
    captions: Mapping[str, str] = field(default_factory=dict)
    credit: str = ""
    terms: str = ""
    terms_end: date | None = None
    added_by: str = ""
    created_at: datetime = field(kw_only=True)
    updated_at: datetime = field(kw_only=True)

    @property
    def reference(self) -> str:
        """The text by which articles and settings name this asset."""
        return f"asset:{self.sha256}.{self.suffix}"


@dataclass(frozen=True, slots=True)
class AssetChanges:
    """The texts of an asset that change; None leaves one as it is. `alt` and `caption` are in
    `language`; an empty text removes one. `removes_terms_end`: the terms no longer end."""

    language: str
    alt: str | None = None
    caption: str | None = None
    credit: str | None = None
    terms: str | None = None
    terms_end: date | None = None
    removes_terms_end: bool = False


class PictureFile(Protocol):
    """A picture that was read from a file, a document or the web. `suffix` is the end of its
    renditions' names. Nothing is decoded before :meth:`make_renditions`, which decodes once, and
    raises InputError, the same one each time."""

    @property
    def sha256(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def content(self) -> bytes: ...
    def make_renditions(self) -> Sequence[Rendition]: ...
