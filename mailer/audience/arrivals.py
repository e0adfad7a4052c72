"""What becomes of each row of an import.

Nobody who left a list or must not be mailed is brought back by a row, and one who left elsewhere
has left here too, unless they joined here afterwards: when an import that named no date brought
them says nothing of when they joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.audience import suppressions
from mailer.audience.consent import Act
from mailer.audience.lists import Frequency, MailingList
from mailer.audience.rows import Row, RowOutcome, RowResult, RowState
from mailer.audience.subscribers import Membership, MembershipState, Person, merge, spell
from mailer.audience.suppressions import Suppression, SuppressionStore


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a row's person. `membership` is that on the list of the import; `undated`:
    it was an import that brought them, and when it did is all that is known of their joining."""

    id: int
    person: Person
    membership: Membership | None
    undated: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be written. None: what is there stays. `act` and `detail` go into the log."""

    result: RowResult
    person: Person | None = None
    membership: Membership | None = None
    suppression: Suppression | None = None
    act: Act | None = None
    detail: str = ""


def decide(
    row: Row, known: Known | None, suppressed: str | None, mailing_list: MailingList, now: datetime
) -> Decision:
    """`suppressed` is why the row's address must not be mailed already."""
    if row.state is RowState.SUPPRESSED:
        return _suppressed(row, suppressed, now)
    if suppressed:
        return _skipped(row, f"must not be mailed ({suppressed})")
    if row.state is RowState.PENDING:
        return _skipped(row, "has not confirmed")
    theirs = known.membership if known else None
    if row.state is RowState.UNSUBSCRIBED:
        return _left(row, known, theirs, mailing_list, now)
    if theirs and theirs.state is MembershipState.UNSUBSCRIBED:
        return _skipped(row, f"left the list on {theirs.left_at:%Y-%m-%d}")
    if theirs and theirs.state is MembershipState.PENDING:
        return _skipped(row, "has not confirmed yet")
    return _joins(row, known, theirs, mailing_list, now)


def suppress(
    store: SuppressionStore,
    rows: Sequence[tuple[int, Suppression]],
    now: datetime,
    *,
    source: str,
) -> list[RowResult]:
    """Stop all mail to the addresses on some lines; what became of each, in order. An address to
    which it was stopped already keeps its reason."""
    first: dict[str, Suppression] = {}
    lines: dict[str, int] = {}
    for line, one in rows:
        if one.address not in first:
            first[one.address], lines[one.address] = one, line
    known = suppressions.suppress_all(store, list(first.values()), now, source=source)
    return [
        RowResult(line, RowOutcome.SUPPRESSED, one.address, one.reason.value)
        if one.address not in known and lines[one.address] == line
        else RowResult(line, RowOutcome.UNCHANGED, one.address, "must not be mailed already")
        for line, one in rows
    ]


def _joins(
    row: Row,
    known: Known | None,
    theirs: Membership | None,
    mailing_list: MailingList,
    now: datetime,
) -> Decision:
    person = merge(known.person, row.person) if known else row.person
    frequency, note = _served(row, mailing_list), ""
    if row.frequency and not frequency:
        note = f"no digest of the list is {row.frequency}"
    pause = row.paused_until if row.paused_until and row.paused_until > now else None
    wanted = Membership(
        list=mailing_list.slug,
        state=MembershipState.ACTIVE,
        topics=row.topics if row.topics is not None else theirs.topics if theirs else (),
        language=row.language or (theirs.language if theirs else ""),
        joined_at=theirs.joined_at if theirs else row.joined or now,
        frequency=frequency or (theirs.frequency if theirs else Frequency.EVERY),
        paused_until=pause or (theirs.paused_until if theirs else None),
    )
    changes = wanted if wanted != theirs else None
    if known is None:
        outcome = RowOutcome.ADDED
    elif changes or person != known.person:
        outcome = RowOutcome.UPDATED
    else:
        outcome = RowOutcome.UNCHANGED
    return Decision(
        _result(row, outcome, note),
        person=person if known is None or person != known.person else None,
        membership=changes,
        act=(Act.CHANGED if theirs else Act.IMPORTED) if changes else None,
        detail=_detail(row, wanted) if changes else "",
    )


def _left(
    row: Row,
    known: Known | None,
    theirs: Membership | None,
    mailing_list: MailingList,
    now: datetime,
) -> Decision:
    if theirs and theirs.state is MembershipState.UNSUBSCRIBED:
        return Decision(_result(row, RowOutcome.UNCHANGED, "had left already"))
    undated = known is not None and known.undated
    if theirs and row.left and theirs.joined_at > row.left and not undated:
        here = f"joined here on {theirs.joined_at:%Y-%m-%d}"
        return _skipped(row, f"left on {row.left:%Y-%m-%d}, and {here}")
    left = row.left or now
    if theirs:
        joined = min(theirs.joined_at, left)
        wanted = replace(theirs, state=MembershipState.UNSUBSCRIBED, joined_at=joined, left_at=left)
    else:
        wanted = Membership(
            list=mailing_list.slug,
            state=MembershipState.UNSUBSCRIBED,
            topics=row.topics or (),
            language=row.language,
            joined_at=min(row.joined or left, left),
            left_at=left,
            frequency=_served(row, mailing_list) or Frequency.EVERY,
        )
    said = f"on {row.left:%Y-%m-%d}" if row.left else ""
    return Decision(
        _result(row, RowOutcome.LEFT),
        person=row.person if known is None else None,
        membership=wanted,
        act=Act.LEFT,
        detail="; ".join(filter(None, (said, row.evidence))),
    )


def _suppressed(row: Row, suppressed: str | None, now: datetime) -> Decision:
    if suppressed:
        return Decision(_result(row, RowOutcome.UNCHANGED, f"must not be mailed ({suppressed})"))
    made = Suppression(row.person.address, row.reason, row.evidence, now)
    return Decision(_result(row, RowOutcome.SUPPRESSED, row.reason.value), suppression=made)


def _served(row: Row, mailing_list: MailingList) -> Frequency | None:
    return row.frequency if row.frequency in mailing_list.frequencies else None


def _detail(row: Row, membership: Membership) -> str:
    said = spell(membership)
    if row.joined:
        said += f"; since {row.joined:%Y-%m-%d}"
    if row.evidence:
        said += f"; {row.evidence}"
    return said


def _skipped(row: Row, reason: str) -> Decision:
    return Decision(_result(row, RowOutcome.SKIPPED, reason))


def _result(row: Row, outcome: RowOutcome, reason: str = "") -> RowResult:
    return RowResult(row.line, outcome, row.person.address, reason)
