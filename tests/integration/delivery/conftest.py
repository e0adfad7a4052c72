"""Run delivery tests with a relay that offers PIPELINING and with one that does not: only the speed
may differ."""

from collections.abc import Iterator

import pytest

from tests.fake_relay import Relay


@pytest.fixture(params=["pipelining", "step by step"])
def relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    with Relay() as fake_relay:
        if request.param != "pipelining":
            fake_relay.remove_extension("PIPELINING")
        yield fake_relay
