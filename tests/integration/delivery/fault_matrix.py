"""Lines of a table of relay faults, and the run of one line: which states do three readers get?"""

import threading
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from mailer.app import Mailer
from mailer.config import Settings, Tls
from mailer.delivery.replies import Phase
from mailer.errors import RelayError
from mailer.store import Store
from tests.integration.delivery.faults import FaultyRelay
from tests.integration.factories import begin_edition, read_deliveries, reload_edition

ANA, BO, CY = "ana@example.org", "bo@example.org", "cy@example.org"

RUN_TIMEOUT = 15.0
"""Seconds after which a run of three messages counts as endless."""

MatrixLine = tuple[Phase, str, str, str, str, str, str]


def parse_lines(table: str) -> Iterator[MatrixLine]:
    phase = ""
    for line in table.strip().splitlines()[1:]:
        if line:
            phase = line[:11].strip() or phase
            columns = ((11, 20), (20, 32), (32, 42), (42, 53), (53, 63), (63, 80))
            fault, bo, ana, cy, edition, error = (line[start:end].strip() for start, end in columns)
            yield Phase(phase), fault, bo, ana, cy, edition, error


def make_settings(
    office: Settings, relay: FaultyRelay, line: MatrixLine, ca_file: Path
) -> Settings:
    """Make the office's settings for a relay that requires TLS or a password if the phase needs
    them."""
    phase, fault, *_ = line
    patience = 0.3 if fault == "silence" else 5.0
    relay_changes: dict[str, object] = {
        "port": relay.port,
        "timeout": patience,
        "dot_timeout": patience,
        "connections": 1,
    }
    if phase in {Phase.EHLO, Phase.STARTTLS, Phase.AUTH}:
        relay_changes |= {"tls": Tls.STARTTLS, "ca_file": ca_file}
    if phase is Phase.AUTH:
        relay.offer_extensions("AUTH PLAIN")
        relay_changes |= {"user": "office", "password": SecretStr("hush")}
    return office.model_copy(update={"relay": office.relay.model_copy(update=relay_changes)})


def get_recipient(phase: Phase) -> str:
    """Return the recipient that a fault of this phase concerns; empty for the whole connection."""
    return BO if phase in {Phase.RCPT, Phase.DATA, Phase.DOT, Phase.BDAT} else ""


def run_matrix_line(
    office: Settings, store: Store, relay: FaultyRelay, line: MatrixLine, ca_file: Path
) -> MatrixLine:
    """Run a line's fault and return the result as a line."""
    mailer = Mailer(make_settings(office, relay, line, ca_file), store)
    edition = begin_edition(mailer, ANA, BO, CY)
    stop = threading.Event()
    watchdog = threading.Timer(RUN_TIMEOUT, stop.set)
    watchdog.start()
    error = "-"
    try:
        mailer.deliver_editions([edition], stop)
    except RelayError as caught:
        error = "fix" if caught.is_permanent else "again"
    watchdog.cancel()
    deliveries = read_deliveries(store, edition)
    bo, ana, cy = (
        f"{deliveries[address].state} {deliveries[address].attempt}" for address in (BO, ANA, CY)
    )
    with store.read() as tx:
        state = str(reload_edition(tx, edition).state)
    return (*line[:2], bo, ana, cy, state, "endless" if stop.is_set() else error)
