"""Who gets what, against the same rules in plain Python."""

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
class Told:
    """A story: in which languages, and the topics that each translation names."""

    languages: frozenset[str]
    topics: frozenset[str]


@dataclass(frozen=True)
class Reader:
    topics: frozenset[str]
    own_language: str
    list_language: str
    country: str
    state: MembershipState
    suppressed: bool
    elsewhere: bool
    frequency: Frequency
    paused: bool

    @property
    def language(self) -> str:
        return self.list_language or self.own_language or "fr"


told = st.builds(
    Told,
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
    suppressed=st.sampled_from([True, *[False] * 5]),
    elsewhere=st.sampled_from([True, *[False] * 5]),
    frequency=st.sampled_from([*[Frequency.EVERY] * 4, Frequency.WEEKLY]),
    paused=st.sampled_from([True, *[False] * 5]),
)


def bodies_of(stories: list[Told]) -> dict[str, int]:
    """For each body's language, the bits of the stories that can be read in it."""
    made = {}
    for language in ("ar", "en", "fr"):
        mask = 0
        for bit, story in enumerate(stories):
            if language in story.languages or DEFAULT in story.languages:
                mask |= 1 << bit
        if mask or language == DEFAULT:
            made[language] = mask
    return made


def body_for(reader: Reader, bodies: dict[str, int]) -> str:
    short = reader.language.partition("-")[0]
    return short if short in bodies else DEFAULT


def mask_for(reader: Reader, stories: list[Told], bodies: dict[str, int]) -> int:
    mask = 0
    for bit, story in enumerate(stories):
        wanted = not reader.topics or not story.topics or bool(reader.topics & story.topics)
        if wanted and bodies[body_for(reader, bodies)] >> bit & 1:
            mask |= 1 << bit
    return mask


def why_not(reader: Reader, mask: int, only: str, frequency: Frequency) -> Exclusion | None:
    if reader.state is MembershipState.PENDING:
        return Exclusion.PENDING
    if reader.state is MembershipState.UNSUBSCRIBED:
        return Exclusion.UNSUBSCRIBED
    if reader.frequency is not frequency:
        return Exclusion.FREQUENCY
    if reader.paused:
        return Exclusion.PAUSED
    if reader.suppressed:
        return Exclusion.SUPPRESSED
    if only and reader.country != only:
        return Exclusion.SEGMENT
    return None if mask else Exclusion.NO_STORY


@pytest.fixture
def ready(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx, language="fr")
        factories.add_mailing_list(tx, "press")
        for slug in ("news", "press"):  # weekly mails can be chosen
            factories.add_digest(tx, f"{slug}-weekly", list=slug, frequency=Frequency.WEEKLY)
        segments.save_segment(tx, "gb", "Britain", "country = GB", NOW)
    return store


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stories=st.lists(told, min_size=1, max_size=5),
    audience=st.lists(readers, min_size=1, max_size=10),
    only=st.sampled_from(["", "", "GB"]),
    frequency=st.sampled_from([Frequency.EVERY, Frequency.EVERY, Frequency.WEEKLY]),
)
def test_everyone_gets_the_stories_that_they_chose(
    ready: Store, stories: list[Told], audience: list[Reader], only: str, frequency: Frequency
) -> None:
    bodies = bodies_of(stories)
    rows: dict[str, tuple[str, int]] = {}
    excluded: Counter[Exclusion] = Counter()
    with ready.begin() as tx:
        slugs = [f"story-{number}" for number in range(len(stories))]
        for slug, story in zip(slugs, stories, strict=True):
            # The topics of a story are those of all its translations.
            shared = [*sorted(story.topics)]
            for number, language in enumerate(sorted(story.languages)):
                factories.add_story(
                    tx, slug, *(shared if not number else shared[:1]), language=language
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
                Person(address, language=reader.own_language, country=reader.country),
                factories.get_mailing_list(tx, "press" if reader.elsewhere else "news"),
                get_topics(tx, sorted(reader.topics)),
                NOW,
                language=reader.list_language,
                frequency=reader.frequency,
                state=MembershipState.PENDING
                if reader.state is MembershipState.PENDING
                else MembershipState.ACTIVE,
            )[0]
            if reader.paused and not reader.elsewhere and reader.state is MembershipState.ACTIVE:
                now, week = datetime.now(UTC), timedelta(weeks=1)
                preferences.pause_memberships(
                    tx, person, [factories.get_mailing_list(tx)], week, now
                )
            if reader.state is MembershipState.UNSUBSCRIBED and not reader.elsewhere:
                subscribers.unsubscribe_person(tx, person, factories.get_mailing_list(tx), NOW)
            if reader.suppressed:
                factories.suppress_address(tx, address)
            if reader.elsewhere:
                continue
            mask = mask_for(reader, stories, bodies)
            if reason := why_not(reader, mask, only, frequency):
                excluded[reason] += 1
            else:
                rows[address] = (body_for(reader, bodies), mask)
        before = {
            f"{number}@example.org": tx.outbox.get_recipient_status(
                edition, f"{number}@example.org"
            )
            for number in range(len(audience))
        }
        plan = tx.outbox.plan_deliveries(edition, NOW)
        made = tx.outbox.list_deliveries(edition)
        assert {one.address: (one.language, one.stories) for one in made} == rows
        assert len(made) == len(rows) == plan.planned
        assert plan.excluded == excluded
        report = tx.outbox.build_report(edition)
        assert report.excluded == excluded
        assert report.total == len(rows)
        for address, (language, mask) in rows.items():
            assert (before[address].language, before[address].stories) == (language, mask)
            assert (
                len(tx.outbox.get_recipient_status(edition, address).story_titles)
                == mask.bit_count()
            )
        tx.rollback()


