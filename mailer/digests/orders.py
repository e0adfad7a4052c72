"""What staff decide about a digest: its order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from mailer import languages
from mailer.articles import Story
from mailer.audience.lists import check_line, check_slug
from mailer.editions import MOST_STORIES, Edition, NewEdition
from mailer.errors import InputError, NotFound


class WhenEmpty(StrEnum):
    """What becomes of an edition with too few stories."""

    SKIP = "skip"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Order:
    """What staff decide about a digest. `topics` none: stories of any topic. `fewest` below which
    an edition is empty; `most` above which stories wait for the next."""

    slug: str
    name: str
    list: str
    segment: str = ""
    topics: tuple[str, ...] = ()
    template: str = "digest"
    subject: str = ""
    language: str = "en"
    fewest: int = 1
    most: int = 20
    when_empty: WhenEmpty = WhenEmpty.SKIP


@dataclass(frozen=True, slots=True)
class Digest:
    id: int
    order: Order
    created_at: datetime
    updated_at: datetime
    stories_run: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Stories for an edition in their order, those that wait for the next one, and why there are
    too few (empty when there are enough)."""

    stories: tuple[Story, ...]
    waiting: tuple[Story, ...]
    too_few: str = ""


class DigestStore(Protocol):
    """What the verbs here need kept."""

    def digests(self) -> list[Digest]: ...
    def add(self, order: Order, now: datetime) -> Digest: ...
    def edit(self, digest: Digest, order: Order, now: datetime) -> Digest: ...
    def candidates(self, digest: Digest) -> list[Story]: ...
    def reserve(self, digest: Digest, edition: Edition, slugs: Sequence[str]) -> None: ...
    def create_edition(self, new: NewEdition, now: datetime) -> Edition: ...


def check(order: Order) -> Order:
    """The order in canonical form. Raises InputError naming the field."""
    check_slug(order.slug, "digest")
    if not 1 <= order.fewest <= order.most <= MOST_STORIES:
        raise InputError(
            f"from {order.fewest} to {order.most} stories is not possible",
            where="--fewest, --most",
            hint=f"give 1 <= fewest <= most <= {MOST_STORIES}",
        )
    return replace(
        order,
        name=check_line(order.name, "name"),
        subject=check_line(order.subject, "subject", required=False),
        language=languages.normalise(order.language),
        topics=tuple(dict.fromkeys(order.topics)),
    )


def add(store: DigestStore, order: Order, now: datetime) -> Digest:
    """A new digest. Raises InputError when there is one of that slug."""
    order = check(order)
    if any(known.order.slug == order.slug for known in store.digests()):
        raise InputError(f"there is a digest {order.slug!r} already", hint="change it with `edit`")
    return store.add(order, now)


def edit(store: DigestStore, slug: str, changes: Mapping[str, Any], now: datetime) -> Digest:
    """Change a digest. Editions that it has made stay as they are."""
    known = get(store, slug)
    order = check(replace(known.order, **changes))
    return known if order == known.order else store.edit(known, order, now)


def get(store: DigestStore, slug: str) -> Digest:
    for known in store.digests():
        if known.order.slug == slug:
            return known
    raise NotFound(f"there is no digest {slug!r}", hint="see `mailer digest list`")
