"""The sender's process: `mailer`'s command line as it is, or broken on purpose.

    python -m tests.crash.sender send 1
    python -m tests.crash.sender --sabotage no-gate send 1

A harness that would let a broken sender pass proves nothing. So two faults can be put into this
process, both at the border between ledger and store, :class:`Queue`'s `gate` and `settle`:

no-gate        messages go out with nothing on disk that says so: a crash sends them twice
settle-early   a delivery counts as sent when the gate opens: a crash loses the message

Of what the two are given only the list (ids, or settlements) matters here.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from unittest import mock

from sqlalchemy import update

from mailer.cli import main as mailer
from mailer.outbox import DeliveryState
from mailer.store.outbox.queue import Queue
from mailer.store.schema import delivery

_settle = Queue.settle


def _move(queue: Queue, ids: Sequence[int], was: DeliveryState, becomes: DeliveryState) -> None:
    queue._db.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), delivery.c.state == was.value)
        .values(state=becomes.value)
    )


def _the_list(given: Sequence[Any]) -> Sequence[Any]:
    (found,) = (one for one in given if isinstance(one, list | tuple))
    return cast("Sequence[Any]", found)


def _gate_without_writing(_: Queue, *given: Any) -> set[int]:
    return set(_the_list(given))


def _settle_what_never_passed(queue: Queue, *given: Any) -> Any:
    ids = [one.delivery_id for one in _the_list(given)]
    _move(queue, ids, DeliveryState.CLAIMED, DeliveryState.ON_WIRE)
    return _settle(queue, *given)


def _gate_as_sent(queue: Queue, *given: Any) -> set[int]:
    _move(queue, _the_list(given), DeliveryState.CLAIMED, DeliveryState.SENT)
    return set(_the_list(given))


def _settle_nothing(_: Queue, *given: Any) -> int:
    return len(_the_list(given))


SABOTAGE: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "no-gate": {"gate": _gate_without_writing, "settle": _settle_what_never_passed},
    "settle-early": {"gate": _gate_as_sent, "settle": _settle_nothing},
}


def main() -> None:
    words = sys.argv[1:]
    if words[0] == "--sabotage":
        for name, broken in SABOTAGE[words[1]].items():
            mock.patch.object(Queue, name, broken).start()
        words = words[2:]
    sys.argv = ["mailer", *words]
    mailer()


if __name__ == "__main__":
    main()
