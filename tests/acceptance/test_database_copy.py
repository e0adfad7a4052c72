"""Moving to PostgreSQL and back, by the commands that admins type."""

import hashlib
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell
from tests.acceptance.test_recovery import READERS, office, relay
from tests.acceptance.test_sending import make_relay_env
from tests.fake_relay import Relay
from tests.postgresql import Postgresql, run_sql

__all__ = ["office", "relay"]


@pytest.fixture
def server_url(postgresql: Postgresql) -> Iterator[str]:
    """The URL of an empty database, as an admin writes it."""
    run_sql(postgresql.make_url("postgres"), "CREATE DATABASE office STRATEGY FILE_COPY")
    yield postgresql.make_url("office").replace("+psycopg", "")
    run_sql(postgresql.make_url("postgres"), "DROP DATABASE office WITH (FORCE)")


def test_office_moves_to_postgresql_and_back(office: Shell, relay: Relay, server_url: str) -> None:
    env = make_relay_env(relay.port)
    checked = office("database", "copy", "--to", server_url, "--dry-run")
    assert "it can begin" in checked.out
    copied = office("database", "copy", "--to", server_url, "--by", "Amina", "--json").json
    assert copied["tables"]["subscriber"]["rows"] == len(READERS)
    assert len(copied["tables"]["delivery"]["checksum"]) == 2 * hashlib.sha256().digest_size
    refused = office("send", "1", env=env, code=5).err
    assert "nothing is sent: it was moved to" in refused
    assert "set database.url to the new database" in refused
    assert office("status").out.startswith("no mail goes out: it was moved to")
    denied = office("subscriber", "add", "late@example.org", "--list", "news", code=3).err
    assert "this database was moved" in denied
    assert "was moved to" in office("database", "restored", code=5).err
    new = {**env, "MAILER_DATABASE_URL": server_url}
    office("subscriber", "add", "late@example.org", "--list", "news", env=new)
    office("send", "1", env=new)
    assert sorted(relay.accepted) == sorted((*READERS, "late@example.org"))
    assert "complete already" in office("database", "copy", "--to", server_url).out
    back = office("database", "copy", "--to", "sqlite:///back.db", env=new)
    assert "subscriber: 3 rows, equal in both, SHA-256 " in back.out
    assert "back.db has taken over: set url of [database] to it" in back.out
    last = {**env, "MAILER_DATABASE_URL": "sqlite:///back.db"}
    assert office("edition", "report", "1", "--json", env=last).json["states"]["sent"] == 3
    assert "moved here  Amina" in office("database", "status", env=last).out
    office("send", "1", env=new, code=5)


def test_copy_to_a_database_with_content_is_refused(office: Shell) -> None:
    office("--database", "sqlite:///other.db", "init")
    office("--database", "sqlite:///other.db", "topic", "add", "ships", "--name", "Ships")
    refused = office("database", "copy", "--to", "sqlite:///other.db", code=5).err
    assert "this database is not empty" in refused
    usage = office("database", "copy", "--to", "sqlite:///new.db", "--anyway", code=2).err
    assert "--anyway goes with --cancel" in usage
    assert (
        "not being moved"
        in office("database", "copy", "--to", "sqlite:///new.db", "--cancel", code=5).err
    )


def test_config_systemd_prints_a_unit(office: Shell) -> None:
    env = {"MAILER_PATHS_STATE": "/var/lib/mailer"}
    unit = office("config", "systemd", "worker", "--user", "news", env=env).out
    assert "User=news" in unit
    assert "ProtectSystem=strict" in unit
    assert "paths.state" in office("config", "systemd", "serve", code=3).err
    assert "worker, serve" in office("config", "systemd", "cron", code=2).err
