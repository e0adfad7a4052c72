"""The import of media contacts from the lines of a file."""

from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime

from mailer.actor import Actor
from mailer.audience import contacts
from mailer.audience.imports.decisions import describe_unknown_topics
from mailer.audience.imports.people import import_people
from mailer.errors import InputError, Refused
from mailer.model.contacts import ContactProfile
from mailer.model.imports import ImportRow, RowOutcome, RowResult, RowState
from mailer.model.lists import MailingList
from mailer.model.subscribers import Evidence, MembershipState
from mailer.model.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One line: the person, and the person's profile as a journalist.

    `stated_columns` are the profile's fields that the file has columns for; the other fields keep
    their stored values."""

    row: ImportRow
    profile: ContactProfile
    stated_columns: frozenset[str]


def import_contacts(
    tx: Transaction,
    actor: Actor,
    rows: Iterable[ContactRow | RowResult],
    list_slug: str,
    now: datetime,
    *,
    evidence: Evidence,
    lines_by_address: MutableMapping[str, int],
) -> list[RowResult]:
    """Import lines onto a private list, and return the outcome of each line. For a line that could
    not be read, `rows` has the outcome itself, which is returned unchanged.

    If two lines have the same address, the first counts. A line always counts if it says that the
    person left or must not be mailed. `lines_by_address` has the addresses of the earlier lines of
    the file; the addresses of these lines are added. Raises NotFound for an unknown list and
    Refused for a public one."""
    mailing_list = contacts.get_private_list(tx, list_slug)
    results = []
    for row in rows:
        if isinstance(row, RowResult):
            results.append(row)
            continue
        line, address = row.row.line, row.row.person.address
        first_line = lines_by_address.setdefault(address, line)
        if row.row.state is not RowState.ACTIVE:
            results += import_people(
                tx,
                actor,
                [row.row],
                mailing_list,
                now,
                source=evidence.source,
                basis=evidence.basis,
            )
        elif first_line == line:
            result = _import_row(tx, actor, row, mailing_list, now, evidence)
            results.append(replace(result, omitted=row.row.omitted))
        else:
            reason = f"line {first_line} has this address"
            results.append(RowResult(line, RowOutcome.SKIPPED, address, reason))
    return results


def _import_row(
    tx: Transaction,
    actor: Actor,
    contact_row: ContactRow,
    mailing_list: MailingList,
    now: datetime,
    evidence: Evidence,
) -> RowResult:
    row = contact_row.row
    changes = {name: getattr(contact_row.profile, name) for name in contact_row.stated_columns}
    try:
        with tx.open_savepoint():
            known_subscriber = tx.subscribers.find_subscriber(row.person.address)
            memberships_before = (
                tx.subscribers.list_memberships(known_subscriber) if known_subscriber else ()
            )
            is_member = any(entry.list == mailing_list.slug for entry in memberships_before)
            if row.unknown_topics and not is_member:
                raise Refused(describe_unknown_topics(row))
            contact, changed = contacts.add_contact(
                tx,
                actor,
                row.person,
                mailing_list,
                changes,
                now,
                evidence=evidence,
                topics=row.topics or (),
                language=row.language,
            )
            memberships_after = tx.subscribers.list_memberships(contact.subscriber)
    except Refused as error:
        return RowResult(row.line, RowOutcome.SKIPPED, row.person.address, error.message)
    except InputError as error:
        return RowResult(row.line, RowOutcome.REFUSED, row.person.address, str(error))
    if not any(
        membership.list == mailing_list.slug and membership.state is MembershipState.ACTIVE
        for membership in memberships_before
    ):
        outcome = RowOutcome.ADDED
    elif (
        changed
        or (known_subscriber and known_subscriber.person != contact.subscriber.person)
        or memberships_before != memberships_after
    ):
        outcome = RowOutcome.UPDATED
    else:
        outcome = RowOutcome.UNCHANGED
    return RowResult(row.line, outcome, row.person.address)