def test_languages_are_chosen_as_readers_would() -> None:
    """What the oracle above takes for granted of tags."""
    assert languages.choose_language("fr-CA", ["en", "fr"], "en") == "fr"
    assert languages.choose_language("pt", ["en", "fr"], "en") == "en"


def test_an_address_has_one_row_in_an_edition(mailer: Mailer) -> None:
    edition = factories.begin_edition(mailer, "ana@example.org")
    with mailer.store.read() as tx:
        row = dict(tx.connection.execute(select(delivery)).mappings().one())
    row["id"] = 99
    # PostgreSQL can't tell whether somebody else was first.
    refusal = IntegrityError if mailer.store.engine.dialect.name == "sqlite" else ConcurrencyError
    with pytest.raises(refusal), mailer.store.begin() as tx:
        tx.connection.execute(insert(delivery).values(**row))
    with mailer.store.read() as tx:
        assert tx.connection.scalar(select(func.count()).select_from(delivery)) == 1
        assert factories.reload_edition(tx, edition).planned_at is not None


def test_a_plan_of_nothing_composed_is_refused(ready: Store) -> None:
    with ready.begin() as tx:
        factories.add_story(tx, "boats")
        edition = factories.create_edition(tx, "boats")
        with pytest.raises(ComposeError, match="is not composed"):
            tx.outbox.plan_deliveries(edition, NOW)


def test_two_plans_in_one_transaction(ready: Store) -> None:
    """The temporary tables of the first are gone."""
    with ready.begin() as tx:
        factories.add_subscriber(tx, "ana@example.org", language="en")
        for slug in ("boats", "roads"):
            factories.add_story(tx, slug)
            made = factories.create_edition(tx, slug)
            made = tx.editions.freeze_edition(
                made, [EditionBody("en", "s", "t", "h", "z", 1)], [slug], "0" * 64
            )
            assert tx.outbox.plan_deliveries(made, NOW).planned == 1


def test_sixty_two_stories_fit(ready: Store) -> None:
    slugs = [f"story-{number:02}" for number in range(62)]
    every = (1 << 62) - 1
    with ready.begin() as tx:
        factories.add_subscriber(tx, "all@example.org", language="en")
        factories.add_subscriber(tx, "last@example.org", "health", language="en")
        for number, slug in enumerate(slugs):
            factories.add_story(tx, slug, "health" if number == 61 else "climate")
        made = factories.create_edition(tx, *slugs)
        made = tx.editions.freeze_edition(
            made, [EditionBody("en", "s", "t", "h", "z", every)], slugs, "0" * 64
        )
        assert tx.outbox.plan_deliveries(made, NOW).planned == 2
        masks = {one.address: one.stories for one in tx.outbox.list_deliveries(made)}
    assert masks == {"all@example.org": every, "last@example.org": 1 << 61}


@pytest.mark.parametrize(
    ("address", "said"),
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
def test_everyone_can_be_told_why(mailer: Mailer, address: str, said: str) -> None:
    with mailer.store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
        factories.add_mailing_list(tx, "press")
        segments.save_segment(tx, "gb", "Britain", "country = GB", NOW)
        factories.add_subscriber(tx, "ana@example.org", country="GB")
        factories.add_subscriber(tx, "press@example.org", list_slug="press")
        factories.add_subscriber(tx, "pending@example.org", state=MembershipState.PENDING)
        factories.add_subscriber(tx, "left@example.org", state=MembershipState.UNSUBSCRIBED)
        factories.add_subscriber(tx, "stop@example.org", country="GB")
        factories.suppress_address(tx, "stop@example.org")
        factories.add_subscriber(tx, "fr@example.org", country="FR")
        factories.add_subscriber(tx, "climate@example.org", "climate", country="GB")
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
        weekly = factories.add_subscriber(tx, "weekly@example.org", country="GB")
        changes = {"frequency": Frequency.WEEKLY}
        preferences.change_membership(tx, weekly, factories.get_mailing_list(tx), changes, NOW)
        paused = factories.add_subscriber(tx, "paused@example.org", country="GB")
        now, week = datetime.now(UTC), timedelta(weeks=1)
        preferences.pause_memberships(tx, paused, [factories.get_mailing_list(tx)], week, now)
        factories.add_story(tx, "boats", "health")
        made = editions.approve_edition(
            tx,
            AMINA,
            factories.create_edition(tx, "boats", segment="gb"),
            mailer.renderer,
            mailer.clock(),
        )
        started, plan = editions.start_edition(tx, STAFF, made, mailer.renderer, mailer.clock())
        factories.add_subscriber(tx, "late@example.org", country="GB", joined=mailer.clock())
        assert plan is not None
        assert (plan.planned, sum(plan.excluded.values())) == (1, 7)
        explained = explain_outcome(tx, started, address)
    assert said.replace("edition 1", f"edition {started.id}") in explained
