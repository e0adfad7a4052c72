"""The worker's process: `mailer`'s command line, intact or broken on purpose.

    python -m tests.crash.worker send 1
    python -m tests.crash.worker --sabotage no-gate send 1

A harness that lets a broken worker pass proves nothing. So this process can have one of two faults,
both at the border between ledger and store, in `gate_deliveries` and `settle_deliveries` of
:class:`QueueQueries`:

no-gate        messages are sent without a record on disk: a crash sends them twice
settle-early   a delivery counts as sent when it passes the gate: a crash loses the message

Only the list among their arguments (ids, or settlements) matters here.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from unittest import mock

from sqlalchemy import update

from mailer.cli import main as run_mailer
from mailer.model.deliveries import DeliveryState
from mailer.store.outbox.queue import QueueQueries
from mailer.store.schema import delivery

_settle_original = QueueQueries.settle_deliveries


def _move_state(
    queue: QueueQueries, ids: Sequence[int], old_state: DeliveryState, new_state: DeliveryState
) -> None:
    queue._db.execute(
        update(delivery)
        .where(delivery.c.id.in_(ids), delivery.c.state == old_state.value)
        .values(state=new_state.value)
    )


def _find_list(arguments: Sequence[Any]) -> Sequence[Any]:
    (items,) = (argument for argument in arguments if isinstance(argument, list | tuple))
    return cast("Sequence[Any]", items)


def _gate_without_writing(_: QueueQueries, *arguments: Any) -> set[int]:
    return set(_find_list(arguments))


def _settle_without_gate(queue: QueueQueries, *arguments: Any) -> Any:
    ids = [settlement.delivery_id for settlement in _find_list(arguments)]
    _move_state(queue, ids, DeliveryState.CLAIMED, DeliveryState.ON_WIRE)
    return _settle_original(queue, *arguments)


def _gate_as_sent(queue: QueueQueries, *arguments: Any) -> set[int]:
    _move_state(queue, _find_list(arguments), DeliveryState.CLAIMED, DeliveryState.SENT)
    return set(_find_list(arguments))


def _settle_nothing(_: QueueQueries, *arguments: Any) -> int:
    return len(_find_list(arguments))


SABOTAGE: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "no-gate": {
        "gate_deliveries": _gate_without_writing,
        "settle_deliveries": _settle_without_gate,
    },
    "settle-early": {"gate_deliveries": _gate_as_sent, "settle_deliveries": _settle_nothing},
}


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[0] == "--sabotage":
        for name, replacements in SABOTAGE[arguments[1]].items():
            mock.patch.object(QueueQueries, name, replacements).start()
        arguments = arguments[2:]
    sys.argv = ["mailer", *arguments]
    run_mailer()


if __name__ == "__main__":
    main()
