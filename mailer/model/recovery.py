"""The records by which a restored or copied database is recognised."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailer.errors import NextStep


class DatabaseState(StrEnum):
    """The state of a database, as the database has it. ``restored``: it was restored from a
    backup, or its history went back, and a person has not decided yet. ``clone``: a person said
    that it is a copy, which is always in safe mode. ``moving``: it is being copied to another
    database, which takes over. ``moved``: the other database has taken over."""

    ACTIVE = "active"
    RESTORED = "restored"
    CLONE = "clone"
    MOVING = "moving"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class DatabaseIdentity:
    """The identity of a database, and its generation, which grows while a process delivers.
    `former_location`: where the database was before it was moved, or empty."""

    identity: str
    generation: int
    state: DatabaseState
    reason: str
    since: datetime
    former_location: str = ""


@dataclass(frozen=True, slots=True)
class Marker:
    """The note outside the database, one on each host: the last generation that a process of this
    host saw of the database `identity`, and where the database was. `heartbeats` holds the last
    heartbeat that each delivering process of this host wrote, by the number of its worker."""

    identity: str
    generation: int
    location: str
    heartbeats: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DatabaseEvent:
    """A backup, a restoration, or another event in the life of the database."""

    at: datetime
    event_type: str
    actor: str
    detail: str


class Recognition(StrEnum):
    """The outcome of comparing a database with the marker of this host."""

    RECOGNISED = "recognised"
    NEW = "new"
    """No process has ever delivered from the database."""
    RESTORED = "restored"
    OLDER = "older"
    """This host has delivered from a later state of the database."""
    COPIED = "copied"
    """This host delivers from the same database at another place."""
    MOVED = "moved"
    """Another database takes over from it, or has taken over."""
    NO_MARKER = "no marker"
    """Processes have delivered from the database, but none on this host."""

    @property
    def may_deliver(self) -> bool:
        return self in {Recognition.RECOGNISED, Recognition.NEW}


@dataclass(frozen=True, slots=True)
class DatabaseRefusal:
    """The refusal to send from a database: the reason and the advice in words, and the next steps.
    A copy is not to be made the office's own by mistake, so it has no step that does so."""

    recognition: Recognition
    reason: str
    hint: str
    next_steps: tuple[NextStep, ...]


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """The changes that accepting a restored database has made: `in_doubt` has the number of
    deliveries put in doubt, by the id of the edition; `sign_ups` counts the sign-ups that get no
    mail."""

    in_doubt: dict[int, int]
    editions_on_hold: tuple[int, ...]
    occurrences_on_hold: int
    sign_ups: int
