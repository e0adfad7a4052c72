"""Nonsense on every route makes none of them fail."""

from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import SeededOffice, dump_tables
from tests.integration.web.public.requests import (
    describe_routes,
    list_routes,
    make_tokens,
    on_sqlite,
)

pytestmark = pytest.mark.usefixtures("unlimited")


def as_sent(case: schemathesis.Case[Any]) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    """Target, body and headers, as an HTTP library would send them."""
    given = case.as_transport_kwargs(base_url="http://mail.example.org")
    given.pop("allow_redirects", None)
    ready = requests.Request(**given).prepare()
    assert ready.url is not None
    split = urlsplit(ready.url)
    body: Any = ready.body or b""
    headers = [
        (name, value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
        for name, value in ready.headers.items()
        if name.lower() not in {"content-length", "host"}
    ]
    return (
        (split.path or "/") + (f"?{split.query}" if split.query else ""),
        body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body,
        headers,
    )


def nonsense(pages: AsgiClient, stage: SeededOffice, examples: int) -> None:
    schema = schemathesis.openapi.from_dict(describe_routes(pages))
    found: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    cases = st.one_of([one.as_strategy() for one in found])
    works = make_tokens(stage)
    covered: set[tuple[str, str]] = set()

    @settings(
        max_examples=examples, database=None, deadline=None,
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(case=cases, real=st.booleans())
    def each(case: schemathesis.Case[Any], real: bool) -> None:
        letter = case.path[1:2]
        if real and letter in works and "{token}" in case.path:
            case.path_parameters["token"] = works[letter]
        target, body, headers = as_sent(case)
        try:
            answer = pages.send_request(case.method.upper(), target, body, headers=headers)
        except UnicodeDecodeError:  # not what is asked about here
            return
        covered.add((case.method.upper(), case.path))
        assert answer.status < 500

    each()
    if examples >= 1000:
        assert {path for _, path in covered} == {*describe_routes(pages)["paths"]}
    pages.sent_secrets.clear()  # random words may stand in any line


@pytest.mark.parametrize("examples", [60, pytest.param(5000, marks=pytest.mark.proof)])
def test_no_nonsense_makes_a_page_fail(
    pages: AsgiClient, stage: SeededOffice, examples: int
) -> None:
    """Whatever schemathesis makes of the description of all routes."""
    nonsense(pages, stage, examples)


@on_sqlite
def test_the_description_names_every_route(pages: AsgiClient) -> None:
    described = {
        (method.upper(), path)
        for path, ways in describe_routes(pages)["paths"].items()
        for method in ways
    }
    assert described == {(way, one.path) for one in list_routes(pages) for way in one.methods or ()}


ODD_TARGETS = (
    "/%00", "/%ff", "//", "/..", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/static/../app.py",
    "/static/..%2fpublic.css", "/static/%2e%2e", "/subscribe/%00", "/subscribe/news%2f..",
    "/subscribe?lang=%00", "/subscribe?lang=%ff%fe", "/subscribe?lang=" + "x" * 5000,
    "/archive/news?q=%00", "/archive/news?q=%ff", "/archive/news?page=-1", "/archive/news?q=%",
    "/archive/news?page=99999999999999999999", "/archive/news?q=" + "%25_" * 300,
    "/archive/news?q=" + quote("' OR 1=1 --"), "/archive/news?q=" + quote('"unclosed'),
    "/archive/%F0%9F%98%80", "/u/%00", "/v/..%2f..", "/healthz?x=%00", "/?" + "a=1&" * 2000,
    "/embed/news%0d%0aSet-Cookie:%20x=y", "/subscribe?lang=en%0d%0aX-Injected:%201",
)  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_no_odd_target_or_method_makes_a_page_fail(
    pages: AsgiClient, stage: SeededOffice, method: str
) -> None:
    before = dump_tables(stage.store)
    for target in ODD_TARGETS:
        answer = pages.send_request(method, target, b"\xff\x00=&%zz" if method == "POST" else b"")
        assert answer.status < 500, target
        assert "x-injected" not in {name for name, _ in answer.headers}
    after = dump_tables(stage.store)
    assert after == before or method == "POST"
    pages.sent_secrets.clear()
