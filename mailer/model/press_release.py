"""The records of a press release's own fields: subhead, quotes, notes to editors, press contacts,
and the assets that journalists may use. The headline is the article's title, and the standfirst is
its summary.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class AssetKind(StrEnum):
    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"


class Carriage(StrEnum):
    """The way in which an asset comes with the mail: as a link or attached."""

    LINK = "link"
    ATTACH = "attach"


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote, its speaker and the speaker's role."""

    text: str
    speaker: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class PressContact:
    """A person for journalists to contact."""

    name: str
    role: str = ""
    phone: str = ""
    email: str = ""

    @property
    def dial(self) -> str:
        """The number for a ``tel:`` link (RFC 3966): digits, after a plus if there is one."""
        number = re.split(r"[a-z]", self.phone)[0]
        return re.sub(r"[^0-9+]", "", number)


@dataclass(frozen=True, slots=True)
class Asset:
    """A picture, document, sound or film for journalists. It is either at `url` or a stored file;
    then `file` is the SHA-256 of its bytes, and `name` its file name. `alt` describes a picture,
    `caption` explains it, and `terms` are the conditions of its use."""

    kind: AssetKind
    title: str
    url: str = ""
    file: str = ""
    name: str = ""
    media_type: str = ""
    size: int = 0
    credit: str = ""
    caption: str = ""
    alt: str = ""
    terms: str = ""
    carriage: Carriage = Carriage.LINK


@dataclass(frozen=True, slots=True)
class Release:
    """The fields of a press release. `notes` to editors are Markdown, `notes_html` their sanitised
    rendering. `about` names the organisations whose boilerplate the release carries in addition to
    our own."""

    subhead: str = ""
    quotes: tuple[Quote, ...] = ()
    notes: str = ""
    notes_html: str = ""
    contacts: tuple[PressContact, ...] = ()
    assets: tuple[Asset, ...] = ()
    about: tuple[str, ...] = ()
