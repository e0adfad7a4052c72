"""What a press release has beside its text: subhead, quotes, notes to editors, whom to ask, and the
assets that journalists may use.

The headline is the article's title, the standfirst its summary, the dateline its dateline. Whoever
speaks for the organisation in the boilerplate is kept once (``boilerplates.py``); a release only
says whose it carries.
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
    """How an asset comes with the mail: named by a link, or attached."""

    LINK = "link"
    ATTACH = "attach"


@dataclass(frozen=True, slots=True)
class Quote:
    """What somebody says, and who they are."""

    text: str
    speaker: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class PressContact:
    """Whom journalists ask."""

    name: str
    role: str = ""
    phone: str = ""
    email: str = ""

    @property
    def dial(self) -> str:
        """The number as a ``tel:`` link has it (RFC 3966): digits, and the plus before them."""
        number = re.split(r"[a-z]", self.phone)[0]
        return re.sub(r"[^0-9+]", "", number)


@dataclass(frozen=True, slots=True)
class Asset:
    """A picture, document, sound or film to be used. It is at `url`, or one of our own files:
    `file` is the SHA-256 of its bytes, `name` what it is called there. `alt` says what a picture
    shows, `caption` what it is about, `terms` what may be done with it."""

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
    """`notes` to editors are Markdown, `notes_html` their sanitised rendering. `about` names the
    organisations whose boilerplate it carries, beside our own."""

    subhead: str = ""
    quotes: tuple[Quote, ...] = ()
    notes: str = ""
    notes_html: str = ""
    contacts: tuple[PressContact, ...] = ()
    assets: tuple[Asset, ...] = ()
    about: tuple[str, ...] = ()
