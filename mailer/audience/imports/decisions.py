"""Decisions about the rows of an import.

A row never brings back a person who unsubscribed or must not be mailed. A person who unsubscribed
elsewhere is unsubscribed here too, unless they joined here afterwards. If an import stated no
dates, the date of that import does not count as the date of joining. A person who named topics, all
of them unknown, does not become a member, since a member without a topic gets all stories. If two
lines of a file have the same address, both lines' topics count, and otherwise the first value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mailer.actor import Actor
from mailer.audience import suppressions
from mailer.audience.subscribers import describe_membership, merge_persons
from mailer.model.imports import ImportRow, OmittedValue, RowOutcome, RowResult, RowState
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
        day = f"on {membership.left_at:%Y-%m-%d}" if membership.left_at else "on an unknown day"
        return _skip_row(row, f"left the list {day}")
    if membership and membership.state is MembershipState.PENDING:
        return _skip_row(row, "has not confirmed yet")
    if membership is None and row.unknown_topics:
        return _skip_row(row, describe_unknown_topics(row))
    return _decide_join(row, known_person, membership, mailing_list, now)


def describe_unknown_topics(row: ImportRow) -> str:
    """Return why a person of whose topics none exists does not become a member."""
    names = ", ".join(map(repr, row.unknown_topics))
    return f"no topic is called {names}, and without a topic this person would get all stories"


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
    if known_person and row.first_line:
        row = _keep_earlier_values(row, known_person)
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
        joined_at=_choose_joining(row, known_person, now),
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


def _keep_earlier_values(row: ImportRow, known_person: KnownPerson) -> ImportRow:
    """Return a row without the values that earlier lines of the file state otherwise, which are
    named as left out, and with the topics of all lines."""
    person, membership = known_person.person, known_person.membership
    omitted = list(row.omitted)

    def keep(field: str, value: Any, kept_value: Any) -> Any:
        if field not in row.stated_earlier or not value:
            return value
        if value != kept_value:
            stays = f"line {row.first_line} has the same address, and {_spell(kept_value)!r} stays"
            omitted.append(OmittedValue(field, _spell(value), stays))
        return None

    kept_person = replace(
        row.person,
        name=keep("name", row.person.name, person.name) or "",
        language=keep("language", row.person.language, person.language) or "",
        country=keep("country", row.person.country, person.country) or "",
        time_zone=keep("time_zone", row.person.time_zone, person.time_zone) or "",
        fields={
            name: value
            for name, text in row.person.fields.items()
            if (value := keep(name, text, person.fields.get(name, "")))
        },
    )
    if membership is None:
        return replace(row, person=kept_person, omitted=tuple(omitted))
    topics = row.topics
    if topics and "topics" in row.stated_earlier:
        topics = tuple(sorted({*topics, *membership.topics})) if membership.topics else None
    return replace(
        row,
        person=kept_person,
        topics=topics,
        joined_at=keep("joined", row.joined_at, membership.joined_at),
        language=keep("list_language", row.language, membership.language) or "",
        frequency=keep("frequency", row.frequency, membership.frequency),
        paused_until=keep("paused_until", row.paused_until, membership.paused_until),
        omitted=tuple(omitted),
    )


def _spell(value: datetime | str) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, datetime) else str(value)


def _choose_joining(row: ImportRow, known_person: KnownPerson | None, now: datetime) -> datetime:
    """Return the moment of joining: the stored one, unless only the day of an import is stored and
    the row has an earlier one."""
    membership = known_person.membership if known_person else None
    if known_person is None or membership is None:
        return row.joined_at or now
    if known_person.undated and row.joined_at and row.joined_at < membership.joined_at:
        return row.joined_at
    return membership.joined_at


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
    if membership:
        left_at = row.left_at or now  # the person got mails until this import
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
            joined_at=min(row.joined_at or row.left_at or now, row.left_at or now),
            left_at=row.left_at,
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
