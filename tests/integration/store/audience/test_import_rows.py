"""Importing rows of people, which never brings back a person who left or must not be mailed."""

from datetime import datetime

import pytest

from mailer import addresses
from mailer.audience import subscribers
from mailer.audience.imports.columns import ImportColumn, assign_fields
from mailer.audience.imports.people import EarlierLines, import_people
from mailer.audience.imports.rows import RowRules, parse_row
from mailer.errors import InputError, Refused
from mailer.model.imports import ImportRow, RowOutcome, RowResult, RowState
from mailer.model.lists import Frequency
from mailer.model.subscribers import ConsentAction, LawfulBasis, Membership, MembershipState, Person
from mailer.model.suppressions import SuppressionReason
from mailer.store import Store
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import DAY, NOW

ANA = "ana@example.org"


@pytest.fixture
def seeded_store(store: Store) -> Store:
    with store.begin() as tx:
        factories.add_topics(tx)
        factories.add_mailing_list(tx)
    return store


def build_row(
    address: str,
    *topics: str,
    line: int = 2,
    joined: datetime | None = None,
    name: str = "",
    tags: tuple[str, ...] = (),
) -> ImportRow:
    return ImportRow(line, Person(address, name, tags=tags), topics or None, joined)


def import_rows(store: Store, *rows: ImportRow, to: str = "news") -> list[RowResult]:
    with store.begin() as tx:
        return import_people(
            tx,
            STAFF,
            rows,
            factories.get_mailing_list(tx, to),
            NOW,
            source="a file",
            basis=LawfulBasis.CONSENT,
        )


def import_row(store: Store, import_line: ImportRow) -> RowOutcome:
    (result,) = import_rows(store, import_line)
    return result.outcome


def get_membership(store: Store, address: str) -> Membership:
    with store.read() as tx:
        subscriber = subscribers.get_subscriber(tx, address)
        saved_membership = subscribers.find_membership(tx, subscriber, "news")
    assert saved_membership is not None
    return saved_membership


def get_person(store: Store, address: str) -> Person:
    with store.read() as tx:
        return subscribers.get_subscriber(tx, address).person


def test_import_adds_new_person(seeded_store: Store) -> None:
    joined = NOW - 100 * DAY
    import_line = build_row(ANA, "health", "climate", name="Ana", tags=("donor",), joined=joined)
    assert import_rows(seeded_store, import_line) == [RowResult(2, RowOutcome.ADDED, ANA)]
    assert get_person(seeded_store, ANA) == import_line.person
    saved_membership = get_membership(seeded_store, ANA)
    assert (saved_membership.state, saved_membership.joined_at) == (MembershipState.ACTIVE, joined)
    assert saved_membership.topics == ("climate", "health")


def test_import_of_same_row_twice_is_idempotent(seeded_store: Store) -> None:
    import_line = build_row(ANA, "health", name="Ana", tags=("donor",))
    assert import_row(seeded_store, import_line) is RowOutcome.ADDED
    before = get_membership(seeded_store, ANA)
    assert import_row(seeded_store, import_line) is RowOutcome.UNCHANGED
    assert import_row(seeded_store, build_row(ANA)) is RowOutcome.UNCHANGED, (
        "what a row doesn't say stays"
    )
    assert get_membership(seeded_store, ANA) == before


def test_import_replaces_topics_and_adds_tags(seeded_store: Store) -> None:
    import_rows(seeded_store, build_row(ANA, "health", "climate", tags=("donor",)))
    assert (
        import_row(seeded_store, build_row(ANA, "housing", tags=("vip",), name="Ana"))
        is RowOutcome.UPDATED
    )
    assert get_person(seeded_store, ANA) == Person(ANA, "Ana", tags=("donor", "vip"))
    assert get_membership(seeded_store, ANA).topics == ("housing",)
    assert get_membership(seeded_store, ANA).joined_at == NOW


def test_import_never_resubscribes_people(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, "health", state=MembershipState.UNSUBSCRIBED)
    before = get_person(seeded_store, ANA)
    (result,) = import_rows(seeded_store, build_row(ANA, "climate", name="Ana", tags=("donor",)))
    assert result == RowResult(2, RowOutcome.SKIPPED, ANA, "left the list on 2026-11-20")
    assert get_membership(seeded_store, ANA).state is MembershipState.UNSUBSCRIBED
    assert get_person(seeded_store, ANA) == before


def test_import_leaves_pending_people_pending(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, state=MembershipState.PENDING)
    assert import_rows(seeded_store, build_row(ANA))[0].reason == "has not confirmed yet"
    assert get_membership(seeded_store, ANA).state is MembershipState.PENDING


