"""From an occurrence to mailboxes, step by step: what a tick does, and what it leaves alone."""

from datetime import timedelta

from mailer import articles, editions
from mailer.actor import create_local_actor
from mailer.config import Organisation
from mailer.model.digests import ApprovalRule, WhenEmpty
from mailer.model.edition_states import EditionState, SendTimeBasis
from mailer.model.schedules import OccurrenceState
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.worker.conftest import HOUR, MINUTE, NINE, READERS, WorkerHarness

S = EditionState


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
    assert approval_request["Subject"] == "Approve by Tue 2 Mar 08:30: The week"
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


# ---- changes before the time -------------------------------------------------------------------


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
