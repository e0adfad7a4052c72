"""A large office on each database, and what its staff, its readers and its worker do."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from sqlalchemy import make_url

from mailer.app import open_mailer
from mailer.log import create_logger
from mailer.web.public import create_public_app, response_cache
from mailer.worker import Scheduler
from tests.bench.large.commands import keep_parsers, list_commands, list_pages, run_command
from tests.bench.large.dataset import LargeOffice, LargeScale
from tests.bench.large.offices import load_settings, open_office
from tests.fake_relay import Relay
from tests.integration.store.plans.plan_reading import GROWING_TABLES
from tests.integration.store.plans.recorder import PlanRecorder
from tests.integration.web.public.asgi import open_client
from tests.postgresql import run_sql

RETENTION = {
    "MAILER_RETENTION_NOTICES_DAYS": "30",
    "MAILER_RETENTION_DELIVERIES_MONTHS": "1",
    "MAILER_RETENTION_LEFT_MONTHS": "1",
    "MAILER_RETENTION_CONSENT_YEARS": "1",
}


@contextmanager
def build_office(
    url: str, folder: Path, scale: LargeScale, counted_as: int
) -> Iterator[LargeOffice]:
    """Build an office in `folder` whose database is at `url`, with a relay and with retention.

    PostgreSQL plans as if each row of a growing table were `counted_as` rows. As these have few
    pages nevertheless, it is also told to use an index wherever one fits. SQLite's plans do not
    depend on the rows, unless its ANALYZE was run."""
    with Relay() as relay:
        settings = {**RETENTION, "MAILER_RELAY_PORT": str(relay.port)}
        with open_office(folder, url, scale, **settings) as office:
            if url.startswith("postgresql"):
                _multiply_statistics(url, counted_as)
                name = make_url(url).database
                run_sql(url, f"ALTER DATABASE {name} SET enable_seqscan = off")
            yield office


def _multiply_statistics(url: str, factor: int) -> None:
    tables = ", ".join(f"'{table}'" for table in sorted(GROWING_TABLES))
    keep = (
        f"ALTER TABLE {table} SET (autovacuum_enabled = false)" for table in sorted(GROWING_TABLES)
    )
    run_sql(
        url,
        *keep,
        f"UPDATE pg_class SET reltuples = greatest(reltuples, 1) * {factor} "  # noqa: S608
        f"WHERE relname IN ({tables}) OR oid IN (SELECT indexrelid FROM pg_index "
        f"JOIN pg_class AS indexed ON indexed.oid = indrelid WHERE indexed.relname IN ({tables}))",
    )


COMPOSING = frozenset(
    {
        "edition arrange", "edition edit", "edition new", "edition reorder", "edition submit",
        "edition urgent",
        "edition test", "release correct", "release send",
    }
)  # fmt: skip
"""Commands that compose an edition, as `edition approve` does: each takes up to half a second."""


def do_everything(
    recorder: PlanRecorder, office: LargeOffice, folder: Path, *, is_short: bool
) -> None:
    """Run all commands, request all pages, and let the worker keep the calendar, deliver, and
    delete old data. If `is_short`, leave out :data:`COMPOSING`."""
    with keep_parsers():
        for command in list_commands(office):
            if is_short and command.name in COMPOSING:
                continue
            with recorder.record(command.name):
                code, output, error = run_command(command.words, folder)
            assert code == command.code, f"{command.words}: {code}\n{output}\n{error}"
    _request_pages(recorder, office, folder)
    _run_worker(recorder, folder)


def _request_pages(recorder: PlanRecorder, office: LargeOffice, folder: Path) -> None:
    with (
        open_mailer(load_settings(folder)) as mailer,
        mock.patch.object(response_cache, "SECONDS", 0.0),
        open_client(create_public_app(mailer, create_logger(io.StringIO()))) as client,
    ):
        for page in list_pages(office, mailer.store.key):
            with recorder.record(f"page: {page.name}"):
                answer = (
                    client.get_page(page.path)
                    if page.method == "GET"
                    else client.send_form(page.path, page.fields)
                )
            assert answer.status == page.status, f"{page}: {answer.status}\n{answer.text[:2000]}"


def _run_worker(recorder: PlanRecorder, folder: Path) -> None:
    stop = threading.Event()
    with open_mailer(load_settings(folder)) as mailer:
        with recorder.record("worker: tick"):
            assert Scheduler(mailer, create_logger(io.StringIO())).run_tick()
        with recorder.record("worker: delivery"):
            mailer.deliver_editions([], stop, lambda _: stop.set(), follow_new=True)
