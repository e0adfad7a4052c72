"""Digests and what they made, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mailer.articles import Story
from mailer.audience.lists import Frequency
from mailer.digests import Digest, Order
from mailer.editions import Edition, NewEdition
from tests.unit.samples import edition

ORDER = Order(slug="weekly", name="The week", list="news")


class Desk:
    def __init__(self, *found: Story) -> None:
        self.kept: list[Digest] = []
        self.found = list(found)
        self.choosers: dict[tuple[str, Frequency], int] = {}
        self.embargoes: dict[str, datetime] = {}
        self.reserved: list[tuple[int, tuple[str, ...]]] = []

    def digests(self) -> list[Digest]:
        return self.kept

    def add(self, order: Order, now: datetime) -> Digest:
        self.kept.append(Digest(len(self.kept) + 1, order, now, now))
        return self.kept[-1]

    def edit(self, digest: Digest, order: Order, now: datetime) -> Digest:
        changed = replace(digest, order=order, updated_at=now)
        self.kept[self.kept.index(digest)] = changed
        return changed

    def chose(self, list_slug: str, frequency: Frequency) -> int:
        return self.choosers.get((list_slug, frequency), 0)

    def candidates(self, digest: Digest) -> list[Story]:
        return self.found

    def held(self, moment: datetime) -> frozenset[str]:
        return frozenset(slug for slug, ends in self.embargoes.items() if moment < ends)

    def reserve(self, digest: Digest, edition: Edition, slugs: Sequence[str]) -> None:
        self.reserved.append((edition.id, tuple(slugs)))

    def create_edition(self, new: NewEdition, now: datetime) -> Edition:
        fields = {name: getattr(new, name) for name in NewEdition.__dataclass_fields__}
        return edition(**fields | {"opening": {}, "created_at": now})
