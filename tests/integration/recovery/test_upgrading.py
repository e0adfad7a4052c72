"""An upgrade that changes the schema makes a verified backup first, and there is a way back."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from mailer.app.upgrading import UpgradePlan, plan_upgrade, upgrade_database
from mailer.errors import ConfigError, SchemaError
from mailer.store import Store, schema, schema_revision
from mailer.store.backup import restore_backup
from tests.actors import STAFF
from tests.conftest import KEY
from tests.integration import factories
from tests.integration.recovery.conftest import RecoveryOffice, begin_edition, deliver_due
from tests.integration.recovery.test_recognition import only_postgresql

NEXT_REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "2", "1", None, None


def upgrade():
    op.add_column("subscriber", sa.Column("pronoun", sa.Text(), nullable=True))
    op.create_table(
        "badge",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("mailing_list.id"), nullable=False),
    )
    op.execute("INSERT INTO badge (id, list_id) SELECT 1, min(id) FROM mailing_list")
    if {fails}:
        raise RuntimeError("this revision fails")
"""


@contextmanager
def newer_program(folder: Path, *, fails: bool = False) -> Iterator[None]:
    """Let this program be newer by one revision, which adds a column, and a table that refers to
    an older one."""
    build_config = schema_revision.build_migration_config
    versions = folder / "versions"
    versions.mkdir(exist_ok=True)
    (versions / "0002_badges.py").write_text(NEXT_REVISION.format(fails=fails))
    own_versions = Path(schema_revision.__file__).parent / "migrations/versions"

    def build_longer_config(connection: Connection) -> Config:
        config = build_config(connection)
        config.set_main_option("path_separator", "os")
        locations = os.pathsep.join((str(own_versions), str(versions)))
        config.set_main_option("version_locations", locations)
        return config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "2"))
        patch.setattr("mailer.app.upgrading.REVISIONS", schema.REVISIONS)
        patch.setattr(schema_revision, "build_migration_config", build_longer_config)
        yield


def upgrade(office: RecoveryOffice, *, has_own_backup: bool = False) -> UpgradePlan:
    with closing(Store(office.url, b"")) as store:
        plan = plan_upgrade(store, office.settings, factories.NOW, has_own_backup=has_own_backup)
        upgrade_database(store, plan, STAFF, factories.NOW)
        return plan


def read_tables(office: RecoveryOffice) -> set[str]:
    with closing(Store(office.url, KEY)) as store, store.read() as tx:
        return set(inspect(tx.connection).get_table_names())


@pytest.fixture
def begun_office(recovery_office: RecoveryOffice) -> RecoveryOffice:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 3)
    mailer.close()
    return recovery_office


def test_upgrade_writes_a_verified_backup_before_the_schema_changes(
    begun_office: RecoveryOffice, tmp_path: Path
) -> None:
    with newer_program(tmp_path):
        plan = upgrade(begun_office)
        assert (plan.before, plan.after) == ("1", "2")
        assert plan.backup is not None
        assert stat.S_IMODE(plan.backup.stat().st_mode) == 0o600
        with closing(Store(begun_office.url, KEY)) as store, store.read() as tx:
            assert tx.connection.scalar(text("SELECT count(*) FROM badge")) == 1
            (event,) = [e for e in tx.recovery.list_events() if e.event_type == "upgrade"]
        assert event.detail == f"revision 1 to 2, backup: {plan.backup}"
    assert "badge" in read_tables(begun_office)


def test_older_program_goes_back_by_the_backup(
    begun_office: RecoveryOffice, tmp_path: Path
) -> None:
    with newer_program(tmp_path):
        plan = upgrade(begun_office)
    assert plan.backup is not None
    mailer = begun_office.open_mailer()
    for check in (mailer.store.check_schema, mailer.store.upgrade_schema):
        with pytest.raises(SchemaError, match="does not know") as caught:
            check()
        assert "restore the backup that its upgrade made" in caught.value.hint
    restore_backup(mailer.store, plan.backup, STAFF, factories.NOW, replaces=True)
    mailer.store.check_schema()
    assert "badge" not in read_tables(begun_office)
    with mailer.store.read() as tx:
        columns = {row["name"] for row in inspect(tx.connection).get_columns("subscriber")}
    assert "pronoun" not in columns
    with mailer.store.begin() as tx:
        mailer_calendars = mailer.build_calendars(tx)
        from mailer.recovery import accept_database

        accept_database(tx, STAFF, mailer_calendars, factories.NOW)
    mailer.guard.save_accepted_marker()
    assert deliver_due(mailer) == 0, "a person decides about deliveries in doubt"


def test_upgrade_that_fails_changes_nothing(begun_office: RecoveryOffice, tmp_path: Path) -> None:
    with newer_program(tmp_path, fails=True), pytest.raises(RuntimeError):
        upgrade(begun_office)
    assert "badge" not in read_tables(begun_office)
    assert deliver_due(begun_office.open_mailer()) == 3


def test_upgrade_without_a_change_makes_no_backup(
    begun_office: RecoveryOffice, tmp_path: Path
) -> None:
    plan = upgrade(begun_office)
    assert plan.backup is None
    assert (plan.before, plan.after) == ("1", "1")


def test_upgrade_without_a_backup_is_refused(begun_office: RecoveryOffice, tmp_path: Path) -> None:
    with newer_program(tmp_path), closing(Store(begun_office.url, b"")) as store:
        file = tmp_path / "no such folder/backup"
        plan = plan_upgrade(store, begun_office.settings, factories.NOW, backup=file)
        with pytest.raises(ConfigError, match="it needs a backup before") as caught:
            upgrade_database(store, plan, STAFF, factories.NOW)
    assert caught.value.code == "no_backup"
    assert "--no-backup" in caught.value.hint
    assert "badge" not in read_tables(begun_office)


@only_postgresql
def test_upgrade_without_postgresql_tools_needs_a_word(
    begun_office: RecoveryOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with newer_program(tmp_path):
        with pytest.raises(ConfigError, match="pg_dump is not installed") as caught:
            upgrade(begun_office)
        assert "postgresql-client" in caught.value.hint
        assert "--no-backup" in caught.value.hint
        assert "badge" not in read_tables(begun_office)
        assert upgrade(begun_office, has_own_backup=True).backup is None
    assert "badge" in read_tables(begun_office)


@only_postgresql
def test_failed_way_back_leaves_the_newer_database(
    begun_office: RecoveryOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with newer_program(tmp_path):
        plan = upgrade(begun_office)
    assert plan.backup is not None
    before = read_tables(begun_office)
    from mailer.store.backup import postgresql

    def fail(dump: Path) -> str:
        raise ConfigError("the disk is full")

    monkeypatch.setattr(postgresql, "_list_restored_contents", fail)
    with (
        closing(Store(begun_office.url, KEY)) as store,
        pytest.raises(ConfigError, match="the disk is full"),
    ):
        restore_backup(store, plan.backup, STAFF, factories.NOW, replaces=True)
    assert read_tables(begun_office) == before
