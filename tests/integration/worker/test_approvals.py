"""Approval before an edition's time, after it, and never."""

from datetime import timedelta

import pytest

from mailer import articles, editions
from mailer.actor import create_local_actor
from mailer.errors import Refused
from mailer.model.digests import ApprovalRule, WhenLate
from mailer.model.edition_states import EditionState
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.worker.conftest import HOUR, MINUTE, NINE, READERS, START, WorkerHarness

S = EditionState


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
    assert "Approve again: The week" in harness.list_subjects("approver@example.org")
    assert harness.list_readers_reached() == []
