"""Every relay fault at every phase, and the resulting states of three readers: Ana, Bo, Cy.

Bo meets the fault if it can concern a single recipient; otherwise the connection meets it. A line
states the result of a run: state and attempts of Bo's, Ana's and Cy's deliveries, the edition's
state, and the error of the run (``again``: a later run may succeed; ``fix``: a person must fix
something first, so the edition is paused).
"""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from mailer.app import Mailer
from mailer.config import Settings
from mailer.delivery import relay_health, replies
from mailer.delivery.replies import Phase
from mailer.errors import RelayError
from mailer.model.deliveries import DeliveryState
from mailer.store import Store
from tests.fake_relay import Step
from tests.integration.delivery.fault_matrix import (
    MatrixLine,
    get_recipient,
    make_settings,
    parse_lines,
)
from tests.integration.delivery.faults import FAULTS, STEPS, FaultyRelay
from tests.integration.factories import (
    begin_edition,
    make_addresses,
    read_deliveries,
)

MET_ONCE = """
phase      fault    Bo          Ana       Cy         edition   error

connect    4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

EHLO       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

STARTTLS   4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

AUTH       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

MAIL       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    sent 1    queued 0   paused    fix
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

RCPT       4xx      queued 1    sent 1    sent 1     sending   -
           5xx      failed 1    sent 1    sent 1     sent      -
           421      queued 1    sent 1    sent 1     sending   -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

DATA       4xx      queued 1    sent 1    sent 1     sending   -
           5xx      failed 1    sent 1    sent 1     sent      -
           421      queued 1    sent 1    sent 1     sending   -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

final dot  4xx      queued 1    sent 1    sent 1     sending   -
           5xx      failed 1    sent 1    sent 1     sent      -
           421      queued 1    sent 1    sent 1     sending   -
           silence  in_doubt 1  sent 1    sent 1     sending   -
           close    in_doubt 1  sent 1    sent 1     sending   -
           garbage  in_doubt 1  sent 1    sent 1     sending   -

QUIT       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      sent 1      sent 1    sent 1     sent      -
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -
"""

MET_ALWAYS = """
phase      fault    Bo          Ana       Cy         edition   error

connect    4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

EHLO       4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

STARTTLS   4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

AUTH       4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

MAIL       4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    fix
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

RCPT       4xx      queued 1    sent 1    sent 1     sending   -
           5xx      failed 1    sent 1    sent 1     sent      -
           421      queued 1    sent 1    sent 1     sending   -
           silence  queued 0    sent 1    sent 1     sending   again
           close    queued 0    sent 1    sent 1     sending   again
           garbage  queued 0    sent 1    sent 1     sending   again

DATA       4xx      queued 1    sent 1    sent 1     sending   -
           5xx      failed 1    sent 1    sent 1     sent      -
           421      queued 1    sent 1    sent 1     sending   -
           silence  queued 0    sent 1    sent 1     sending   again
           close    queued 0    sent 1    sent 1     sending   again
           garbage  queued 0    sent 1    sent 1     sending   again

final dot  4xx      queued 1    sent 1    sent 1     sending   -
           5xx      failed 1    sent 1    sent 1     sent      -
           421      queued 1    sent 1    sent 1     sending   -
           silence  in_doubt 1  sent 1    sent 1     sending   -
           close    in_doubt 1  sent 1    sent 1     sending   -
           garbage  in_doubt 1  sent 1    sent 1     sending   -

QUIT       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      sent 1      sent 1    sent 1     sent      -
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -
"""


def make_cases(table: str, *pipelining_modes: bool) -> list[ParameterSet]:
    """Make a case of each line; from MAIL to the final dot, one for each pipelining mode."""
    pipelined_phases = {Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT}
    return [
        pytest.param(
            line,
            pipelining,
            id=f"{line[0]} {line[1]}{'' if pipelining else ' step by step'}",
        )
        for line in parse_lines(table)
        for pipelining in pipelining_modes
        if line[0] in pipelined_phases or pipelining
    ]


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.mark.parametrize(("line", "pipelining"), make_cases(MET_ONCE, True, False))
def test_relay_fault_met_once_gives_expected_states(
    line: MatrixLine,
    pipelining: bool,
    faulty_relay: FaultyRelay,
    run_line: Callable[[MatrixLine], MatrixLine],
) -> None:
    phase, fault, *_ = line
    if not pipelining:
        faulty_relay.remove_extension("PIPELINING")
    if phase is Phase.MAIL:
        faulty_relay.answer_once(Step.MAIL, "250 2.1.0 ok")  # Ana's
    faulty_relay.answer_once(STEPS[phase], FAULTS[fault], to=get_recipient(phase))
    assert run_line(line) == line


