"""Sources: where articles come from by themselves. A feed, a WordPress site, or a folder of files
that somebody writes into.

What a source brings is a draft until somebody queues it, unless the source is trusted to queue. An
entry is known by its key in the source, and by its content: one that comes again changes nothing, a
changed one revises the draft. What staff have queued is revised only by a source that may queue:
nothing from outside changes what was chosen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from mailer import languages
from mailer.articles import Kind
from mailer.audience.lists import check_line, check_slug
from mailer.errors import InputError, NotFound, Refused
from mailer.lines import without_control

SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(days=7)
USUAL = timedelta(minutes=30)
MOST_BACK_OFF = timedelta(days=1)
"""How long a source that fails is left alone at most."""


class SourceKind(StrEnum):
    FEED = "feed"
    WORDPRESS = "wordpress"
    FOLDER = "folder"


class SourceState(StrEnum):
    """A source that is gone for good (410) is stopped; staff may let it go on."""

    ACTIVE = "active"
    STOPPED = "stopped"


class Arrival(StrEnum):
    """What becomes of what a source brings."""

    DRAFT = "draft"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Order:
    """What staff say of a source. `place` is an address, or a folder's path. `kind`, `language`
    and `topics` are for what doesn't say; topics are slugs."""

    name: str
    kind: SourceKind
    place: str
    every: timedelta = USUAL
    arrival: Arrival = Arrival.DRAFT
    article_kind: Kind = Kind.NEWS
    language: str = ""
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """`etag` and `last_modified` are what the server said of what it gave last (RFC 9110 §8.8).
    `failures` counts those since the last success, `said` is what came of the last look."""

    id: int
    order: Order
    state: SourceState
    etag: str
    last_modified: str
    failures: int
    said: str
    next_at: datetime
    looked_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """An entry that a source has brought: by its `key` there; `fingerprint` is that of what it
    brought last."""

    key: str
    fingerprint: str
    slug: str
    language: str


class SourceStore(Protocol):
    """What the verbs here need kept."""

    def sources(self) -> Sequence[Source]: ...
    def now(self, source: Source) -> Source | None: ...
    def add(self, order: Order, now: datetime) -> Source: ...
    def keep(self, source: Source) -> None: ...
    def remove(self, source: Source) -> None: ...
    def item(self, source: Source, key: str) -> Item | None: ...
    def by_fingerprint(self, source: Source, fingerprint: str) -> Item | None: ...
    def keep_item(self, source: Source, item: Item, now: datetime) -> None: ...


def add(store: SourceStore, order: Order, now: datetime) -> Source:
    """A new source, which is looked at next. Raises InputError naming the field."""
    check_slug(order.name, "source")
    if any(one.order.name == order.name for one in store.sources()):
        raise InputError(
            f"there is a source {order.name!r} already", hint="see `mailer source list`"
        )
    if not SHORTEST <= order.every <= LONGEST:
        raise InputError("it is not between 5m and 7d", where="--every", hint="such as 30m or 6h")
    return store.add(
        replace(
            order,
            place=check_line(order.place, "place"),
            language=languages.normalise(order.language) if order.language else "",
            topics=tuple(dict.fromkeys(order.topics)),
        ),
        now,
    )


def get(store: SourceStore, name: str) -> Source:
    """One source. Raises NotFound."""
    for one in store.sources():
        if one.order.name == name:
            return one
    raise NotFound(f"there is no source {name!r}", hint="see `mailer source list`")


def due(store: SourceStore, now: datetime) -> list[Source]:
    """Those to look at now, the longest due first."""
    found = [
        one for one in store.sources() if one.state is SourceState.ACTIVE and one.next_at <= now
    ]
    return sorted(found, key=lambda one: one.next_at)


def still(store: SourceStore, source: Source) -> Source:
    """The source as it is now. Raises Refused where it was removed, or looks elsewhere by now: what
    was found at its old place is not its own any more."""
    known = store.now(source)
    if known is None or (known.order.kind, known.order.place) != (
        source.order.kind,
        source.order.place,
    ):
        raise Refused(
            f"the source {source.order.name} was removed or changed while it was looked at",
            hint="nothing of what was found is kept",
        )
    return known


def looked(
    store: SourceStore,
    source: Source,
    said: str,
    now: datetime,
    *,
    etag: str = "",
    last_modified: str = "",
    place: str = "",
) -> Source:
    """A look that went well. `place` is where it has moved to for good."""
    made = replace(
        source,
        order=replace(source.order, place=place or source.order.place),
        etag=etag,
        last_modified=last_modified,
        failures=0,
        said=without_control(said),
        looked_at=now,
        next_at=now + source.order.every,
    )
    store.keep(made)
    return made


def failed(
    store: SourceStore,
    source: Source,
    why: str,
    now: datetime,
    *,
    for_good: bool = False,
    retry_after: float = 0.0,
) -> Source:
    """A look that failed: the next is later each time, and not before `retry_after` seconds. One
    that is gone `for_good` is stopped."""
    failures = source.failures + 1
    wait = min(source.order.every * 2 ** min(failures - 1, 10), MOST_BACK_OFF)
    wait = max(wait, timedelta(seconds=min(retry_after, LONGEST.total_seconds())))
    made = replace(
        source,
        failures=failures,
        said=without_control(why),
        looked_at=now,
        next_at=now + wait,
        state=SourceState.STOPPED if for_good else source.state,
    )
    store.keep(made)
    return made


def let_go_on(store: SourceStore, source: Source, now: datetime) -> Source:
    """Look at a source again that was stopped, or has failed, at once."""
    made = replace(source, state=SourceState.ACTIVE, failures=0, next_at=now)
    store.keep(made)
    return made
