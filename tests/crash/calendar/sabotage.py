"""Run a worker that is broken on purpose: a harness that would let it pass proves nothing.

    python -m tests.crash.calendar.sabotage split --config FILE worker

split         the row of an occurrence is committed before its edition is made: a crash between the
              two loses the edition
no-lease      every worker believes that it holds the lease, and ticks. The unique rows alone must
              keep an occurrence from being made twice
take-always   as no-lease, and every worker may claim an occurrence that was made already: it is
              made twice
unnotified    no notice is recorded as sent: staff get the same notices again and again
"""

import sys
import time
from collections.abc import Mapping
from typing import Any
from unittest import mock

from sqlalchemy import select

from mailer.cli import main as mailer
from mailer.store.editions.records import EditionQueries
from mailer.store.leases import SqlLeaseStore
from mailer.store.schedules import SqlScheduleStore
from mailer.store.schema import digest, occurrence
from mailer.store.slug_lookup import find_id
from mailer.worker.scheduler import Scheduler

GAP = 0.25
"""Seconds between the early commit of a row and its edition, long enough for most kills to hit."""

_claim_occurrence = SqlScheduleStore.claim_occurrence


def _claim_and_commit(schedules: SqlScheduleStore, *args: Any, **kwargs: Any) -> int | None:
    occurrence_id = _claim_occurrence(schedules, *args, **kwargs)
    db = schedules._db
    db.exec_driver_sql("COMMIT")
    if db.dialect.name == "sqlite":
        db.exec_driver_sql("BEGIN IMMEDIATE")
    time.sleep(GAP)
    return occurrence_id


def _claim_always(
    schedules: SqlScheduleStore, slug: str, rule_time: Any, *args: Any, **kwargs: Any
) -> int:
    occurrence_id = _claim_occurrence(schedules, slug, rule_time, *args, **kwargs)
    if occurrence_id is None:
        occurrence_id = schedules._db.scalar(
            select(occurrence.c.id).where(
                occurrence.c.digest_id == find_id(schedules._db, digest, slug, "digest"),
                occurrence.c.rule_time == f"{rule_time:%Y-%m-%dT%H:%M}",
            )
        )
    assert occurrence_id is not None
    return occurrence_id


def _return_true(*_: Any, **__: Any) -> bool:
    return True


def _return_one(*_: Any, **__: Any) -> int:
    return 1


def _return_none(*_: Any, **__: Any) -> None:
    return None


_NO_LEASE = [
    (SqlLeaseStore, "take_lease", _return_one),
    (SqlLeaseStore, "update_heartbeat", _return_true),
    (Scheduler, "_check_history", _return_none),
]

SABOTAGE: Mapping[str, list[tuple[type, str, Any]]] = {
    "split": [(SqlScheduleStore, "claim_occurrence", _claim_and_commit)],
    "no-lease": [*_NO_LEASE, (SqlLeaseStore, "find_lease", _return_none)],
    "take-always": [
        *_NO_LEASE,
        (SqlLeaseStore, "find_lease", _return_none),
        (SqlScheduleStore, "claim_occurrence", _claim_always),
    ],
    "unnotified": [(EditionQueries, "mark_state_notified", _return_none)],
}


def main() -> None:
    for owner, name, replacement in SABOTAGE[sys.argv[1]]:
        mock.patch.object(owner, name, replacement).start()
    sys.argv = ["mailer", *sys.argv[2:]]
    mailer()


if __name__ == "__main__":
    main()
