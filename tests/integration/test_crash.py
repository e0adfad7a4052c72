"""A real sender is killed again and again: nobody is lost, and nobody who is known to have the mail
gets it twice. The long form is `make crash`."""

import random
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.crash.harness import Trial, run_trial
from tests.crash.judge import Verdict, Witness, judge_trial
from tests.crash.moments import choose_moment
from tests.crash.recorder import AcceptedMessage, read_record, run_recorder
from tests.crash.trial_database import FinalDelivery, MovedDelivery

ROOT = Path(__file__).parents[2]

# ---- trials -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sender_may_be_killed_at_any_moment(empty_database: str, tmp_path: Path) -> None:
    trial = Trial(kills=10, recipients=1200, connections=4, window=5, seed=11)
    result = run_trial(trial, tmp_path / "office", empty_database)
    assert result.is_guarantee_kept, (*result.faults, *result.examples)
    assert (result.lost, result.resent) == (0, 0)
    assert result.duplicates <= result.in_doubt <= result.max_in_doubt
    # Else nothing was tried.
    assert result.kills == 10
    assert result.kills_with_doubts >= 3


@pytest.mark.slow
def test_without_the_gate_the_harness_sees_mail_sent_twice(tmp_path: Path) -> None:
    trial = Trial(
        kills=4,
        recipients=600,
        connections=4,
        window=5,
        seed=2,
        max_linger=0.01,
        sabotage="no-gate",
    )
    result = run_trial(trial, tmp_path / "office", f"sqlite:///{tmp_path / 'subscribers.db'}")
    assert result.resent > 0
    assert result.duplicates > result.in_doubt
    assert not result.is_guarantee_kept