def test_import_skips_suppressed_address(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, "bo@example.org")
        factories.suppress_address(tx, ANA)
        factories.suppress_address(tx, "bo@example.org")
    results = import_rows(seeded_store, build_row(ANA), build_row("bo@example.org", name="Bo"))
    assert {result.reason for result in results} == {"must not be mailed (manual)"}
    assert get_person(seeded_store, "bo@example.org").name == ""
    with seeded_store.read() as tx:
        assert tx.subscribers.find_subscriber(ANA) is None


def test_import_adds_subscriber_of_another_list(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_mailing_list(tx, "press")
        factories.add_subscriber(tx, ANA, "health", list_slug="press", name="Ana")
    assert import_row(seeded_store, build_row(ANA, "climate")) is RowOutcome.UPDATED
    assert get_membership(seeded_store, ANA).topics == ("climate",)
    assert get_person(seeded_store, ANA).name == "Ana"


def test_import_applies_rows_of_same_address_in_turn(seeded_store: Store) -> None:
    results = import_rows(
        seeded_store,
        build_row(ANA, "health", tags=("donor",), line=2),
        build_row("bo@example.org", line=3),
        build_row(ANA, "climate", tags=("vip",), line=4),
        build_row("bo@example.org", line=5),
    )
    assert [(result.line, result.outcome) for result in results] == [
        (2, RowOutcome.ADDED),
        (3, RowOutcome.ADDED),
        (4, RowOutcome.UPDATED),
        (5, RowOutcome.UNCHANGED),
    ]
    assert get_membership(seeded_store, ANA).topics == ("climate",)
    assert get_person(seeded_store, ANA).tags == ("donor", "vip")


def test_import_returns_result_of_each_row_in_order(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, "known@example.org")
        factories.add_subscriber(tx, "gone@example.org", state=MembershipState.UNSUBSCRIBED)
    rows = [
        build_row(a, line=n) for n, a in enumerate(("known@example.org", ANA, "gone@example.org"))
    ]
    assert [result.outcome for result in import_rows(seeded_store, *rows)] == [
        RowOutcome.UNCHANGED,
        RowOutcome.ADDED,
        RowOutcome.SKIPPED,
    ]


def test_import_remembers_who_unsubscribed_elsewhere(seeded_store: Store) -> None:
    left = ImportRow(
        2, Person(ANA, "Ana"), ("health",), state=RowState.UNSUBSCRIBED, left_at=NOW - DAY
    )
    assert import_rows(seeded_store, left)[0].outcome is RowOutcome.LEFT
    saved_membership = get_membership(seeded_store, ANA)
    assert (saved_membership.state, saved_membership.left_at) == (
        MembershipState.UNSUBSCRIBED,
        NOW - DAY,
    )
    assert import_rows(seeded_store, build_row(ANA))[0].reason == "left the list on 2026-11-19"
    with seeded_store.begin() as tx, pytest.raises(Refused, match="unsubscribed from the list"):
        factories.add_subscriber(tx, ANA)


def test_import_unsubscribes_member_who_left_elsewhere(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, ANA, "health", joined=NOW - 9 * DAY)
    left = ImportRow(
        2, Person(ANA), state=RowState.UNSUBSCRIBED, left_at=NOW - DAY, evidence="too many"
    )
    assert import_rows(seeded_store, left)[0].outcome is RowOutcome.LEFT
    assert get_membership(seeded_store, ANA).state is MembershipState.UNSUBSCRIBED
    with seeded_store.read() as tx:
        last = tx.subscribers.list_consent_entries(ANA)[-1]
    assert (last.act, last.source, last.basis) == (ConsentAction.LEFT, "a file", None)
    assert last.detail == "on 2026-11-19; too many"


@pytest.mark.parametrize("days", [None, 1, 100])
def test_imported_subscriber_leaves_by_later_file_unless_joined_since(
    seeded_store: Store, days: int | None
) -> None:
    """If a file gives no date of joining, the time of the import does not stand in for it."""
    import_rows(seeded_store, build_row(ANA, joined=NOW - days * DAY if days else None))
    left = ImportRow(2, Person(ANA), state=RowState.UNSUBSCRIBED, left_at=NOW - 9 * DAY)
    skipped = days == 1
    assert (import_rows(seeded_store, left)[0].outcome is RowOutcome.SKIPPED) == skipped
    assert (get_membership(seeded_store, ANA).state is MembershipState.ACTIVE) == skipped


def test_import_ignores_capitals_of_addresses(seeded_store: Store) -> None:
    address = addresses.normalise_address("ANA@Example.org")
    assert (
        import_rows(seeded_store, build_row(ANA), build_row(address))[1].outcome
        is RowOutcome.UNCHANGED
    )


def test_import_takes_over_suppressions(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_subscriber(tx, "bo@example.org")
    rows = [
        ImportRow(
            n,
            Person(a),
            state=RowState.SUPPRESSED,
            reason=SuppressionReason.BOUNCE,
            evidence="cleaned",
        )
        for n, a in enumerate((ANA, "bo@example.org"))
    ]
    assert {result.outcome for result in import_rows(seeded_store, *rows)} == {
        RowOutcome.SUPPRESSED
    }
    assert {result.outcome for result in import_rows(seeded_store, *rows)} == {RowOutcome.UNCHANGED}
    assert import_rows(seeded_store, build_row(ANA))[0].reason == "must not be mailed (bounce)"
    with seeded_store.read() as tx:
        assert tx.subscribers.find_subscriber(ANA) is None
        (entry,) = tx.subscribers.list_consent_entries(ANA)
    assert (entry.act, entry.source, entry.detail) == (
        ConsentAction.SUPPRESSED,
        "a file",
        "bounce: cleaned",
    )


def test_import_logs_source_basis_and_choices(seeded_store: Store) -> None:
    import_line = build_row(ANA, "health", joined=NOW - 100 * DAY)
    for _ in range(2):
        import_rows(seeded_store, import_line)
    import_rows(seeded_store, build_row(ANA, "climate"))
    with seeded_store.read() as tx:
        joined, changed = tx.subscribers.list_consent_entries(ANA)
    assert (joined.act, joined.list, joined.source) == (ConsentAction.IMPORTED, "news", "a file")
    assert joined.basis is LawfulBasis.CONSENT
    assert joined.detail == "topics: health; since 2026-08-12"
    assert (changed.act, changed.detail, changed.basis) == (
        ConsentAction.CHANGED,
        "topics: climate",
        None,
    )


def test_import_takes_over_frequency_and_pause(seeded_store: Store) -> None:
    with seeded_store.begin() as tx:
        factories.add_digest(tx, frequency=Frequency.WEEKLY)
    until = NOW + 20 * DAY
    weekly = ImportRow(
        2, Person(ANA), language="fr", frequency=Frequency.WEEKLY, paused_until=until
    )
    monthly = ImportRow(3, Person("bo@example.org"), frequency=Frequency.MONTHLY)
    added, noted = import_rows(seeded_store, weekly, monthly)
    assert (added.reason, noted.reason) == ("", "no digest of the list is monthly")
    saved_membership = get_membership(seeded_store, ANA)
    assert (
        saved_membership.language,
        saved_membership.frequency,
        saved_membership.paused_until,
    ) == ("fr", Frequency.WEEKLY, until)
    assert get_membership(seeded_store, "bo@example.org").frequency is Frequency.EVERY


def test_import_without_a_source_is_refused(seeded_store: Store) -> None:
    with seeded_store.begin() as tx, pytest.raises(InputError, match="must name its source"):
        import_people(
            tx,
            STAFF,
            [build_row(ANA)],
            factories.get_mailing_list(tx),
            NOW,
            source=" ",
            basis=LawfulBasis.CONSENT,
        )


def test_import_of_a_thousand_rows(seeded_store: Store) -> None:
    rows = [build_row(f"r{n}@example.org", factories.TOPICS[n % 4], line=n) for n in range(1000)]
    assert {one.outcome for one in import_rows(seeded_store, *rows)} == {RowOutcome.ADDED}
    assert {one.outcome for one in import_rows(seeded_store, *rows)} == {RowOutcome.UNCHANGED}
    with seeded_store.read() as tx:
        (mailing_list,) = tx.lists.list_mailing_lists(counted=True)
    assert mailing_list.members == 1000


def test_invalid_import_row_names_its_column() -> None:
    columns = {0: ImportColumn.ADDRESS, 1: ImportColumn.TOPICS}
    with pytest.raises(InputError) as caught:
        parse_row(2, assign_fields(["nobody", ""], columns), RowRules())
    assert caught.value.field == "address"
    row = parse_row(2, assign_fields([ANA, "helth"], columns), RowRules())
    assert [value.column for value in row.omitted] == ["topics"]


def test_duplicate_and_future_dates_are_reported(seeded_store: Store) -> None:
    later = build_row(ANA, line=9, joined=NOW + 3 * DAY)
    with seeded_store.begin() as tx:
        results = import_people(
            tx,
            STAFF,
            [build_row(ANA, line=4), later],
            factories.get_mailing_list(tx, "news"),
            NOW,
            source="a file",
            basis=LawfulBasis.CONSENT,
            earlier_lines=EarlierLines(),
        )
    assert results[1].reason == "line 4 has the same address"
    assert [(omitted.column, omitted.reason) for omitted in results[1].omitted] == [
        (
            "joined",
            "the date lies in the future; a new member counts as joined on the day of the import",
        )
    ]
    assert get_membership(seeded_store, ANA).joined_at == NOW
