"""No command, no page and no worker reads a whole table that grows.

Each runs in a large office on both databases, while the plan of every statement is read. Whatever
has to read all rows is among :data:`EXCEPTIONS`, with its reason.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import UniqueConstraint

from mailer.cli.command_groups import LazyCommand
from mailer.cli.commands import COMMANDS
from mailer.store import schema
from mailer.web.public.routes import ROUTES
from tests.bench.large.commands import list_commands, list_pages
from tests.bench.large.dataset import LargeOffice, LargeScale
from tests.conftest import BACKENDS, KEY
from tests.integration.store.plans.offices import build_office, do_everything
from tests.integration.store.plans.plan_reading import GROWING_TABLES, SMALL_INDEXES, Scan
from tests.integration.store.plans.recorder import PlanRecorder, RecordedStatement
from tests.integration.store.search.conftest import open_empty_database

SMALL = LargeScale(people=600, editions=200)
LARGE = LargeScale(people=10_000, editions=200)


@dataclass(frozen=True)
class PlanException:
    """Actions that read whole tables, and why they may. An action is named by its beginning."""

    actions: tuple[str, ...]
    tables: frozenset[str]
    reason: str

    def covers(self, action: str, table: str) -> bool:
        return table in self.tables and action.startswith(self.actions)


def except_actions(reason: str, tables: str, *actions: str) -> PlanException:
    return PlanException(actions, frozenset(tables.split()), reason)


EXCEPTIONS = (
    except_actions(
        "it reads articles in the order of the list until the page is full",
        "article",
        "article list (of a language)",
    ),
    except_actions(
        "it reads contacts in the order of the list until the page is full",
        "contact",
        "contact list (trusted)",
    ),
    except_actions("it counts the members of each list", "membership", "list list", "list show"),
    except_actions(
        "it counts the members and the stories of each topic",
        "membership article_topic",
        "topic audit",
    ),
    except_actions("it counts, once, what is lost with the list", "consent", "list remove"),
    except_actions(
        "it looks the person up in every edition; an index over all addresses would cost more",
        "edition",
        "subscriber data",
        "page: about me",
    ),
    except_actions(
        "it looks for an edition that was sent: nearly every edition was",
        "edition",
        "database clone",
    ),
    except_actions(
        "it reads the log of backups and restorations: a line a day at most",
        "database_event",
        "database clone",
        "database status",
    ),
    except_actions(
        "it shows all embargoes: as many as embargoed releases", "embargo", "embargo list"
    ),
)

Recorders = Mapping[str, PlanRecorder]


def record_both(
    request: pytest.FixtureRequest,
    factory: pytest.TempPathFactory,
    scale: LargeScale,
    counted_as: int,
    *,
    is_short: bool,
) -> Recorders:
    recorders = {}
    for backend in BACKENDS:
        folder = factory.mktemp(backend)
        recorders[backend] = PlanRecorder()
        with (
            open_empty_database(backend, request, folder) as url,
            build_office(url, folder, scale, counted_as) as office,
        ):
            do_everything(recorders[backend], office, folder, is_short=is_short)
    return recorders


@pytest.fixture(scope="module")
def recorders(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Recorders:
    """The statements of everything, among few rows. PostgreSQL plans as if each were a thousand."""
    return record_both(request, tmp_path_factory, SMALL, counted_as=1000, is_short=True)


@pytest.fixture(scope="module")
def large_recorders(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Recorders:
    """The statements of everything, with the plans that the databases choose for many rows: those
    of PostgreSQL are for a million people."""
    return record_both(request, tmp_path_factory, LARGE, counted_as=100, is_short=False)


def judge_scans(
    recorders: Recorders, backend: str
) -> Iterator[tuple[str, RecordedStatement, Scan]]:
    """Yield the scans that count, each with its action and its statement. PostgreSQL reads the
    whole index of a table with few pages as gladly as it searches it, so only scans of tables count
    there."""
    for action, statements in recorders[backend].statements.items():
        for statement in statements.values():
            for scan in statement.scans:
                if backend == "sqlite" or not scan.index_name:
                    yield action, statement, scan


def describe_scans(recorders: Recorders, backend: str) -> str:
    """Describe each scan that is not an exception, with its statement and its plan."""
    return "\n".join(
        f"{action} reads all of {scan.table} {scan.index_name}:\n"
        f"{statement.sql}\n{statement.plan}\n"
        for action, statement, scan in judge_scans(recorders, backend)
        if not any(exception.covers(action, scan.table) for exception in EXCEPTIONS)
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_statement_scans_a_growing_table(recorders: Recorders, backend: str) -> None:
    scans = describe_scans(recorders, backend)
    assert not scans, scans


@pytest.mark.slow
def test_each_exception_still_scans(recorders: Recorders) -> None:
    scans = {
        (action, scan.table)
        for backend in BACKENDS
        for action, _, scan in judge_scans(recorders, backend)
    }
    for exception in EXCEPTIONS:
        for prefix in exception.actions:
            scanned_tables = {table for action, table in scans if action.startswith(prefix)}
            assert scanned_tables & exception.tables, f"{prefix}: {exception.reason}"


@pytest.mark.proof
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_statement_scans_a_growing_table_of_many_rows(
    large_recorders: Recorders, backend: str
) -> None:
    scans = describe_scans(large_recorders, backend)
    assert not scans, scans


# ---- nothing is forgotten ------------------------------------------------------------------------

OFFICE = LargeOffice(SMALL, 2, 3, 4, 5, 6, "release", 0.0)

NOT_RUN = {
    "article fetch": "reads a web page; its statements are those of article add",
    "article paste": "reads the clipboard; its statements are those of article add",
    "asset add": "reads a picture; looks assets up by their hash",
    "asset show": "needs a picture; looks it up by its hash",
    "asset edit": "needs a picture; looks it up by its hash",
    "asset remove": "needs a picture; looks for articles that use it",
    "source show": "needs a source; there are few",
    "source poll": "reads a feed; its statements are those of article add",
    "source resume": "needs a source; there are few",
    "source remove": "needs a source; there are few",
    "subscriber unsubscribe-mail": "reads a mail; its statements are those of one-click",
    "observance export": "writes bytes to stdout, and reads no table",
    "observance import": "writes a file only",
    "boilerplate show": "needs a boilerplate; there are few",
    "boilerplate remove": "needs a boilerplate; there are few",
    "worker": "runs until it is stopped; the test runs its turns",
    "serve": "runs until it is stopped; the test requests its pages",
    "init": "makes a new database",
    "database upgrade": "changes the schema",
    "database backup": "copies the database",
    "database restore": "writes a database",
    "database copy": "copies the database",
    "config systemd": "uses no database",
    "database restored": "needs a restored database",
    "secret remove": "needs a second key; there are few",
    "demo": "makes a database of its own",
    "inbox": "uses no database",
    "catch": "uses no database",
}
"""Commands that the test leaves out, and why."""


def list_command_names(command: Any, words: tuple[str, ...]) -> Iterator[str]:
    if not getattr(command, "commands", None):
        yield " ".join(words)
        return
    for name, part in command.commands.items():
        yield from list_command_names(part, (*words, name))


def test_every_command_is_run_or_left_out_for_a_reason() -> None:
    names = {
        name
        for entry in COMMANDS
        for name in list_command_names(LazyCommand(entry).load_command(), (entry.name,))
    }
    tried = {command.name.partition(" (")[0] for command in list_commands(OFFICE)}
    assert tried | NOT_RUN.keys() == names
    assert not tried & NOT_RUN.keys()


NOT_REQUESTED = {
    "/static/{name}": "a file",
    "/robots.txt": "text without a query",
    "/pictures/{name}": "a file, by its hash",
    "/d/{token}": "needs a signed link; looks one edition up by its id",
    "/k/{token}": "needs a signed link; looks one release up by its slug",
    "/subscribe/{list_slug}": "the sign-up page with fewer lists",
    "/embed/{list_slug}": "the sign-up page with fewer lists",
    "/c/{token}": "the confirmation of a sign-up, by its id",
    "/p/{token}/erase": "POST: mailer subscriber erase",
    "/u/{token}/reason": "POST: the person's entries in the log of consent",
    "/t/u/{token}": "the page of a test mail",
    "/t/p/{token}": "the page of a test mail",
    "/t/v/{token}": "the page of a test mail",
    "/press/{slug}/kit.zip": "the release's page as a file",
    "/press/{slug}/files/{digest}/{name}": "a file, by its hash",
    "/stories/{slug}/{language}/event.ics": "the story's page as a file",
    "/e/{token}": "an advance copy: the release's page for a person",
    "/e/{token}/kit.zip": "an advance copy: the release's page for a person",
    "/e/{token}/files/{digest}/{name}": "a file, by its hash",
}
"""Addresses that the test does not request, and why."""


def test_every_page_is_requested_or_left_out_for_a_reason() -> None:
    pages = list_pages(OFFICE, KEY)
    for route in ROUTES:
        pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path))
        is_requested = any(
            page.method == route.method and pattern.fullmatch(page.path.partition("?")[0])
            for page in pages
        )
        assert is_requested or route.path in NOT_REQUESTED, route.path


NEVER_DELETED = frozenset({"wording"})
"""Tables that other tables refer to, and whose rows are kept forever."""


def test_growing_tables_and_small_indexes_are_in_schema() -> None:
    assert schema.metadata.tables.keys() >= GROWING_TABLES
    indexes = {index.name for table in schema.metadata.tables.values() for index in table.indexes}
    assert indexes >= SMALL_INDEXES.keys()


def test_rows_that_are_deleted_are_found_by_an_index_in_tables_that_refer_to_them() -> None:
    """Databases look for the rows that refer to a deleted row, and their plans don't show it."""
    for table in schema.metadata.tables.values():
        keys = [table.primary_key.columns]
        keys += [
            index.columns
            for index in table.indexes
            if index.dialect_options["sqlite"]["where"] is None
        ]
        keys += [one.columns for one in table.constraints if isinstance(one, UniqueConstraint)]
        indexed = {next(iter(columns)).name for columns in keys}
        for key in table.foreign_keys:
            if len(key.constraint.columns) > 1 if key.constraint else False:
                continue
            name = f"{table.name}.{key.parent.name}"
            if table.name in GROWING_TABLES and key.column.table.name not in NEVER_DELETED:
                assert key.parent.name in indexed, name