@pytest.mark.slow
def test_settled_too_early_the_harness_sees_mail_lost(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", "--kills", "4", "--recipients", "600",
         "--connections", "4", "--window", "5", "--seed", "2", "--sabotage", "settle-early",
         "--keep", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    counted, _ = done.stdout.splitlines()
    found = re.fullmatch(
        r"kills \d, recipients 600, lost (\d+), accepted-then-resent \d+, in doubt \d+ "
        r"\(bound \d+\)",
        counted,
    )
    assert found, done.stderr
    assert int(found[1]) > 0
    assert "lost: reader" in done.stderr
    assert done.returncode == 1


# ---- the judge ----------------------------------------------------------------------------------

ANA, BEN = "ana@example.org", "ben@example.org"
BOTH = [FinalDelivery(1, ANA, "sent"), FinalDelivery(2, BEN, "sent")]


def took(at: float, recipient: str, number: int) -> AcceptedMessage:
    return AcceptedMessage(at, recipient, f"<0a.{number}@example.org>")


TOOK_BOTH = [took(1, ANA, 1), took(2, BEN, 2)]


def judged(
    record: list[AcceptedMessage],
    witness: Witness | None = None,
    rows: list[FinalDelivery] | None = None,
) -> Verdict:
    return judge_trial([ANA, BEN], BOTH if rows is None else rows, record, witness or Witness())


def test_one_mail_each_is_as_it_should_be() -> None:
    assert judged(TOOK_BOTH) == Verdict(0, 0, 0, 0, ())


def test_who_was_never_accepted_is_lost_whatever_the_row_says() -> None:
    assert judged([took(1, ANA, 1)]).lost == 1


@pytest.mark.parametrize("state", ["queued", "claimed", "on_wire", "in_doubt"])
def test_a_row_that_is_not_final_at_the_end_is_lost(state: str) -> None:
    assert (
        judged(TOOK_BOTH, rows=[FinalDelivery(1, ANA, "sent"), FinalDelivery(2, BEN, state)]).lost
        == 1
    )


def test_a_missing_row_is_lost() -> None:
    assert judged(TOOK_BOTH, rows=[FinalDelivery(1, ANA, "sent")]).lost == 1


def test_a_second_mail_after_a_doubt_is_a_duplicate_and_allowed() -> None:
    witness = Witness()
    witness.note_snapshot(1.5, [MovedDelivery(1, "on_wire", 1)])
    verdict = judged([*TOOK_BOTH, took(3, ANA, 1)], witness)
    assert (verdict.resent, verdict.duplicates) == (0, 1)


def test_a_doubt_explains_only_a_mail_that_follows_it() -> None:
    witness = Witness()
    witness.note_snapshot(4, [MovedDelivery(1, "on_wire", 1)])
    assert judged([*TOOK_BOTH, took(3, ANA, 1)], witness).resent == 1


def test_one_doubt_explains_one_more_mail_and_not_two() -> None:
    witness = Witness()
    witness.note_snapshot(1.5, [MovedDelivery(1, "on_wire", 1)])
    assert judged([*TOOK_BOTH, took(3, ANA, 1), took(4, ANA, 1)], witness).resent == 1


def test_a_mail_after_its_row_was_sent_is_resent() -> None:
    witness = Witness()
    witness.note_snapshot(1.5, [MovedDelivery(1, "sent", 1)])
    witness.note_snapshot(2.5, [MovedDelivery(1, "on_wire", 2)])
    assert judged([*TOOK_BOTH, took(3, ANA, 1)], witness).resent == 1
    assert witness.regressed_ids == {1}


def test_a_message_made_for_another_is_astray() -> None:
    assert judged([took(1, ANA, 1), took(2, BEN, 1)]).misaddressed == 1


def test_a_doubt_that_outlives_a_kill_before_recovery_counts_once() -> None:
    witness = Witness()
    first = witness.note_snapshot(
        1, [MovedDelivery(1, "on_wire", 1), MovedDelivery(2, "claimed", 1)]
    )
    second = witness.note_snapshot(2, [MovedDelivery(1, "on_wire", 1)])
    third = witness.note_snapshot(3, [MovedDelivery(1, "on_wire", 2)])
    assert [one.in_doubt for one in (first, second, third)] == [1, 1, 1]
    assert witness.in_doubt == 2


# ---- the relay ----------------------------------------------------------------------------------


def test_the_recorder_takes_what_is_pipelined_and_answers_in_order(tmp_path: Path) -> None:
    envelope = "MAIL FROM:<news@example.org>\r\nRCPT TO:<{}>\r\nDATA\r\n"
    message = "Subject: The week\r\nMessage-ID: <0a.{}@example.org>\r\n\r\n..\r\n.\r\n"
    with run_recorder(tmp_path / "record", linger=0.01) as recorder:
        with socket.create_connection(("127.0.0.1", recorder.port), 10) as link:
            replies = link.makefile("r", newline="\r\n")

            def said() -> str:
                return replies.readline().strip().partition(" ")[0]

            assert said() == "220"
            link.sendall(b"EHLO example.org\r\n")
            offered = [replies.readline().strip() for _ in range(5)]
            assert "250-PIPELINING" in offered
            link.sendall(envelope.format(ANA).encode())
            assert [said() for _ in range(3)] == ["250", "250", "354"]
            link.sendall((message.format(1) + envelope.format(BEN)).encode())
            assert [said() for _ in range(4)] == ["250", "250", "250", "354"]
            link.sendall((message.format(2) + "QUIT\r\n").encode())
            assert [said() for _ in range(2)] == ["250", "221"]
            replies.close()
        recorder.wait_until_quiet()
        assert recorder.count_messages() == 2
    record = read_record(tmp_path / "record")
    assert [(one.recipient, one.message_id) for one in record] == [
        (ANA, "<0a.1@example.org>"),
        (BEN, "<0a.2@example.org>"),
    ]


def test_the_recorder_counts_a_message_before_it_answers_and_one_cut_short_never(
    tmp_path: Path,
) -> None:
    whole = (
        b"EHLO example.org\r\nMAIL FROM:<news@example.org>\r\nRCPT TO:<ana@example.org>\r\n"
        b"DATA\r\nMessage-ID: <0a.1@example.org>\r\n\r\nWhat is new.\r\n.\r\n"
    )
    with run_recorder(tmp_path / "record", linger=60) as recorder:
        for sent in (whole, whole[:-2]):
            with socket.create_connection(("127.0.0.1", recorder.port), 10) as link:
                link.sendall(sent)
        recorder.wait_until_quiet()
        assert recorder.count_messages() == 1


def test_the_recorder_is_not_quiet_while_somebody_is_there(tmp_path: Path) -> None:
    with run_recorder(tmp_path / "record", linger=0) as recorder:
        with socket.create_connection(("127.0.0.1", recorder.port), 10) as link:
            assert link.recv(100).startswith(b"220")
            waiting = threading.Thread(target=recorder.wait_until_quiet)
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive()
        waiting.join(10)
        assert not waiting.is_alive()


# ---- the moments --------------------------------------------------------------------------------


def test_moments_leave_messages_for_the_kills_to_come() -> None:
    dice = random.Random(1)
    chosen = [choose_moment(dice, remaining=1000, remaining_kills=9) for _ in range(2000)]
    by_clock = [one for one in chosen if one.messages is None]
    by_count = [one.messages for one in chosen if one.messages is not None]
    assert 0.15 < len(by_clock) / len(chosen) < 0.25
    assert max(one.seconds for one in by_clock) > 2
    assert min(one.seconds for one in by_clock) < 0.1
    assert 80 < sum(by_count) / len(by_count) < 110
    assert min(by_count) < 3
    assert max(one.max_messages for one in chosen) <= 300
    assert choose_moment(dice, remaining=3, remaining_kills=1).max_messages <= 3
    assert choose_moment(dice, remaining=1000, remaining_kills=9, is_first=True).messages is None
