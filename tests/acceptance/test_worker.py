"""The worker, single occurrences and send times from the command line."""

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

from mailer.app.staff import find_login
from tests.acceptance.conftest import Shell, format_article
from tests.acceptance.deciding import decide_by_link
from tests.fake_relay import Relay

PATIENCE = 30.0
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"


@contextmanager
def run_worker(mailer: Shell) -> Iterator[subprocess.Popen[str]]:
    """Run `mailer worker`, and ask it to stop at the end."""
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


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)


@pytest.fixture
def office(mailer: Shell, relay: Relay) -> Shell:
    """An office with a list of two readers, a story, a daily digest and a relay."""
    config = mailer.folder / "config/mailer.toml"
    text = config.read_text("utf-8")
    for old_line, new_line in (
        ('host = "localhost"', 'host = "127.0.0.1"'),
        ("port = 587", f"port = {relay.port}"),
        ('tls = "starttls"', 'tls = "none"'),
        ("tick = 5", "tick = 0.2"),
        ("approvers = []", 'approvers = ["editor@example.org"]'),
        ("watchers = []", 'watchers = ["press@example.org"]'),
    ):
        assert old_line in text
        text = text.replace(old_line, new_line)
    config.write_text(text, "utf-8")
    mailer("list", "add", "news", "--name", "News")
    for name in ("amal", "bela"):
        mailer("subscriber", "add", f"{name}@example.org", "--list", "news")
    mailer.write_file("a.md", format_article("First"))
    mailer("article", "add", "a.md", "--by", "Ana")
    mailer("digest", "add", "daily", "--list", "news", "--name", "The day", "--approval", "other")
    # Not before tomorrow: today's occurrence would be assembled at once between 08:00 and 09:00.
    mailer("schedule", "add", "daily", "daily", "--zone", "UTC", "--start", TOMORROW)
    return mailer


def list_subjects(relay: Relay, to: str) -> list[str]:
    return [
        str(message_from_bytes(one.data, policy=default)["Subject"])
        for one in relay.received
        if one.recipient == to
    ]


@pytest.mark.slow
def test_occurrence_sent_early_waits_for_approval(office: Shell, relay: Relay) -> None:
    assert office("status").out.startswith("no mail goes out by itself: no worker runs\n")
    assert "worker: none runs" in office("status").out
    assert "no worker runs" in office("status", "--check", code=1).err
    with run_worker(office):
        wait_until(lambda: "worker: runs" in office("status").out)
        assert office("status").out.startswith("mail goes out when it is due; next at ")
        office("status", "--check")
        message = office("schedule", "send-now", "daily", TOMORROW, "--by", "Ben").out
        assert message.endswith("UTC: planned\n")
        wait_until(lambda: bool(list_subjects(relay, "editor@example.org")))
        assert "edition 1 (The day)" in office("status").out
        for name in ("Ana", "Cleo"):  # a typed name does not make a second person
            message = office("edition", "approve", "1", "--by", name, code=5).err
            assert "has written or edited something in edition 1" in message
        assert "is approved" in decide_by_link(
            office, relay.list_mails("editor@example.org")[0], "approve", "read twice"
        )
        wait_until(lambda: "Sent: The day (2)" in list_subjects(relay, "press@example.org"))
    assert {"amal@example.org", "bela@example.org"} < set(relay.accepted)
    (past,) = office("schedule", "history", "daily", "--json").json
    assert past["outcome"] == "sent"
    assert past["rule_time"].startswith(TOMORROW)
    edition_list = office("edition", "list").out
    assert "sent" in edition_list
    assert "Approve" not in edition_list, "notices are no editions of a list"


def test_occurrences_are_moved_skipped_and_restored(office: Shell) -> None:
    def preview_schedule() -> str:
        return office("schedule", "preview", "daily").out

    new_time = f"{TOMORROW} 17:30"
    office("schedule", "move", "daily", TOMORROW, "--to", new_time, "--reason", "a late guest",
           "--by", "Ana")  # fmt: skip
    assert "17:30" in preview_schedule()
    assert f"by Ana ({find_login()}): a late guest" in preview_schedule()
    office("schedule", "skip", "daily", TOMORROW, "--reason", "the office is closed")
    assert "the office is closed" in preview_schedule()
    office("schedule", "restore", "daily", TOMORROW)
    assert "the office is closed" not in preview_schedule()
    assert "17:30" not in preview_schedule()
    before = preview_schedule()
    office("schedule", "skip", "daily", TOMORROW, "--dry-run")
    assert preview_schedule() == before
    for words, message in (
        (("move", "daily", TOMORROW, "--to", "2020-01-01 09:00"), "is past"),
        (("move", "daily", TOMORROW, "--to", "at noon"), "is not a local time"),
        (
            ("move", "daily", "2020-01-01", "--to", new_time),
            "has no occurrence 2020-01-01",
        ),
        (("skip", "daily", "tomorrow"), "is not a date"),
        (("skip", "weekly", TOMORROW), "no digest 'weekly'"),
    ):
        assert message in office("schedule", *words, code=1).err
    assert (
        "only an occurrence that was moved or skipped"
        in office(
            "schedule",
            "restore",
            "daily",
            f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}",
            code=5,
        ).err
    )


def test_edition_is_scheduled_and_unscheduled(office: Shell) -> None:
    office("edition", "new", "--list", "news", "--story", "first", "--name", "Release")
    message = office(
        "edition", "schedule", "1", "--at", f"{TOMORROW} 09:00", "--zone", "Asia/Tokyo"
    )
    assert "Asia/Tokyo" in message.out
    assert "00:00 UTC" in message.out
    assert "Asia/Tokyo" in office("edition", "show", "1").out
    office("edition", "submit", "1")
    assert "in_review" in office("edition", "list", "--state", "in_review").out
    office("edition", "approve", "1", "--by", "Cleo")
    assert "scheduled" in office("edition", "list").out
    office("edition", "unschedule", "1")
    assert "approved" in office("edition", "list").out
    assert "is past" in office("edition", "schedule", "1", "--at", "2020-01-01 09:00", code=1).err
    assert "is not a local time" in office("edition", "schedule", "1", "--at", "soon", code=1).err


def test_digest_policy_is_edited_and_shown(office: Shell, tmp_path: Path) -> None:
    office("digest", "edit", "daily", "--approval", "none", "--when-late", "draft",
           "--grace", "30m",
           "--remind", "1h", "--remind", "4h", "--send-time", "reader",
           "--approver", "Editor@Example.org", "--watcher", "w@example.org")  # fmt: skip
    digest_text = office("digest", "show", "daily").out
    for message in (
        "approval  none",
        "when late  draft",
        "grace  30m",
        "reminders  4h, 1h",
        "send time  reader",
        "approvers  editor@example.org",
    ):
        assert message in digest_text
    office("digest", "edit", "daily", "--remind", "")
    assert "reminders" not in office("digest", "show", "daily").out
    for words, message in (
        (("--grace", "soon"), "is not a length of time"),
        (("--grace", "30d"), "not between 0m and 14d"),
        (("--remind", "0m"), "not between 1m and 14d"),
        (("--approver", "nobody"), "is not a mail address"),
    ):
        assert message in office("digest", "edit", "daily", *words, code=1).err
