"""Backups, restorations and keys, by the commands that admins type."""

import stat
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell, format_article
from tests.acceptance.test_sending import make_relay_env
from tests.acceptance.test_worker import run_worker
from tests.fake_relay import CLOSE, Relay, Step

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


def test_clone_sends_only_to_recipients_of_safe_mode(office: Shell, relay: Relay) -> None:
    env = make_relay_env(relay.port)
    clone = office("database", "clone").out
    assert clone == "safe mode is on: this database is a clone, and no one gets mail\n"
    assert "safe mode is on: this database is a clone" in office("database", "status").out
    assert office("status").out.startswith(
        "no mail goes out: safe mode is on (this database is a clone, and no one gets mail)"
    )
    explanation = office("explain", "1", READERS[1]).out
    assert "will not get it in safe mode (this database is a clone" in explanation
    env["MAILER_SAFE_RECIPIENTS"] = READERS[0]
    sent = office("send", "1", env=env)
    assert f"a clone, and mail goes only to {READERS[0]}" in sent.err
    assert "diverted 1" in sent.out
    assert relay.accepted == [READERS[0]]
    assert "safe mode was on" in office("explain", "1", READERS[1]).out
    assert office("edition", "retry", "1", "--failed").out == "0 queued again\n"
    assert "send from the original" in office("database", "restored", code=5).err
    office("database", "restored", "--anyway")
    assert office("edition", "retry", "1", "--diverted", "--json").json["queued"] == 1
    office("send", "1", env=make_relay_env(relay.port))
    assert sorted(relay.accepted) == sorted(READERS)


def test_database_of_the_office_is_not_declared_a_clone_by_mistake(
    office: Shell, relay: Relay
) -> None:
    office("send", "1", env=make_relay_env(relay.port))
    refused = office("database", "clone", code=5).err
    assert "it is the office's own" in refused
    assert "--anyway" in refused
    assert office("status", "--json").json["safe_mode"] is None
    office("database", "clone", "--anyway")
    assert office("status", "--json").json["safe_mode"] == {"recipients": [], "is_clone": True}


def test_safe_mode_of_the_settings_is_shown_and_kept(office: Shell, relay: Relay) -> None:
    file = office.folder / "config/mailer.toml"
    file.write_text(file.read_text("utf-8") + '\n[safe]\nrecipients = ["eli@example.org"]\n')
    env = make_relay_env(relay.port)
    assert "[safe] is set, and mail goes only to eli@example.org" in office("status").out
    run = office("send", "1", "--json", env=env).json
    assert (run["run"]["sent"], run["run"]["diverted"]) == (1, 1)
    assert run["reports"][0]["states"]["diverted"] == 1
    assert relay.accepted == ["eli@example.org"]
    report = office("edition", "report", "1").out
    assert "mailer edition retry 1 --diverted" in report
    refused = office("edition", "retry", "1", "--failed", "--diverted", code=2).err
    assert "give --failed, --all or --diverted" in refused


def test_restore_beside_a_worker_is_refused(office: Shell, relay: Relay) -> None:
    office("database", "backup", "office.bak")
    with run_worker(office):
        deadline = time.monotonic() + 30
        while "worker: runs" not in office("status").out:
            assert time.monotonic() < deadline
        refused = office("database", "restore", "office.bak", "--replace", code=5).err
        assert "is running with this database" in refused
        assert "--anyway" in refused
    office("database", "restore", "office.bak", "--replace")


def test_single_doubts_are_decided_by_address(office: Shell, relay: Relay) -> None:
    env = make_relay_env(relay.port)
    office("send", "1", env=env)
    for address in ("eli@example.org", "fia@example.org", "gus@example.org"):
        relay.answer_always(Step.DOT, CLOSE, to=address)
    office.write_file("more.csv", "email\nfia@example.org\ngus@example.org\n")
    office("subscriber", "import", "more.csv", "--list", "news", "--source", "a", "--basis",
           "consent")  # fmt: skip
    office.write_file("b.md", format_article("A bridge opens"))
    office("article", "add", "b.md")
    office("digest", "assemble", "weekly")
    office("edition", "approve", "2")
    office("send", "2", env=env, code=4)
    listed = office("delivery", "in-doubt", "list", "2", "--limit", "2")
    note = " ".join(listed.err.split())
    assert note.startswith("there are more: `mailer delivery in-doubt list 2 --limit 2 --after=2:")
    assert "`mailer delivery list 2 --state in_doubt --csv` prints all of edition 2" in note
    rest = office(*note.partition("`mailer ")[2].partition("`")[0].split(), "--json")
    assert [delivery["address"] for delivery in rest.json] == ["gus@example.org"]
    assert rest.err == ""
    resend = ("delivery", "in-doubt", "resend", "2")
    assert "no delivery to" in office(*resend, "--address", "who@example.org", code=1).err
    assume = ("delivery", "in-doubt", "assume-sent", "2")
    office.write_file("bad.txt", "fia@example.org\nnot an address\n")
    assert "bad.txt, line 2" in office(*assume, "--addresses", "bad.txt", code=1).err
    office.write_file("accepted.txt", "FIA@example.org\n\ndia@example.org\nwho@example.org\n")
    assumed = office(*assume, "--addresses", "accepted.txt", "--json").json
    assert (assumed["assumed"], assumed["unknown"]) == (1, ["who@example.org"])
    assert assumed["not_in_doubt"] == 1
    relay.reset_script()
    assert office(*resend, "--address", "gus@example.org", "--json").json["queued"] == 1
    office("send", "2", env=env, code=4)
    states = office("edition", "report", "2", "--json").json["states"]
    assert (states["sent"], states["in_doubt"]) == (3, 1)
    office("send", "2", "--now", env=env)
    assert "was sent" in office("send", "2", env=env, code=5).err


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


def test_secret_that_others_can_read_is_named(office: Shell) -> None:
    key_file = office.folder / "config/secret.key"
    assert office("database", "status", "--json").json["open_files"] == []
    key_file.chmod(0o640)
    assert office("database", "status", "--json").json["open_files"] == []
    key_file.chmod(0o644)
    assert office("database", "status", "--json").json["open_files"] == [str(key_file)]
    assert f"other users can read {key_file}: chmod 600" in office("database", "status").out


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
