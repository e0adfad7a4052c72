"""Ours: ``mailer send``, as a process, held against the database and the sink afterwards."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.bench.delivery import office as offices
from tests.bench.delivery.children import LOOPBACK, measured, module
from tests.bench.delivery.delay import delayed
from tests.bench.delivery.figures import Run
from tests.bench.delivery.office import EDITION, SETTINGS, Office
from tests.bench.delivery.sink import sink


def send(
    office: Office,
    *,
    connections: int,
    window: int,
    each_way: float = 0.0,
    tick: Callable[[int], None] = lambda _: None,
) -> Run:
    """Send the office's edition from a copy of its database to a sink of its own, `each_way`
    seconds away. `tick` is told every ten seconds how many the sink has."""
    database = office.copy()
    note = office.folder / "note.json"
    with ExitStack() as stack:
        server = stack.enter_context(sink(office.folder))
        port = server.port
        if each_way:
            port = stack.enter_context(delayed(port, each_way))
        done = measured(
            module("timed", note, "send", EDITION, "--json"),
            cwd=office.folder,
            env=SETTINGS
            | relay(port, connections, window)
            | {"MAILER_DATABASE_URL": url(database)},
            tick=lambda: tick(server.messages),
        )
        counted = server.messages
    phase = json.loads(note.read_text())
    run = Run(office.readers, phase["seconds"], phase["cpu"], done.wall, done.cpu, done.peak)
    run.check(counted, "mailer send")
    run.check(json.loads(done.out)["run"]["sent"], "mailer send, by its own report,")
    run.check(offices.states(database).get("sent", 0), "mailer send, by its database,")
    return run


def relay(port: int, connections: int, window: int) -> dict[str, str]:
    return {
        "MAILER_RELAY_HOST": LOOPBACK,
        "MAILER_RELAY_PORT": str(port),
        "MAILER_RELAY_TLS": "none",
        "MAILER_RELAY_CONNECTIONS": str(connections),
        "MAILER_RELAY_WINDOW": str(window),
    }


def url(database: Path) -> str:
    return f"sqlite:///{database}"
