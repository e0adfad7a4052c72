"""Which notice is due for an edition, when, and its recipients."""

from datetime import timedelta
from typing import Any

import pytest

from mailer.editions.reviews import TOO_LATE_REASON
from mailer.model.digests import DigestPolicy
from mailer.model.edition_states import EditionState
from mailer.model.editions import SendAppointment
from mailer.notices import NoticeKind, StaffAddresses, choose_addresses, is_notice_due
from mailer.notices.due import EDITING_PAUSE, choose_notice_kind
from tests.unit.samples import DAY, NOW, make_edition

S = EditionState
SECOND = timedelta(seconds=1)
TOMORROW = SendAppointment(NOW + DAY, (NOW + DAY).replace(tzinfo=None), "UTC")
POLICY = DigestPolicy(approvers=("ana@example.org",), watchers=("ben@example.org",))


@pytest.mark.parametrize(
    ("state", "last_state", "fields", "kind"),
    [
        (S.IN_REVIEW, "draft", {}, NoticeKind.REVIEW),
        (S.IN_REVIEW, "scheduled", {}, NoticeKind.VOID),
        (S.DRAFT, "approved", {}, NoticeKind.VOID),
        (S.DRAFT, "in_review", {"reason": TOO_LATE_REASON}, NoticeKind.LATE),
        (S.DRAFT, "in_review", {"reason": "reopened"}, None),
        (S.SCHEDULED, "in_review", {"asked_at": NOW}, NoticeKind.APPROVED),
        (S.SCHEDULED, "in_review", {}, None),
        (S.SCHEDULED, "approved", {"asked_at": NOW}, None),
        (S.SENDING, "in_review", {}, NoticeKind.APPROVED),
        (S.SENDING, "scheduled", {}, None),
        (S.SENT, "sending", {}, NoticeKind.SENT),
        (S.ON_HOLD, "draft", {}, NoticeKind.ON_HOLD),
    ],
)
def test_notice_kind_follows_state_and_last_notified_state(
    state: S, last_state: str, fields: dict[str, Any], kind: NoticeKind | None
) -> None:
    edition = make_edition(state=state, last_notified_state=last_state, **fields)
    assert choose_notice_kind(edition, NOW) is kind


def test_edition_sent_long_before_the_first_worker_gets_no_notice() -> None:
    edition = make_edition(state=S.SENT, finished_at=NOW)
    assert choose_notice_kind(edition, NOW + DAY) is NoticeKind.SENT
    assert choose_notice_kind(edition, NOW + DAY + SECOND) is None


def test_edited_review_is_notified_after_a_pause_or_shortly_before_sending() -> None:
    fields: dict[str, Any] = {
        "state": S.IN_REVIEW,
        "last_notified_state": "in_review",
        "last_notified_hash": "old",
        "asked_at": NOW,
    }
    edition = make_edition(content_hash="new", appointment=TOMORROW, **fields)
    assert not is_notice_due(edition, NOW + EDITING_PAUSE - SECOND)
    assert is_notice_due(edition, NOW + EDITING_PAUSE)
    soon = SendAppointment(NOW + EDITING_PAUSE, NOW.replace(tzinfo=None), "UTC")
    assert is_notice_due(make_edition(content_hash="new", appointment=soon, **fields), NOW + SECOND)
    assert not is_notice_due(make_edition(content_hash="old", **fields), NOW + DAY)


def test_draft_with_send_time_waits_for_its_next_state() -> None:
    assert not is_notice_due(make_edition(appointment=TOMORROW), NOW)
    assert is_notice_due(make_edition(), NOW)


@pytest.mark.parametrize(
    ("kind", "was_asked", "addresses"),
    [
        (NoticeKind.REVIEW, False, ("ana@example.org",)),
        (NoticeKind.LATE, True, ("ana@example.org",)),
        (NoticeKind.SENT, True, ("ben@example.org",)),
        (NoticeKind.CANCELLED, False, ("ben@example.org",)),
        (NoticeKind.CANCELLED, True, ("ana@example.org", "ben@example.org")),
        (NoticeKind.VOID, False, ("ana@example.org", "ben@example.org")),
    ],
)
def test_notice_goes_to_approvers_or_watchers_by_its_kind(
    kind: NoticeKind, was_asked: bool, addresses: tuple[str, ...]
) -> None:
    staff = StaffAddresses(("other@example.org",), ("other@example.org",))
    assert choose_addresses(POLICY, staff, kind, was_asked=was_asked) == addresses


def test_notice_without_own_addresses_goes_to_those_in_settings() -> None:
    only_watchers = StaffAddresses(watchers=("ben@example.org",))
    assert choose_addresses(DigestPolicy(), only_watchers, NoticeKind.REVIEW) == (
        "ben@example.org",
    )
    assert choose_addresses(DigestPolicy(), StaffAddresses(), NoticeKind.REVIEW) == ()
