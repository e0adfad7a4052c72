"""Protocols of data that was read from files. `mailer/intake` reads the files, and the calling
command or worker passes the data to verbs."""

from collections.abc import Sequence
from typing import Protocol

from mailer.model.articles import Content
from mailer.model.assets import PictureFile
from mailer.model.embargoes import EmbargoTerms


class ReadAsset(Protocol):
    """A file that a release names, such as a picture. `sha256` is the hash of its bytes in hex."""

    @property
    def sha256(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...


class ReadArticle(Protocol):
    """An article read from a file. `dated` says whether the file gives a date of publication;
    `embargo` is the story's embargo, if the file states one; `files` are the files that a release
    offers to journalists, and `pictures` those that the article shows."""

    @property
    def content(self) -> Content | None: ...
    @property
    def dated(self) -> bool: ...
    @property
    def embargo(self) -> EmbargoTerms | None: ...
    @property
    def files(self) -> Sequence[ReadAsset]: ...
    @property
    def pictures(self) -> Sequence[PictureFile]: ...
