"""The actor of a change. Every verb that writes takes an :class:`Actor`, and saves the actor's key
in its records."""

from dataclasses import dataclass
from enum import StrEnum

from mailer.errors import InputError
from mailer.lines import find_mixed_word, fold_name, holds_control

MAX_NAME_LENGTH = 100
"""Maximum number of characters of a person's name."""


class ActorKind(StrEnum):
    """Where an actor comes from: a login on the local command line, a member of staff who holds a
    signed link, the worker, a source of articles, or a subscriber's own link."""

    LOCAL = "local"
    STAFF = "staff"
    WORKER = "worker"
    SOURCE = "source"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or process that acts. `id` identifies the actor among those of its kind; `name` is
    for people to read and may change. `other_keys` are the keys under which the same person acts
    elsewhere, for example by a signed link instead of on the command line."""

    kind: ActorKind
    id: str
    name: str
    other_keys: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The actor's kind and id in one string, as tables store it: ``local:amina``."""
        return f"{self.kind}:{self.id}"

    def is_same_person(self, key: str) -> bool:
        """Check whether a stored key is one of this actor's keys."""
        return key == self.key or key in self.other_keys

    def __str__(self) -> str:
        return self.name


def create_local_actor(login: str, note: str = "") -> Actor:
    """Create the actor of a local command. The `login` identifies the person; logins that differ
    only in case, width or punctuation count as the same. A `note` is how the person calls
    themselves: it stands before the login in the actor's name, and proves nothing."""
    name = f"{note} ({login})" if note and fold_name(note) != fold_name(login) else login
    return Actor(ActorKind.LOCAL, fold_name(login), name)


def build_local_key(login: str) -> str:
    """Return the key of the person with this login."""
    return create_local_actor(login).key


def build_actor(key: str, name: str) -> Actor:
    """Build the actor with a stored key and name."""
    kind, _, actor_id = key.partition(":")
    return Actor(ActorKind(kind), actor_id, name)


WORKER = Actor(ActorKind.WORKER, "worker", "the worker")
DELIVERY = Actor(ActorKind.WORKER, "delivery", "delivery")
"""The delivering part of a worker, which pauses an edition that no relay accepts."""

SUBSCRIBER = Actor(ActorKind.SUBSCRIBER, "subscriber", "the subscriber")

_PROCESS_NAMES = frozenset(fold_name(actor.name) for actor in (WORKER, DELIVERY, SUBSCRIBER))
"""The folded names by which records call processes and readers. No person may use such a name."""


def check_person_name(name: str) -> str:
    """Return the name that a person who acts gives on the command line, on one line.

    Raises InputError for a name that is too long, holds control characters, holds neither letters
    nor digits, belongs to a process, or mixes scripts within a word: "Аna" with a Cyrillic А would
    pass as a second person."""
    line = " ".join(name.split())
    if not line:
        raise InputError("it is empty", field="by", hint="give it some text")
    if holds_control(line):
        raise InputError("it holds control characters", field="by", hint="remove them")
    if len(line) > MAX_NAME_LENGTH:
        raise InputError(
            f"the name has {len(line):,} characters, and may have {MAX_NAME_LENGTH}",
            field="by",
            hint="shorten it",
        )
    if not any(character.isalnum() for character in fold_name(line)):
        raise InputError(
            f"{line!r} is not a person's name",
            field="by",
            hint="write the name of the person who acts, with at least one letter",
        )
    if mixed_word := find_mixed_word(line):
        raise InputError(
            f"{mixed_word!r} mixes letters of different alphabets that look alike",
            field="by",
            hint="write each word of the name in one alphabet",
        )
    if fold_name(line) in _PROCESS_NAMES or line.casefold().startswith("source "):
        raise InputError(
            f"{line!r} is how records name a process",
            field="by",
            hint="write the name of the person who acts",
        )
    return line
