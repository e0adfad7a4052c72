"""Every relay fault at every phase of a message with CHUNKING, and the states of three readers.

The columns are those of ``test_matrix.py``. Ana's message is accepted first; Bo's and Cy's are then
in flight together. What is lost after that leaves both in doubt, as both have been written.
"""

from collections.abc import Callable

import pytest

from mailer.delivery.replies import Phase
from tests.fake_relay import Step
from tests.integration.delivery.fault_matrix import MatrixLine, get_recipient, parse_lines
from tests.integration.delivery.faults import FAULTS, STEPS, FaultyRelay

MET_ONCE = """
phase      fault    Bo          Ana       Cy         edition   error

MAIL       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      sent 1      sent 1    sent 1     sent      -
           421      sent 1      sent 1    sent 1     sent      -
           silence  in_doubt 1  sent 1    in_doubt 1 sending   -
           close    in_doubt 1  sent 1    in_doubt 1 sending   -
           garbage  in_doubt 1  sent 1    in_doubt 1 sending   -

RCPT       4xx      queued 1    sent 1    sent 1     sending   -
           5xx      failed 1    sent 1    sent 1     sent      -
           421      queued 1    sent 1    sent 1     sending   -
           silence  in_doubt 1  sent 1    in_doubt 1 sending   -
           close    in_doubt 1  sent 1    in_doubt 1 sending   -
           garbage  in_doubt 1  sent 1    in_doubt 1 sending   -

BDAT       4xx      queued 1    sent 1    sent 1     sending   -
           5xx      failed 1    sent 1    sent 1     sent      -
           421      queued 1    sent 1    sent 1     sending   -
           silence  in_doubt 1  sent 1    in_doubt 1 sending   -
           close    in_doubt 1  sent 1    in_doubt 1 sending   -
           garbage  in_doubt 1  sent 1    in_doubt 1 sending   -
"""


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.mark.parametrize(
    "line", list(parse_lines(MET_ONCE)), ids=lambda line: f"{line[0]} {line[1]}"
)
def test_relay_fault_met_once_with_chunking_gives_expected_states(
    line: MatrixLine,
    faulty_relay: FaultyRelay,
    run_line: Callable[[MatrixLine], MatrixLine],
) -> None:
    phase, fault, *_ = line
    faulty_relay.offer_extensions("CHUNKING")
    if phase is Phase.MAIL:
        faulty_relay.answer_once(Step.MAIL, "250 2.1.0 ok")  # Ana's
    faulty_relay.answer_once(STEPS[phase], FAULTS[fault], to=get_recipient(phase))
    assert run_line(line) == line
