"""Kill a real worker again and again: no recipient is lost, and no message known to be accepted is
sent again. `make crash` runs longer trials."""

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
def test_worker_killed_at_any_moment_loses_and_resends_nothing(
    empty_database: str, tmp_path: Path
) -> None:
    trial = Trial(kills=5, recipients=600, connections=4, window=5, seed=11)
    result = run_trial(trial, tmp_path / "office", empty_database)
    assert result.is_guarantee_kept, (*result.faults, *result.examples)
    assert (result.lost, result.resent) == (0, 0)
    assert result.duplicates <= result.in_doubt <= result.max_in_doubt
    # Guards against a trial that met no work.
    assert result.kills == 5
    assert result.kills_with_doubts >= 1


@pytest.mark.slow
def test_worker_killed_in_safe_mode_diverts_every_second_recipient(
    empty_database: str, tmp_path: Path
) -> None:
    trial = Trial(kills=3, recipients=600, connections=4, window=5, seed=12, safe_mode=True)
    result = run_trial(trial, tmp_path / "office", empty_database)
    assert result.is_guarantee_kept, (*result.faults, *result.examples)
    assert result.duplicates <= result.in_doubt <= result.max_in_doubt
    assert result.kills >= 2


@pytest.mark.slow
def test_mail_sent_twice_without_gate_is_reported(tmp_path: Path) -> None:
    trial = Trial(
        kills=3,
        recipients=400,
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


@pytest.mark.proof
def test_mail_lost_by_early_settling_is_reported(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.crash", "--kills", "4", "--recipients", "600",
         "--connections", "4", "--window", "5", "--seed", "2", "--sabotage", "settle-early",
         "--keep", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    counts_line, _ = process.stdout.splitlines()
    counts = re.fullmatch(
        r"kills \d, recipients 600, lost (\d+), accepted-then-resent \d+, in doubt \d+ "
        r"\(bound \d+\)",
        counts_line,
    )
    assert counts, process.stderr
    assert int(counts[1]) > 0
    assert "lost: reader" in process.stderr
    assert process.returncode == 1


# ---- the judge ----------------------------------------------------------------------------------

ANA, BEN = "ana@example.org", "ben@example.org"
SENT_ROWS = [FinalDelivery(1, ANA, "sent"), FinalDelivery(2, BEN, "sent")]


def make_message(accepted_at: float, recipient: str, number: int) -> AcceptedMessage:
    return AcceptedMessage(accepted_at, recipient, f"<0a.{number}@example.org>")


RECORD = [make_message(1, ANA, 1), make_message(2, BEN, 2)]


def judge_record(
    record: list[AcceptedMessage],
    witness: Witness | None = None,
    rows: list[FinalDelivery] | None = None,
) -> Verdict:
    return judge_trial(
        [ANA, BEN], SENT_ROWS if rows is None else rows, record, witness or Witness()
    )


def test_one_message_each_is_no_fault() -> None:
    assert judge_record(RECORD) == Verdict(0, 0, 0, 0, ())


def test_recipient_without_accepted_message_is_lost_though_row_is_sent() -> None:
    assert judge_record([make_message(1, ANA, 1)]).lost == 1


@pytest.mark.parametrize("state", ["queued", "claimed", "on_wire", "in_doubt"])
def test_row_in_no_final_state_is_lost(state: str) -> None:
    assert (
        judge_record(
            RECORD, rows=[FinalDelivery(1, ANA, "sent"), FinalDelivery(2, BEN, state)]
        ).lost
        == 1
    )


def test_missing_row_is_lost() -> None:
    assert judge_record(RECORD, rows=[FinalDelivery(1, ANA, "sent")]).lost == 1


def test_second_message_after_doubt_is_allowed_duplicate() -> None:
    witness = Witness()
    witness.note_snapshot(1.5, [MovedDelivery(1, "on_wire", 1)])
    verdict = judge_record([*RECORD, make_message(3, ANA, 1)], witness)
    assert (verdict.resent, verdict.duplicates) == (0, 1)


def test_message_repeated_before_doubt_is_resent() -> None:
    witness = Witness()
    witness.note_snapshot(4, [MovedDelivery(1, "on_wire", 1)])
    assert judge_record([*RECORD, make_message(3, ANA, 1)], witness).resent == 1


def test_second_repetition_after_one_doubt_is_resent() -> None:
    witness = Witness()
    witness.note_snapshot(1.5, [MovedDelivery(1, "on_wire", 1)])
    assert (
        judge_record([*RECORD, make_message(3, ANA, 1), make_message(4, ANA, 1)], witness).resent
        == 1
    )


def test_message_after_its_row_was_sent_is_resent() -> None:
    witness = Witness()
    witness.note_snapshot(1.5, [MovedDelivery(1, "sent", 1)])
    witness.note_snapshot(2.5, [MovedDelivery(1, "on_wire", 2)])
    assert judge_record([*RECORD, make_message(3, ANA, 1)], witness).resent == 1
    assert witness.regressed_ids == {1}


def test_message_to_wrong_recipient_is_misaddressed() -> None:
    assert judge_record([make_message(1, ANA, 1), make_message(2, BEN, 1)]).misaddressed == 1


def test_doubt_that_outlives_two_kills_counts_once() -> None:
    witness = Witness()
    first = witness.note_snapshot(
        1, [MovedDelivery(1, "on_wire", 1), MovedDelivery(2, "claimed", 1)]
    )
    second = witness.note_snapshot(2, [MovedDelivery(1, "on_wire", 1)])
    third = witness.note_snapshot(3, [MovedDelivery(1, "on_wire", 2)])
    assert [snapshot.in_doubt for snapshot in (first, second, third)] == [1, 1, 1]
    assert witness.in_doubt == 2


# ---- the relay ----------------------------------------------------------------------------------


def test_recorder_answers_pipelined_commands_in_order(tmp_path: Path) -> None:
    envelope = "MAIL FROM:<news@example.org>\r\nRCPT TO:<{}>\r\nDATA\r\n"
    message = "Subject: The week\r\nMessage-ID: <0a.{}@example.org>\r\n\r\n..\r\n.\r\n"
    with run_recorder(tmp_path / "record", linger=0.01) as recorder:
        with socket.create_connection(("127.0.0.1", recorder.port), 10) as link:
            replies = link.makefile("r", newline="\r\n")

            def read_code() -> str:
                return replies.readline().strip().partition(" ")[0]

            assert read_code() == "220"
            link.sendall(b"EHLO example.org\r\n")
            extension_lines = [replies.readline().strip() for _ in range(5)]
            assert "250-PIPELINING" in extension_lines
            link.sendall(envelope.format(ANA).encode())
            assert [read_code() for _ in range(3)] == ["250", "250", "354"]
            link.sendall((message.format(1) + envelope.format(BEN)).encode())
            assert [read_code() for _ in range(4)] == ["250", "250", "250", "354"]
            link.sendall((message.format(2) + "QUIT\r\n").encode())
            assert [read_code() for _ in range(2)] == ["250", "221"]
            replies.close()
        recorder.wait_until_quiet()
        assert recorder.count_messages() == 2
    record = read_record(tmp_path / "record")
    assert [(message.recipient, message.message_id) for message in record] == [
        (ANA, "<0a.1@example.org>"),
        (BEN, "<0a.2@example.org>"),
    ]


def test_recorder_counts_message_before_answer_and_never_a_cut_one(
    tmp_path: Path,
) -> None:
    conversation = (
        b"EHLO example.org\r\nMAIL FROM:<news@example.org>\r\nRCPT TO:<ana@example.org>\r\n"
        b"DATA\r\nMessage-ID: <0a.1@example.org>\r\n\r\nWhat is new.\r\n.\r\n"
    )
    with run_recorder(tmp_path / "record", linger=60) as recorder:
        for data in (conversation, conversation[:-2]):
            with socket.create_connection(("127.0.0.1", recorder.port), 10) as link:
                link.sendall(data)
        recorder.wait_until_quiet()
        assert recorder.count_messages() == 1


def test_recorder_is_not_quiet_while_a_connection_is_open(tmp_path: Path) -> None:
    with run_recorder(tmp_path / "record", linger=0) as recorder:
        with socket.create_connection(("127.0.0.1", recorder.port), 10) as link:
            assert link.recv(100).startswith(b"220")
            waiter = threading.Thread(target=recorder.wait_until_quiet)
            waiter.start()
            waiter.join(0.2)
            assert waiter.is_alive()
        waiter.join(10)
        assert not waiter.is_alive()


# ---- the moments --------------------------------------------------------------------------------


def test_kill_moments_leave_messages_for_remaining_kills() -> None:
    random_source = random.Random(1)
    moments = [choose_moment(random_source, remaining=1000, remaining_kills=9) for _ in range(2000)]
    by_clock = [moment for moment in moments if moment.messages is None]
    by_count = [moment.messages for moment in moments if moment.messages is not None]
    assert 0.15 < len(by_clock) / len(moments) < 0.25
    assert max(moment.seconds for moment in by_clock) > 2
    assert min(moment.seconds for moment in by_clock) < 0.1
    assert 80 < sum(by_count) / len(by_count) < 110
    assert min(by_count) < 3
    assert max(moment.max_messages for moment in moments) <= 300
    assert choose_moment(random_source, remaining=3, remaining_kills=1).max_messages <= 3
    assert (
        choose_moment(random_source, remaining=1000, remaining_kills=9, is_first=True).messages
        is None
    )
