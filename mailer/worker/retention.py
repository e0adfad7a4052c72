"""Rounds that delete data whose retention has ended, about once an hour.

Counts are logged, but never names or addresses.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from mailer import retention
from mailer.actor import WORKER
from mailer.app import Mailer
from mailer.log import Log
from mailer.retention import ClearingPosition, RetainedData
from mailer.store import SqlTransaction

ROUND_INTERVAL = timedelta(hours=1)
"""Time from the end of one round to the next round."""


class RetentionRounds:
    """The retention rounds of one worker. Not safe to use from several threads."""

    def __init__(self, mailer: Mailer, log: Log) -> None:
        self._mailer = mailer
        self._log = log
        self._round_ended_at: datetime | None = None
        self._deleted_counts: Counter[str] = Counter()
        self._clearing_position = ClearingPosition()

    def list_due_jobs(
        self, tx: SqlTransaction, now: datetime
    ) -> list[tuple[str, Callable[[SqlTransaction], None]]]:
        """List the next jobs of a round, with their names. Between two rounds there are none."""
        if (
            self._round_ended_at is not None
            and timedelta() <= now - self._round_ended_at < ROUND_INTERVAL
        ):
            return []
        expired_data = retention.list_expired_data(tx, self._mailer.retention_periods, now)
        if not expired_data:
            self._round_ended_at = now
            if self._deleted_counts:
                self._log.info("retention", **self._deleted_counts)
                self._deleted_counts.clear()
        return [
            (f"retention of {kind.value}", partial(self._delete_batch, kind, before))
            for kind, before in expired_data
        ]

    def _delete_batch(self, kind: RetainedData, before: datetime, tx: SqlTransaction) -> None:
        count, self._clearing_position = retention.delete_expired_data(
            tx, WORKER, kind, before, self._mailer.clock(), self._clearing_position
        )
        self._deleted_counts[kind.value] += count
