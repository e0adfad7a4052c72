"""Staff are notified once of each state of an edition, and not of what they did themselves."""

import io
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailer import digests, editions
from mailer.actor import create_local_actor
from mailer.config import NoticesSection, Paths
from mailer.log import create_logger
from mailer.model.digests import ApprovalRule
from mailer.model.edition_states import EditionKind, EditionState
from mailer.worker import Worker
from mailer.worker.status import read_status
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.worker.conftest import HOUR, MINUTE, NINE, READERS, WorkerHarness


def test_edits_are_notified_once_after_editing_pause(harness: WorkerHarness) -> None:
    harness.add_digest()
    harness.add_schedule("2027-03-02", cutoff="5h")
    harness.run_tick(NINE - 5 * HOUR)
    for minute in range(0, 60, 5):
        with harness.mailer.store.begin() as tx:
            edition = tx.editions.list_recent_editions([], 1)[0]
            editions.edit_edition(
                tx, create_local_actor("Ben"), edition, {"name": f"Week {minute}"}, harness.now
            )
        harness.run_tick(NINE - 5 * HOUR + minute * MINUTE)
    harness.deliver_editions()
    assert len(harness.list_mails("approver@example.org")) == 1
    harness.run_tick(NINE - 3 * HOUR)
    harness.deliver_editions()
    assert len(harness.list_mails("approver@example.org")) == 2
    harness.run_tick(NINE - 2 * HOUR)
    harness.deliver_editions()
    assert len(harness.list_mails("approver@example.org")) == 2


def test_broken_notice_does_not_stop_the_calendar(harness: WorkerHarness, tmp_path: Path) -> None:
    broken = tmp_path / "own/email/notice"
    broken.mkdir(parents=True)
    (broken / "body.html").write_text("{% if %}")
    harness.mailer.settings = harness.mailer.settings.model_copy(
        update={"paths": Paths(templates=tmp_path / "own")}
    )
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.run_tick(NINE)
    harness.deliver_editions()
    assert harness.list_readers_reached() == sorted(READERS)


def test_paused_edition_is_notified_with_reason(harness: WorkerHarness) -> None:
    harness.add_digest(approval=ApprovalRule.NONE)
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.run_tick(NINE)
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, harness.get_edition().id)
        editions.pause_edition(
            tx, create_local_actor("Ana"), edition, harness.now, reason="wrong picture"
        )
    harness.run_tick()
    harness.deliver_editions()
    (notice,) = harness.list_mails("watcher@example.org")
    assert notice["Subject"] == "Paused: The week (0 of 2)"
    assert "wrong picture" in str(notice.get_body(("plain",)))


@pytest.mark.parametrize(("later", "notice_count"), [(HOUR, 1), (25 * HOUR, 0)])
def test_edition_sent_by_hand_long_ago_is_not_notified(
    harness: WorkerHarness, later: timedelta, notice_count: int
) -> None:
    with harness.mailer.store.begin() as tx:
        editions.start_edition(
            tx,
            STAFF,
            factories.approve_without_composing(
                harness.mailer, tx, factories.create_edition(tx, "boats")
            ),
            harness.mailer.renderer,
            harness.mailer.clock(),
        )
    harness.deliver_editions()
    harness.run_tick(harness.now + later)
    harness.deliver_editions()
    assert len(harness.list_mails("watcher@example.org")) == notice_count


def test_no_notice_is_sent_without_approvers_and_watchers(harness: WorkerHarness) -> None:
    whole = harness.mailer.settings
    harness.mailer.settings = whole.model_copy(update={"notices": type(whole.notices)()})
    harness.add_digest()
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    with harness.mailer.store.read() as tx:
        assert [
            edition.kind for edition in tx.editions.list_recent_editions([], 9, notices=True)
        ] == [EditionKind.MAILING]


def test_recalled_or_edited_edition_is_not_notified_as_late(harness: WorkerHarness) -> None:
    harness.add_digest()
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    with harness.mailer.store.begin() as tx:
        editions.reopen_edition(
            tx, create_local_actor("Ana"), tx.editions.list_recent_editions([], 1)[0], harness.now
        )
    harness.run_tick()
    assert harness.get_edition().appointment is None, "off the calendar"
    with harness.mailer.store.begin() as tx:
        new_edition = factories.create_edition(tx, "boats")
        new_edition, _ = editions.compose_edition(tx, STAFF, new_edition, harness.mailer.renderer)
        editions.request_approval(tx, create_local_actor("Ana"), new_edition, harness.now)
    harness.run_tick()
    with harness.mailer.store.begin() as tx:
        edition = editions.get_edition(tx, new_edition.id)
        editions.edit_edition(
            tx, create_local_actor("Ana"), edition, {"name": "Other"}, harness.now
        )
    harness.run_tick()
    harness.deliver_editions()
    subjects = harness.list_subjects("approver@example.org")
    assert len(subjects) == 2
    assert all(subject.startswith("Approve") for subject in subjects)


