"""Decisions about the rows of an import.

A row never brings back a person who unsubscribed or must not be mailed. A person who unsubscribed
elsewhere is unsubscribed here too, unless they joined here afterwards. If an import stated no
dates, the date of that import does not count as the date of joining.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.actor import Actor
from mailer.audience import suppressions
from mailer.audience.subscribers import describe_membership, merge_persons
from mailer.model.imports import ImportRow, RowOutcome, RowResult, RowState
from mailer.model.lists import Frequency, MailingList
from mailer.model.subscribers import ConsentAction, Membership, MembershipState, Person
from mailer.model.suppressions import Suppression
from mailer.model.transaction import Transaction


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """The stored data about a row's person. `membership` is their membership of the target list.
    `undated`: the person came from an import without dates, so the date of joining is unknown."""

    id: int
    person: Person
    membership: Membership | None
    undated: bool = False


@dataclass(frozen=True, slots=True)
class ImportDecision:
    """The data to write for a row. None leaves the stored data unchanged. `act` and `detail` go
    into the log of consent."""

    result: RowResult
    person: Person | None = None
    membership: Membership | None = None
    suppression: Suppression | None = None
    act: ConsentAction | None = None
    detail: str = ""


def decide_row(
    row: ImportRow,
    known_person: KnownPerson | None,
    suppression_reason: str | None,
    mailing_list: MailingList,
    now: datetime,
) -> ImportDecision:
    """Decide about one row. `suppression_reason` is the reason why the row's address is already
    suppressed, if it is."""
    if row.state is RowState.SUPPRESSED:
        return _decide_suppression(row, suppression_reason, now)
    if suppression_reason:
        return _skip_row(row, f"must not be mailed ({suppression_reason})")
    if row.state is RowState.PENDING:
        return _skip_row(row, "has not confirmed")
    membership = known_person.membership if known_person else None
    if row.state is RowState.UNSUBSCRIBED:
        return _decide_unsubscribe(row, known_person, membership, mailing_list, now)
    if membership and membership.state is MembershipState.UNSUBSCRIBED:
        return _skip_row(row, f"left the list on {membership.left_at:%Y-%m-%d}")
    if membership and membership.state is MembershipState.PENDING:
        return _skip_row(row, "has not confirmed yet")
    return _decide_join(row, known_person, membership, mailing_list, now)


def suppress_rows(
    tx: Transaction,
    actor: Actor,
    rows: Sequence[tuple[int, Suppression]],
    now: datetime,
    *,
    source: str,
) -> list[RowResult]:
    """Suppress the addresses on some lines. An address that is already suppressed keeps its reason.

    Returns a result for each line, in order."""
    first_by_address: dict[str, Suppression] = {}
    line_by_address: dict[str, int] = {}
    for line, suppression in rows:
        if suppression.address not in first_by_address:
            first_by_address[suppression.address], line_by_address[suppression.address] = (
                suppression,
                line,
            )
    already_suppressed = suppressions.suppress_addresses(
        tx.subscribers, actor, list(first_by_address.values()), now, source=source
    )
    return [
        RowResult(line, RowOutcome.SUPPRESSED, suppression.address, suppression.reason.value)
        if suppression.address not in already_suppressed
        and line_by_address[suppression.address] == line
        else RowResult(line, RowOutcome.UNCHANGED, suppression.address, "was suppressed already")
        for line, suppression in rows
    ]


def _decide_join(
    row: ImportRow,
    known_person: KnownPerson | None,
    membership: Membership | None,
    mailing_list: MailingList,
    now: datetime,
) -> ImportDecision:
    person = merge_persons(known_person.person, row.person) if known_person else row.person
    frequency, reason = _choose_frequency(row, mailing_list), ""
    if row.frequency and not frequency:
        reason = f"no digest of the list is {row.frequency}"
    paused_until = row.paused_until if row.paused_until and row.paused_until > now else None
    new_membership = Membership(
        list=mailing_list.slug,
        state=MembershipState.ACTIVE,
        topics=row.topics if row.topics is not None else membership.topics if membership else (),
        language=row.language or (membership.language if membership else ""),
        joined_at=membership.joined_at if membership else row.joined_at or now,
        frequency=frequency or (membership.frequency if membership else Frequency.EVERY),
        paused_until=paused_until or (membership.paused_until if membership else None),
    )
    changed_membership = new_membership if new_membership != membership else None
    if known_person is None:
        outcome = RowOutcome.ADDED
    elif changed_membership or person != known_person.person:
        outcome = RowOutcome.UPDATED
    else:
        outcome = RowOutcome.UNCHANGED
    return ImportDecision(
        _build_result(row, outcome, reason),
        person=person if known_person is None or person != known_person.person else None,
        membership=changed_membership,
        act=(ConsentAction.CHANGED if membership else ConsentAction.IMPORTED)
        if changed_membership
        else None,
        detail=_build_detail(row, new_membership) if changed_membership else "",
    )


def _decide_unsubscribe(
    row: ImportRow,
    known_person: KnownPerson | None,
    membership: Membership | None,
    mailing_list: MailingList,
    now: datetime,
) -> ImportDecision:
    if membership and membership.state is MembershipState.UNSUBSCRIBED:
        return ImportDecision(_build_result(row, RowOutcome.UNCHANGED, "had left already"))
    is_undated = known_person is not None and known_person.undated
    if membership and row.left_at and membership.joined_at > row.left_at and not is_undated:
        join_detail = f"joined here on {membership.joined_at:%Y-%m-%d}"
        return _skip_row(row, f"left on {row.left_at:%Y-%m-%d}, and {join_detail}")
    left_at = row.left_at or now
    if membership:
        joined_at = min(membership.joined_at, left_at)
        new_membership = replace(
            membership, state=MembershipState.UNSUBSCRIBED, joined_at=joined_at, left_at=left_at
        )
    else:
        new_membership = Membership(
            list=mailing_list.slug,
            state=MembershipState.UNSUBSCRIBED,
            topics=row.topics or (),
            language=row.language,
            joined_at=min(row.joined_at or left_at, left_at),
            left_at=left_at,
            frequency=_choose_frequency(row, mailing_list) or Frequency.EVERY,
        )
    left_detail = f"on {row.left_at:%Y-%m-%d}" if row.left_at else ""
    return ImportDecision(
        _build_result(row, RowOutcome.LEFT),
        person=row.person if known_person is None else None,
        membership=new_membership,
        act=ConsentAction.LEFT,
        detail="; ".join(filter(None, (left_detail, row.evidence))),
    )


def _decide_suppression(
    row: ImportRow, suppression_reason: str | None, now: datetime
) -> ImportDecision:
    if suppression_reason:
        return ImportDecision(
            _build_result(row, RowOutcome.UNCHANGED, f"must not be mailed ({suppression_reason})")
        )
    suppression = Suppression(row.person.address, row.reason, row.evidence, now)
    return ImportDecision(
        _build_result(row, RowOutcome.SUPPRESSED, row.reason.value), suppression=suppression
    )


def _choose_frequency(row: ImportRow, mailing_list: MailingList) -> Frequency | None:
    return row.frequency if row.frequency in mailing_list.frequencies else None


def _build_detail(row: ImportRow, membership: Membership) -> str:
    detail = describe_membership(membership)
    if row.joined_at:
        detail += f"; since {row.joined_at:%Y-%m-%d}"
    if row.evidence:
        detail += f"; {row.evidence}"
    return detail


def _skip_row(row: ImportRow, reason: str) -> ImportDecision:
    return ImportDecision(_build_result(row, RowOutcome.SKIPPED, reason))


def _build_result(row: ImportRow, outcome: RowOutcome, reason: str = "") -> RowResult:
    return RowResult(row.line, outcome, row.person.address, reason, row.omitted)
