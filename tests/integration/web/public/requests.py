"""Helpers for tests of hostile requests: all routes, and links for them."""

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
from tests.integration.web.public.decision_links import make_decision_tokens
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice

KNOWN_ADDRESS = ADDRESSES["known"]

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For tests that do not depend on the database."""


def list_routes(pages: AsgiClient) -> list[APIRoute]:
    return [route for route in pages.app.routes if isinstance(route, APIRoute)]


def describe_routes(pages: AsgiClient) -> dict[str, Any]:
    """Return all routes as OpenAPI. FastAPI warns because one handler answers GET and HEAD."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate Operation ID")
        return pages.app.openapi()


def make_tokens(seeded_office: SeededOffice) -> dict[str, str]:
    """Return a valid token for each page, by the page's letter."""
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    return {
        "u": seeded_office.build_unsubscribe_path(subscriber)[3:],
        "p": seeded_office.build_preferences_path(subscriber)[3:],
        "c": seeded_office.build_confirm_path(seeded_office.add_sign_up("new@example.org"))[3:],
        "e": start_advance_copy(seeded_office),
        **make_decision_tokens(seeded_office),
    }


def start_advance_copy(seeded_office: SeededOffice) -> str:
    """Start an advance copy and return the token of a contact's own page, as in their mail."""
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    with seeded_office.store.begin() as tx:
        press_list = seeded_office.press
        subscribers.subscribe_person(tx, STAFF, subscriber.person, press_list, [], NOW, rejoin=True)
        contacts.save_contact(
            tx, STAFF, subscriber, ContactProfile("The Example", trust=Trust.TRUSTED), NOW
        )
        factories.add_story(tx, "lanterns", kind=ArticleKind.PRESS_RELEASE)
        # In the future by the database's clock too, which does not stand still.
        until = (datetime.now(UTC) + 2 * factories.HOUR).replace(
            second=0, microsecond=0, tzinfo=None
        )
        if tx.embargoes.find_embargo("lanterns") is None:
            embargoes.set_embargo(tx, STAFF, "lanterns", EmbargoTerms(until, "UTC"), NOW)
        release_plan = releases.prepare_release(
            tx,
            AMINA,
            "lanterns",
            press_list,
            seeded_office.mailer.renderer,
            seeded_office.mailer.clock(),
            default_language="en",
        )
        release_plan = releases.begin_release(
            tx, AMINA, release_plan, seeded_office.mailer.renderer, seeded_office.mailer.clock()
        )
        assert release_plan.advance is not None
        link = MemberLink(subscriber.id, press_list.id, release_plan.advance.id)
    return sign_member_link(seeded_office.store.key, LinkPurpose.ADVANCE, link)


def publish_release(seeded_office: SeededOffice) -> str:
    """Publish a release and return its slug."""
    with seeded_office.store.begin() as tx:
        factories.add_story(tx, "boats", kind=ArticleKind.PRESS_RELEASE)
        release_plan = releases.prepare_release(
            tx,
            AMINA,
            "boats",
            seeded_office.press,
            seeded_office.mailer.renderer,
            seeded_office.mailer.clock(),
            default_language="en",
        )
        releases.begin_release(
            tx, AMINA, release_plan, seeded_office.mailer.renderer, seeded_office.mailer.clock()
        )
    return "boats"


def iterate_requests(pages: AsgiClient, seeded_office: SeededOffice) -> Iterator[tuple[str, str]]:
    """Yield a method and a target for each route, with valid and invalid links."""
    tokens_by_page = make_tokens(seeded_office)
    slug = publish_release(seeded_office)
    with seeded_office.store.begin() as tx:
        edition = archive_factories.create_archived_edition(tx)
    for route in list_routes(pages):
        for method in sorted(route.methods or ()):
            for token in (tokens_by_page.get(route.path[1:2], "x"), "1.1.1.AAAAAAAAAAAAAAAAAAAAAA"):
                target = route.path.replace("{token}", token).replace("{list_slug}", "news")
                target = target.replace("{uid}", edition.uid).replace("{name}", "public.css")
                target = target.replace("{slug}", slug).replace("{digest}", "ab" * 8)
                target = target.replace("{language}", "en")
                assert "{" not in target, target
                if target.endswith("/erase") and method == "POST":
                    continue  # an erasure would make the links invalid
                yield method, target