def read_text(harness: WorkerHarness, address: str = "approver@example.org") -> str:
    """Return the newest mail to an address, in plain text on one line."""
    harness.deliver_editions()
    part = harness.list_mails(address)[-1].get_body(("plain",))
    assert part is not None
    return " ".join(part.get_content().split())


def submit_edition(harness: WorkerHarness) -> int:
    """Submit an edition without a send time for approval, and return its number."""
    with harness.mailer.store.begin() as tx:
        edition = digests.assemble_edition(tx, STAFF, "weekly", harness.now)[0]
        edition, _ = editions.compose_edition(tx, STAFF, edition, harness.mailer.renderer)
        return editions.request_approval(tx, STAFF, edition, harness.now).id


def test_approved_notice_says_that_nothing_is_sent_without_time_and_comment_once(
    harness: WorkerHarness,
) -> None:
    harness.add_digest()
    number = submit_edition(harness)
    harness.run_tick()
    with harness.mailer.store.begin() as tx:
        editions.approve_edition(
            tx,
            create_local_actor("Cleo"),
            editions.get_edition(tx, number),
            harness.mailer.renderer,
            harness.now,
            comment="Good to go",
        )
    harness.run_tick()
    text = read_text(harness, "watcher@example.org")
    assert "nothing is sent until a person sends it or gives it a time" in text
    assert text.count("Good to go") == 1


def test_approvers_are_told_no_deadline_that_has_passed(
    harness: WorkerHarness,
) -> None:
    harness.add_digest()
    harness.add_schedule("2027-03-02")
    harness.run_tick(NINE - HOUR)
    harness.deliver_editions()
    assert harness.list_subjects("approver@example.org") == ["Approve by Tue 2 Mar 08:30: The week"]
    harness.run_tick(NINE + MINUTE)
    harness.deliver_editions()
    assert harness.list_subjects("approver@example.org")[-1] == "Still to approve: The week"


def test_notice_and_its_mail_name_one_number(harness: WorkerHarness) -> None:
    with harness.mailer.store.begin() as tx:
        other = factories.create_edition(tx, "boats", name="Another")
        editions.cancel_edition(tx, STAFF, other, harness.now)
    harness.add_digest()
    number = submit_edition(harness)
    assert number != 1
    harness.run_tick()
    text = read_text(harness)
    assert text.count("Edition 1") == 2
    assert f"Edition {number}" not in text
    assert f"mailer edition approve {number} " in text


def test_status_says_that_approval_was_asked_only_once_a_person_was_asked(
    harness: WorkerHarness,
) -> None:
    harness.add_digest()
    number = submit_edition(harness)
    with harness.mailer.store.read() as tx:
        status = read_status(harness.mailer, tx)
        assert [edition.id for edition in status.waiting] == [number]
        assert status.asking_times == {}
    harness.run_tick(harness.now + MINUTE)
    with harness.mailer.store.read() as tx:
        assert read_status(harness.mailer, tx).asking_times == {number: harness.now}


def test_status_lists_draft_without_time(harness: WorkerHarness) -> None:
    harness.add_digest()
    with harness.mailer.store.begin() as tx:
        edition = digests.assemble_edition(tx, STAFF, "weekly", harness.now)[0]
        assert edition.state is EditionState.DRAFT
        status = read_status(harness.mailer, tx)
        assert [draft.id for draft in status.drafts] == [edition.id]
        assert not any("edition" in problem for problem in status.problems)


@pytest.mark.parametrize(
    ("digest_approvers", "warnings"),
    [({}, [["weekly"]]), ({"approvers": ("cleo@example.org",)}, [])],
)
def test_worker_warns_of_missing_staff_unless_each_digest_names_its_own(
    harness: WorkerHarness, digest_approvers: dict[str, Any], warnings: list[list[str]]
) -> None:
    harness.mailer.settings = harness.mailer.settings.model_copy(
        update={"notices": NoticesSection()}
    )
    harness.add_digest(**digest_approvers)
    stream = io.StringIO()
    worker = Worker(harness.mailer, create_logger(stream), deliver=False)
    stop = threading.Event()
    timer = threading.Timer(1.0, stop.set)
    timer.start()
    worker.run(stop)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    events = [line for line in lines if line["event"] == "no member of staff is notified"]
    assert [line["digests"] for line in events] == warnings
