"""Of a database and its copy, exactly one sends, whatever dies on the way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from mailer.app import Mailer
from mailer.app.moving import open_move
from mailer.config import Paths
from mailer.delivery.process_identity import create_worker_name
from mailer.errors import (
    DatabaseUnavailable,
    DatabaseUnrecognised,
    InputError,
    MailerError,
    Refused,
)
from mailer.model.leases import TICK
from mailer.model.recovery import DatabaseState, Recognition
from mailer.recovery import declare_clone
from mailer.store import Store, schema
from mailer.store.copying import CopyStep
from tests.actors import STAFF
from tests.conftest import KEY, ROOT
from tests.integration import factories
from tests.integration.recovery.conftest import RecoveryOffice, begin_edition, deliver_due
from tests.integration.recovery.test_recognition import only_sqlite
from tests.postgresql import Postgresql, run_sql

READERS = 5


@pytest.fixture
def new_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of the other kind."""
    if backend == "postgresql":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    name = "moved_to"
    run_sql(server.make_url("postgres"), f"CREATE DATABASE {name} STRATEGY FILE_COPY")
    yield server.make_url(name)
    run_sql(server.make_url("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


def move_office(mailer: Mailer, url: str) -> None:
    with open_move(mailer, url, STAFF) as move:
        move.run(lambda _: None)


def interrupt_move(mailer: Mailer, url: str) -> None:
    """Begin a move that ends with an error on the way."""

    def stop(step: CopyStep) -> None:
        if step.table == "delivery":
            raise KeyboardInterrupt

    with open_move(mailer, url, STAFF) as move, pytest.raises(KeyboardInterrupt):
        move.run(stop)


def find_refusal(mailer: Mailer) -> Recognition | None:
    refusal = mailer.guard.find_refusal()
    return refusal.recognition if refusal else None


def test_new_database_delivers_and_the_old_one_does_not(
    recovery_office: RecoveryOffice, new_url: str
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    mailer.guard.confirm_database()
    move_office(mailer, new_url)
    old = recovery_office.open_mailer()
    with pytest.raises(DatabaseUnrecognised, match="it was moved to") as caught:
        deliver_due(old)
    assert "set database.url to the new database" in caught.value.hint
    assert new_url.rpartition("/")[2].partition("?")[0] in caught.value.message
    assert recovery_office.relay.accepted == []
    assert deliver_due(recovery_office.open_mailer(new_url)) == READERS
    assert find_refusal(recovery_office.open_mailer(new_url)) is None
    with pytest.raises(DatabaseUnrecognised):
        deliver_due(recovery_office.open_mailer())
    assert len(recovery_office.relay.accepted) == READERS


def test_interrupted_move_lets_neither_deliver(
    recovery_office: RecoveryOffice, new_url: str
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    interrupt_move(mailer, new_url)
    with pytest.raises(DatabaseUnrecognised, match="it is being moved to"):
        deliver_due(recovery_office.open_mailer())
    with pytest.raises(MailerError, match="not complete"):
        recovery_office.open_mailer(new_url).store.check_schema()
    move_office(recovery_office.open_mailer(), new_url)
    assert deliver_due(recovery_office.open_mailer(new_url)) == READERS


def test_cancelled_move_lets_the_old_database_deliver(
    recovery_office: RecoveryOffice, new_url: str
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    interrupt_move(mailer, new_url)
    with open_move(recovery_office.open_mailer(), new_url, STAFF) as move:
        move.cancel_move()
    assert deliver_due(recovery_office.open_mailer()) == READERS
    move_office(recovery_office.open_mailer(), new_url)
    assert deliver_due(recovery_office.open_mailer(new_url)) == 0


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:new.db?mode=memory&uri=true",
        "sqlite:///new.db?cache=shared",
    ],
)
def test_copy_that_would_be_lost_is_refused(recovery_office: RecoveryOffice, url: str) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    mailer.guard.confirm_database()
    with pytest.raises(InputError, match="names no file"):
        move_office(mailer, url)
    assert find_refusal(mailer) is None


@pytest.mark.parametrize("place", ["missing/new.db", "file/new.db", "folder"])
def test_target_that_cannot_be_written_changes_nothing(
    recovery_office: RecoveryOffice, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    mailer.guard.confirm_database()
    with pytest.raises((Refused, DatabaseUnavailable)):
        move_office(mailer, f"sqlite:///{tmp_path / place}")
    assert find_refusal(mailer) is None
    assert deliver_due(mailer) == READERS


def test_target_without_the_right_to_create_tables_changes_nothing(
    recovery_office: RecoveryOffice, postgresql: Postgresql
) -> None:
    url = postgresql.make_url("postgres")
    run_sql(url, "CREATE DATABASE forbidden STRATEGY FILE_COPY")
    run_sql(url, "CREATE ROLE guest LOGIN")
    guest_url = postgresql.make_url("forbidden").replace("postgres@", "guest@")
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    mailer.guard.confirm_database()
    try:
        with pytest.raises(DatabaseUnavailable, match="permission denied"):
            move_office(mailer, guest_url)
        assert find_refusal(mailer) is None
    finally:
        run_sql(url, "DROP DATABASE forbidden WITH (FORCE)")
        run_sql(url, "DROP ROLE guest")


def test_other_hosts_recognise_the_new_database(
    recovery_office: RecoveryOffice, new_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Their markers have the old database's location."""
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    mailer.guard.confirm_database()
    own_state = os.environ["XDG_STATE_HOME"]
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "host-that-moves"))
    recovery_office.open_mailer().guard.save_accepted_marker()
    move_office(recovery_office.open_mailer(), new_url)
    monkeypatch.setenv("XDG_STATE_HOME", own_state)
    assert find_refusal(recovery_office.open_mailer()) is Recognition.MOVED
    assert deliver_due(recovery_office.open_mailer(new_url)) == READERS


@only_sqlite
def test_copied_file_from_before_the_move_sends_nothing(
    recovery_office: RecoveryOffice, new_url: str, tmp_path: Path
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    mailer.guard.confirm_database()
    copy = tmp_path / "before.db"
    recovery_office.copy_file(copy)
    move_office(mailer, new_url)
    mailer.close()
    recovery_office.put_file(copy)
    with pytest.raises(DatabaseUnrecognised) as caught:
        deliver_due(recovery_office.open_mailer())
    assert caught.value.value == "older"


def test_backup_of_a_moved_database_can_be_restored(
    recovery_office: RecoveryOffice, new_url: str
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    move_office(mailer, new_url)
    backup = recovery_office.back_up(recovery_office.open_mailer())
    restored = recovery_office.restore(backup)
    assert find_refusal(restored) is Recognition.RESTORED
    with restored.store.begin() as tx:
        factories.add_subscriber(tx, "late@example.org")


def test_clone_stays_a_clone(recovery_office: RecoveryOffice, new_url: str) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    with mailer.store.begin() as tx:
        declare_clone(tx, STAFF, factories.NOW)
    move_office(mailer, new_url)
    moved = recovery_office.open_mailer(new_url)
    with moved.store.read() as tx:
        identity = tx.recovery.find_identity()
        assert tx.outbox.find_safe_mode() is not None
    assert identity is not None
    assert identity.state is DatabaseState.CLONE
    deliver_due(moved)
    assert recovery_office.relay.accepted == []


def test_restored_database_is_not_moved_before_the_decision(
    recovery_office: RecoveryOffice, new_url: str
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    restored = recovery_office.restore(recovery_office.back_up(mailer))
    with open_move(restored, new_url, STAFF) as move:
        with pytest.raises(Refused, match="restored from backup") as caught:
            move.check_move()
        assert caught.value.next_steps[0].action == "accept_database"
        with pytest.raises(Refused, match="restored from backup"):
            move.run(lambda _: None)


def test_move_beside_a_worker_is_refused(recovery_office: RecoveryOffice, new_url: str) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    with mailer.store.begin() as tx:
        tx.leases.take_lease(TICK, create_worker_name(), None, mailer.clock())
    with open_move(mailer, new_url, STAFF) as move, pytest.raises(Refused) as caught:
        move.run(lambda _: None)
    assert "is running with this database" in caught.value.message
    assert "--anyway" not in caught.value.hint
    with mailer.store.begin() as tx:
        factories.add_subscriber(tx, "late@example.org")


def test_move_to_a_second_place_is_refused_while_the_first_is_unfinished(
    recovery_office: RecoveryOffice, new_url: str, tmp_path: Path
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, READERS)
    interrupt_move(mailer, new_url)
    other_url = f"sqlite:///{tmp_path / 'third.db'}"
    with open_move(mailer, other_url, STAFF) as move, pytest.raises(Refused) as caught:
        move.run(lambda _: None)
    assert [step.action for step in caught.value.next_steps] == ["copy_database", "cancel_copy"]
    assert not (tmp_path / "third.db").exists()


def test_unreachable_target_changes_nothing(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    url = "postgresql://mailer@127.0.0.1:1/mailer"
    with open_move(mailer, url, STAFF) as move, pytest.raises(DatabaseUnavailable):
        move.run(lambda _: None)
    begin_edition(mailer, READERS)
    assert deliver_due(mailer) == READERS


def run_killed_move(office: RecoveryOffice, new_url: str, commit: int) -> tuple[int, str]:
    """Run a move in a process that kills itself before a commit. Returns (exit code, stdout)."""
    command = [sys.executable, "-m", "tests.integration.recovery.moving_process"]
    result = subprocess.run(
        [*command, office.url, new_url, str(office.folder), str(commit)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode in {0, -signal.SIGKILL}, result.stderr
    return result.returncode, result.stdout


def count_senders(office: RecoveryOffice, new_url: str) -> int:
    """Count the databases from which a process of this host may send."""
    count = 0
    for url in (office.url, new_url):
        mailer = office.open_mailer(url)
        try:
            mailer.store.check_schema()
            count += mailer.guard.find_refusal() is None
        except MailerError:
            continue
        finally:
            mailer.close()
    return count


def prepare_killed_moves(office: RecoveryOffice) -> None:
    office.settings = office.settings.model_copy(update={"paths": Paths(state=office.folder)})
    mailer = office.open_mailer()
    begin_edition(mailer, READERS)
    mailer.guard.confirm_database()
    mailer.close()


def check_moved(office: RecoveryOffice, new_url: str) -> None:
    """Check that the new database has each row once, and that only it sends."""
    old, new = Store(office.url, KEY), Store(new_url, KEY)
    try:
        with old.read() as tx, new.read() as new_tx:
            for table in schema.metadata.sorted_tables:
                if table.name not in {"database_identity", "database_event"}:
                    rows, new_rows = (
                        sorted(map(tuple, each.connection.execute(select(table))), key=repr)
                        for each in (tx, new_tx)
                    )
                    assert rows == new_rows, table.name
    finally:
        old.close()
        new.close()
    assert count_senders(office, new_url) == 1
    assert find_refusal(office.open_mailer()) is Recognition.MOVED


def test_move_killed_again_and_again_goes_on(recovery_office: RecoveryOffice, new_url: str) -> None:
    """Each run gets a little further."""
    prepare_killed_moves(recovery_office)
    for commit in (1, 2, 3, 10):
        code, _ = run_killed_move(recovery_office, new_url, commit)
        assert code == -signal.SIGKILL
        assert count_senders(recovery_office, new_url) <= 1
    while run_killed_move(recovery_office, new_url, 17)[0]:
        assert count_senders(recovery_office, new_url) <= 1
    check_moved(recovery_office, new_url)


@pytest.mark.proof
def test_move_killed_before_any_commit_goes_on(
    recovery_office: RecoveryOffice, postgresql: Postgresql, tmp_path: Path
) -> None:
    """Kill a move before each third of its commits in turn, and finish it: there and back."""
    prepare_killed_moves(recovery_office)
    commit = 1 + recovery_office.url.startswith("sqlite")
    code = -signal.SIGKILL
    while code:
        commit += 3
        if recovery_office.url.startswith("sqlite"):
            run_sql(postgresql.make_url("postgres"), f"CREATE DATABASE killed{commit}")
            new_url = postgresql.make_url(f"killed{commit}")
        else:
            new_url = f"sqlite:///{tmp_path / f'new{commit}.db'}"
        code, _ = run_killed_move(recovery_office, new_url, commit)
        assert count_senders(recovery_office, new_url) <= 1, commit
        assert run_killed_move(recovery_office, new_url, 0)[0] == 0
        check_moved(recovery_office, new_url)
        recovery_office.url = new_url
    assert commit > len(schema.metadata.tables)
