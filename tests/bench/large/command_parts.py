"""Part of the bench: what commands and pages cost at full size, against a hundredth of it.

Each runs within the bench's process, so that the start of Python does not count, several times, and
the shortest run counts. A command that returns everything is measured and has no goal.
"""

import gc
import io
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from mailer.app import open_mailer
from mailer.log import create_logger
from mailer.web.public import create_public_app, response_cache
from mailer.worker import Scheduler
from tests.bench.context import Bench, print_note
from tests.bench.goals import GOALS
from tests.bench.large.commands import (
    TriedCommand,
    TriedPage,
    keep_parsers,
    list_commands,
    list_pages,
    run_command,
)
from tests.bench.large.dataset import LargeOffice, LargeScale
from tests.bench.large.offices import load_settings, open_office
from tests.bench.results import Comparison, Series
from tests.integration.web.public.asgi import AsgiClient, open_client
from tests.postgresql import run_server, run_sql

SMALLER_BY = 100
LEAST = 0.002
"""Seconds below which two runs count as equally long."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds of an action at both sizes. If `returns_everything`, it has no goal."""

    name: str
    small: float
    large: float
    returns_everything: bool

    @property
    def ratio(self) -> float:
        return max(self.large, LEAST) / max(self.small, LEAST)

    @property
    def description(self) -> str:
        times = f"{self.small * 1000:,.1f} to {self.large * 1000:,.1f} ms"
        return f"{self.name}: {times}{' (returns everything)' * self.returns_everything}"


def measure_commands(bench: Bench) -> list[Comparison]:
    """Measure all commands and pages on both databases."""
    comparisons = _compare_sizes(bench, "sqlite", None)
    with run_server() as server:
        return [*comparisons, *_compare_sizes(bench, "postgresql", server.make_url)]


def _compare_sizes(
    bench: Bench, backend: str, make_url: Callable[[str], str] | None
) -> list[Comparison]:
    large_scale = LargeScale.for_people(bench.scale.command_people)
    small_scale = LargeScale.for_people(bench.scale.command_people // SMALLER_BY)
    seconds: list[dict[str, float]] = []
    offices = []
    for name, scale in (("small", small_scale), ("large", large_scale)):
        folder = bench.folder / f"{backend}-{name}"
        folder.mkdir()
        url = f"sqlite:///{folder / 'subscribers.db'}"
        if make_url is not None:
            run_sql(make_url("postgres"), f"CREATE DATABASE {name}")
            url = make_url(name)
        print_note(f"commands on {backend}: {scale}")
        with open_office(folder, url, scale) as office:
            offices.append(office)
            print_note(f"it took {office.seconds:,.0f} s to make")
            seconds.append(dict(_time_everything(folder, office, bench.scale.command_runs)))
    unlimited = {one.name for one in list_commands(offices[1]) if one.returns_everything}
    timings = [
        Timing(name, small, seconds[1][name], name in unlimited)
        for name, small in seconds[0].items()
    ]
    timings.sort(key=lambda timing: -timing.ratio)
    conditions = (
        f"{large_scale} on {backend}, to {small_scale}; the shortest of {bench.scale.command_runs} "
        "runs within one process"
    )
    limited = [timing for timing in timings if not timing.returns_everything]
    return [
        Comparison(
            GOALS[f"commands-{backend}"],
            conditions,
            tuple(Series(one.description, "×", (one.ratio,)) for one in timings),
            (max(timing.ratio for timing in limited),),
        )
    ]


def _time_everything(folder: Path, office: LargeOffice, runs: int) -> Iterator[tuple[str, float]]:
    """Yield the name and the shortest time of each command, page and tick."""
    with keep_parsers():
        for command in list_commands(office):
            yield command.name, min(_time_command(command, folder) for _ in range(runs))
    with (
        open_mailer(load_settings(folder)) as mailer,
        mock.patch.object(response_cache, "SECONDS", 0.0),
        open_client(create_public_app(mailer, create_logger(io.StringIO()))) as client,
    ):
        for page in list_pages(office, mailer.store.key):
            yield f"page: {page.name}", min(_time_page(page, client) for _ in range(runs))
        scheduler = Scheduler(mailer, create_logger(io.StringIO()))
        scheduler.run_tick()
        yield "worker: tick", min(_time_tick(scheduler) for _ in range(runs))


def _time_command(command: TriedCommand, folder: Path) -> float:
    gc.collect()
    start = time.perf_counter()
    code, output, error = run_command(command.words, folder)
    seconds = time.perf_counter() - start
    if code != command.code:
        sys.exit(f"mailer {' '.join(command.words)} ended with {code}:\n{output}\n{error}")
    return seconds


def _time_page(page: TriedPage, client: AsgiClient) -> float:
    gc.collect()
    start = time.perf_counter()
    answer = (
        client.get_page(page.path)
        if page.method == "GET"
        else client.send_form(page.path, page.fields)
    )
    seconds = time.perf_counter() - start
    if answer.status not in {page.status, 429}:
        sys.exit(f"{page.method} {page.path} answered {answer.status}:\n{answer.text}")
    return seconds


def _time_tick(scheduler: Scheduler) -> float:
    start = time.perf_counter()
    scheduler.run_tick()
    return time.perf_counter() - start
