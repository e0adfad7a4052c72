"""Deleting data whose retention has ended, about once an hour. The data is deleted in many small
transactions, so that neither the calendar nor delivery has to wait.

``[retention]`` sets how long data is kept; 0 keeps it forever. Counts are logged, but never names
or addresses.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from dateutil.relativedelta import relativedelta

from mailer.actor import WORKER
from mailer.app import Mailer
from mailer.audience import erasure
from mailer.log import Log
from mailer.store import SqlTransaction

ROUND_INTERVAL = timedelta(hours=1)
"""Time from the end of one round to the next round."""

ROWS_PER_TRANSACTION = 1000
"""Maximum number of rows in a transaction."""

PEOPLE_PER_TRANSACTION = 50
"""Maximum number of people in a transaction. It is small, because each person is searched for in
every edition."""

ALLOWANCES_LAST = timedelta(days=2)
"""Time for which uses of rate limits are stored. The windows of the limits are shorter."""

SOURCE = "retention"
"""The source that the log of consent names for a deletion."""


class _RetentionRule(NamedTuple):
    """A kind of record that is deleted when it is older than `before`. `find_any` returns a true
    value if there is such a record; `delete_batch` deletes a batch and returns the number of
    deleted records."""

    name: str
    before: datetime
    find_any: Callable[[SqlTransaction, datetime], object]
    delete_batch: Callable[[SqlTransaction, datetime], int]


class RetentionRounds:
    """The retention rounds of one worker. Not safe to use from several threads."""

    def __init__(self, mailer: Mailer, log: Log) -> None:
        self._mailer = mailer
        self._log = log
        self._round_ended_at: datetime | None = None
        self._deleted_counts: Counter[str] = Counter()
        self._clearing_position = (0, "")

    def list_due_jobs(
        self, tx: SqlTransaction, now: datetime
    ) -> list[tuple[str, Callable[[SqlTransaction], None]]]:
        """List the next jobs of a round, with their names. Between two rounds there are none."""
        if (
            self._round_ended_at is not None
            and timedelta() <= now - self._round_ended_at < ROUND_INTERVAL
        ):
            return []
        due_rules = [rule for rule in self._list_rules(now) if rule.find_any(tx, rule.before)]
        if not due_rules:
            self._round_ended_at = now
            if self._deleted_counts:
                self._log.info("retention", **self._deleted_counts)
                self._deleted_counts.clear()
        return [
            (f"retention of {rule.name}", partial(self._apply_rule, rule)) for rule in due_rules
        ]

    def _apply_rule(self, rule: _RetentionRule, tx: SqlTransaction) -> None:
        self._deleted_counts[rule.name] += rule.delete_batch(tx, rule.before)

    def _list_rules(self, now: datetime) -> Iterator[_RetentionRule]:
        retention_settings = self._mailer.settings.retention
        yield _RetentionRule(
            "sign_ups",
            now - self._mailer.link_lifetime,
            lambda tx, before: tx.sign_ups.has_confirmations_before(before),
            lambda tx, before: tx.sign_ups.delete_confirmations_before(
                before, ROWS_PER_TRANSACTION
            ),
        )
        yield _RetentionRule(
            "limits",
            now - ALLOWANCES_LAST,
            lambda tx, before: tx.sign_ups.has_windows_before(before),
            lambda tx, before: tx.sign_ups.delete_windows_before(before, ROWS_PER_TRANSACTION),
        )
        if retention_settings.notices_days:
            yield _RetentionRule(
                "notices",
                now - timedelta(days=retention_settings.notices_days),
                lambda tx, before: tx.retention.find_expired_edition(before),
                _drop_notices,
            )
        if retention_settings.deliveries_months:
            yield _RetentionRule(
                "deliveries",
                now - relativedelta(months=retention_settings.deliveries_months),
                lambda tx, before: tx.retention.find_uncleared_edition(before),
                self._clear_deliveries,
            )
        if retention_settings.left_months:
            yield _RetentionRule(
                "people",
                now - relativedelta(months=retention_settings.left_months),
                lambda tx, before: tx.retention.list_lapsed_addresses(before, 1),
                self._forget_people,
            )
        if retention_settings.consent_years:
            yield _RetentionRule(
                "consent",
                now - relativedelta(years=retention_settings.consent_years),
                lambda tx, before: tx.retention.has_erased_entries(before),
                lambda tx, before: tx.retention.delete_erased_entries(before, ROWS_PER_TRANSACTION),
            )

    def _clear_deliveries(self, tx: SqlTransaction, before: datetime) -> int:
        """Continue where the last transaction ended, since starting from the beginning would read
        all cleared deliveries again each time."""
        edition_id = tx.retention.find_uncleared_edition(before)
        if edition_id is None:
            return 0
        after_address = (
            self._clearing_position[1] if self._clearing_position[0] == edition_id else ""
        )
        count, last_address = tx.retention.clear_addresses(
            edition_id, after_address, ROWS_PER_TRANSACTION, self._mailer.clock()
        )
        self._clearing_position = edition_id, last_address
        return count

    def _forget_people(self, tx: SqlTransaction, before: datetime) -> int:
        """Erase people as if they had asked for it, except that they may sign up again."""
        erased_count = 0
        for address in tx.retention.list_lapsed_addresses(before, PEOPLE_PER_TRANSACTION):
            # Checked again here, because the person may have signed up again after they were found.
            if tx.subscribers.find_subscriber(address) is None:
                continue
            if not tx.retention.list_lapsed_addresses(before, 1, address):
                continue
            erased_count += erasure.erase_person(
                tx, WORKER, address, self._mailer.clock(), source=SOURCE, may_return=True
            )
        return erased_count


def _drop_notices(tx: SqlTransaction, before: datetime) -> int:
    edition_id = tx.retention.find_expired_edition(before)
    return (
        tx.retention.delete_edition_rows(edition_id, ROWS_PER_TRANSACTION)
        if edition_id is not None
        else 0
    )
