"""The press desk, with a real relay, real databases and the public pages."""

from collections.abc import Iterator
from io import StringIO

import pytest

from mailer.app import Mailer
from mailer.log import create_logger
from mailer.model.articles import ArticleKind
from mailer.model.contacts import Trust
from mailer.model.editions import Edition
from mailer.web.public import create_public_app, response_cache
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.releases.factories import (
    CONTACTS,
    PressScenario,
    add_contact,
    begin_release,
    create_office,
    create_sent_digest,
)
from tests.integration.web.public.asgi import open_client


@pytest.fixture
def desk(mailer: Mailer, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> Iterator[PressScenario]:
    monkeypatch.setattr(response_cache, "SECONDS", 0.0)  # what a test has changed is seen at once
    with mailer.store.begin() as tx:
        create_office(tx)
        factories.add_digest(tx, fewest=1, kinds=tuple(ArticleKind))
        digest = create_sent_digest(mailer, tx)
        release = begin_release(mailer, tx)
    with open_client(create_public_app(mailer, create_logger(StringIO()))) as pages:
        yield PressScenario(mailer, relay, pages, digest, release)


@pytest.fixture
def release(mailer: Mailer) -> Edition:
    """The release, begun: nothing of it is sent yet."""
    with mailer.store.begin() as tx:
        create_office(tx)
        return begin_release(mailer, tx)


@pytest.fixture
def wide_release(mailer: Mailer) -> Edition:
    """A release to twelve more contacts, begun."""
    with mailer.store.begin() as tx:
        create_office(tx)
        for address in CONTACTS:
            add_contact(tx, address, Trust.UNTRUSTED)
        return begin_release(mailer, tx)
