"""Sums of reports."""

from mailer.model.deliveries import DeliveryState
from mailer.model.reports import EditionNumbers, FailureGroup
from mailer.reports.numbers import NO_REASON, sum_mails
from tests.unit.samples import NOW


def sum_failures(failed: int, *counts: int) -> dict[str, int]:
    edition = EditionNumbers(1, "News", NOW, {DeliveryState.FAILED: failed})
    groups = [FailureGroup(DeliveryState.FAILED, "550 gone", count) for count in counts]
    return dict(sum_mails([edition], groups, lambda reply: reply[4:]).failed)


def test_failures_without_a_reply_have_no_reason() -> None:
    assert sum_failures(5, 3) == {"gone": 3, NO_REASON: 2}
    assert sum_failures(5) == {NO_REASON: 5}


def test_failure_between_two_statements_makes_no_negative_number() -> None:
    assert sum_failures(5, 4, 3) == {"gone": 7}
