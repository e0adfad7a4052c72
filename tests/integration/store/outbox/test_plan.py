"""The plan of an edition's deliveries, checked against the same rules in plain Python."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from mailer import editions, languages
from mailer.app import Mailer
from mailer.audience import preferences, segments, subscribers
from mailer.audience.lists import get_topics
from mailer.errors import ComposeError, ConcurrencyError
from mailer.model.deliveries import Exclusion
from mailer.model.editions import EditionBody
from mailer.model.lists import Frequency
from mailer.model.subscribers import MembershipState, Person
from mailer.outbox import explain_outcome
from mailer.store import Store
from mailer.store.schema import delivery
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import NOW

DEFAULT = "en"


@dataclass(frozen=True)
class StoryVersion:
    """A story: its languages, and the topics that each translation names."""

    languages: frozenset[str]
    topics: frozenset[str]


@dataclass(frozen=True)
class Reader:
    topics: frozenset[str]
    own_language: str
    list_language: str
    country: str
    state: MembershipState
    is_suppressed: bool
    is_elsewhere: bool
    frequency: Frequency
    is_paused: bool

    @property
    def language(self) -> str:
        return self.list_language or self.own_language or "fr"


story_versions = st.builds(
    StoryVersion,
    languages=st.frozensets(st.sampled_from(["en", "fr", "ar"]), min_size=1),
    topics=st.frozensets(st.sampled_from(factories.TOPICS), max_size=2),
)
tags = st.sampled_from(["", "en", "fr", "ar", "en-GB", "fr-CA", "pt"])
readers = st.builds(
    Reader,
    topics=st.frozensets(st.sampled_from(factories.TOPICS)),
    own_language=tags,
    list_language=tags,
    country=st.sampled_from(["GB", "FR"]),
    state=st.sampled_from([*[MembershipState.ACTIVE] * 5, *MembershipState]),
    is_suppressed=st.sampled_from([True, *[False] * 5]),
    is_elsewhere=st.sampled_from([True, *[False] * 5]),
    frequency=st.sampled_from([*[Frequency.EVERY] * 4, Frequency.WEEKLY]),
    is_paused=st.sampled_from([True, *[False] * 5]),
)


def compute_body_masks(stories: list[StoryVersion]) -> dict[str, int]:
    """Compute, for each body's language, the bits of the stories that can be read in it."""
    masks = {}
    for language in ("ar", "en", "fr"):
        mask = 0
        for bit, story in enumerate(stories):
            if language in story.languages or DEFAULT in story.languages:
                mask |= 1 << bit
        if mask or language == DEFAULT:
            masks[language] = mask
    return masks


def choose_body_language(reader: Reader, bodies: dict[str, int]) -> str:
    short = reader.language.partition("-")[0]
    return short if short in bodies else DEFAULT


def compute_mask(reader: Reader, stories: list[StoryVersion], bodies: dict[str, int]) -> int:
    mask = 0
    for bit, story in enumerate(stories):
        matches_topics = not reader.topics or not story.topics or bool(reader.topics & story.topics)
        if matches_topics and bodies[choose_body_language(reader, bodies)] >> bit & 1:
            mask |= 1 << bit
    return mask


def find_exclusion(reader: Reader, mask: int, only: str, frequency: Frequency) -> Exclusion | None:
    if reader.state is MembershipState.PENDING:
        return Exclusion.PENDING
    if reader.state is MembershipState.UNSUBSCRIBED:
        return Exclusion.UNSUBSCRIBED
    if reader.frequency is not frequency:
        return Exclusion.FREQUENCY
    if reader.is_paused:
        return Exclusion.PAUSED
    if reader.is_suppressed:
        return Exclusion.SUPPRESSED
    if only and reader.country != only:
        return Exclusion.SEGMENT
    return None if mask else Exclusion.NO_STORY


