"""Messages that a mail server pipes to `mailer subscriber unsubscribe-mail`. The server returns the
output of a failed command to the reader, so the exit codes are 0 and 75 alone."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mailer.audience import links
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.cli.subscriber import mail_pipe
from tests.acceptance.conftest import Shell

HAS_SYSLOG = mail_pipe.has_system_log()


@pytest.fixture
def office(mailer: Shell) -> Shell:
    """An office with one list."""
    mailer("list", "add", "news", "--name", "News")
    return mailer


def make_token(office: Shell) -> str:
    """Add a subscriber, and return the token of their mails."""
    person = office("subscriber", "add", "ana@example.org", "--list", "news", "--json").json
    key = bytes.fromhex((office.folder / "config/secret.key").read_text().strip())
    link = MemberLink(person["subscriber"]["id"], 1, 9)
    return links.sign_member_link(key, LinkPurpose.UNSUBSCRIBE, link)


def pipe_message(
    office: Shell, subject: str, head: str = "", body: str = "", *options: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mailer", *options, "subscriber", "unsubscribe-mail"],
        cwd=office.folder,
        env=office.env,
        input=f"From ana@example.org  Fri Dec 18 2026\n{head}Subject: {subject}\n\n{body}",
        capture_output=True,
        text=True,
        check=False,
    )


def assert_logged(result: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that the pipe settled the message with a line in the log and without other output."""
    assert (result.returncode, result.stdout) == (0, "")
    assert "error:" not in result.stderr
    assert result.stderr.count("\n") == (0 if HAS_SYSLOG else 1)
    assert HAS_SYSLOG or all(word in result.stderr for word in words), result.stderr


def read_state(office: Shell) -> str:
    data = office("subscriber", "show", "ana@example.org", "--json").json
    return str(data["memberships"][0]["state"])


def test_piped_unsubscribe_mail_unsubscribes_its_sender(office: Shell) -> None:
    token = make_token(office)
    assert_logged(pipe_message(office, f"Re: unsubscribe {token[:-1]}x"), "link is not valid")
    assert_logged(pipe_message(office, "hello"), "names no subscriber and no list")
    assert read_state(office) == "active"
    accepted = pipe_message(office, f"Re: unsubscribe\n {token}", body="x" * 3_000_000)
    assert_logged(accepted, '"a…@example.org"', '"news"')
    assert read_state(office) == "unsubscribed"
    office.write_file("again.eml", f"Subject: unsubscribe {token}\n\n")
    assert "already" in office("subscriber", "unsubscribe-mail", "again.eml").out
    last = office("subscriber", "history", "ana@example.org", "--json").json["entries"][-1]
    assert (last["act"], last["source"]) == ("left", "unsubscribe mail")


def test_unsubscribe_mail_in_file_reports_errors_to_staff(office: Shell) -> None:
    office.write_file("a.eml", "Subject: hello\n\n")
    assert (
        "no subscriber and no list" in office("subscriber", "unsubscribe-mail", "a.eml", code=1).err
    )
    office.write_file("b.eml", "Auto-Submitted: auto-replied\nSubject: hello\n\n")
    assert "automatic reply" in office("subscriber", "unsubscribe-mail", "b.eml", code=1).err


def test_piped_automatic_reply_unsubscribes_no_member(office: Shell) -> None:
    token = make_token(office)
    reply = pipe_message(office, f"unsubscribe {token}", "Auto-Submitted: auto-replied\n")
    assert_logged(reply, "automatic reply", "Auto-Submitted")
    assert read_state(office) == "active"


@contextmanager
def lock_database(office: Shell) -> Iterator[None]:
    with closing(sqlite3.connect(next(office.folder.rglob("*.db")))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()


def assert_deferred(result: subprocess.CompletedProcess[str]) -> None:
    """Check that the mail server tries again, and has one neutral line for the reader if it gives
    up."""
    assert (result.returncode, result.stdout) == (os.EX_TEMPFAIL, "")
    assert result.stderr.startswith("the message could not be handled now; try again later")
    assert result.stderr.count("\n") == 1
    assert "locked" not in result.stderr


@pytest.mark.proof  # SQLite's lock is waited for 30 seconds
def test_piped_unsubscribe_mail_waits_for_busy_database(office: Shell) -> None:
    token = make_token(office)
    with lock_database(office):
        assert_deferred(pipe_message(office, f"unsubscribe {token}"))
    assert read_state(office) == "active"
    assert_logged(pipe_message(office, f"unsubscribe {token}"))
    assert read_state(office) == "unsubscribed"


@pytest.mark.parametrize(
    "options",
    [
        ("--config", "missing.toml"),
        ("--database", "postgresql://nobody@127.0.0.1:1/none"),
        ("--database", "folder/none.db"),
    ],
)
def test_piped_unsubscribe_mail_waits_for_settings_and_database(
    office: Shell, options: tuple[str, str]
) -> None:
    assert_deferred(pipe_message(office, "unsubscribe 1.1.1.x", "", "", *options))


def test_piped_unsubscribe_mail_waits_for_older_schema(office: Shell, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "empty.db").close()
    options = ("--database", str(tmp_path / "empty.db"))
    assert_deferred(pipe_message(office, "unsubscribe 1.1.1.x", "", "", *options))


def test_folder_of_journals_is_not_the_system_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mail_pipe, "SYSLOG_SOCKETS", (tmp_path,))
    mail_pipe._log_line("unsubscribe mail", list="news")
    assert "unsubscribe mail" in capsys.readouterr().err
    path = tmp_path / "log"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as system_log:
        system_log.bind(str(path))
        monkeypatch.setattr(mail_pipe, "SYSLOG_SOCKETS", (tmp_path / "none", path))
        assert mail_pipe.has_system_log()
