"""Digests and what they made, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from mailer.actor import Actor
from mailer.model.articles import Story
from mailer.model.digests import Digest, DigestSettings
from mailer.model.editions import Edition, NewEdition
from mailer.model.lists import Frequency
from tests.unit.samples import make_edition

SETTINGS = DigestSettings(slug="weekly", name="The week", list="news")


class FakeDigestStore:
    def __init__(self, *stories: Story) -> None:
        self.saved_digests: list[Digest] = []
        self.stories = list(stories)
        self.member_counts: dict[tuple[str, Frequency], int] = {}
        self.embargoes: dict[str, datetime] = {}
        self.unsent_counts: dict[int, int] = {}
        self.reserved: list[tuple[int, tuple[str, ...]]] = []

    def list_digests(self, *, counted: bool = False) -> list[Digest]:
        return self.saved_digests

    def add_digest(self, settings: DigestSettings, now: datetime) -> Digest:
        self.saved_digests.append(Digest(len(self.saved_digests) + 1, settings, now, now))
        return self.saved_digests[-1]

    def update_digest(self, digest: Digest, settings: DigestSettings, now: datetime) -> Digest:
        changed = replace(digest, settings=settings, updated_at=now)
        self.saved_digests[self.saved_digests.index(digest)] = changed
        return changed

    def count_members_by_frequency(self, list_slug: str, frequency: Frequency) -> int:
        return self.member_counts.get((list_slug, frequency), 0)

    def list_candidate_stories(self, digest: Digest) -> list[Story]:
        return self.stories

    def find_embargoed_slugs(self, moment: datetime) -> frozenset[str]:
        return frozenset(slug for slug, ends in self.embargoes.items() if moment < ends)

    def reserve_stories(self, digest: Digest, edition: Edition, slugs: Sequence[str]) -> None:
        self.reserved.append((edition.id, tuple(slugs)))

    def count_unsent_stories(self, digest: Digest) -> dict[int, int]:
        return self.unsent_counts

    def find_last_number(self, digest: Digest) -> int:
        return 0

    def create_edition(self, new: NewEdition, now: datetime, actor: Actor) -> Edition:
        fields = {name: getattr(new, name) for name in NewEdition.__dataclass_fields__}
        return make_edition(**fields | {"opening": {}, "created_at": now})
