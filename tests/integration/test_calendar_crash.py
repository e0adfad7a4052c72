"""Real workers are killed, frozen and run side by side: no occurrence is made twice, none is lost,
and everybody hears of it once. The long form is `make crash`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.crash.calendar import notices, pair, trial
from tests.crash.calendar.books import (
    DatabaseContents,
    Delivery,
    Edition,
    Notification,
    Occurrence,
    StoryRun,
)
from tests.crash.calendar.fixtures import (
    APPROVER,
    WATCHER,
    DigestTrait,
    Expectations,
    ExpectedOccurrence,
)
from tests.crash.calendar.judge import judge_calendar
from tests.crash.calendar.pair import PairTrial
from tests.crash.calendar.trial import KillTrial
from tests.crash.judge import Witness
from tests.crash.recorder import AcceptedMessage

# ---- trials -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_worker_may_be_killed_at_any_moment(empty_database: str, tmp_path: Path) -> None:
    wanted = KillTrial(kills=5, digests=12, seed=5, busy=1.0)
    result = trial.run(wanted, tmp_path / "office", empty_database)
    assert result.is_passed, result.faults
    assert result.verdict.messages.duplicates <= result.in_doubt <= result.bound
    # Else nothing was tried.
    assert result.kills == 5
    assert result.busy >= 2
    assert result.verdict.editions >= 8


@pytest.mark.proof
def test_a_row_without_its_edition_is_seen(tmp_path: Path) -> None:
    """Committed before the edition is made, it loses that when the worker dies between the two."""
    wanted = KillTrial(kills=4, digests=12, seed=3, after="occurrence", sabotage="split")
    result = trial.run(wanted, tmp_path / "office", f"sqlite:///{tmp_path / 'subscribers.db'}")
    assert any("was made, and has no edition" in fault for fault in result.faults)
    assert any("was sent in editions []" in fault for fault in result.faults)


@pytest.mark.slow
def test_two_workers_make_no_occurrence_twice(empty_database: str, tmp_path: Path) -> None:
    result = pair.run(PairTrial(seed=1), tmp_path / "office", empty_database)
    assert result.faults == []
    assert result.duplicates == 0


@pytest.mark.proof
def test_without_a_lease_the_rows_alone_keep_each_occurrence_to_one_edition(
    empty_database: str, tmp_path: Path
) -> None:
    """Both tick, at the same time."""
    wanted = PairTrial(seed=2, sabotage="no-lease")
    result = pair.run(wanted, tmp_path / "office", empty_database)
    assert result.verdict
    assert result.verdict.editions >= 8
    assert result.verdict.twice == 0


@pytest.mark.proof
@pytest.mark.parametrize("backend", ["postgresql"])
def test_without_lease_and_rows_editions_are_made_twice_and_seen(
    empty_database: str, tmp_path: Path
) -> None:
    wanted = PairTrial(seed=2, sabotage="take-always", patience=10)
    result = pair.run(wanted, tmp_path / "office", empty_database)
    assert result.verdict
    assert result.verdict.twice > 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["postgresql"])
def test_the_one_that_ticks_may_be_frozen(empty_database: str, tmp_path: Path) -> None:
    result = pair.run(PairTrial(is_freezing=True, seed=4), tmp_path / "office", empty_database)
    assert result.faults == []
    assert result.duplicates <= result.doubts


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(11, 21))
@pytest.mark.parametrize("backend", ["postgresql"])
def test_at_any_moment(empty_database: str, tmp_path: Path, seed: int) -> None:
    result = pair.run(PairTrial(is_freezing=True, seed=seed), tmp_path / "office", empty_database)
    assert result.faults == []
    assert result.duplicates <= result.doubts


# ---- the judge ----------------------------------------------------------------------------------

ANA = "ana@example.org"
UID = "0a"
WISHES = Expectations(
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
GOOD = DatabaseContents(
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


def faults(
    books: DatabaseContents = GOOD, record: list[AcceptedMessage] | None = None
) -> tuple[str, ...]:
    return judge_calendar(WISHES, books, RECORD if record is None else record, Witness()).faults


def changed(**parts: Any) -> DatabaseContents:
    """The good books with something else in them."""
    return replace(GOOD, **parts)


def test_all_once_is_as_it_should_be() -> None:
    assert faults() == ()


@pytest.mark.parametrize(
    ("books", "said"),
    [
        (changed(occurrences=()), "has 0 rows"),
        (changed(occurrences=(MADE, MADE._replace(wall="2026-11-21T12:00"))), "never planned"),
        (changed(occurrences=(MADE._replace(edition=None),)), "has no edition"),
        (changed(occurrences=(MADE._replace(state="skipped"),)), "is skipped"),
        (changed(editions=(SENT, SENT._replace(id=3), NOTICE)), "2 editions were made"),
        (changed(editions=(SENT._replace(state="sending"), NOTICE)), "is sending"),
        (
            changed(editions=(SENT,), deliveries=GOOD.deliveries[:1]),
            "notices 'sent' of d00: 0 were made",
        ),
        (changed(editions=(SENT, NOTICE, NOTICE._replace(id=3))), "notices 'sent' of d00: 2"),
        (
            changed(notifications=(Notification(1, "sent"), Notification(1, "sent"))),
            "were told 2 times",
        ),
        (changed(notifications=()), "nobody was told"),
        (changed(runs=()), "its row says None"),
        (changed(bodies={1: frozenset()}), "sent without stories"),
        (changed(bodies={1: frozenset({"t00-2"})}), "t00-2 of d00 was sent in editions [1]"),
        (changed(deliveries=GOOD.deliveries[1:]), "has rows for []"),
        (changed(deliveries=(GOOD.deliveries[0]._replace(state="queued"),)), "is queued"),
    ],
)
def test_what_must_not_be_is_seen(books: DatabaseContents, said: str) -> None:
    assert any(said in fault for fault in faults(books)), faults(books)


def test_a_message_that_came_twice_without_a_doubt_is_seen() -> None:
    found = faults(record=[*RECORD, replace(RECORD[0], accepted_at=3.0)])
    assert any(fault.startswith("resent: edition 1 to ana@") for fault in found)


def test_a_message_that_was_made_for_nobody_is_seen() -> None:
    found = faults(record=[*RECORD, replace(RECORD[0], message_id="<0c.1@example.org>")])
    assert any(fault.startswith("astray") for fault in found)


def test_what_staff_are_told_in_each_notice() -> None:
    subjects = {
        "Approve by Wed 25 Nov 12:10: Digest d02": "review",
        "Approved for Wed 25 Nov 12:10: Digest d02": "approved",
        "Never approved: Digest d02": "expired",
    }
    assert {one: notices.classify_notice(one) for one in subjects} == {
        subject: (kind, "d02") for subject, kind in subjects.items()
    }
    assert any(
        f"went to ['{APPROVER}']" in fault
        for fault in faults(
            changed(deliveries=(GOOD.deliveries[0], Delivery(2, 2, APPROVER, "sent", 1)))
        )
    )
