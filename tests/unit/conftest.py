"""Nothing of the machine that the tests run on may decide how they end."""

import os

import pytest
from hypothesis import settings

settings.register_profile("mailer", deadline=None, max_examples=50, print_blob=True)
settings.load_profile("mailer")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MAILER_")]:
        monkeypatch.delenv(name)
