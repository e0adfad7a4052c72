"""The press desk, with a real relay, real databases and the public pages."""

from collections.abc import Iterator
from io import StringIO

import pytest

from mailer.app import Mailer
from mailer.editions import Edition
from mailer.log import logger
from mailer.web.public import create_public, kept
from tests.integration import office
from tests.integration.press.desk import Desk, begin_release, furnish, sent_digest
from tests.integration.web.public.asgi import open_pages
from tests.smtpd import Relay


@pytest.fixture
def desk(mailer: Mailer, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(kept, "SECONDS", 0.0)  # what a test has changed is seen at once
    with mailer.store.begin() as tx:
        furnish(tx)
        office.digest(tx, fewest=1)
        digest = sent_digest(mailer, tx)
        release = begin_release(mailer, tx)
    with open_pages(create_public(mailer, logger(StringIO()))) as pages:
        yield Desk(mailer, relay, pages, digest, release)


@pytest.fixture
def release(mailer: Mailer) -> Edition:
    """The release, begun: nothing of it is sent yet."""
    with mailer.store.begin() as tx:
        furnish(tx)
        return begin_release(mailer, tx)
