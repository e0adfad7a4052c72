"""The retention of data: what is deleted, and when. Many small transactions delete it, so that
neither the calendar nor delivery has to wait.

A period of 0 keeps the data forever.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dateutil.relativedelta import relativedelta

from mailer.actor import Actor
from mailer.audience import erasure
from mailer.model.transaction import Transaction

ROWS_PER_TRANSACTION = 1000
"""Maximum number of rows in a transaction."""

PEOPLE_PER_TRANSACTION = 50
"""Maximum number of people in a transaction. It is small, because each person is searched for in
every edition."""

ALLOWANCES_LAST = timedelta(days=2)
"""Time for which uses of rate limits are stored. The windows of the limits are shorter."""

SOURCE = "retention"
"""The source that the log of consent names for a deletion."""


class RetainedData(StrEnum):
    """The kinds of data that are deleted when their retention has ended, in that order."""

    SIGN_UPS = "sign_ups"
    LIMITS = "limits"
    NOTICES = "notices"
    """Mails to staff, and mails about sign-ups."""
    DELIVERIES = "deliveries"
    """Names and addresses in deliveries; their outcomes stay."""
    PEOPLE = "people"
    """People who are no longer on any list."""
    CONSENT = "consent"
    """Entries of the log of consent about erased people."""
    COUNTS = "counts"
    """Changes of lists' sizes, which name no person: they are added up, and kept forever."""
    SEARCH = "search"
    """Parts of deleted people's names and addresses that the index of searches still holds."""


@dataclass(frozen=True, slots=True)
class RetentionPeriods:
    """The times for which data is kept, as ``[retention]`` sets them; 0 means forever."""

    link_lifetime: timedelta
    notices_days: int = 0
    deliveries_months: int = 0
    left_months: int = 0
    consent_years: int = 0


@dataclass(frozen=True, slots=True)
class ClearingPosition:
    """The edition whose deliveries are being cleared, and the last address that was: beginning
    again would read all cleared deliveries each time."""

    edition_id: int = 0
    last_address: str = ""


def find_limit(periods: RetentionPeriods, kind: RetainedData, now: datetime) -> datetime | None:
    """Return the moment before which data of this kind is deleted, or None if it is kept
    forever."""
    match kind:
        case RetainedData.SIGN_UPS:
            return now - periods.link_lifetime
        case RetainedData.LIMITS:
            return now - ALLOWANCES_LAST
        case RetainedData.NOTICES:
            return now - timedelta(days=periods.notices_days) if periods.notices_days else None
        case RetainedData.DELIVERIES:
            months = periods.deliveries_months
            return now - relativedelta(months=months) if months else None
        case RetainedData.PEOPLE:
            return now - relativedelta(months=periods.left_months) if periods.left_months else None
        case RetainedData.CONSENT:
            years = periods.consent_years
            return now - relativedelta(years=years) if years else None
        case RetainedData.COUNTS | RetainedData.SEARCH:
            return now


def list_expired_data(
    tx: Transaction, periods: RetentionPeriods, now: datetime
) -> list[tuple[RetainedData, datetime]]:
    """Return the kinds of data of which there is some whose retention has ended, each with the
    moment before which it is deleted."""
    limits = ((kind, find_limit(periods, kind, now)) for kind in RetainedData)
    return [
        (kind, before)
        for kind, before in limits
        if before is not None and _has_expired_data(tx, kind, before)
    ]


def _has_expired_data(tx: Transaction, kind: RetainedData, before: datetime) -> bool:
    match kind:
        case RetainedData.SIGN_UPS:
            return tx.sign_ups.has_confirmations_before(before)
        case RetainedData.LIMITS:
            return tx.sign_ups.has_windows_before(before)
        case RetainedData.NOTICES:
            return tx.retention.find_expired_edition(before) is not None
        case RetainedData.DELIVERIES:
            return tx.retention.find_uncleared_edition(before) is not None
        case RetainedData.PEOPLE:
            return bool(tx.retention.list_lapsed_addresses(before, 1))
        case RetainedData.CONSENT:
            return tx.retention.has_erased_entries(before)
        case RetainedData.COUNTS:
            return tx.membership_counts.has_unmerged_changes()
        case RetainedData.SEARCH:
            return tx.retention.has_deleted_search_terms()


def delete_expired_data(
    tx: Transaction,
    actor: Actor,
    kind: RetainedData,
    before: datetime,
    now: datetime,
    position: ClearingPosition,
) -> tuple[int, ClearingPosition]:
    """Delete one batch of the data of this kind that is older than `before`. `position` is where
    the last call ended. Returns (number of deleted records, new position)."""
    match kind:
        case RetainedData.SIGN_UPS:
            count = tx.sign_ups.delete_confirmations_before(before, ROWS_PER_TRANSACTION)
        case RetainedData.LIMITS:
            count = tx.sign_ups.delete_windows_before(before, ROWS_PER_TRANSACTION)
        case RetainedData.NOTICES:
            count = _delete_notices(tx, before)
        case RetainedData.DELIVERIES:
            count, position = _clear_deliveries(tx, before, now, position)
        case RetainedData.PEOPLE:
            count = _erase_people(tx, actor, before, now)
        case RetainedData.CONSENT:
            count = tx.retention.delete_erased_entries(before, ROWS_PER_TRANSACTION)
        case RetainedData.COUNTS:
            count = tx.membership_counts.merge_changes(ROWS_PER_TRANSACTION)
        case RetainedData.SEARCH:
            count = 1  # a step, as an index does not count its terms
            erasure.clear_search_index(tx, actor)
    return count, position


def _delete_notices(tx: Transaction, before: datetime) -> int:
    edition_id = tx.retention.find_expired_edition(before)
    if edition_id is None:
        return 0
    return tx.retention.delete_edition_rows(edition_id, ROWS_PER_TRANSACTION)


def _clear_deliveries(
    tx: Transaction, before: datetime, now: datetime, position: ClearingPosition
) -> tuple[int, ClearingPosition]:
    edition_id = tx.retention.find_uncleared_edition(before)
    if edition_id is None:
        return 0, position
    after_address = position.last_address if position.edition_id == edition_id else ""
    count, last_address = tx.retention.clear_addresses(
        edition_id, after_address, ROWS_PER_TRANSACTION, now
    )
    return count, ClearingPosition(edition_id, last_address)


def _erase_people(tx: Transaction, actor: Actor, before: datetime, now: datetime) -> int:
    """Erase people as if they had asked for it, except that they may sign up again."""
    erased_count = 0
    for address in tx.retention.list_lapsed_addresses(before, PEOPLE_PER_TRANSACTION):
        # Checked again here, because the person may have signed up again after they were found.
        if tx.subscribers.find_subscriber(address) is None:
            continue
        if not tx.retention.list_lapsed_addresses(before, 1, address):
            continue
        erased_count += erasure.erase_person(
            tx, actor, address, now, source=SOURCE, may_return=True
        )
    return erased_count
