"""The rules of every page and every error: headers, no cookie, nothing personal in the log."""

import json
import re
from io import StringIO

import pytest
from lxml import html as lxml_html

from mailer.audience import subscribers
from tests.integration.web.public.asgi import FORM_TYPE, AsgiClient
from tests.integration.web.public.fixtures import SeededOffice
from tests.integration.web.public.requests import KNOWN_ADDRESS, iterate_requests, on_sqlite

pytestmark = pytest.mark.usefixtures("without_limits")


@on_sqlite
def test_every_route_and_error_follows_the_page_rules(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    """:func:`check_response` checks each answer: headers, no cookie, no redirect."""
    statuses: set[int] = set()
    for method, target in iterate_requests(pages, seeded_office):
        statuses.add(
            pages.send_request(method, target, headers=[("Content-Type", FORM_TYPE)]).status
        )
        statuses.add(pages.send_request(method, target + "/more").status)
        for other_method in {"GET", "POST", "PUT", "PATCH"} - {method}:
            statuses.add(pages.send_request(other_method, target.replace("/u/", "/x/")).status)
    statuses.add(pages.send_request("POST", "/subscribe", b"x" * 70_000).status)
    assert {200, 404, 405, 413, 422} <= statuses


@on_sqlite
def test_failing_page_hides_the_error_and_logs_a_fault(
    pages: AsgiClient, seeded_office: SeededOffice, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    def raise_error(*_: object, **__: object) -> None:
        raise RuntimeError(f"failed for {KNOWN_ADDRESS}")

    monkeypatch.setattr(subscribers, "find_membership", raise_error)
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    answer = pages.get_page(seeded_office.build_unsubscribe_path(subscriber), fails=True)
    assert (answer.status, KNOWN_ADDRESS in answer.text) == (500, False)
    answer = pages.send_form(
        seeded_office.build_unsubscribe_path(subscriber), {"person": "1"}, fails=True
    )
    assert (answer.status, KNOWN_ADDRESS in answer.text) == (500, False)
    assert '"fault"' in log.getvalue()


@on_sqlite
def test_pages_ignore_cookies(pages: AsgiClient, seeded_office: SeededOffice) -> None:
    """No page sets a cookie (:func:`check_response`), and none reads one. Without a session,
    another site cannot make a browser act for its user."""
    for method, target in [*iterate_requests(pages, seeded_office)]:
        if method == "POST":
            continue
        answer_with_cookie = pages.send_request(
            method, target, headers=[("Cookie", "session=1; csrf=2; lang=fr")]
        )
        answer_without_cookie = pages.send_request(method, target)
        assert answer_with_cookie == answer_without_cookie, target


@on_sqlite
def test_form_is_accepted_without_cookies_and_from_any_origin(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    """Only the token in the path allows a change."""
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    link = seeded_office.build_preferences_path(subscriber)
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
def test_log_has_no_addresses_tokens_or_typed_words(
    pages: AsgiClient, seeded_office: SeededOffice, log: StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """The fixture `pages` searches the log again when the test ends."""
    typed_word = "a-word-that-somebody-typed"
    for method, target in [*iterate_requests(pages, seeded_office)]:
        if method == "POST":
            fields = dict.fromkeys(
                ("email", "list", "topic", "language", "weeks", "frequency", "seen", "of"),
                typed_word,
            )
            pages.send_form(f"{target}?lang={typed_word}", fields)
            pages.send_form(target, {"email": "typed@readers.example.org", "list": "news"})
        else:
            pages.send_request(method, f"{target}?q={typed_word}&lang={typed_word}")
        pages.send_request(
            method, f"/{typed_word}", headers=[("User-Agent", typed_word), ("Referer", typed_word)]
        )
        pages.send_request(
            typed_word.upper(), f"/u/{typed_word}", headers=[("X-Forwarded-For", typed_word)]
        )
    log_text = log.getvalue() + caplog.text
    assert len(log.getvalue().splitlines()) > 100
    assert typed_word not in log_text.lower()
    assert "192.0.2.7" not in log_text
    assert "@" not in log_text
    for line in log.getvalue().splitlines():
        assert set(json.loads(line)["route"]) <= {*"abcdefghijklmnopqrstuvwxyz{}/._-()"}
