"""A site on loopback to import from."""

from collections.abc import Iterator

import pytest

from tests.integration.intake.site import LoopbackSite


@pytest.fixture
def site() -> Iterator[LoopbackSite]:
    with LoopbackSite() as running:
        yield running
