"""Every fault at every phase, and what becomes of three readers: Ana, Bo, Cy.

Where a fault can be met by one reader alone it is Bo, else it is met by the connection. A line
says what a run leaves: Bo's delivery and its attempts, Ana's and Cy's, the edition, and the error
that the run ends with (``again``: a later run may do better; ``mend``: somebody has to mend
something first, so the edition is paused).
"""

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from pydantic import SecretStr

from mailer.app import Mailer
from mailer.config import Settings, Tls
from mailer.delivery import active_editions, ledger, relay_health, replies
from mailer.delivery.replies import Phase
from mailer.errors import RelayError
from mailer.model.deliveries import DeliveryState
from mailer.store import Store
from tests.fake_relay import Step
from tests.integration.delivery.faults import FAULTS, STEPS, FaultyRelay
from tests.integration.factories import (
    begin_edition,
    make_addresses,
    read_deliveries,
    reload_edition,
)

ANA, BO, CY = "ana@example.org", "bo@example.org", "cy@example.org"

ONCE = """
phase      fault    Bo          Ana       Cy         edition   error

connect    4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    queued 0  queued 0   paused    mend
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

EHLO       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    queued 0  queued 0   paused    mend
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

STARTTLS   4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    queued 0  queued 0   paused    mend
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

AUTH       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    queued 0  queued 0   paused    mend
           421      sent 1      sent 1    sent 1     sent      -
           silence  sent 1      sent 1    sent 1     sent      -
           close    sent 1      sent 1    sent 1     sent      -
           garbage  sent 1      sent 1    sent 1     sent      -

MAIL       4xx      sent 1      sent 1    sent 1     sent      -
           5xx      queued 0    sent 1    queued 0   paused    mend
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

ALWAYS = """
phase      fault    Bo          Ana       Cy         edition   error

connect    4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    mend
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

EHLO       4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    mend
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

STARTTLS   4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    mend
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

AUTH       4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    mend
           421      queued 0    queued 0  queued 0   sending   again
           silence  queued 0    queued 0  queued 0   sending   again
           close    queued 0    queued 0  queued 0   sending   again
           garbage  queued 0    queued 0  queued 0   sending   again

MAIL       4xx      queued 0    queued 0  queued 0   sending   again
           5xx      queued 0    queued 0  queued 0   paused    mend
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

ENDLESS = 15.0
"""Seconds after which a run of three messages counts as endless."""

Line = tuple[Phase, str, str, str, str, str, str]


def lines(table: str) -> Iterator[Line]:
    phase = ""
    for line in table.strip().splitlines()[1:]:
        if line:
            phase = line[:11].strip() or phase
            columns = ((11, 20), (20, 32), (32, 42), (42, 53), (53, 63), (63, 80))
            fault, bo, ana, cy, edition, error = (line[at:to].strip() for at, to in columns)
            yield Phase(phase), fault, bo, ana, cy, edition, error


def cases(table: str, *pipelinings: bool) -> list[ParameterSet]:
    """Each line; from MAIL to the final dot over connections of each kind."""
    talks = {Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT}
    return [
        pytest.param(
            line,
            pipelining,
            id=f"{line[0]} {line[1]}{'' if pipelining else ' step by step'}",
        )
        for line in lines(table)
        for pipelining in pipelinings
        if line[0] in talks or pipelining
    ]


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def faulty(certificate: tuple[Path, Path]) -> Iterator[FaultyRelay]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with FaultyRelay(tls=context) as running:
        yield running


@pytest.fixture(autouse=True)
def _short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_health, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(active_editions, "STUCK_DELAY", 0.2)
    monkeypatch.setattr(ledger, "RECHECK_INTERVAL", 0.2)


@pytest.fixture
def run(
    office: Settings, store: Store, faulty: FaultyRelay, certificate: tuple[Path, Path]
) -> Callable[[Line], Line]:
    """What a run leaves when a relay has the fault of a line, in the words of the line."""

    def run(line: Line) -> Line:
        mailer = Mailer(settings_for(office, faulty, line, certificate[0]), store)
        edition = begin_edition(mailer, ANA, BO, CY)
        stop = threading.Event()
        watchdog = threading.Timer(ENDLESS, stop.set)
        watchdog.start()
        error = "-"
        try:
            mailer.deliver_editions([edition], stop)
        except RelayError as caught:
            error = "mend" if caught.is_permanent else "again"
        watchdog.cancel()
        found = read_deliveries(store, edition)
        bo, ana, cy = (f"{found[one].state} {found[one].attempt}" for one in (BO, ANA, CY))
        with store.read() as tx:
            state = str(reload_edition(tx, edition).state)
        return (*line[:2], bo, ana, cy, state, "endless" if stop.is_set() else error)

    return run


