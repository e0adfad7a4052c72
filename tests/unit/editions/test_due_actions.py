"""The clock prepares an edition, reminds of it, and starts it unless it is too late."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from mailer import editions
from mailer.actor import WORKER
from mailer.editions import DueAction, ReviewStep, find_due_action, find_review_step
from mailer.editions.reviews import TOO_LATE_REASON
from mailer.errors import ComposeError, ConfigError
from mailer.model.digests import ApprovalRule, DigestPolicy, DigestSettings, WhenEmpty, WhenLate
from mailer.model.editions import Approval, Edition, Manuscript, SendAppointment
from mailer.model.embargoes import Embargo, EmbargoTerms
from mailer.model.rendering import Composition
from mailer.model.transaction import Transaction
from tests.fakes import FrozenRenderer, make_transaction
from tests.unit.editions.fakes import HASH, FakeEditionStore, S
from tests.unit.samples import DAY, NOW, make_edition

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
AT_NOW = SendAppointment(NOW, NOW.replace(tzinfo=None), "UTC")
RENDERER = FrozenRenderer()


def make_edition_of_digest(
    edition: Edition, embargo: Embargo | None = None, **settings: Any
) -> tuple[FakeEditionStore, Transaction]:
    """Make a transaction with one edition, its digest, and an embargo on each of its stories."""
    edition = replace(edition, digest="weekly")
    store = FakeEditionStore(edition)
    digest = SimpleNamespace(settings=DigestSettings("weekly", "Weekly", "news", **settings))
    return store, make_transaction(
        editions=store,
        digests=SimpleNamespace(list_digests=lambda: [digest]),
        embargoes=SimpleNamespace(find_embargo=lambda slug: embargo),
    )


def find_reason_for_hold(
    now: datetime, approval: Approval | None = None, embargo: Embargo | None = None
) -> str:
    """Start an edition that was due at NOW, with a grace of an hour; return why it is on hold."""
    store, tx = make_edition_of_digest(
        make_edition(state=S.SCHEDULED, appointment=AT_NOW, approval=approval),
        embargo,
        policy=DigestPolicy(grace=HOUR),
    )

    def refuse_start() -> None:
        raise ConfigError("the relays are checked only if it is to be started")

    try:
        start = editions.start_due_edition(
            tx, WORKER, store.saved_edition, RENDERER, now, check_relays=refuse_start
        )
    except ConfigError:
        assert store.saved_edition.state is S.SCHEDULED
        return ""
    assert start is not None
    assert start.edition.state is S.ON_HOLD
    return start.reason


def test_edition_later_than_its_grace_is_put_on_hold() -> None:
    assert find_reason_for_hold(NOW + HOUR + MINUTE - timedelta(seconds=1)) == ""
    assert find_reason_for_hold(NOW + HOUR + MINUTE) == "it is 1h 1m late; its grace is 1h"


def test_lateness_counts_from_late_approval_and_end_of_embargo() -> None:
    late_approval = Approval("Ana", NOW + HOUR, HASH, "")
    assert find_reason_for_hold(NOW + 2 * HOUR, late_approval) == ""
    assert find_reason_for_hold(NOW + 2 * HOUR + MINUTE, late_approval)
    end = NOW + 2 * HOUR
    embargo = Embargo("storm-relief", EmbargoTerms(end.replace(tzinfo=None), "UTC"), end, NOW)
    assert find_reason_for_hold(NOW + 3 * HOUR, None, embargo) == ""
    assert find_reason_for_hold(NOW + 3 * HOUR + MINUTE, None, embargo)


def test_edition_whose_time_has_not_come_is_not_started() -> None:
    edition = make_edition(state=S.SCHEDULED, appointment=AT_NOW)
    _, tx = make_edition_of_digest(edition)
    for early_edition, now in ((edition, NOW - MINUTE), (replace(edition, state=S.APPROVED), NOW)):
        assert (
            editions.start_due_edition(
                tx, WORKER, early_edition, RENDERER, now, check_relays=lambda: None
            )
            is None
        )


@pytest.mark.parametrize(
    ("when_late", "asked_at", "step"),
    [
        (WhenLate.DRAFT, NOW - HOUR, ReviewStep.RETURN_TO_DRAFT),
        (WhenLate.WAIT, NOW - HOUR, ReviewStep.REMIND),
        # It was ready only at its time, so it could not have been approved earlier.
        (WhenLate.DRAFT, NOW, None),
    ],
)
def test_unapproved_edition_at_its_time_is_reminded_of_or_returned_to_draft(
    when_late: WhenLate, asked_at: datetime, step: ReviewStep | None
) -> None:
    edition = make_edition(
        state=S.IN_REVIEW, appointment=AT_NOW, asked_at=asked_at, reminded_at=asked_at
    )
    policy = DigestPolicy(when_late=when_late)
    assert find_review_step(edition, policy, NOW) is step
    assert find_review_step(edition, policy, NOW - MINUTE) is None
    assert find_review_step(replace(edition, state=S.DRAFT), policy, NOW) is None


def test_each_reminder_is_due_once() -> None:
    policy = DigestPolicy(reminders=(DAY, HOUR))
    edition = make_edition(
        state=S.IN_REVIEW, appointment=AT_NOW, asked_at=NOW - 2 * DAY, reminded_at=NOW - 2 * DAY
    )
    assert find_review_step(edition, policy, NOW - DAY - MINUTE) is None
    assert find_review_step(edition, policy, NOW - DAY) is ReviewStep.REMIND
    reminded = replace(edition, reminded_at=NOW - DAY)
    assert find_review_step(reminded, policy, NOW - HOUR - MINUTE) is None
    assert find_review_step(reminded, policy, NOW - HOUR) is ReviewStep.REMIND
    assert find_review_step(replace(edition, reminded_at=NOW), policy, NOW + DAY) is None


def test_late_edition_becomes_draft_without_send_time() -> None:
    store, tx = make_edition_of_digest(make_edition(state=S.IN_REVIEW, appointment=AT_NOW))
    draft = editions.return_late_edition(tx, WORKER, store.saved_edition, NOW)
    assert (draft.state, draft.reason, draft.appointment) == (S.DRAFT, TOO_LATE_REASON, None)


@pytest.mark.parametrize(
    ("when_empty", "state"), [(WhenEmpty.SKIP, S.SKIPPED), (WhenEmpty.PUT_ON_HOLD, S.ON_HOLD)]
)
def test_draft_with_too_few_stories_left_is_skipped_or_put_on_hold(
    when_empty: WhenEmpty, state: S
) -> None:
    store, tx = make_edition_of_digest(
        make_edition(stories=("a", "withdrawn")), fewest=2, when_empty=when_empty
    )
    preparation = editions.prepare_edition(tx, WORKER, store.saved_edition, RENDERER, NOW)
    assert preparation is not None
    assert preparation.edition.state is state
    assert preparation.too_few == "only 1 of its stories are left, and this digest needs 2"
    assert store.released == (["a", "withdrawn"] if state is S.SKIPPED else [])


class _BrokenRenderer(FrozenRenderer):
    def compose_edition(self, manuscript: Manuscript) -> Composition:
        raise ComposeError("the template is broken")


def test_draft_that_cannot_be_composed_is_put_on_hold() -> None:
    store, tx = make_edition_of_digest(make_edition(stories=("a",)))
    preparation = editions.prepare_edition(tx, WORKER, store.saved_edition, _BrokenRenderer(), NOW)
    assert preparation is not None
    assert preparation.edition.state is S.ON_HOLD
    assert preparation.compose_error == "it can't be composed: the template is broken"


@pytest.mark.parametrize(
    ("rule", "state"),
    [(ApprovalRule.ANYONE, S.IN_REVIEW), (ApprovalRule.NONE, S.SCHEDULED)],
)
def test_prepared_draft_is_submitted_or_approved_by_its_digest(
    rule: ApprovalRule, state: S
) -> None:
    store, tx = make_edition_of_digest(
        make_edition(stories=("a",), appointment=AT_NOW, content_hash=HASH),
        policy=DigestPolicy(approval=rule),
    )
    preparation = editions.prepare_edition(tx, WORKER, store.saved_edition, RENDERER, NOW)
    assert preparation is not None
    assert preparation.edition.state is state
    assert editions.prepare_edition(tx, WORKER, preparation.edition, RENDERER, NOW) is None
    if rule is ApprovalRule.NONE:
        assert store.saved_edition.approval is not None
        assert store.saved_edition.approval.approver == "the rule of weekly"


@pytest.mark.parametrize(
    ("state", "now", "action"),
    [
        (S.DRAFT, NOW - DAY, DueAction.PREPARE),
        (S.IN_REVIEW, NOW - DAY, None),
        (S.IN_REVIEW, NOW, DueAction.CHECK_REVIEW),
        (S.SCHEDULED, NOW - MINUTE, None),
        (S.SCHEDULED, NOW, DueAction.START),
        (S.APPROVED, NOW, None),
    ],
)
def test_due_action_follows_state_and_send_time(
    state: S, now: datetime, action: DueAction | None
) -> None:
    asked_at = NOW - DAY
    _, tx = make_edition_of_digest(make_edition())
    edition = make_edition(state=state, appointment=AT_NOW, asked_at=asked_at, reminded_at=asked_at)
    assert find_due_action(tx, edition, now, {}) is action
    assert find_due_action(tx, replace(edition, appointment=None), now, {}) is None


def test_scheduled_edition_waits_for_its_embargoed_story() -> None:
    _, tx = make_edition_of_digest(make_edition())
    edition = make_edition(state=S.SCHEDULED, appointment=AT_NOW)
    end = NOW + HOUR
    embargo = Embargo("storm-relief", EmbargoTerms(end.replace(tzinfo=None), "UTC"), end, NOW)
    assert find_due_action(tx, edition, NOW, {"storm-relief": embargo}) is None
    assert find_due_action(tx, edition, NOW, {"other": embargo}) is DueAction.START


def test_changed_rules_of_the_time_zone_update_the_send_time_first() -> None:
    moved = replace(AT_NOW, moment=NOW - HOUR)
    store, tx = make_edition_of_digest(make_edition(state=S.SCHEDULED, appointment=moved))
    edition = store.saved_edition
    assert find_due_action(tx, edition, NOW, {}) is DueAction.UPDATE_SEND_TIME
    updated = editions.update_send_time(tx, WORKER, edition, NOW)
    assert updated is not None
    assert updated.appointment == AT_NOW
    assert editions.update_send_time(tx, WORKER, updated, NOW) is None
