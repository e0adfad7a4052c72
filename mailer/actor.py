"""The actor of a change: every verb that writes takes an :class:`Actor`, and saves it in its
records."""

from dataclasses import dataclass
from enum import StrEnum

from mailer.lines import fold_name


class ActorKind(StrEnum):
    """Where an actor comes from: the local command line, the worker, a source of articles, or a
    subscriber's own link."""

    LOCAL = "local"
    WORKER = "worker"
    SOURCE = "source"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or process that acts. `id` identifies the actor among those of its kind; `name` is
    for people to read and may change."""

    kind: ActorKind
    id: str
    name: str

    @property
    def key(self) -> str:
        """The actor's kind and id in one string, as tables store it: ``local:amina``."""
        return f"{self.kind}:{self.id}"

    def is_same_person(self, key: str) -> bool:
        """Check whether a stored key is this actor's."""
        return self.key == key

    def __str__(self) -> str:
        return self.name


def create_local_actor(name: str) -> Actor:
    """Create the actor of a local command. The command line knows people only by name, so names
    that differ only in case, width or spaces identify the same person."""
    return Actor(ActorKind.LOCAL, fold_name(name), name)


WORKER = Actor(ActorKind.WORKER, "worker", "the worker")
DELIVERY = Actor(ActorKind.WORKER, "delivery", "delivery")
"""The delivering part of a worker, which pauses an edition that no relay accepts."""

SUBSCRIBER = Actor(ActorKind.SUBSCRIBER, "subscriber", "the subscriber")
