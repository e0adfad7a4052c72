"""The records of counted clicks. They name no person."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailer.model.editions import Edition, EditionBody


class Clicker(StrEnum):
    """The probable cause of a click."""

    READER = "reader"
    MACHINE = "machine"
    """A scanner of a mail provider or of an office, as far as its behaviour shows."""


@dataclass(frozen=True, slots=True)
class ClickCount:
    """The clicks on links of one story in one edition, within the hour that begins at `hour`
    (UTC)."""

    edition_id: int
    story: str
    hour: datetime
    clicker: Clicker
    clicks: int


@dataclass(frozen=True, slots=True)
class CountedBody:
    """A frozen body with its edition, for looking up a link's target."""

    edition: Edition
    body: EditionBody
