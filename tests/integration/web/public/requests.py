"""What the tests of hostile requests share: all routes, and links for them."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.routing import APIRoute

from mailer import embargoes, releases
from mailer.audience import contacts, subscribers
from mailer.audience.links import LinkPurpose, MemberLink, sign_member_link
from mailer.model.articles import ArticleKind
from mailer.model.contacts import ContactProfile, Trust
from mailer.model.embargoes import EmbargoTerms
from tests.actors import AMINA, STAFF
from tests.integration import archive_factories, factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice

KNOWN_ADDRESS = ADDRESSES["known"]

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what has nothing to do with the database."""


def list_routes(pages: AsgiClient) -> list[APIRoute]:
    return [route for route in pages.app.routes if isinstance(route, APIRoute)]


def describe_routes(pages: AsgiClient) -> dict[str, Any]:
    """All routes as OpenAPI. A page answers GET and HEAD as one, which FastAPI warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate Operation ID")
        return pages.app.openapi()


def make_tokens(stage: SeededOffice) -> dict[str, str]:
    """A token for each page that works, by the page's letter."""
    subscriber = stage.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    return {
        "u": stage.build_unsubscribe_path(subscriber)[3:],
        "p": stage.build_preferences_path(subscriber)[3:],
        "c": stage.build_confirm_path(stage.add_sign_up("new@example.org"))[3:],
        "e": start_advance_copy(stage),
    }


def start_advance_copy(stage: SeededOffice) -> str:
    """The token of somebody's own page of an advance copy, as it stands in their mail."""
    subscriber = stage.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    with stage.store.begin() as tx:
        press_list = stage.press
        subscribers.subscribe_person(tx, subscriber.person, press_list, [], NOW, rejoin=True)
        contacts.save_contact(
            tx, subscriber, ContactProfile("The Example", trust=Trust.TRUSTED), NOW
        )
        factories.add_story(tx, "lanterns", kind=ArticleKind.PRESS_RELEASE)
        # By the database's clock too, which doesn't stand still.
        until = (datetime.now(UTC) + 2 * factories.HOUR).replace(
            second=0, microsecond=0, tzinfo=None
        )
        if tx.embargoes.find_embargo("lanterns") is None:
            embargoes.set_embargo(tx, STAFF, "lanterns", EmbargoTerms(until, "UTC"), NOW)
        release_plan = releases.prepare_release(
            tx,
            STAFF,
            "lanterns",
            press_list,
            stage.mailer.renderer,
            stage.mailer.clock(),
            default_language=stage.mailer.settings.defaults.language,
        )
        release_plan = releases.begin_release(
            tx, AMINA, release_plan, stage.mailer.renderer, stage.mailer.clock()
        )
        assert release_plan.advance is not None
        link = MemberLink(subscriber.id, press_list.id, release_plan.advance.id)
    return sign_member_link(stage.store.key, LinkPurpose.ADVANCE, link)


def publish_release(stage: SeededOffice) -> str:
    """The slug of a release that anybody may read."""
    with stage.store.begin() as tx:
        factories.add_story(tx, "boats", kind=ArticleKind.PRESS_RELEASE)
        release_plan = releases.prepare_release(
            tx,
            STAFF,
            "boats",
            stage.press,
            stage.mailer.renderer,
            stage.mailer.clock(),
            default_language=stage.mailer.settings.defaults.language,
        )
        releases.begin_release(tx, AMINA, release_plan, stage.mailer.renderer, stage.mailer.clock())
    return "boats"


def iterate_requests(pages: AsgiClient, stage: SeededOffice) -> Iterator[tuple[str, str]]:
    """A method and a target for each route, with links that work and links that don't."""
    tokens_by_page = make_tokens(stage)
    slug = publish_release(stage)
    with stage.store.begin() as tx:
        edition = archive_factories.create_archived_edition(tx)
    for route in list_routes(pages):
        for method in sorted(route.methods or ()):
            for token in (tokens_by_page.get(route.path[1:2], "x"), "1.1.1.AAAAAAAAAAAAAAAAAAAAAA"):
                target = route.path.replace("{token}", token).replace("{of}", "news")
                target = target.replace("{uid}", edition.uid).replace("{name}", "public.css")
                target = target.replace("{slug}", slug).replace("{digest}", "ab" * 8)
                target = target.replace("{language}", "en")
                assert "{" not in target, target
                if target.endswith("/erase") and method == "POST":
                    continue  # the links would work no more
                yield method, target
