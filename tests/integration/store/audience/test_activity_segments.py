"""Segments by what relays answered and when people joined, against the same rules in Python."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.model.deliveries import DeliveryState
from mailer.model.edition_states import EditionKind
from mailer.model.segments import (
    Filter,
    JoinedWithin,
    LastRefused,
    NeverSent,
    Not,
    RefusedWithin,
    Sent,
    SentWithin,
)
from mailer.store import SqlTransaction, Store, schema
from mailer.tokens import hash_address
from tests.conftest import KEY
from tests.integration import factories
from tests.integration.factories import DAY

TODAY = datetime.now(UTC).replace(microsecond=0)
STATES = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.SUPPRESSED, DeliveryState.QUEUED)
KINDS = (EditionKind.MAILING, EditionKind.MAILING, EditionKind.REPEAT, EditionKind.TEST)
PEOPLE = 4


@dataclass(frozen=True)
class Outcome:
    """A delivery: its edition's number, its state, the days since then, and whether the addresses
    of the edition were removed."""

    edition: int
    state: DeliveryState
    days_ago: int
    is_cleared: bool


outcomes = st.builds(
    Outcome, st.integers(0, 4), st.sampled_from(STATES), st.integers(0, 9), st.booleans()
)
histories = st.lists(
    st.lists(outcomes, max_size=5, unique_by=lambda outcome: outcome.edition),
    min_size=PEOPLE,
    max_size=PEOPLE,
)
filters: list[Filter] = [
    JoinedWithin(5),
    NeverSent(),
    SentWithin(4),
    Sent(True, (TODAY - 5 * DAY).date()),
    Sent(False, (TODAY - 5 * DAY).date()),
    RefusedWithin(1, 4),
    RefusedWithin(2, 8),
    LastRefused(),
    Not(LastRefused()),
]


def find_days(history: list[Outcome], state: DeliveryState) -> list[int]:
    """Return the days since a person's mailings had this outcome."""
    return [
        outcome.days_ago
        for outcome in history
        if outcome.state is state and KINDS[outcome.edition % len(KINDS)] is not EditionKind.TEST
    ]


def is_selected(test: Filter, history: list[Outcome], joined_days_ago: int) -> bool:
    sent_days = find_days(history, DeliveryState.SENT)
    refused_days = find_days(history, DeliveryState.FAILED)

    def was_sent_since(day: date) -> bool:
        return any((TODAY - days * DAY).date() >= day for days in sent_days)

    match test:
        case Not(term):
            return not is_selected(term, history, joined_days_ago)
        case JoinedWithin(days):
            return joined_days_ago < days
        case NeverSent():
            return not sent_days
        case SentWithin(days):
            return any(age < days for age in sent_days)
        case Sent(True, day):
            return bool(sent_days) and not was_sent_since(day)
        case Sent(False, day):
            return was_sent_since(day)
        case RefusedWithin(times, days):
            return sum(age < days for age in refused_days) >= times
        case LastRefused():
            return bool(refused_days) and min(refused_days) < min(sent_days, default=99)
        case _:
            raise TypeError(test)


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.add_story(tx, "boats")
    return store


def add_history(
    tx: SqlTransaction, edition_ids: list[int], address: str, history: list[Outcome]
) -> None:
    key = hash_address(KEY, address)
    for outcome in history:
        tx.connection.execute(
            schema.delivery.insert().values(
                edition_id=edition_ids[outcome.edition],
                address=f"{schema.ERASED}{key}" if outcome.is_cleared else address,
                address_key=key,
                subscriber_id=1,
                name="",
                language="en",
                stories=1,
                state=outcome.state.value,
                next_attempt_at=TODAY,
                updated_at=TODAY - outcome.days_ago * DAY,
            )
        )


def add_editions(tx: SqlTransaction, all_histories: list[list[Outcome]]) -> list[int]:
    """Add an edition of each number. One that still sends has no end; the others ended with the
    last outcome."""
    edition_ids = []
    for number in range(5):
        edition = factories.create_edition(tx, "boats")
        ages = [
            outcome.days_ago
            for history in all_histories
            for outcome in history
            if outcome.edition == number
        ]
        is_finished = number % 2 == 0 and ages
        tx.connection.execute(
            schema.edition.update()
            .where(schema.edition.c.id == edition.id)
            .values(
                kind=KINDS[number % len(KINDS)].value,
                planned_at=TODAY - 10 * DAY,
                finished_at=TODAY - min(ages) * DAY + timedelta(seconds=1) if is_finished else None,
            )
        )
        edition_ids.append(edition.id)
    return edition_ids


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories, st.lists(st.integers(0, 9), min_size=PEOPLE, max_size=PEOPLE))
def test_activity_in_sql_agrees_with_python(
    seeded_store: Store, all_histories: list[list[Outcome]], joined: list[int]
) -> None:
    with seeded_store.begin() as tx:
        news = factories.get_mailing_list(tx)
        edition_ids = add_editions(tx, all_histories)
        for number, history in enumerate(all_histories):
            address = f"{number}@example.org"
            factories.add_subscriber(tx, address, joined=TODAY - joined[number] * DAY)
            add_history(tx, edition_ids, address, history)
        for test in filters:
            expected = {
                f"{number}@example.org"
                for number, history in enumerate(all_histories)
                if is_selected(test, history, joined[number])
            }
            sample = tx.segments.sample_members(news, test, 100)
            assert {member.address for member in sample} == expected, test
            assert tx.segments.count_members(news, test) == len(expected)
        tx.rollback()


def test_day_of_sending_is_a_day_in_utc(seeded_store: Store) -> None:
    midnight = datetime.combine((TODAY - 2 * DAY).date(), time(), UTC)
    with seeded_store.begin() as tx:
        news = factories.get_mailing_list(tx)
        edition_ids = add_editions(tx, [])
        factories.add_subscriber(tx, "ana@example.org")
        add_history(tx, edition_ids, "ana@example.org", [Outcome(0, DeliveryState.SENT, 0, False)])
        for moment, is_after in ((midnight, True), (midnight - timedelta(microseconds=1), False)):
            tx.connection.execute(schema.delivery.update().values(updated_at=moment))
            assert tx.segments.count_members(news, Sent(False, midnight.date())) == is_after
            assert tx.segments.count_members(news, Sent(True, midnight.date())) != is_after
        tx.rollback()
