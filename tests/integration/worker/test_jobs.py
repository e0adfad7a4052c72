"""From an occurrence to mailboxes, step by step: what a tick does, and what it leaves alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailer import articles, editions
from mailer.actor import create_local_actor
from mailer.config import Organisation, Paths
from mailer.errors import Refused
from mailer.model.digests import ApprovalRule, WhenEmpty, WhenLate
from mailer.model.edition_states import EditionKind, EditionState, SendTimeBasis
from mailer.model.schedules import OccurrenceState
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.worker.conftest import HOUR, READERS, START, WorkerHarness

S = EditionState
NINE = datetime(2027, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def occurrences(desk: WorkerHarness, slug: str = "weekly") -> list[tuple[OccurrenceState, str]]:
    with desk.mailer.store.read() as tx:
        return [(one.state, one.reason) for one in tx.schedules.list_occurrences(slug, 100)]


# ---- the whole way ----------------------------------------------------------------------------


def test_edition_is_assembled_approved_sent_and_staff_notified(
    desk: WorkerHarness,
) -> None:
    desk.add_digest()
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR - MINUTE)
    assert occurrences(desk) == []
    desk.run_tick(NINE - HOUR)
    assert desk.get_edition().state is S.IN_REVIEW
    desk.deliver_editions()
    (asked,) = desk.list_mails("approver@example.org")
    assert asked["Subject"] == "Approve by Tue 2 Mar 09:00: The week"
    assert asked["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in asked
    assert f"--hash {desk.get_edition().content_hash[:12]}" in str(asked.get_body(("plain",)))
    desk.approve_edition()
    assert desk.get_edition().state is S.SCHEDULED
    desk.run_tick(NINE - MINUTE)
    assert desk.get_edition().state is S.SCHEDULED
    desk.run_tick(NINE)
    assert desk.get_edition().state is S.SENDING
    desk.deliver_editions()
    assert desk.get_edition().state is S.SENT
    desk.run_tick()
    desk.deliver_editions()
    assert desk.list_readers_reached() == sorted(READERS)
    assert desk.list_subjects("watcher@example.org") == [
        "Approved for Tue 2 Mar 09:00: The week",
        "Sent: The week (2)",
    ]
    desk.run_tick(NINE + HOUR)
    desk.deliver_editions()
    assert len(desk.relay.accepted) == 6, "asked, approved twice over, sent, and two readers"
    assert occurrences(desk) == [(OccurrenceState.MADE, "")]


def test_digest_without_approval_is_done_in_one_tick(desk: WorkerHarness) -> None:
    desk.add_digest(approval=ApprovalRule.NONE)
    desk.add_schedule("2027-03-02", cutoff="0m")
    desk.run_tick(NINE)
    desk.deliver_editions()
    assert desk.list_readers_reached() == sorted(READERS)
    approval = desk.get_edition().approval
    assert approval is not None
    assert approval.approver == "the rule of weekly"
    assert not desk.list_mails("approver@example.org")


def test_author_cannot_approve_if_another_person_must(desk: WorkerHarness) -> None:
    desk.add_digest(approval=ApprovalRule.OTHER)
    desk.add_schedule("2027-03-02")
    with desk.mailer.store.begin() as tx:
        articles.edit_article(
            tx, create_local_actor("Ana"), "boats", "en", {"title": "Boats"}, START
        )
    desk.run_tick(NINE - HOUR)
    with pytest.raises(Refused, match=r"Ana has written or edited something in edition \d+"):
        desk.approve_edition("Ana")
    with desk.mailer.store.begin() as tx:
        changes = {"subject": "News"}
        editions.edit_edition(
            tx,
            create_local_actor("Ben"),
            tx.editions.list_recent_editions([], 1)[0],
            changes,
            desk.now,
        )
    desk.run_tick()
    with pytest.raises(Refused):
        desk.approve_edition("ben")
    assert desk.approve_edition("Cleo").state is S.SCHEDULED


# ---- nobody approves --------------------------------------------------------------------------


def test_late_approver_is_reminded_and_approval_sends_at_once(
    desk: WorkerHarness,
) -> None:
    desk.add_digest(reminders=(timedelta(minutes=30), timedelta(minutes=10)))
    desk.add_schedule("2027-03-02")
    for minutes in (-60, -31, -30, -29, -10, 0, 1, 120):
        desk.run_tick(NINE + minutes * MINUTE)
    desk.deliver_editions()
    assert desk.get_edition().state is S.IN_REVIEW
    subjects = desk.list_subjects("approver@example.org")
    assert len(subjects) == 4, "asked, 30 and 10 minutes before, and at the time"
    assert sum(one.startswith("Still to approve") for one in subjects) == 3
    desk.approve_edition()
    desk.run_tick()
    desk.deliver_editions()
    assert desk.list_readers_reached() == sorted(READERS)
    desk.run_tick()
    desk.deliver_editions()
    assert "Approved for Tue 2 Mar 09:00: The week" in desk.list_subjects("watcher@example.org")


def test_missed_reminders_are_sent_as_one(desk: WorkerHarness) -> None:
    desk.add_digest(reminders=(timedelta(minutes=30), timedelta(minutes=10)))
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    desk.run_tick(NINE + HOUR)
    desk.deliver_editions()
    assert len(desk.list_mails("approver@example.org")) == 2


def test_edition_that_may_not_wait_is_draft_again_and_staff_notified(
    desk: WorkerHarness,
) -> None:
    desk.add_digest(when_late=WhenLate.DRAFT)
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    desk.run_tick(NINE)
    found = desk.get_edition()
    assert (found.state, found.appointment) == (S.DRAFT, None)
    desk.deliver_editions()
    assert "Not approved in time: The week" in desk.list_subjects("approver@example.org")
    desk.run_tick(NINE + HOUR)
    assert desk.approve_edition().state is S.APPROVED, "it goes when a person sends it"
    desk.run_tick(NINE + 2 * HOUR)
    assert desk.get_edition().state is S.APPROVED


def test_unapproved_edition_expires_and_next_edition_takes_its_stories(
    desk: WorkerHarness,
) -> None:
    desk.add_digest()
    desk.add_schedule("daily")
    desk.run_tick(NINE - HOUR)
    first = desk.get_edition()
    with desk.mailer.store.begin() as tx:
        factories.add_story(tx, "wells", "health")
    desk.run_tick(NINE + timedelta(hours=23))
    assert desk.get_edition(first.id).state is S.EXPIRED
    second = desk.get_edition()
    assert second.id != first.id
    assert set(second.stories) == {"boats", "wells"}
    desk.deliver_editions()
    assert "Never approved: The week" in desk.list_subjects("watcher@example.org")


# ---- what changes meanwhile -------------------------------------------------------------------


def test_change_voids_approval_and_requests_another(desk: WorkerHarness) -> None:
    desk.add_digest()
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    approved = desk.approve_edition()
    desk.run_tick()
    with desk.mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, "boats", "en", {"title": "Ships"}, desk.now)
    desk.run_tick(NINE)
    found = desk.get_edition()
    assert found.state is S.IN_REVIEW
    assert found.content_hash != approved.content_hash
    desk.deliver_editions()
    assert "Approve again by Tue 2 Mar 09:00: The week" in desk.list_subjects(
        "approver@example.org"
    )
    assert desk.list_readers_reached() == []


def test_edits_are_notified_once_after_editing_pause(desk: WorkerHarness) -> None:
    desk.add_digest()
    desk.add_schedule("2027-03-02", cutoff="5h")
    desk.run_tick(NINE - 5 * HOUR)
    for minute in range(0, 60, 5):
        with desk.mailer.store.begin() as tx:
            known = tx.editions.list_recent_editions([], 1)[0]
            editions.edit_edition(
                tx, create_local_actor("Ben"), known, {"name": f"Week {minute}"}, desk.now
            )
        desk.run_tick(NINE - 5 * HOUR + minute * MINUTE)
    desk.deliver_editions()
    assert len(desk.list_mails("approver@example.org")) == 1
    desk.run_tick(NINE - 3 * HOUR)
    desk.deliver_editions()
    assert len(desk.list_mails("approver@example.org")) == 2
    desk.run_tick(NINE - 2 * HOUR)
    desk.deliver_editions()
    assert len(desk.list_mails("approver@example.org")) == 2


def test_edition_with_all_stories_withdrawn_is_skipped_with_reason(
    desk: WorkerHarness,
) -> None:
    desk.add_digest()
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    desk.approve_edition()
    with desk.mailer.store.begin() as tx:
        articles.withdraw_articles(tx, STAFF, "boats", None, desk.now)
    desk.run_tick(NINE)
    found = desk.get_edition()
    assert found.state is S.SKIPPED
    assert "only 0 of its stories are left" in found.reason
    desk.deliver_editions()
    assert "Skipped: The week" in desk.list_subjects("watcher@example.org")
    assert desk.list_readers_reached() == []


def test_too_few_stories_put_edition_on_hold_if_digest_says_so(desk: WorkerHarness) -> None:
    with desk.mailer.store.begin() as tx:
        factories.add_digest(tx, "weekly", fewest=2, when_empty=WhenEmpty.PUT_ON_HOLD)
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    desk.deliver_editions()
    assert desk.get_edition().state is S.ON_HOLD
    assert "Held: The week" in desk.list_subjects("watcher@example.org")


# ---- what goes wrong --------------------------------------------------------------------------


def test_uncomposable_edition_is_on_hold_and_sent_after_fix(desk: WorkerHarness) -> None:
    desk.add_digest(approval=ApprovalRule.NONE)
    desk.add_schedule("2027-03-02")
    whole = desk.mailer.settings
    desk.mailer.settings = whole.model_copy(update={"organisation": Organisation(name="Office")})
    desk.run_tick(NINE - HOUR)
    found = desk.get_edition()
    assert found.state is S.ON_HOLD
    assert "organisation.postal_address is empty" in found.reason
    desk.deliver_editions()
    assert desk.list_subjects("watcher@example.org") == ["Held: The week"]
    desk.mailer.settings = whole
    with desk.mailer.store.begin() as tx:
        editions.reopen_edition(
            tx, create_local_actor("Ana"), editions.get_edition(tx, found.id), desk.now
        )
    desk.run_tick(NINE)
    desk.deliver_editions()
    assert desk.list_readers_reached() == sorted(READERS)


def test_broken_notice_does_not_stop_the_calendar(desk: WorkerHarness, tmp_path: Path) -> None:
    broken = tmp_path / "own/email/notice"
    broken.mkdir(parents=True)
    (broken / "body.html").write_text("{% if %}")
    desk.mailer.settings = desk.mailer.settings.model_copy(
        update={"paths": Paths(templates=tmp_path / "own")}
    )
    desk.add_digest(approval=ApprovalRule.NONE)
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    desk.run_tick(NINE)
    desk.deliver_editions()
    assert desk.list_readers_reached() == sorted(READERS)


def test_edition_later_than_its_grace_is_on_hold(desk: WorkerHarness) -> None:
    desk.add_digest(grace=timedelta(hours=2))
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    desk.approve_edition()
    desk.run_tick(NINE + 2 * HOUR + MINUTE)
    found = desk.get_edition()
    assert found.state is S.ON_HOLD
    assert found.reason == "it was to be sent 2h 1m ago, and may be late by 2h"


def test_missed_occurrence_runs_within_grace_and_is_on_hold_after(
    desk: WorkerHarness,
) -> None:
    desk.add_digest("weekly", grace=timedelta(hours=2))
    desk.add_digest("other", grace=timedelta(hours=2))
    desk.add_schedule("2027-03-02", "09:00", "weekly")
    desk.add_schedule("2027-03-02", "06:00", "other")
    desk.run_tick(NINE + HOUR)
    assert occurrences(desk) == [(OccurrenceState.MADE, "")]
    ((state, reason),) = occurrences(desk, "other")
    assert state is OccurrenceState.ON_HOLD
    assert reason == "it was missed by 4h; this digest may be late by 2h"
    desk.deliver_editions()
    assert "Held: The week" in desk.list_subjects("watcher@example.org")


def test_paused_edition_is_notified_with_reason(desk: WorkerHarness) -> None:
    desk.add_digest(approval=ApprovalRule.NONE)
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    desk.run_tick(NINE)
    with desk.mailer.store.begin() as tx:
        known = editions.get_edition(tx, desk.get_edition().id)
        editions.pause_edition(
            tx, create_local_actor("Ana"), known, desk.now, reason="wrong picture"
        )
    desk.run_tick()
    desk.deliver_editions()
    (told,) = desk.list_mails("watcher@example.org")
    assert told["Subject"] == "Paused: The week (0 of 2)"
    assert "wrong picture" in str(told.get_body(("plain",)))


@pytest.mark.parametrize(("later", "told"), [(HOUR, 1), (25 * HOUR, 0)])
def test_edition_sent_by_hand_long_ago_is_not_notified(
    desk: WorkerHarness, later: timedelta, told: int
) -> None:
    with desk.mailer.store.begin() as tx:
        editions.start_edition(
            tx,
            STAFF,
            factories.approve_without_composing(
                desk.mailer, tx, factories.create_edition(tx, "boats")
            ),
            desk.mailer.renderer,
            desk.mailer.clock(),
        )
    desk.deliver_editions()
    desk.run_tick(desk.now + later)
    desk.deliver_editions()
    assert len(desk.list_mails("watcher@example.org")) == told


def test_no_notice_is_sent_without_approvers_and_watchers(desk: WorkerHarness) -> None:
    whole = desk.mailer.settings
    desk.mailer.settings = whole.model_copy(update={"notices": type(whole.notices)()})
    desk.add_digest()
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    with desk.mailer.store.read() as tx:
        assert [one.kind for one in tx.editions.list_recent_editions([], 9, notices=True)] == [
            EditionKind.MAILING
        ]


def test_recalled_or_edited_edition_is_not_notified_as_late(desk: WorkerHarness) -> None:
    desk.add_digest()
    desk.add_schedule("2027-03-02")
    desk.run_tick(NINE - HOUR)
    with desk.mailer.store.begin() as tx:
        editions.reopen_edition(
            tx, create_local_actor("Ana"), tx.editions.list_recent_editions([], 1)[0], desk.now
        )
    desk.run_tick()
    assert desk.get_edition().appointment is None, "off the calendar"
    with desk.mailer.store.begin() as tx:
        made = factories.create_edition(tx, "boats")
        made, _ = editions.compose_edition(tx, made, desk.mailer.renderer)
        editions.request_approval(tx, create_local_actor("Ana"), made, desk.now)
    desk.run_tick()
    with desk.mailer.store.begin() as tx:
        known = editions.get_edition(tx, made.id)
        editions.edit_edition(tx, create_local_actor("Ana"), known, {"name": "Other"}, desk.now)
    desk.run_tick()
    desk.deliver_editions()
    subjects = desk.list_subjects("approver@example.org")
    assert len(subjects) == 2
    assert all(one.startswith("Approve") for one in subjects)


# ---- by itself --------------------------------------------------------------------------------


def test_edition_without_digest_is_approved_and_sent_at_its_time(
    desk: WorkerHarness,
) -> None:
    with desk.mailer.store.begin() as tx:
        made = factories.create_edition(tx, "boats")
        when = editions.make_appointment(
            tx, NINE.replace(tzinfo=None), "UTC", SendTimeBasis.OFFICE, desk.mailer.clock()
        )
        editions.set_send_time(tx, STAFF, made, when, desk.now)
    desk.run_tick()
    assert desk.get_edition().state is S.IN_REVIEW
    desk.approve_edition()
    desk.run_tick(NINE)
    desk.deliver_editions()
    assert desk.list_readers_reached() == sorted(READERS)