@pytest.fixture
def ready_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx, language="fr")
        factories.add_mailing_list(tx, "press")
        for slug in ("news", "press"):  # weekly mails can be chosen
            factories.add_digest(tx, f"{slug}-weekly", list=slug, frequency=Frequency.WEEKLY)
        segments.save_segment(tx, STAFF, "gb", "Britain", "country = GB", NOW)
    return store


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stories=st.lists(story_versions, min_size=1, max_size=5),
    audience=st.lists(readers, min_size=1, max_size=10),
    only=st.sampled_from(["", "", "GB"]),
    frequency=st.sampled_from([Frequency.EVERY, Frequency.EVERY, Frequency.WEEKLY]),
)
def test_plan_gives_each_reader_their_chosen_stories(
    ready_store: Store,
    stories: list[StoryVersion],
    audience: list[Reader],
    only: str,
    frequency: Frequency,
) -> None:
    bodies = compute_body_masks(stories)
    rows: dict[str, tuple[str, int]] = {}
    excluded: Counter[Exclusion] = Counter()
    with ready_store.begin() as tx:
        slugs = [f"story-{number}" for number in range(len(stories))]
        for slug, story in zip(slugs, stories, strict=True):
            # The topics of a story are those of all its translations.
            shared_topics = [*sorted(story.topics)]
            for number, language in enumerate(sorted(story.languages)):
                factories.add_story(
                    tx,
                    slug,
                    *(shared_topics if not number else shared_topics[:1]),
                    language=language,
                )
        edition = factories.create_edition(
            tx, *slugs, segment="gb" if only else "", language=DEFAULT, frequency=frequency
        )
        edition = tx.editions.freeze_edition(
            edition,
            [EditionBody(tag, "s", "t", "h", "z", mask) for tag, mask in bodies.items()],
            slugs,
            "0" * 64,
        )
        for number, reader in enumerate(audience):
            address = f"{number}@example.org"
            person = subscribers.subscribe_person(
                tx,
                STAFF,
                Person(address, language=reader.own_language, country=reader.country),
                factories.get_mailing_list(tx, "press" if reader.is_elsewhere else "news"),
                get_topics(tx, sorted(reader.topics)),
                NOW,
                language=reader.list_language,
                frequency=reader.frequency,
                state=MembershipState.PENDING
                if reader.state is MembershipState.PENDING
                else MembershipState.ACTIVE,
            )[0]
            if (
                reader.is_paused
                and not reader.is_elsewhere
                and reader.state is MembershipState.ACTIVE
            ):
                now, week = datetime.now(UTC), timedelta(weeks=1)
                preferences.pause_memberships(
                    tx, STAFF, person, [factories.get_mailing_list(tx)], week, now
                )
            if reader.state is MembershipState.UNSUBSCRIBED and not reader.is_elsewhere:
                subscribers.unsubscribe_person(
                    tx, STAFF, person, factories.get_mailing_list(tx), NOW
                )
            if reader.is_suppressed:
                factories.suppress_address(tx, address)
            if reader.is_elsewhere:
                continue
            mask = compute_mask(reader, stories, bodies)
            if reason := find_exclusion(reader, mask, only, frequency):
                excluded[reason] += 1
            else:
                rows[address] = (choose_body_language(reader, bodies), mask)
        statuses = {
            f"{number}@example.org": tx.outbox.get_recipient_status(
                edition, f"{number}@example.org"
            )
            for number in range(len(audience))
        }
        plan = tx.outbox.plan_deliveries(edition, NOW)
        deliveries = tx.outbox.list_deliveries(edition)
        assert {
            delivery.address: (delivery.language, delivery.stories) for delivery in deliveries
        } == rows
        assert len(deliveries) == len(rows) == plan.planned
        assert plan.excluded == excluded
        report = tx.outbox.build_report(edition)
        assert report.excluded == excluded
        assert report.total == len(rows)
        for address, (language, mask) in rows.items():
            assert (statuses[address].language, statuses[address].stories) == (language, mask)
            assert (
                len(tx.outbox.get_recipient_status(edition, address).story_titles)
                == mask.bit_count()
            )
        tx.rollback()


def test_oracle_language_choice_matches_choose_language() -> None:
    """The oracle above assumes these choices of languages."""
    assert languages.choose_language("fr-CA", ["en", "fr"], "en") == "fr"
    assert languages.choose_language("pt", ["en", "fr"], "en") == "en"


def test_address_has_one_delivery_per_edition(mailer: Mailer) -> None:
    edition = factories.begin_edition(mailer, "ana@example.org")
    with mailer.store.read() as tx:
        row = dict(tx.connection.execute(select(delivery)).mappings().one())
    row["id"] = 99
    # PostgreSQL can't tell whether another transaction was first.
    refusal = IntegrityError if mailer.store.engine.dialect.name == "sqlite" else ConcurrencyError
    with pytest.raises(refusal), mailer.store.begin() as tx:
        tx.connection.execute(insert(delivery).values(**row))
    with mailer.store.read() as tx:
        assert tx.connection.scalar(select(func.count()).select_from(delivery)) == 1
        assert factories.reload_edition(tx, edition).planned_at is not None


