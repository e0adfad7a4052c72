"""Searches work after a restoration, on a server with other extensions, too."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from mailer import recovery
from mailer.app import Mailer
from mailer.audience import subscribers
from mailer.model.searches import SearchMethod
from mailer.store import Store
from mailer.store.backup import restore_backup, write_backup
from tests.actors import STAFF
from tests.conftest import KEY
from tests.database_cluster import ClusterServer
from tests.integration import factories
from tests.integration.recovery.conftest import RecoveryOffice, begin_edition
from tests.integration.recovery.test_recognition import only_postgresql, only_sqlite
from tests.integration.store.search.conftest import make_debian_database
from tests.integration.store.search.fts5 import check_index, open_without_fts5


def search_people(store: Store, search: str) -> tuple[int, SearchMethod]:
    with store.read() as tx:
        page = subscribers.list_subscribers(tx, search)
        assert page.method
        return len(page.subscribers), page.method


def add_person(mailer: Mailer) -> None:
    with mailer.store.begin() as tx:
        factories.add_subscriber(tx, "zoe@example.org", name="Zoe Quay")


def test_restored_database_is_searched_like_the_original(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 3)
    backup = recovery_office.back_up(mailer)
    add_person(mailer)
    assert search_people(mailer.store, "zoe")[0] == 1
    restored = recovery_office.restore(backup)
    assert search_people(restored.store, "zoe")[0] == 0
    assert search_people(restored.store, "reader00")[0] == 3
    add_person(restored)
    assert search_people(restored.store, "zoe")[0] == 1


@only_sqlite
def test_backup_restored_without_fts5_can_be_used(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 3)
    backup = recovery_office.back_up(mailer)
    mailer.close()
    bare_store = open_without_fts5(recovery_office.url)
    restore_backup(bare_store, backup, STAFF, factories.NOW, replaces=True)
    bare_store.check_schema()
    assert search_people(bare_store, "reader001") == (1, SearchMethod.BEGINNINGS)
    bare_store.close()
    store = Store(recovery_office.url, KEY)
    restore_backup(store, backup, STAFF, factories.NOW, replaces=True)
    assert search_people(store, "eader001") == (1, SearchMethod.PARTS)
    with store.begin() as tx:
        check_index(tx)
    store.close()


@only_postgresql
def test_backup_with_pg_trgm_is_restored_on_servers_with_and_without_it(
    recovery_office: RecoveryOffice,
    debian_postgresql: ClusterServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = make_debian_database(debian_postgresql)
    backup = recovery_office.folder / "backup"
    with monkeypatch.context() as tools, closing(Store(url, KEY)) as store:
        tools.setenv("PATH", str(debian_postgresql.programs))
        store.upgrade_schema()
        begin_edition(recovery_office.open_mailer(url), 3)
        write_backup(store, backup, factories.NOW)
        restore_backup(store, backup, STAFF, factories.NOW, replaces=True)
        assert search_people(store, "eader001") == (1, SearchMethod.PARTS)
        with closing(Store(make_debian_database(debian_postgresql), KEY)) as empty_store:
            restore_backup(empty_store, backup, STAFF, factories.NOW)
            assert search_people(empty_store, "eader001") == (1, SearchMethod.PARTS)
    restored = recovery_office.restore(backup)
    assert search_people(restored.store, "reader001") == (1, SearchMethod.BEGINNINGS)
    add_person(restored)
    assert search_people(restored.store, "zoe")[0] == 1


@only_sqlite
def test_copied_file_is_searched_like_the_original(
    recovery_office: RecoveryOffice, tmp_path: Path
) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 3)
    mailer.close()
    copy = tmp_path / "copy.db"
    shutil.copy(recovery_office.database_file, copy)
    with closing(Store(f"sqlite:///{copy}", KEY)) as store:
        assert search_people(store, "eader00") == (3, SearchMethod.PARTS)


@only_sqlite
def test_clone_is_searched_like_the_original(recovery_office: RecoveryOffice) -> None:
    mailer = recovery_office.open_mailer()
    begin_edition(mailer, 3)
    with mailer.store.begin() as tx:
        recovery.declare_clone(tx, STAFF, factories.NOW)
    add_person(mailer)
    assert search_people(mailer.store, "eader00")[0] == 3
    assert search_people(mailer.store, "uay")[0] == 1
