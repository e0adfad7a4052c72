"""Run delivery tests with a relay that offers PIPELINING and with one that does not: only the speed
may differ. With EVERY_RELAY set, they also run with a relay that offers CHUNKING."""

import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailer.config import Settings
from mailer.delivery import active_editions, ledger, relay_health
from mailer.store import Store
from tests.fake_relay import Relay
from tests.integration.delivery.fault_matrix import MatrixLine, run_matrix_line
from tests.integration.delivery.faults import FaultyRelay

RELAY_KINDS = ["pipelining", "step by step"]
if os.environ.get("EVERY_RELAY"):
    RELAY_KINDS.append("chunking")


@pytest.fixture(params=RELAY_KINDS)
def relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    if request.param == "chunking" and request.node.get_closest_marker("without_chunking"):
        pytest.skip("see test_chunking_matrix.py")
    with Relay() as fake_relay:
        if request.param == "step by step":
            fake_relay.remove_extension("PIPELINING")
        elif request.param == "chunking":
            fake_relay.offer_extensions("CHUNKING")
        yield fake_relay


@pytest.fixture
def faulty_relay(certificate: tuple[Path, Path]) -> Iterator[FaultyRelay]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with FaultyRelay(tls=context) as fake_relay:
        yield fake_relay


@pytest.fixture
def run_line(
    office: Settings,
    store: Store,
    faulty_relay: FaultyRelay,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[MatrixLine], MatrixLine]:
    """A function that runs the fault of a line and returns the result as a line."""
    monkeypatch.setattr(relay_health, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(active_editions, "STUCK_DELAY", 0.2)
    monkeypatch.setattr(ledger, "RECHECK_INTERVAL", 0.2)

    def run_line(line: MatrixLine) -> MatrixLine:
        return run_matrix_line(office, store, faulty_relay, line, certificate[0])

    return run_line