def settings_for(office: Settings, relay: FaultyRelay, line: Line, ca_file: Path) -> Settings:
    """The office's, with a relay that asks for what the phase needs: TLS, or a password too."""
    phase, fault, *_ = line
    patience = 0.3 if fault == "silence" else 5.0
    ours: dict[str, object] = {
        "port": relay.port,
        "timeout": patience,
        "dot_timeout": patience,
        "connections": 1,
    }
    if phase in {Phase.EHLO, Phase.STARTTLS, Phase.AUTH}:
        ours |= {"tls": Tls.STARTTLS, "ca_file": ca_file}
    if phase is Phase.AUTH:
        relay.offer_extensions("AUTH PLAIN")
        ours |= {"user": "office", "password": SecretStr("hush")}
    return office.model_copy(update={"relay": office.relay.model_copy(update=ours)})


def met_by(phase: Phase) -> str:
    """Whom a fault of this phase can be meant for."""
    return BO if phase in {Phase.RCPT, Phase.DATA, Phase.DOT} else ""


@pytest.mark.parametrize(("line", "pipelining"), cases(ONCE, True, False))
def test_a_fault_that_is_met_once(
    line: Line, pipelining: bool, faulty: FaultyRelay, run: Callable[[Line], Line]
) -> None:
    phase, fault, *_ = line
    if not pipelining:
        faulty.remove_extension("PIPELINING")
    if phase is Phase.MAIL:
        faulty.answer_once(Step.MAIL, "250 2.1.0 ok")  # Ana's
    faulty.answer_once(STEPS[phase], FAULTS[fault], to=met_by(phase))
    assert run(line) == line


@pytest.mark.proof
@pytest.mark.parametrize(("line", "pipelining"), cases(ALWAYS, True))
def test_a_fault_that_is_met_always(
    line: Line, pipelining: bool, faulty: FaultyRelay, run: Callable[[Line], Line]
) -> None:
    phase, fault, *_ = line
    if not pipelining:
        faulty.remove_extension("PIPELINING")
    faulty.answer_always(STEPS[phase], FAULTS[fault], to=met_by(phase))
    assert run(line) == line


@pytest.mark.parametrize(
    "fault",
    [
        "silence",
        "close",
        "garbage",
    ],
)
def test_a_relay_that_tells_nobody_what_it_took_is_left_alone(
    fault: str, faulty: FaultyRelay, office: Settings, store: Store
) -> None:
    """After a few in doubt, not after all of them."""
    faulty.answer_always(Step.DOT, FAULTS[fault])
    line: Line = (Phase.DOT, fault, "", "", "", "", "")
    mailer = Mailer(settings_for(office, faulty, line, Path()), store)
    edition = begin_edition(mailer, *make_addresses(12))
    with pytest.raises(RelayError, match="after each message") as caught:
        mailer.deliver_editions([edition], threading.Event())
    assert caught.value.is_permanent
    found = [one.state for one in read_deliveries(store, edition).values()]
    assert found.count(DeliveryState.IN_DOUBT) == relay_health.MAX_DOUBTS


# ---- against the table in replies.py ----------------------------------------------------------

LEAVES = {
    "goes on": ("sent 1", "sent", "-"),
    "--": ("sent 1", "sent", "-"),
    "relay rests": ("sent 1", "sent", "-"),
    "relay rests, for long": ("queued 0", "paused", "mend"),
    "deferred": ("queued 1", "sending", "-"),
    "refused": ("failed 1", "sent", "-"),
    "lost": ("sent 1", "sent", "-"),
    "in doubt": ("in_doubt 1", "sending", "-"),
}
"""What a word of that table leaves of Bo, the edition and the run, when it is met once."""


def judged() -> dict[tuple[str, str], str]:
    """The word for each phase and column in the table of ``replies.py``."""
    text = (replies.__doc__ or "").splitlines()
    rulers = [number for number, line in enumerate(text) if line.startswith("===")]
    edges = [found.span() for found in re.finditer("=+", text[rulers[0]])]
    rows: list[list[str]] = []
    for line in text[rulers[1] + 1 : rulers[2]]:
        cells = [line[at : to if to < 100 else None].strip() for at, to in edges]
        if rows and (not cells[0] or rows[-1][0].endswith(",")):
            cells = [
                f"{above} {more}".strip() for above, more in zip(rows.pop(), cells, strict=True)
            ]
        rows.append(cells)
    columns = ("2xx", "4xx", "5xx", "421", "silence")
    words = {
        (phase, column): re.sub(r": .*| \(.*\)", "", word)
        for phases, *row in rows
        for phase in phases.split(", ")
        for column, word in zip(columns, row, strict=True)
    }
    nothing = {
        (phase, fault): word
        for (phase, column), word in words.items()
        if column == "silence"
        for fault in ("close", "garbage")
    }
    return words | nothing


@pytest.mark.parametrize("line", list(lines(ONCE)), ids=lambda line: f"{line[0]} {line[1]}")
def test_the_table_is_that_of_the_judge(line: Line) -> None:
    phase, fault, bo, _, _, edition, error = line
    assert LEAVES[judged()[phase, fault]] == (bo, edition, error)
