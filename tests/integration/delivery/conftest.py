"""A relay that offers PIPELINING, and one that does not: only its speed may tell."""

from collections.abc import Iterator

import pytest

from tests.fake_relay import Relay


@pytest.fixture(params=["pipelining", "step by step"])
def relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    with Relay() as running:
        if request.param != "pipelining":
            running.remove_extension("PIPELINING")
        yield running
