"""Run ``mailer send`` as a process, or as several, and check the counts of the database and the
sink."""

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.bench.delivery import fixtures as offices
from tests.bench.delivery.bench_run import BenchRun
from tests.bench.delivery.delay import open_delay_proxy
from tests.bench.delivery.fixtures import EDITION, SETTINGS, Office
from tests.bench.delivery.postgresql_office import PostgresqlOffice, count_sent
from tests.bench.delivery.programs import (
    LOOPBACK,
    Measured,
    build_module_command,
    measure_program,
)
from tests.bench.delivery.sink import RelayRunner, run_sink, wait_for_messages

NO_SETTINGS: Mapping[str, str] = {}


def send_edition(
    office: Office | PostgresqlOffice,
    *,
    connections: int,
    window: int,
    relay: RelayRunner = run_sink,
    each_way: float = 0.0,
    processes: int = 1,
    settings: Mapping[str, str] = NO_SETTINGS,
    tick: Callable[[int], None] = lambda _: None,
) -> BenchRun:
    """Send the office's edition from a copy of its database to a new relay, `each_way` seconds
    away.

    Each of the `processes` opens so many connections. Their figures are summed, and the sending
    phase lasts from the first start to the last end. Every ten seconds `tick` is called with the
    number of messages that the relay has."""
    database = office.copy_database()
    gate = office.folder / "gate"
    shutil.rmtree(gate, ignore_errors=True)
    gate.mkdir()
    notes = [office.folder / f"note-{number}.json" for number in range(processes)]
    with ExitStack() as stack:
        server = stack.enter_context(relay(office.folder))
        port = server.port
        if each_way:
            port = stack.enter_context(open_delay_proxy(port, each_way))
        env = (
            SETTINGS
            | build_relay_settings(port, connections, window)
            | {"MAILER_DATABASE_URL": format_database_url(database)}
            | dict(settings)
        )

        def run_process(note: Path) -> Measured:
            command = build_module_command(
                "timed_mailer", note, gate, processes, "send", EDITION, "--json"
            )
            return measure_program(
                command, cwd=office.folder, env=env, tick=lambda: tick(server.messages)
            )

        if processes == 1:
            measured_runs = [run_process(notes[0])]  # in this thread, which a signal interrupts
        else:
            with ThreadPoolExecutor(processes) as executor:
                measured_runs = list(executor.map(run_process, notes))
        counted_messages = wait_for_messages(server, office.reader_count)
    bench_run = _join_runs(office.reader_count, measured_runs, notes)
    bench_run.check_count(counted_messages, "mailer send")
    bench_run.check_count(
        sum(json.loads(run.out)["run"]["sent"] for run in measured_runs),
        "mailer send, by its own report,",
    )
    bench_run.check_count(
        offices.count_states(database).get("sent", 0)
        if isinstance(database, Path)
        else count_sent(database),
        "mailer send, by its database,",
    )
    return bench_run


def _join_runs(message_count: int, measured_runs: list[Measured], notes: list[Path]) -> BenchRun:
    timings = [json.loads(note.read_text()) for note in notes]
    return BenchRun(
        message_count,
        max(timing["end"] for timing in timings) - min(timing["start"] for timing in timings),
        sum(timing["cpu"] for timing in timings),
        max(run.wall for run in measured_runs),
        sum(run.cpu for run in measured_runs),
        sum(run.peak for run in measured_runs),
    )


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
