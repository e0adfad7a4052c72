"""Backups, restorations and keys, by the commands that admins type."""

import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell, format_article
from tests.acceptance.test_sending import make_relay_env
from tests.fake_relay import Relay

READERS = ("dia@example.org", "eli@example.org")


@pytest.fixture
def office(mailer: Shell) -> Shell:
    """An office with an approved edition for two people."""
    mailer("list", "add", "news", "--name", "News")
    mailer.write_file("a.md", format_article("A harbour opens"))
    mailer("article", "add", "a.md")
    for address in READERS:
        mailer("subscriber", "add", address, "--list", "news")
    mailer("digest", "add", "weekly", "--list", "news")
    mailer("digest", "assemble", "weekly")
    mailer("edition", "approve", "1")
    return mailer


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running_relay:
        yield running_relay


def test_restored_backup_mails_no_one_until_a_person_decides(office: Shell, relay: Relay) -> None:
    env = make_relay_env(relay.port)
    office("database", "backup", "office.bak")
    assert stat.S_IMODE((office.folder / "office.bak").stat().st_mode) == 0o600
    office("send", "1", env=env)
    office("database", "restore", "office.bak", "--replace")
    refused = office("send", "1", env=env, code=5).err
    assert "nothing is sent: it was restored from office.bak" in refused
    assert "mailer database restored" in refused
    assert office("edition", "report", "1", "--json").json["edition"]["state"] == "approved"
    assert "restored from office.bak" in office("status", "--check", code=1).err
    assert "nothing is sent from it" in office("status").out
    office("database", "restored", "--dry-run")
    office("send", "1", env=env, code=5)
    office("database", "restored", "--by", "Amina")
    assert "nothing to do" in office("database", "restored").out
    assert "accepted  Amina" in office("database", "status").out
    office("send", "1", env=env)  # a person's word
    assert sorted(relay.accepted) == sorted(READERS * 2)


def test_clone_sends_nothing(office: Shell, relay: Relay) -> None:
    office("database", "clone")
    assert "a clone sends nothing" in office("send", "1", code=5).err
    assert relay.accepted == []


def test_rotated_key_is_listed_without_secrets(office: Shell) -> None:
    key = (office.folder / "config/secret.key").read_text("ascii").strip()
    assert "the secret key itself signs links" in office("secret", "list").err
    office("secret", "rotate", "--keep", "30")
    listed = office("secret", "list", "--json")
    assert [entry["state"] for entry in listed.json] == ["verifies", "signs"]
    assert key not in listed.out
    assert "--even-if-valid" in office("secret", "remove", "1", code=5).err
    office("secret", "remove", "1", "--even-if-valid")
    office("secret", "rotate", "--keep", "0", code=1)


def test_backup_to_closed_stdout_is_refused(office: Shell) -> None:
    result = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m mailer database backup - >&-"],
        cwd=office.folder,
        env=office.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "stdout is closed, and the backup would be lost" in result.stderr
