"""Kill, freeze and pair real workers: no occurrence is made twice, none is lost, and readers and
staff get each mail once. `make crash` runs longer trials."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.crash.calendar.database_contents import (
    DatabaseContents,
    Delivery,
    Edition,
    Notification,
    Occurrence,
    StoryRun,
)
from tests.crash.calendar.expectations import DigestTrait, Expectations, ExpectedOccurrence
from tests.crash.calendar.fixtures import APPROVER, WATCHER
from tests.crash.calendar.judge import judge_calendar
from tests.crash.calendar.kill_moments import LOGGED_EVENTS
from tests.crash.calendar.kill_trial import KillTrial, run_kill_trial
from tests.crash.calendar.notice_checks import classify_notice
from tests.crash.calendar.pair_trial import PairTrial, run_pair_trial
from tests.crash.judge import Witness
from tests.crash.recorder import AcceptedMessage

ROOT = Path(__file__).parents[2]

# ---- trials -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_worker_killed_at_any_moment_makes_each_occurrence_once(
    empty_database: str, tmp_path: Path
) -> None:
    trial = KillTrial(kills=3, digests=6, seed=5, busy_seconds=1.0)
    result = run_kill_trial(trial, tmp_path / "office", empty_database)
    assert result.is_passed, result.faults
    assert result.verdict.messages.duplicates <= result.in_doubt <= result.max_in_doubt
    # Guards against a trial that met no work.
    assert result.kills == 3
    assert result.busy_kills >= 1
    assert result.verdict.editions >= 4


@pytest.mark.proof
def test_row_committed_before_its_edition_is_reported_after_kill(tmp_path: Path) -> None:
    trial = KillTrial(kills=4, digests=12, seed=3, after_event="occurrence", sabotage="split")
    database_url = f"sqlite:///{tmp_path / 'subscribers.db'}"
    result = run_kill_trial(trial, tmp_path / "office", database_url)
    assert any("was made, and has no edition" in fault for fault in result.faults)
    assert any("was sent in editions []" in fault for fault in result.faults)


@pytest.mark.slow
def test_two_workers_make_no_occurrence_twice(empty_database: str, tmp_path: Path) -> None:
    result = run_pair_trial(PairTrial(seed=1, digests=6), tmp_path / "office", empty_database)
    assert result.faults == []
    assert result.duplicates == 0


@pytest.mark.proof
def test_workers_without_lease_make_one_edition_by_unique_rows(
    empty_database: str, tmp_path: Path
) -> None:
    """Both workers tick at the same time."""
    trial = PairTrial(seed=2, sabotage="no-lease")
    result = run_pair_trial(trial, tmp_path / "office", empty_database)
    assert result.verdict
    assert result.verdict.editions >= 8
    assert result.verdict.made_twice == 0


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["postgresql"])
def test_editions_made_twice_without_lease_and_rows_are_reported(
    empty_database: str, tmp_path: Path
) -> None:
    trial = PairTrial(seed=2, sabotage="take-always", patience=10)
    result = run_pair_trial(trial, tmp_path / "office", empty_database)
    assert result.verdict
    assert result.verdict.made_twice > 0


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["postgresql"])
def test_frozen_ticking_worker_is_replaced_and_resumes(empty_database: str, tmp_path: Path) -> None:
    result = run_pair_trial(
        PairTrial(is_freezing=True, seed=4), tmp_path / "office", empty_database
    )
    assert result.faults == []
    assert result.duplicates <= result.doubts


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(11, 21))
@pytest.mark.parametrize("backend", ["postgresql"])
def test_worker_frozen_at_any_moment_causes_no_fault(
    empty_database: str, tmp_path: Path, seed: int
) -> None:
    result = run_pair_trial(
        PairTrial(is_freezing=True, seed=seed), tmp_path / "office", empty_database
    )
    assert result.faults == []
    assert result.duplicates <= result.doubts


# ---- the judge ----------------------------------------------------------------------------------

ANA = "ana@example.org"
UID = "0a"
EXPECTATIONS = Expectations(
    "Etc/GMT-2",
    (ANA,),
    {"d00": DigestTrait.PLAIN},
    [ExpectedOccurrence("d00", "2026-11-20T12:00")],
    {"d00": {"t00-1"}},
)
"""One digest with one occurrence, one story, and one reader."""

MADE = Occurrence("d00", "2026-11-20T12:00", "Etc/GMT-2", "made", 1, "")
SENT = Edition(
    1, UID, "d00", "mailing", "sent", "sent", "2026-11-20T12:00", "Etc/GMT-2", "Digest d00", False
)
NOTICE = Edition(2, "0b", "", "notice", "sent", "", "", "", "Sent: Digest d00 (1)", False)
FAULTLESS_CONTENTS = DatabaseContents(
    (MADE,),
    (SENT, NOTICE),
    (Delivery(1, 1, ANA, "sent", 1), Delivery(2, 2, WATCHER, "sent", 1)),
    (Notification(1, "sent"),),
    (StoryRun("d00", "t00-1", 1),),
    {1: frozenset({"t00-1"})},
)
RECORD = [
    AcceptedMessage(1.0, ANA, "<0a.1@example.org>"),
    AcceptedMessage(2.0, WATCHER, "<0b.2@example.org>"),
]


def judge_faults(
    contents: DatabaseContents = FAULTLESS_CONTENTS, record: list[AcceptedMessage] | None = None
) -> tuple[str, ...]:
    return judge_calendar(
        EXPECTATIONS, contents, RECORD if record is None else record, Witness()
    ).faults


def make_contents(**changes: Any) -> DatabaseContents:
    """Make faultless contents with some changes."""
    return replace(FAULTLESS_CONTENTS, **changes)


def test_faultless_contents_have_no_faults() -> None:
    assert judge_faults() == ()


@pytest.mark.parametrize(
    ("contents", "fault_text"),
    [
        (make_contents(occurrences=()), "has 0 rows"),
        (
            make_contents(occurrences=(MADE, MADE._replace(wall="2026-11-21T12:00"))),
            "is not expected",
        ),
        (make_contents(occurrences=(MADE._replace(edition=None),)), "has no edition"),
        (make_contents(occurrences=(MADE._replace(state="skipped"),)), "is skipped"),
        (make_contents(editions=(SENT, SENT._replace(id=3), NOTICE)), "has 2 editions"),
        (make_contents(editions=(SENT._replace(state="sending"), NOTICE)), "is sending"),
        (
            make_contents(editions=(SENT,), deliveries=FAULTLESS_CONTENTS.deliveries[:1]),
            "notices 'sent' of d00: 0 were made",
        ),
        (make_contents(editions=(SENT, NOTICE, NOTICE._replace(id=3))), "notices 'sent' of d00: 2"),
        (
            make_contents(notifications=(Notification(1, "sent"), Notification(1, "sent"))),
            "has 2 notices 'sent'",
        ),
        (make_contents(notifications=()), "has no notice 'sent'"),
        (make_contents(runs=()), "its row says None"),
        (make_contents(bodies={1: frozenset()}), "sent without stories"),
        (make_contents(bodies={1: frozenset({"t00-2"})}), "t00-2 of d00 was sent in editions [1]"),
        (make_contents(deliveries=FAULTLESS_CONTENTS.deliveries[1:]), "has rows for []"),
        (
            make_contents(deliveries=(FAULTLESS_CONTENTS.deliveries[0]._replace(state="queued"),)),
            "is queued",
        ),
    ],
)
def test_each_calendar_fault_is_reported(contents: DatabaseContents, fault_text: str) -> None:
    faults = judge_faults(contents)
    assert any(fault_text in fault for fault in faults), faults


def test_message_resent_without_doubt_is_reported() -> None:
    faults = judge_faults(record=[*RECORD, replace(RECORD[0], accepted_at=3.0)])
    assert any(fault.startswith("resent: edition 1 to ana@") for fault in faults)


def test_message_of_unknown_delivery_is_reported_astray() -> None:
    faults = judge_faults(record=[*RECORD, replace(RECORD[0], message_id="<0c.1@example.org>")])
    assert any(fault.startswith("astray") for fault in faults)


def test_notices_are_classified_by_subject() -> None:
    kinds_by_subject = {
        "Approve by Wed 25 Nov 12:10: Digest d02": "review",
        "Approved for Wed 25 Nov 12:10: Digest d02": "approved",
        "Never approved: Digest d02": "expired",
    }
    for subject, kind in kinds_by_subject.items():
        assert classify_notice(subject) == (kind, "d02")


def test_notice_to_the_wrong_address_is_reported() -> None:
    assert any(
        f"went to ['{APPROVER}']" in fault
        for fault in judge_faults(
            make_contents(
                deliveries=(FAULTLESS_CONTENTS.deliveries[0], Delivery(2, 2, APPROVER, "sent", 1))
            )
        )
    )


# ---- the moments --------------------------------------------------------------------------------


def test_workers_log_each_event_that_kills_wait_for() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "mailer/worker").glob("*.py")]
    logged_events = set(re.findall(r"\.(?:info|log)\(\s*\"([^\"]+)\"", "".join(sources)))
    assert set(LOGGED_EVENTS) - logged_events == set()
