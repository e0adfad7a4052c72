"""What every page and every error promises: its headers, no cookie, and nothing of anybody in the
log."""

import json
import re
from io import StringIO

import pytest
from lxml import html as lxml_html

from mailer.audience import subscribers
from tests.integration.web.public.asgi import FORM_TYPE, AsgiClient
from tests.integration.web.public.fixtures import SeededOffice
from tests.integration.web.public.requests import KNOWN_ADDRESS, iterate_requests, on_sqlite

pytestmark = pytest.mark.usefixtures("unlimited")


@on_sqlite
def test_every_route_and_every_error_keeps_what_all_pages_promise(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    """:func:`held_to_all` looks at each answer: headers, no cookie, no redirect."""
    seen: set[int] = set()
    for method, target in iterate_requests(pages, stage):
        seen.add(pages.send_request(method, target, headers=[("Content-Type", FORM_TYPE)]).status)
        seen.add(pages.send_request(method, target + "/more").status)
        for other in {"GET", "POST", "PUT", "PATCH"} - {method}:
            seen.add(pages.send_request(other, target.replace("/u/", "/x/")).status)
    seen.add(pages.send_request("POST", "/subscribe", b"x" * 70_000).status)
    assert {200, 404, 405, 413, 422} <= seen


@on_sqlite
def test_a_page_that_fails_keeps_it_too(
    pages: AsgiClient, stage: SeededOffice, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"no luck with {KNOWN_ADDRESS}")

    monkeypatch.setattr(subscribers, "find_membership", fails)
    known = stage.find_subscriber(KNOWN_ADDRESS)
    assert known is not None
    answer = pages.get_page(stage.build_unsubscribe_path(known), fails=True)
    assert (answer.status, KNOWN_ADDRESS in answer.text) == (500, False)
    answer = pages.send_form(stage.build_unsubscribe_path(known), {"person": "1"}, fails=True)
    assert (answer.status, KNOWN_ADDRESS in answer.text) == (500, False)
    assert '"fault"' in log.getvalue()


@on_sqlite
def test_nothing_depends_on_a_cookie(pages: AsgiClient, stage: SeededOffice) -> None:
    """No page sets one (:func:`held_to_all`), and none reads one: with no session to ride on,
    another site can make a browser send nothing that its user's links could not."""
    for method, target in [*iterate_requests(pages, stage)]:
        if method == "POST":
            continue
        with_one = pages.send_request(
            method, target, headers=[("Cookie", "session=1; csrf=2; lang=fr")]
        )
        without = pages.send_request(method, target)
        assert with_one == without, target


@on_sqlite
def test_a_form_posted_without_cookies_or_from_elsewhere_is_the_same(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    """What allows it is the token in its path alone."""
    known = stage.find_subscriber(KNOWN_ADDRESS)
    assert known is not None
    link = stage.build_preferences_path(known)
    answers = [
        pages.send_form(f"{link}/pause", {"weeks": "4"}, headers=headers)
        for headers in (
            [],
            [("Cookie", "session=1")],
            [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
            [("Origin", "null"), ("Referer", "https://evil.example/")],
        )
    ]
    assert {one.status for one in answers} == {200}
    assert len({one.body for one in answers}) == 1
    forms = lxml_html.document_fromstring(pages.get_page(link).body).forms
    names = {one.get("name") for form in forms for one in form.iter("input")}
    assert not {name for name in names if name and re.search("csrf|token|session", name)}


@on_sqlite
def test_no_log_has_an_address_a_token_or_a_typed_word(
    pages: AsgiClient, stage: SeededOffice, log: StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """The fixture looks for all that was asked once more when it ends."""
    said = "a-word-that-somebody-typed"
    for method, target in [*iterate_requests(pages, stage)]:
        if method == "POST":
            fields = dict.fromkeys(
                ("email", "list", "topic", "language", "weeks", "frequency", "seen", "of"), said
            )
            pages.send_form(f"{target}?lang={said}", fields)
            pages.send_form(target, {"email": "typed@readers.example.org", "list": "news"})
        else:
            pages.send_request(method, f"{target}?q={said}&lang={said}")
        pages.send_request(method, f"/{said}", headers=[("User-Agent", said), ("Referer", said)])
        pages.send_request(said.upper(), f"/u/{said}", headers=[("X-Forwarded-For", said)])
    told = log.getvalue() + caplog.text
    assert len(log.getvalue().splitlines()) > 100
    assert said not in told.lower()
    assert "192.0.2.7" not in told
    assert "@" not in told
    for line in log.getvalue().splitlines():
        assert set(json.loads(line)["route"]) <= {*"abcdefghijklmnopqrstuvwxyz{}/._-()"}
