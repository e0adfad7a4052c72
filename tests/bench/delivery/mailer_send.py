"""Run ``mailer send`` as a process, and check its counts against the database and the sink."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.bench.delivery import fixtures as offices
from tests.bench.delivery.chunk_sink import run_chunk_sink
from tests.bench.delivery.delay import open_delay_proxy
from tests.bench.delivery.figures import BenchRun
from tests.bench.delivery.fixtures import EDITION, SETTINGS, Office
from tests.bench.delivery.postgresql_office import PostgresqlOffice, count_sent
from tests.bench.delivery.programs import LOOPBACK, build_module_command, measure_program
from tests.bench.delivery.sink import run_sink


def send_edition(
    office: Office | PostgresqlOffice,
    *,
    connections: int,
    window: int,
    each_way: float = 0.0,
    chunking: bool = False,
    max_connections: int = 0,
    tick: Callable[[int], None] = lambda _: None,
) -> BenchRun:
    """Send the office's edition from a copy of its database to a new sink, `each_way` seconds away,
    which offers CHUNKING if `chunking`. With `max_connections`, the sink does not offer PIPELINING,
    and the number of connections grows up to it.

    Every ten seconds `tick` is called with the number of messages in the sink."""
    database = office.copy_database()
    timing_file = office.folder / "note.json"
    with ExitStack() as stack:
        server = stack.enter_context(
            run_chunk_sink(office.folder)
            if chunking
            else run_sink(office.folder, pipelining=not max_connections)
        )
        port = server.port
        if each_way:
            port = stack.enter_context(open_delay_proxy(port, each_way))
        measured_run = measure_program(
            build_module_command("timed_mailer", timing_file, "send", EDITION, "--json"),
            cwd=office.folder,
            env=SETTINGS
            | build_relay_settings(port, connections, window)
            | {"MAILER_RELAY_MAX_CONNECTIONS": str(max_connections)}
            | {"MAILER_DATABASE_URL": format_database_url(database)},
            tick=lambda: tick(server.messages),
        )
        counted_messages = server.messages
    timing = json.loads(timing_file.read_text())
    bench_run = BenchRun(
        office.reader_count,
        timing["seconds"],
        timing["cpu"],
        measured_run.wall,
        measured_run.cpu,
        measured_run.peak,
    )
    bench_run.check_count(counted_messages, "mailer send")
    bench_run.check_count(
        json.loads(measured_run.out)["run"]["sent"], "mailer send, by its own report,"
    )
    bench_run.check_count(
        offices.count_states(database).get("sent", 0)
        if isinstance(database, Path)
        else count_sent(database),
        "mailer send, by its database,",
    )
    return bench_run


def build_relay_settings(port: int, connections: int, window: int) -> dict[str, str]:
    return {
        "MAILER_RELAY_HOST": LOOPBACK,
        "MAILER_RELAY_PORT": str(port),
        "MAILER_RELAY_TLS": "none",
        "MAILER_RELAY_CONNECTIONS": str(connections),
        "MAILER_RELAY_WINDOW": str(window),
    }


def format_database_url(database: Path | str) -> str:
    return database if isinstance(database, str) else f"sqlite:///{database}"