@pytest.mark.proof
@pytest.mark.parametrize(("line", "pipelining"), make_cases(MET_ALWAYS, True))
def test_relay_fault_met_always_gives_expected_states(
    line: MatrixLine,
    pipelining: bool,
    faulty_relay: FaultyRelay,
    run_line: Callable[[MatrixLine], MatrixLine],
) -> None:
    phase, fault, *_ = line
    if not pipelining:
        faulty_relay.remove_extension("PIPELINING")
    faulty_relay.answer_always(STEPS[phase], FAULTS[fault], to=get_recipient(phase))
    assert run_line(line) == line


@pytest.mark.parametrize(
    "fault",
    [
        "silence",
        "close",
        "garbage",
    ],
)
def test_relay_without_final_reply_is_stopped_after_few_doubts(
    fault: str,
    faulty_relay: FaultyRelay,
    office: Settings,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run ends after a few doubts, not after all messages."""
    monkeypatch.setattr(relay_health, "FIRST_PAUSE", 0.01)
    faulty_relay.answer_always(Step.DOT, FAULTS[fault])
    line: MatrixLine = (Phase.DOT, fault, "", "", "", "", "")
    mailer = Mailer(make_settings(office, faulty_relay, line, Path()), store)
    edition = begin_edition(mailer, *make_addresses(12))
    with pytest.raises(RelayError, match="after each message") as caught:
        mailer.deliver_editions([edition], threading.Event())
    assert caught.value.is_permanent
    states = [delivery.state for delivery in read_deliveries(store, edition).values()]
    assert states.count(DeliveryState.IN_DOUBT) == relay_health.MAX_UNANSWERED_LINKS


# ---- against the table in replies.py ----------------------------------------------------------

OUTCOMES_BY_VERDICT = {
    "goes on": ("sent 1", "sent", "-"),
    "--": ("sent 1", "sent", "-"),
    "relay rests": ("sent 1", "sent", "-"),
    "relay rests, for long": ("queued 0", "paused", "fix"),
    "deferred": ("queued 1", "sending", "-"),
    "refused": ("failed 1", "sent", "-"),
    "lost": ("sent 1", "sent", "-"),
    "in doubt": ("in_doubt 1", "sending", "-"),
}
"""The result for Bo, the edition and the run, if the verdict of that table is met once."""


def parse_judge_table() -> dict[tuple[str, str], str]:
    """Parse the verdict for each phase and column from the table in ``replies.py``."""
    text = (replies.__doc__ or "").splitlines()
    rulers = [number for number, line in enumerate(text) if line.startswith("===")]
    edges = [match.span() for match in re.finditer("=+", text[rulers[0]])]
    rows: list[list[str]] = []
    for line in text[rulers[1] + 1 : rulers[2]]:
        cells = [line[start : end if end < 100 else None].strip() for start, end in edges]
        if rows and (not cells[0] or rows[-1][0].endswith(",")):
            cells = [
                f"{cell_above} {cell}".strip()
                for cell_above, cell in zip(rows.pop(), cells, strict=True)
            ]
        rows.append(cells)
    columns = ("2xx", "4xx", "5xx", "421", "silence")
    verdicts = {
        (phase, column): re.sub(r": .*| \(.*\)", "", verdict)
        for phases, *row in rows
        for phase in phases.split(", ")
        for column, verdict in zip(columns, row, strict=True)
    }
    silence_verdicts = {
        (phase, fault): verdict
        for (phase, column), verdict in verdicts.items()
        if column == "silence"
        for fault in ("close", "garbage")
    }
    return verdicts | silence_verdicts


@pytest.mark.parametrize(
    "line", list(parse_lines(MET_ONCE)), ids=lambda line: f"{line[0]} {line[1]}"
)
def test_expected_states_match_table_in_replies_docstring(line: MatrixLine) -> None:
    phase, fault, bo, _, _, edition, error = line
    assert OUTCOMES_BY_VERDICT[parse_judge_table()[phase, fault]] == (bo, edition, error)
