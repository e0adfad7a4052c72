"""What the tests of hostile requests share: all routes, and links for them."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.routing import APIRoute

from mailer import embargoes
from mailer.app import press
from mailer.articles import Kind
from mailer.audience import contacts, subscribers
from mailer.audience.contacts import Standing, Trust
from mailer.audience.links import MemberLink, Purpose, sign_member
from mailer.embargoes import Terms
from tests.integration import office, shelf
from tests.integration.office import NOW
from tests.integration.web.public.asgi import Pages
from tests.integration.web.public.stage import ADDRESSES, Stage

KNOWN = ADDRESSES["known"]

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what has nothing to do with the database."""


def routes(pages: Pages) -> list[APIRoute]:
    return [one for one in pages.app.routes if isinstance(one, APIRoute)]


def description(pages: Pages) -> dict[str, Any]:
    """All routes as OpenAPI. A page answers GET and HEAD as one, which FastAPI warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate Operation ID")
        return pages.app.openapi()


def tokens(stage: Stage) -> dict[str, str]:
    """A token for each page that works, by the page's letter."""
    known = stage.known(KNOWN)
    assert known is not None
    return {
        "u": stage.unsubscribe(known)[3:],
        "p": stage.preferences(known)[3:],
        "c": stage.confirm(stage.asked("new@example.org"))[3:],
        "e": advance(stage),
    }


def advance(stage: Stage) -> str:
    """The token of somebody's own page of an advance copy, as it stands in their mail."""
    known = stage.known(KNOWN)
    assert known is not None
    with stage.store.begin() as tx:
        list_ = stage.press
        subscribers.subscribe(tx.subscribers, known.person, list_, [], NOW, rejoin=True)
        contacts.save(tx.contacts, known, Standing("The Example", trust=Trust.TRUSTED), NOW)
        office.story(tx, "lanterns", kind=Kind.PRESS_RELEASE)
        # By the database's clock too, which doesn't stand still.
        until = (datetime.now(UTC) + 2 * office.HOUR).replace(second=0, microsecond=0, tzinfo=None)
        if tx.embargoes.find("lanterns") is None:
            embargoes.put(tx.embargoes, "lanterns", Terms(until, "UTC"), NOW)
        course = press.prepare(stage.mailer, tx, "lanterns", list_)
        course = press.let_go(stage.mailer, tx, course, "Amina")
        assert course.advance is not None
        link = MemberLink(known.id, list_.id, course.advance.id)
    return sign_member(stage.store.key, Purpose.ADVANCE, link)


def release(stage: Stage) -> str:
    """The slug of a release that anybody may read."""
    with stage.store.begin() as tx:
        office.story(tx, "boats", kind=Kind.PRESS_RELEASE)
        course = press.prepare(stage.mailer, tx, "boats", stage.press)
        press.let_go(stage.mailer, tx, course, "Amina")
    return "boats"


def every_request(pages: Pages, stage: Stage) -> Iterator[tuple[str, str]]:
    """A method and a target for each route, with links that work and links that don't."""
    links = tokens(stage)
    slug = release(stage)
    with stage.store.begin() as tx:
        made = shelf.issue(tx)
    for route in routes(pages):
        for method in sorted(route.methods or ()):
            for token in (links.get(route.path[1:2], "x"), "1.1.1.AAAAAAAAAAAAAAAAAAAAAA"):
                target = route.path.replace("{token}", token).replace("{of}", "news")
                target = target.replace("{uid}", made.uid).replace("{name}", "public.css")
                target = target.replace("{slug}", slug).replace("{digest}", "ab" * 8)
                target = target.replace("{language}", "en")
                assert "{" not in target, target
                if target.endswith("/erase") and method == "POST":
                    continue  # the links would work no more
                yield method, target
