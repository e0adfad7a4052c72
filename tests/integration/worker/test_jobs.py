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


def list_outcomes(
    harness: WorkerHarness, slug: str = "weekly"
) -> list[tuple[OccurrenceState, str]]:
    with harness.mailer.store.read() as tx:
        return [
            (occurrence.state, occurrence.reason)
            for occurrence in tx.schedules.list_occurrences(slug, 100)
        ]


# ---- the whole way ----------------------------------------------------------------------------


def test_edition_is_assembled_approved_sent_and_staff_notified(
    harness: WorkerHarness,
) -> None:
    harness.add_digest()
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR - MINUTE)
    assert list_outcomes(harness) == []
    harness.run_tick(NINE - HOUR)
    assert harness.get_edition().state is S.IN_REVIEW
    harness.deliver_editions()
    (approval_request,) = harness.list_mails("approver@example.org")
    assert approval_request["Subject"] == "Approve by Tue 2 Mar 09:00: The week"
    assert approval_request["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe" not in approval_request
    assert f"--hash {harness.get_edition().content_hash[:12]}" in str(
        approval_request.get_body(("plain",))
    )
    harness.approve_edition()
    assert harness.get_edition().state is S.SCHEDULED
    harness.run_tick(NINE - MINUTE)
    assert harness.get_edition().state is S.SCHEDULED
    harness.run_tick(NINE)
    assert harness.get_edition().state is S.SENDING
    harness.deliver_editions()
    assert harness.get_edition().state is S.SENT
    harness.run_tick()
    harness.deliver_editions()
    assert harness.list_readers_reached() == sorted(READERS)
    assert harness.list_subjects("watcher@example.org") == [
        "Approved for Tue 2 Mar 09:00: The week",
        "Sent: The week (2)",
    ]
    harness.run_tick(NINE + HOUR)
    harness.deliver_editions()
    assert len(harness.relay.accepted) == 6, "asked, approved twice over, sent, and two readers"
    assert list_outcomes(harness) == [(OccurrenceState.MADE, "")]


def test_digest_without_approval_is_done_in_one_tick(harness: WorkerHarness) -> None:
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02", cutoff="0m")
    harness.run_tick(NINE)
    harness.deliver_editions()
    assert harness.list_readers_reached() == sorted(READERS)
    approval = harness.get_edition().approval
    assert approval is not None
    assert approval.approver == "the rule of weekly"
    assert not harness.list_mails("approver@example.org")


def test_author_cannot_approve_if_another_person_must(harness: WorkerHarness) -> None:
    harness.add_digest(approval=ApprovalRule.OTHER)
    harness.add_schedule("2027-03-02")
    with harness.mailer.store.begin() as tx:
        articles.edit_article(
            tx, create_local_actor("Ana"), "boats", "en", {"title": "Boats"}, START
        )
    harness.run_tick(NINE - HOUR)
    with pytest.raises(Refused, match=r"Ana has written or edited something in edition \d+"):
        harness.approve_edition("Ana")
    with harness.mailer.store.begin() as tx:
        changes = {"subject": "News"}
        editions.edit_edition(
            tx,
            create_local_actor("Ben"),
            tx.editions.list_recent_editions([], 1)[0],
            changes,
            harness.now,
        )
    harness.run_tick()
    with pytest.raises(Refused):
        harness.approve_edition("ben")
    assert harness.approve_edition("Cleo").state is S.SCHEDULED


# ---- nobody approves --------------------------------------------------------------------------


def test_late_approver_is_reminded_and_approval_sends_at_once(
    harness: WorkerHarness,
) -> None:
    harness.add_digest(reminders=(timedelta(minutes=30), timedelta(minutes=10)))
    harness.add_schedule("2027-03-02")
    for minutes in (-60, -31, -30, -29, -10, 0, 1, 120):
        harness.run_tick(NINE + minutes * MINUTE)
    harness.deliver_editions()
    assert harness.get_edition().state is S.IN_REVIEW
    subjects = harness.list_subjects("approver@example.org")
    assert len(subjects) == 4, "asked, 30 and 10 minutes before, and at the time"
    assert sum(subject.startswith("Still to approve") for subject in subjects) == 3
    harness.approve_edition()
    harness.run_tick()
    harness.deliver_editions()
    assert harness.list_readers_reached() == sorted(READERS)
    harness.run_tick()
    harness.deliver_editions()
    assert "Approved for Tue 2 Mar 09:00: The week" in harness.list_subjects("watcher@example.org")


def test_missed_reminders_are_sent_as_one(harness: WorkerHarness) -> None:
    harness.add_digest(reminders=(timedelta(minutes=30), timedelta(minutes=10)))
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.run_tick(NINE + HOUR)
    harness.deliver_editions()
    assert len(harness.list_mails("approver@example.org")) == 2


def test_edition_that_may_not_wait_is_draft_again_and_staff_notified(
    harness: WorkerHarness,
) -> None:
    harness.add_digest(when_late=WhenLate.DRAFT)
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.run_tick(NINE)
    edition = harness.get_edition()
    assert (edition.state, edition.appointment) == (S.DRAFT, None)
    harness.deliver_editions()
    assert "Not approved in time: The week" in harness.list_subjects("approver@example.org")
    harness.run_tick(NINE + HOUR)
    assert harness.approve_edition().state is S.APPROVED, "it goes when a person sends it"
    harness.run_tick(NINE + 2 * HOUR)
    assert harness.get_edition().state is S.APPROVED


def test_unapproved_edition_expires_and_next_edition_takes_its_stories(
    harness: WorkerHarness,
) -> None:
    harness.add_digest()
    harness.add_schedule("daily")
    harness.run_tick(NINE - HOUR)
    first = harness.get_edition()
    with harness.mailer.store.begin() as tx:
        factories.add_story(tx, "wells", "health")
    harness.run_tick(NINE + timedelta(hours=23))
    assert harness.get_edition(first.id).state is S.EXPIRED
    second = harness.get_edition()
    assert second.id != first.id
    assert set(second.stories) == {"boats", "wells"}
    harness.deliver_editions()
    assert "Never approved: The week" in harness.list_subjects("watcher@example.org")


# ---- what changes meanwhile -------------------------------------------------------------------


def test_change_voids_approval_and_requests_another(harness: WorkerHarness) -> None:
    harness.add_digest()
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    approved = harness.approve_edition()
    harness.run_tick()
    with harness.mailer.store.begin() as tx:
        articles.edit_article(tx, STAFF, "boats", "en", {"title": "Ships"}, harness.now)
    harness.run_tick(NINE)
    edition = harness.get_edition()
    assert edition.state is S.IN_REVIEW
    assert edition.content_hash != approved.content_hash
    harness.deliver_editions()
    assert "Approve again by Tue 2 Mar 09:00: The week" in harness.list_subjects(
        "approver@example.org"
    )
    assert harness.list_readers_reached() == []


def test_edits_are_notified_once_after_editing_pause(harness: WorkerHarness) -> None:
    harness.add_digest()
    harness.add_schedule("2027-03-02", cutoff="5h")
    harness.run_tick(NINE - 5 * HOUR)
    for minute in range(0, 60, 5):
        with harness.mailer.store.begin() as tx:
            edition = tx.editions.list_recent_editions([], 1)[0]
            editions.edit_edition(
                tx, create_local_actor("Ben"), edition, {"name": f"Week {minute}"}, harness.now
            )
        harness.run_tick(NINE - 5 * HOUR + minute * MINUTE)
    harness.deliver_editions()
    assert len(harness.list_mails("approver@example.org")) == 1
    harness.run_tick(NINE - 3 * HOUR)
    harness.deliver_editions()
    assert len(harness.list_mails("approver@example.org")) == 2
    harness.run_tick(NINE - 2 * HOUR)
    harness.deliver_editions()
    assert len(harness.list_mails("approver@example.org")) == 2


def test_edition_with_all_stories_withdrawn_is_skipped_with_reason(
    harness: WorkerHarness,
) -> None:
    harness.add_digest()
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.approve_edition()
    with harness.mailer.store.begin() as tx:
        articles.withdraw_articles(tx, STAFF, "boats", None, harness.now)
    harness.run_tick(NINE)
    edition = harness.get_edition()
    assert edition.state is S.SKIPPED
    assert "only 0 of its stories are left" in edition.reason
    harness.deliver_editions()
    assert "Skipped: The week" in harness.list_subjects("watcher@example.org")
    assert harness.list_readers_reached() == []


def test_too_few_stories_put_edition_on_hold_if_digest_says_so(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        factories.add_digest(tx, "weekly", fewest=2, when_empty=WhenEmpty.PUT_ON_HOLD)
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.deliver_editions()
    assert harness.get_edition().state is S.ON_HOLD
    assert "Held: The week" in harness.list_subjects("watcher@example.org")


# ---- what goes wrong --------------------------------------------------------------------------


def test_uncomposable_edition_is_on_hold_and_sent_after_fix(harness: WorkerHarness) -> None:
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02")
    whole = harness.mailer.settings
    harness.mailer.settings = whole.model_copy(update={"organisation": Organisation(name="Office")})
    harness.run_tick(NINE - HOUR)
    edition = harness.get_edition()
    assert edition.state is S.ON_HOLD
    assert "organisation.postal_address is empty" in edition.reason
    harness.deliver_editions()
    assert harness.list_subjects("watcher@example.org") == ["Held: The week"]
    harness.mailer.settings = whole
    with harness.mailer.store.begin() as tx:
        editions.reopen_edition(
            tx, create_local_actor("Ana"), editions.get_edition(tx, edition.id), harness.now
        )
    harness.run_tick(NINE)
    harness.deliver_editions()
    assert harness.list_readers_reached() == sorted(READERS)


def test_broken_notice_does_not_stop_the_calendar(harness: WorkerHarness, tmp_path: Path) -> None:
    broken = tmp_path / "own/email/notice"
    broken.mkdir(parents=True)
    (broken / "body.html").write_text("{% if %}")
    harness.mailer.settings = harness.mailer.settings.model_copy(
        update={"paths": Paths(templates=tmp_path / "own")}
    )
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.run_tick(NINE)
    harness.deliver_editions()
    assert harness.list_readers_reached() == sorted(READERS)


def test_edition_later_than_its_grace_is_on_hold(harness: WorkerHarness) -> None:
    harness.add_digest(grace=timedelta(hours=2))
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.approve_edition()
    harness.run_tick(NINE + 2 * HOUR + MINUTE)
    edition = harness.get_edition()
    assert edition.state is S.ON_HOLD
    assert edition.reason == "it is 2h 1m late; its grace is 2h"


def test_missed_occurrence_runs_within_grace_and_is_on_hold_after(
    harness: WorkerHarness,
) -> None:
    harness.add_digest("weekly", grace=timedelta(hours=2))
    harness.add_digest("other", grace=timedelta(hours=2))
    harness.add_schedule("2027-03-02", "09:00", "weekly")
    harness.add_schedule("2027-03-02", "06:00", "other")
    harness.run_tick(NINE + HOUR)
    assert list_outcomes(harness) == [(OccurrenceState.MADE, "")]
    ((state, reason),) = list_outcomes(harness, "other")
    assert state is OccurrenceState.ON_HOLD
    assert reason == "it was missed by 4h; its grace is 2h"
    harness.deliver_editions()
    assert "Held: The week" in harness.list_subjects("watcher@example.org")


def test_paused_edition_is_notified_with_reason(harness: WorkerHarness) -> None:
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.run_tick(NINE)
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, harness.get_edition().id)
        editions.pause_edition(
            tx, create_local_actor("Ana"), edition, harness.now, reason="wrong picture"
        )
    harness.run_tick()
    harness.deliver_editions()
    (notice,) = harness.list_mails("watcher@example.org")
    assert notice["Subject"] == "Paused: The week (0 of 2)"
    assert "wrong picture" in str(notice.get_body(("plain",)))


@pytest.mark.parametrize(("later", "notice_count"), [(HOUR, 1), (25 * HOUR, 0)])
def test_edition_sent_by_hand_long_ago_is_not_notified(
    harness: WorkerHarness, later: timedelta, notice_count: int
) -> None:
    with harness.mailer.store.begin() as tx:
        editions.start_edition(
            tx,
            STAFF,
            factories.approve_without_composing(
                harness.mailer, tx, factories.create_edition(tx, "boats")
            ),
            harness.mailer.renderer,
            harness.mailer.clock(),
        )
    harness.deliver_editions()
    harness.run_tick(harness.now + later)
    harness.deliver_editions()
    assert len(harness.list_mails("watcher@example.org")) == notice_count


def test_no_notice_is_sent_without_approvers_and_watchers(harness: WorkerHarness) -> None:
    whole = harness.mailer.settings
    harness.mailer.settings = whole.model_copy(update={"notices": type(whole.notices)()})
    harness.add_digest()
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    with harness.mailer.store.read() as tx:
        assert [
            edition.kind for edition in tx.editions.list_recent_editions([], 9, notices=True)
        ] == [EditionKind.MAILING]


def test_recalled_or_edited_edition_is_not_notified_as_late(harness: WorkerHarness) -> None:
    harness.add_digest()
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    with harness.mailer.store.begin() as tx:
        editions.reopen_edition(
            tx, create_local_actor("Ana"), tx.editions.list_recent_editions([], 1)[0], harness.now
        )
    harness.run_tick()
    assert harness.get_edition().appointment is None, "off the calendar"
    with harness.mailer.store.begin() as tx:
        new_edition = factories.create_edition(tx, "boats")
        new_edition, _ = editions.compose_edition(tx, new_edition, harness.mailer.renderer)
        editions.request_approval(tx, create_local_actor("Ana"), new_edition, harness.now)
    harness.run_tick()
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, new_edition.id)
        editions.edit_edition(
            tx, create_local_actor("Ana"), edition, {"name": "Other"}, harness.now
        )
    harness.run_tick()
    harness.deliver_editions()
    subjects = harness.list_subjects("approver@example.org")
    assert len(subjects) == 2
    assert all(subject.startswith("Approve") for subject in subjects)


# ---- by itself --------------------------------------------------------------------------------


def test_edition_without_digest_is_approved_and_sent_at_its_time(
    harness: WorkerHarness,
) -> None:
    with harness.mailer.store.begin() as tx:
        edition = factories.create_edition(tx, "boats")
        when = editions.make_appointment(
            tx, NINE.replace(tzinfo=None), "UTC", SendTimeBasis.OFFICE, harness.mailer.clock()
        )
        editions.set_send_time(tx, STAFF, edition, when, harness.now)
    harness.run_tick()
    assert harness.get_edition().state is S.IN_REVIEW
    harness.approve_edition()
    harness.run_tick(NINE)
    harness.deliver_editions()
    assert harness.list_readers_reached() == sorted(READERS)
