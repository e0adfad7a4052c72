"""The calendar and the worker, as staff use them from the command line."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from tests.acceptance.conftest import Shell, format_article
from tests.fake_relay import Relay

PATIENCE = 30.0
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"


@contextmanager
def worker(mailer: Shell) -> Iterator[subprocess.Popen[str]]:
    """`mailer worker`, asked to stop at the end."""
    running = subprocess.Popen(
        [sys.executable, "-m", "mailer", "worker"],
        cwd=mailer.folder,
        env=mailer.env,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=PATIENCE)
        assert running.returncode == 0
    finally:
        running.kill()
        running.communicate()


def until(what: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.1)


@pytest.fixture
def office(mailer: Shell, relay: Relay) -> Shell:
    """A list with two readers, a story, a digest that is sent daily, and a relay."""
    config = mailer.folder / "config/mailer.toml"
    text = config.read_text("utf-8")
    for was, becomes in (
        ('host = "localhost"', 'host = "127.0.0.1"'),
        ("port = 587", f"port = {relay.port}"),
        ('tls = "starttls"', 'tls = "none"'),
        ("tick = 5", "tick = 0.2"),
        ("approvers = []", 'approvers = ["editor@example.org"]'),
        ("watchers = []", 'watchers = ["press@example.org"]'),
    ):
        assert was in text
        text = text.replace(was, becomes)
    config.write_text(text, "utf-8")
    mailer("list", "add", "news", "--name", "News")
    for name in ("amal", "bela"):
        mailer("subscriber", "add", f"{name}@example.org", "--list", "news")
    mailer.write_file("a.md", format_article("First"))
    mailer("article", "add", "a.md", "--by", "Ana")
    mailer("digest", "add", "daily", "--list", "news", "--name", "The day", "--approval", "other")
    mailer("schedule", "add", "daily", "daily", "--zone", "UTC")
    return mailer


def subjects(relay: Relay, to: str) -> list[str]:
    return [str(message_from_bytes(one.data, policy=default)["Subject"])
            for one in relay.received if one.recipient == to]  # fmt: skip


@pytest.mark.slow
def test_an_occurrence_goes_out_early_by_way_of_its_approver(office: Shell, relay: Relay) -> None:
    assert "worker: none runs" in office("status").out
    assert "no worker runs" in office("status", "--check", code=1).err
    with worker(office):
        until(lambda: "worker: runs" in office("status").out)
        office("status", "--check")
        said = office("schedule", "send-now", "daily", TOMORROW, "--by", "Ben").out
        assert said.endswith("UTC: planned\n")
        until(lambda: bool(subjects(relay, "editor@example.org")))
        assert "edition 1 (The day)" in office("status").out
        assert (
            "Ana has written or edited"
            in office("edition", "approve", "1", "--by", "Ana", code=5).err
        )
        seen = office("edition", "show", "1", "--json").json["edition"]["content_hash"]
        office("edition", "approve", "1", "--by", "Cleo", "--hash", seen[:12])
        until(lambda: "Sent: The day (2)" in subjects(relay, "press@example.org"))
    assert {"amal@example.org", "bela@example.org"} < set(relay.accepted)
    (past,) = office("schedule", "history", "daily", "--json").json
    assert past["became"] == "sent"
    assert past["named"].startswith(TOMORROW)
    shown = office("edition", "list").out
    assert "sent" in shown
    assert "Approve" not in shown, "notices are no editions of a list"


def test_single_occurrences_are_moved_skipped_and_restored(office: Shell) -> None:
    def preview() -> str:
        return office("schedule", "preview", "daily").out

    moved = f"{TOMORROW} 17:30"
    office("schedule", "move", "daily", TOMORROW, "--to", moved, "--reason", "a late guest",
           "--by", "Ana")  # fmt: skip
    assert "17:30" in preview()
    assert "by Ana: a late guest" in preview()
    office("schedule", "skip", "daily", TOMORROW, "--reason", "nobody is in")
    assert "nobody is in" in preview()
    office("schedule", "restore", "daily", TOMORROW)
    assert "nobody is in" not in preview()
    assert "17:30" not in preview()
    before = preview()
    office("schedule", "skip", "daily", TOMORROW, "--dry-run")
    assert preview() == before
    for words, said in (
        (("move", "daily", TOMORROW, "--to", "2020-01-01 09:00"), "is past"),
        (("move", "daily", TOMORROW, "--to", "at noon"), "is no local time"),
        (("move", "daily", "2020-01-01", "--to", moved), "no occurrence that is named 2020-01-01"),
        (("skip", "daily", "tomorrow"), "is no date"),
        (("skip", "weekly", TOMORROW), "no digest 'weekly'"),
    ):
        assert said in office("schedule", *words, code=1).err
    assert (
        "only one that was moved or skipped"
        in office(
            "schedule",
            "restore",
            "daily",
            f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}",
            code=5,
        ).err
    )


def test_an_edition_by_itself_has_a_time_and_loses_it_again(office: Shell) -> None:
    office("edition", "new", "--list", "news", "--story", "first", "--name", "Release")
    said = office("edition", "schedule", "1", "--at", f"{TOMORROW} 09:00", "--zone", "Asia/Tokyo")
    assert "Asia/Tokyo" in said.out
    assert "00:00 UTC" in said.out
    assert "Asia/Tokyo" in office("edition", "show", "1").out
    office("edition", "submit", "1")
    assert "in_review" in office("edition", "list", "--state", "in_review").out
    office("edition", "approve", "1", "--by", "Cleo")
    assert "scheduled" in office("edition", "list").out
    office("edition", "unschedule", "1")
    assert "approved" in office("edition", "list").out
    assert "is past" in office("edition", "schedule", "1", "--at", "2020-01-01 09:00", code=1).err
    assert "is no local time" in office("edition", "schedule", "1", "--at", "soon", code=1).err


def test_a_digest_s_rules_are_given_shown_and_changed(office: Shell, tmp_path: Path) -> None:
    office("digest", "edit", "daily", "--approval", "none", "--when-late", "draft",
           "--grace", "30m",
           "--remind", "1h", "--remind", "4h", "--send-time", "reader",
           "--approver", "Editor@Example.org", "--watcher", "w@example.org")  # fmt: skip
    shown = office("digest", "show", "daily").out
    for said in ("approval  none", "when late  draft", "grace  30m", "reminders  4h, 1h",
                 "send time  reader", "approvers  editor@example.org"):  # fmt: skip
        assert said in shown
    office("digest", "edit", "daily", "--remind", "")
    assert "reminders" not in office("digest", "show", "daily").out
    for words, said in (
        (("--grace", "soon"), "is no length of time"),
        (("--grace", "30d"), "not between 0m and 14d"),
        (("--remind", "0m"), "not between 1m and 14d"),
        (("--approver", "nobody"), "is not a mail address"),
    ):
        assert said in office("digest", "edit", "daily", *words, code=1).err
