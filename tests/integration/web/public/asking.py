"""What the tests of hostile requests share: all routes, and links for them."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from tests.integration import shelf
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
    }


def every_request(pages: Pages, stage: Stage) -> Iterator[tuple[str, str]]:
    """A method and a target for each route, with links that work and links that don't."""
    links = tokens(stage)
    with stage.store.begin() as tx:
        made = shelf.issue(tx)
    for route in routes(pages):
        for method in sorted(route.methods or ()):
            for token in (links.get(route.path[1:2], "x"), "1.1.1.AAAAAAAAAAAAAAAAAAAAAA"):
                target = route.path.replace("{token}", token).replace("{of}", "news")
                target = target.replace("{uid}", made.uid).replace("{name}", "public.css")
                assert "{" not in target, target
                if target.endswith("/erase") and method == "POST":
                    continue  # the links would work no more
                yield method, target
