"""Sums over editions, and over people who joined and left. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from mailer.model.deliveries import DeliveryState
from mailer.model.membership_counts import JOINING_KINDS, CountedChange
from mailer.model.reports import (
    EditionNumbers,
    FailureGroup,
    JoiningSource,
    LeavingWay,
    MailNumbers,
    Period,
    PeriodNumbers,
)

DescribeFailure = Callable[[str], str]
"""Describe a relay's reply in words for people, as the delivery side does. An empty result means
that the reply says nothing."""

NO_REASON = "no reason given"

_FAILED_STATES = (DeliveryState.FAILED, DeliveryState.EXPIRED)
_NAMED_STATES = {DeliveryState.SENT, *_FAILED_STATES}


def sum_mails(
    editions: Sequence[EditionNumbers],
    failures: Iterable[FailureGroup],
    describe_failure: DescribeFailure,
) -> MailNumbers:
    """Add up the mails of some editions."""
    states: Counter[DeliveryState] = Counter()
    for edition in editions:
        states.update(edition.states)
    deferred = sum(edition.deferred for edition in editions)
    reasons: Counter[str] = Counter()
    for failure in failures:
        reasons[describe_failure(failure.reply) or NO_REASON] += failure.count
    failed_count = sum(states[state] for state in _FAILED_STATES)
    # A delivery may fail between the statements that count states and reasons.
    if (unexplained := failed_count - reasons.total()) > 0:
        reasons[NO_REASON] += unexplained
    other = {
        state.value.replace("_", " "): states[state] - (deferred if state is _QUEUED else 0)
        for state in DeliveryState
        if state not in _NAMED_STATES
    }
    return MailNumbers(
        editions=len(editions),
        planned=states.total(),
        sent=states[DeliveryState.SENT],
        deferred=deferred,
        failed=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        other={state: count for state, count in other.items() if count},
    )


_QUEUED = DeliveryState.QUEUED


CLICK_STEP = 10
"""The step in which clicks are reported."""


def round_clicks(clicks: int) -> int | None:
    """Return clicks rounded down to a multiple of :data:`CLICK_STEP`, or None for fewer."""
    return clicks - clicks % CLICK_STEP or None


def sum_joining(changes: Iterable[CountedChange]) -> tuple[JoiningSource, ...]:
    """Add up the people who joined, by kind and source, the most frequent first."""
    sums: Counter[tuple[str, str]] = Counter()
    for change in changes:
        if change.kind in JOINING_KINDS:
            sums[change.kind.value, change.source] += change.people
    return tuple(JoiningSource(kind, source, people) for (kind, source), people in _rank(sums))


def sum_leaving(changes: Iterable[CountedChange]) -> tuple[LeavingWay, ...]:
    """Add up the people who left, by kind and way, the most frequent first."""
    sums: Counter[tuple[str, str]] = Counter()
    for change in changes:
        if change.kind not in JOINING_KINDS:
            sums[change.kind.value, change.source] += change.people
    return tuple(LeavingWay(kind, way, people) for (kind, way), people in _rank(sums))


def _rank(sums: "Counter[tuple[str, str]]") -> list[tuple[tuple[str, str], int]]:
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def select_period(changes: Iterable[CountedChange], period: Period) -> list[CountedChange]:
    """Return the changes of the hours that begin within a period."""
    return [change for change in changes if period.since <= change.hour < period.until]


def sum_parts(
    parts: Sequence[Period],
    changes: Sequence[CountedChange],
    editions: Sequence[EditionNumbers],
    readers_now: int,
) -> tuple[PeriodNumbers, ...]:
    """Return the numbers of each part of a period. `changes` are all changes since the first part
    began, up to now: the readers at the end of a part are those of now without later changes."""
    numbers = []
    for part in parts:
        own_changes = select_period(changes, part)
        own_editions = [
            edition for edition in editions if part.since <= edition.planned_at < part.until
        ]
        numbers.append(
            PeriodNumbers(
                since=part.since,
                until=part.until,
                joined=sum(change.net for change in own_changes if change.net > 0),
                left=-sum(change.net for change in own_changes if change.net < 0),
                readers=readers_now - _sum_net(changes, part.until),
                editions=len(own_editions),
                sent=sum(edition.states[DeliveryState.SENT] for edition in own_editions),
                failed=sum(
                    edition.states[state] for edition in own_editions for state in _FAILED_STATES
                ),
            )
        )
    return tuple(numbers)


def _sum_net(changes: Iterable[CountedChange], since: datetime) -> int:
    return sum(change.net for change in changes if change.hour >= since)
