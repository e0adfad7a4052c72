"""The numbers of reports, on both databases."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer import editions, reports, retention
from mailer.actor import SUBSCRIBER, WORKER
from mailer.app import Mailer
from mailer.audience import erasure, leaving_reasons, lists, preferences, subscribers
from mailer.audience.imports import bulk
from mailer.delivery.reply_report import describe_reply
from mailer.model.deliveries import DeliveryState, Settlement
from mailer.model.imports import ImportRow
from mailer.model.membership_counts import MembershipChangeKind
from mailer.model.reports import EditionLeavers, JoiningSource, LeavingWay, ListReport, ReportStep
from mailer.model.segments import BulkChange
from mailer.model.subscribers import (
    ConsentAction,
    Evidence,
    LeavingReason,
    MembershipState,
    Person,
)
from mailer.retention import ClearingPosition, RetainedData, RetentionPeriods
from mailer.store import SqlTransaction, Store
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.integration.factories import DAY, NOW
from tests.integration.store.outbox.transitions import claim_and_gate, settle_deliveries

ZONE = ZoneInfo("Europe/London")
YEAR = timedelta(days=366)
KEPT_SHORTLY = RetentionPeriods(
    link_lifetime=DAY, notices_days=1, deliveries_months=1, left_months=1, consent_years=1
)


def report_news(tx: SqlTransaction, now: datetime = NOW + DAY) -> ListReport:
    period = reports.build_period(date(2026, 11, 1), None, ZONE, now)
    parts = reports.split_period(period, ReportStep.MONTH, ZONE)
    return reports.report_list(tx, lists.get_list(tx, "news"), period, parts, describe_reply)


def list_joined(report: ListReport) -> set[tuple[str, str, int]]:
    return {(source.kind, source.source, source.people) for source in report.joined}


def test_list_report_counts_readers_without_topics_apart(store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        news = factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "ana@example.org", "health")
        factories.add_subscriber(tx, "ben@example.org")
        factories.add_subscriber(tx, "eve@example.org")
        factories.add_subscriber(tx, "zoe@example.org", state=MembershipState.PENDING)
        factories.add_subscriber(tx, "leo@example.org", state=MembershipState.UNSUBSCRIBED)
        factories.suppress_address(tx, "eve@example.org")
        ben = subscribers.get_subscriber(tx, "ben@example.org")
        preferences.pause_memberships(
            tx, STAFF, ben, [news], timedelta(weeks=50), datetime.now(UTC)
        )
        readers = report_news(tx).readers
    assert (readers.with_topics, readers.all_topics, readers.total) == (1, 2, 3)
    assert (readers.paused, readers.suppressed, readers.pending) == (1, 1, 1)


def test_topic_report_counts_choices_and_stories(mailer: Mailer, store: Store) -> None:
    with store.begin() as tx:
        factories.add_topics(tx)
        news = factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "ana@example.org", "health", "climate")
        factories.add_subscriber(tx, "ben@example.org", "health")
        factories.add_subscriber(tx, "eve@example.org")
        factories.add_story(tx, "clinics", "health", "migration")
        factories.add_story(tx, "roads", "health")
        edition = factories.approve_without_composing(
            mailer, tx, factories.create_edition(tx, "clinics", "roads")
        )
        editions.start_edition(tx, STAFF, edition, mailer.renderer, NOW)
        period = reports.build_period(date(2026, 11, 1), None, ZONE, NOW + DAY)
        report = reports.report_topics(tx, news, period)
    numbers = {
        topic.topic: (topic.readers, topic.stories, topic.editions) for topic in report.topics
    }
    assert (report.readers, report.all_topics) == (3, 1)
    assert numbers == {
        "health": (2, 2, 1),
        "climate": (1, 0, 0),
        "migration": (0, 1, 1),
        "housing": (0, 0, 0),
    }


def test_list_report_names_sources_of_joining_and_editions_of_leaving(mailer: Mailer) -> None:
    edition = factories.begin_edition(mailer, "ana@example.org", "ben@example.org")
    with mailer.store.begin() as tx:
        news = factories.get_mailing_list(tx)
        evidence = Evidence(ConsentAction.CONFIRMED, "/subscribe")
        zoe, _ = subscribers.subscribe_person(
            tx, SUBSCRIBER, Person("zoe@example.org"), news, (), NOW, evidence=evidence
        )
        for address, source, edition_id in (
            ("ana@example.org", "one-click unsubscribe", edition.id),
            ("zoe@example.org", "preferences page", 0),
        ):
            person = subscribers.get_subscriber(tx, address)
            for _ in range(2):  # a second time counts nothing
                subscribers.unsubscribe_person(
                    tx, SUBSCRIBER, person, news, NOW, source=source, edition_id=edition_id
                )
                leaving_reasons.record_leaving_reason(
                    tx,
                    SUBSCRIBER,
                    person,
                    news,
                    LeavingReason.TOO_MANY if edition_id else LeavingReason.OTHER,
                    "",
                    NOW,
                    source="unsubscribe page",
                    edition_id=edition_id,
                )
        preferences.restore_membership(tx, SUBSCRIBER, zoe, news, NOW, source="unsubscribe page")
        report = report_news(tx)
        edition_report = reports.report_edition(tx, edition.id, describe_reply)
        earlier_report = report_news(tx, NOW)
        until_yesterday = reports.build_period(
            date(2026, 11, 1), (NOW - DAY).date(), ZONE, NOW + DAY
        )
        yesterday_report = reports.report_list(tx, news, until_yesterday, [], describe_reply)
    assert report.left_by_reason == {"other": 1, "too many": 1}
    assert earlier_report.left_by_reason == report.left_by_reason
    assert edition_report.left_by_reason == {"too many": 1}
    assert yesterday_report.left_by_reason == {}
    assert list_joined(report) == {
        ("imported", "test", 2),
        ("confirmed", "/subscribe", 1),
        ("returned", "unsubscribe page", 1),
    }
    by_click = LeavingWay("left", "one-click unsubscribe", 1)
    assert report.left == (by_click, LeavingWay("left", "preferences page", 1))
    assert report.left_by_edition == (EditionLeavers(edition.id, "The week", 1),)
    assert edition_report.left == (by_click,)


def test_source_of_joining_is_counted_without_addresses(store: Store) -> None:
    with store.begin() as tx:
        news = factories.add_mailing_list(tx)
        evidence = Evidence(ConsentAction.ADDED, "a card of  ana@example.org " + "x" * 200)
        subscribers.subscribe_person(
            tx, STAFF, Person("ana@example.org"), news, (), NOW, evidence=evidence
        )
        (joined,) = report_news(tx).joined
    assert joined.source.startswith("a card of (an address) xxx")
    assert len(joined.source) == 100


def settle_everything(mailer: Mailer) -> int:
    """Send an edition to five readers: two get it, one is refused, one is put off, and one is
    in doubt."""
    mailer.clock = lambda: NOW
    readers = [f"{name}@example.org" for name in ("ana", "ben", "eve", "leo", "zoe")]
    edition = factories.begin_edition(mailer, *readers)
    with mailer.store.begin() as tx:
        worker_id = factories.register_worker(tx)
    claims = claim_and_gate(mailer.store, edition, worker_id)
    refusal = "550 5.1.1 <ana@example.org> no such user (to RCPT)"
    outcomes = [
        (DeliveryState.SENT, "250 ok", 0.0),
        (DeliveryState.SENT, "250 ok", 0.0),
        (DeliveryState.FAILED, refusal, 0.0),
        (DeliveryState.QUEUED, "451 4.7.1 greylisted, come later (to RCPT)", 3600.0),
        (DeliveryState.IN_DOUBT, "", 0.0),
    ]
    settle_deliveries(
        mailer.store,
        *(
            Settlement(claim.id, worker_id, state, reply, delay)
            for claim, (state, reply, delay) in zip(claims, outcomes, strict=True)
        ),
    )
    return edition.id


def test_mails_are_counted_by_outcome_and_failures_by_reason(mailer: Mailer) -> None:
    edition_id = settle_everything(mailer)
    with mailer.store.read() as tx:
        list_mails = report_news(tx).mails
        edition_mails = reports.report_edition(tx, edition_id, describe_reply).mails
    assert list_mails == edition_mails
    assert (list_mails.planned, list_mails.sent, list_mails.deferred) == (5, 2, 1)
    assert list_mails.failed == {"the address does not exist, or no longer does": 1}
    assert list_mails.other == {"in doubt": 1}


def test_reports_stay_equal_through_a_year_of_retention(mailer: Mailer) -> None:
    edition_id = settle_everything(mailer)
    with mailer.store.begin() as tx:
        news = factories.get_mailing_list(tx)
        leaving = subscribers.get_subscriber(tx, "ana@example.org")
        subscribers.unsubscribe_person(
            tx, SUBSCRIBER, leaving, news, NOW, source="one-click", edition_id=edition_id
        )
        erasure.erase_person(tx, STAFF, "ben@example.org", NOW)
        tx.outbox.return_to_queue(edition_id, [DeliveryState.IN_DOUBT], None)
        edition = editions.get_edition(tx, edition_id)
        editions.cancel_edition(tx, AMINA, edition, NOW, reason="")
    later = NOW + 3 * YEAR
    with mailer.store.read() as tx:
        before = report_news(tx, later), reports.report_edition(tx, edition_id, describe_reply)
    run_retention(mailer.store, later)
    with mailer.store.read() as tx:
        after = report_news(tx, later), reports.report_edition(tx, edition_id, describe_reply)
        addresses = [row.address for row in tx.outbox.list_deliveries(edition, limit=10)]
        entries = tx.subscribers.list_consent_entries("ana@example.org")
        assert not tx.membership_counts.has_unmerged_changes()
    assert all(address.startswith("erased:") for address in addresses)
    assert not [entry for entry in entries if entry.at == NOW]
    assert before == after
    assert list_joined(after[0]) == {("imported", "test", 5)}
    assert {(way.kind, way.people) for way in after[0].left} == {("left", 1), ("erased", 1)}


def run_retention(store: Store, now: datetime) -> None:
    """Run rounds until nothing is left to delete, and once more when the erasures of this round are
    old, too."""
    position = ClearingPosition()
    for moment in (now, now + 2 * YEAR):
        for _ in range(100):
            with store.begin() as tx:
                expired = [
                    (kind, before)
                    for kind, before in retention.list_expired_data(tx, KEPT_SHORTLY, moment)
                    if kind is not RetainedData.SEARCH
                ]
                for kind, before in expired:
                    _, position = retention.delete_expired_data(
                        tx, WORKER, kind, before, moment, position
                    )
            if not expired:
                break
        else:
            pytest.fail("retention does not end")


# ---- growth --------------------------------------------------------------------------------------


def test_growth_report_gives_readers_at_end_of_each_part(store: Store) -> None:
    with store.begin() as tx:
        news = factories.add_mailing_list(tx)
        for number, day in enumerate((1, 1, 5, 9)):
            joined = datetime(2026, 11, day, 12, tzinfo=UTC)
            factories.add_subscriber(tx, f"reader{number}@example.org", joined=joined)
        factories.unsubscribe_address(
            tx, "reader0@example.org", now=datetime(2026, 11, 6, 12, tzinfo=UTC)
        )
        now = datetime(2026, 11, 10, 12, tzinfo=UTC)
        period = reports.build_period(date(2026, 11, 4), date(2026, 11, 8), ZONE, now)
        parts = reports.split_period(period, ReportStep.DAY, ZONE)
        report = reports.report_growth(tx, news, period, parts)
    assert [(part.joined, part.left, part.readers) for part in report.parts] == [
        (0, 0, 2),
        (1, 0, 3),
        (0, 1, 2),
        (0, 0, 2),
        (0, 0, 2),
    ]
    assert report.readers == 3
    assert report.joined["added"] == 1
    assert report.left["left"] == 1


ADDRESSES = ("ana@example.org", "ben@example.org", "eve@example.org")
ACTIONS = ("add", "invite", "leave", "return", "import", "bulk", "erase", "merge")


def act(tx: SqlTransaction, action: str, address: str, other: str) -> None:
    """Take one action on a person, if it is possible."""
    news = factories.get_mailing_list(tx)
    if action in ("add", "invite"):
        state = MembershipState.ACTIVE if action == "add" else MembershipState.PENDING
        subscribers.subscribe_person(
            tx, STAFF, Person(address), news, (), NOW, state=state, rejoin=True
        )
        return
    if action == "import":
        rows = [ImportRow(1, Person(address)), ImportRow(2, Person(other))]
        tx.import_rows.import_people(STAFF, rows, news, "file.csv", NOW)
        return
    person = tx.subscribers.find_subscriber(address)
    if person is None:
        return
    membership = subscribers.find_membership(tx, person, "news")
    if action == "leave" and membership:
        subscribers.unsubscribe_person(tx, STAFF, person, news, NOW)
    elif action == "return" and membership:
        preferences.restore_membership(tx, SUBSCRIBER, person, news, NOW, source="page")
    elif action == "bulk":
        bulk.change_members(
            tx,
            STAFF,
            news,
            [person.id],
            BulkChange(frozenset(), unsubscribe=True),
            NOW,
            source="bulk",
        )
    elif action == "erase":
        erasure.erase_person(tx, STAFF, address, NOW, may_return=True)
    elif action == "merge" and address != other:
        survivor = tx.subscribers.find_subscriber(other)
        if survivor:
            preferences.merge_subscribers(tx, STAFF, person, survivor, NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    actions=st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.sampled_from(ADDRESSES), st.sampled_from(ADDRESSES)),
        max_size=12,
    )
)
def test_counted_changes_add_up_to_readers(
    store: Store, actions: list[tuple[str, str, str]]
) -> None:
    """Whatever verbs did, those who joined without those who left are the readers."""
    with store.begin() as tx:
        news = factories.add_mailing_list(tx)
        for action, address, other in actions:
            act(tx, action, address, other)
        tx.membership_counts.merge_changes(3)
        changes = tx.membership_counts.list_changes(news.id, NOW - DAY)
        assert sum(change.net for change in changes) == tx.reports.count_readers(news.id).total
        assert all(change.people > 0 for change in changes)
        tx.rollback()


def test_unsubscribed_before_joining_is_no_change(store: Store) -> None:
    with store.begin() as tx:
        news = factories.add_mailing_list(tx)
        factories.add_subscriber(tx, "ana@example.org", state=MembershipState.PENDING)
        factories.unsubscribe_address(tx, "ana@example.org")
        assert tx.membership_counts.list_changes(news.id, NOW - DAY) == []


def test_merged_changes_keep_their_sums(store: Store) -> None:
    with store.begin() as tx:
        news = factories.add_mailing_list(tx)
        for number in range(5):
            factories.add_subscriber(tx, f"reader{number}@example.org")
        (before,) = tx.membership_counts.list_changes(news.id, NOW - DAY)
        assert tx.membership_counts.merge_changes(3) == 3
        assert tx.membership_counts.merge_changes(3) == 2
        assert tx.membership_counts.merge_changes(3) == 0
        assert tx.membership_counts.list_changes(news.id, NOW - DAY) == [before]
    assert (before.kind, before.people) == (MembershipChangeKind.ADDED, 5)


def test_suppressions_are_counted_by_reason_in_their_period(store: Store) -> None:
    with store.begin() as tx:
        factories.add_mailing_list(tx)
        factories.suppress_address(tx, "ana@example.org")
        factories.suppress_address(tx, "ben@example.org")
        assert report_news(tx).suppressed == {"manual": 2}
        period = reports.build_period(date(2026, 10, 1), date(2026, 10, 31), ZONE, NOW)
        assert tx.reports.count_suppressions(period) == {}


def test_joining_source_of_import_is_its_file(store: Store) -> None:
    with store.begin() as tx:
        news = factories.add_mailing_list(tx)
        rows = [ImportRow(1, Person("ana@example.org")), ImportRow(2, Person("ben@example.org"))]
        for _ in range(2):  # the second import changes nothing
            tx.import_rows.import_people(STAFF, rows, news, "fair.csv", NOW)
        assert report_news(tx).joined == (JoiningSource("imported", "fair.csv", 2),)
