"""A worker that is broken on purpose: a harness that would let it pass proves nothing.

    python -m tests.crash.calendar.sabotage split --config FILE worker

split         the row that an occurrence becomes is committed before its edition is made: a crash
              between the two loses the edition
no-lease      every worker takes itself for the one that ticks. The rows are unique: no occurrence
              is made twice all the same
take-always   as well, and whoever asks for an occurrence gets it, made or not: it is made twice
untold        nobody writes down that staff were told: they are told again and again
"""

import sys
import time
from collections.abc import Mapping
from typing import Any
from unittest import mock

from sqlalchemy import select

from mailer.cli import main as mailer
from mailer.store.editions import Editions
from mailer.store.ids import id_of
from mailer.store.leases import Leases
from mailer.store.schedules import Schedules
from mailer.store.schema import digest, occurrence

GAP = 0.25
"""Seconds between a row that is committed too early and its edition: most kills are to meet it."""

_take = Schedules.take


def _take_and_commit(schedules: Schedules, *given: Any, **named: Any) -> int | None:
    number = _take(schedules, *given, **named)
    db = schedules._db
    db.exec_driver_sql("COMMIT")
    if db.dialect.name == "sqlite":
        db.exec_driver_sql("BEGIN IMMEDIATE")
    time.sleep(GAP)
    return number


def _take_always(schedules: Schedules, slug: str, named: Any, *given: Any, **more: Any) -> int:
    number = _take(schedules, slug, named, *given, **more)
    if number is None:
        number = schedules._db.scalar(
            select(occurrence.c.id).where(
                occurrence.c.digest_id == id_of(schedules._db, digest, slug, "digest"),
                occurrence.c.wall == f"{named:%Y-%m-%dT%H:%M}",
            )
        )
    assert number is not None
    return number


def _everybody(*_: Any, **__: Any) -> bool:
    return True


def _first(*_: Any, **__: Any) -> int:
    return 1


def _nothing(*_: Any, **__: Any) -> None:
    return None


_NO_LEASE = [(Leases, "take", _first), (Leases, "beat", _everybody)]

SABOTAGE: Mapping[str, list[tuple[type, str, Any]]] = {
    "split": [(Schedules, "take", _take_and_commit)],
    "no-lease": [*_NO_LEASE, (Leases, "find", _nothing)],
    "take-always": [*_NO_LEASE, (Leases, "find", _nothing), (Schedules, "take", _take_always)],
    "untold": [(Editions, "told", _nothing)],
}


def main() -> None:
    for owner, name, broken in SABOTAGE[sys.argv[1]]:
        mock.patch.object(owner, name, broken).start()
    sys.argv = ["mailer", *sys.argv[2:]]
    mailer()


if __name__ == "__main__":
    main()