def test_plan_of_uncomposed_edition_is_refused(ready_store: Store) -> None:
    with ready_store.begin() as tx:
        factories.add_story(tx, "boats")
        edition = factories.create_edition(tx, "boats")
        with pytest.raises(ComposeError, match="is not composed"):
            tx.outbox.plan_deliveries(edition, NOW)


def test_two_plans_fit_in_one_transaction(ready_store: Store) -> None:
    """The temporary tables of the first plan must be dropped."""
    with ready_store.begin() as tx:
        factories.add_subscriber(tx, "ana@example.org", language="en")
        for slug in ("boats", "roads"):
            factories.add_story(tx, slug)
            edition = factories.create_edition(tx, slug)
            edition = tx.editions.freeze_edition(
                edition, [EditionBody("en", "s", "t", "h", "z", 1)], [slug], "0" * 64
            )
            assert tx.outbox.plan_deliveries(edition, NOW).planned == 1


def test_plan_fits_62_stories(ready_store: Store) -> None:
    slugs = [f"story-{number:02}" for number in range(62)]
    all_stories = (1 << 62) - 1
    with ready_store.begin() as tx:
        factories.add_subscriber(tx, "all@example.org", language="en")
        factories.add_subscriber(tx, "last@example.org", "health", language="en")
        for number, slug in enumerate(slugs):
            factories.add_story(tx, slug, "health" if number == 61 else "climate")
        edition = factories.create_edition(tx, *slugs)
        edition = tx.editions.freeze_edition(
            edition, [EditionBody("en", "s", "t", "h", "z", all_stories)], slugs, "0" * 64
        )
        assert tx.outbox.plan_deliveries(edition, NOW).planned == 2
        masks = {
            delivery.address: delivery.stories for delivery in tx.outbox.list_deliveries(edition)
        }
    assert masks == {"all@example.org": all_stories, "last@example.org": 1 << 61}


@pytest.mark.parametrize(
    ("address", "explanation"),
    [
        ("ana@example.org", "has not got edition 1"),
        ("nobody@example.org", "is not a subscriber"),
        ("press@example.org", "not on the list 'news'"),
        ("late@example.org", "after it was planned"),
        ("pending@example.org", "not yet confirmed"),
        ("left@example.org", "left the list 'news'"),
        ("stop@example.org", "has been suppressed since"),
        ("fr@example.org", "not in the segment 'gb'"),
        ("climate@example.org", "about a topic that they chose"),
        ("weekly@example.org", "they chose a mail a week"),
        ("paused@example.org", "they have paused their mails until"),
    ],
)
def test_explain_outcome_says_why_an_address_got_nothing(
    mailer: Mailer, address: str, explanation: str
) -> None:
    with mailer.store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "press")
        segments.save_segment(tx, STAFF, "gb", "Britain", "country = GB", NOW)
        factories.add_subscriber(tx, "ana@example.org", country="GB")
        factories.add_subscriber(tx, "press@example.org", list_slug="press")
        factories.add_subscriber(tx, "pending@example.org", state=MembershipState.PENDING)
        factories.add_subscriber(tx, "left@example.org", state=MembershipState.UNSUBSCRIBED)
        factories.add_subscriber(tx, "stop@example.org", country="GB")
        factories.suppress_address(tx, "stop@example.org")
        factories.add_subscriber(tx, "fr@example.org", country="FR")
        factories.add_subscriber(tx, "climate@example.org", "climate", country="GB")
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
        weekly_subscriber = factories.add_subscriber(tx, "weekly@example.org", country="GB")
        changes = {"frequency": Frequency.WEEKLY}
        preferences.change_membership(
            tx, STAFF, weekly_subscriber, factories.get_mailing_list(tx), changes, NOW
        )
        paused_subscriber = factories.add_subscriber(tx, "paused@example.org", country="GB")
        now, week = datetime.now(UTC), timedelta(weeks=1)
        preferences.pause_memberships(
            tx, STAFF, paused_subscriber, [factories.get_mailing_list(tx)], week, now
        )
        factories.add_story(tx, "boats", "health")
        approved_edition = editions.approve_edition(
            tx,
            AMINA,
            factories.create_edition(tx, "boats", segment="gb"),
            mailer.renderer,
            mailer.clock(),
        )
        started_edition, plan = editions.start_edition(
            tx, STAFF, approved_edition, mailer.renderer, mailer.clock()
        )
        factories.add_subscriber(tx, "late@example.org", country="GB", joined=mailer.clock())
        assert plan is not None
        assert (plan.planned, sum(plan.excluded.values())) == (1, 7)
        outcome = explain_outcome(tx, started_edition, address)
    assert explanation.replace("edition 1", f"edition {started_edition.id}") in outcome
