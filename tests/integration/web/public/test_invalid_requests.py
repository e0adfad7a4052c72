"""Invalid requests to every route: none of them causes a failure."""

from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.web.public.routes import ROUTES
from tests.integration.web.public.asgi import AsgiClient
from tests.integration.web.public.fixtures import SeededOffice, dump_tables
from tests.integration.web.public.requests import (
    describe_routes,
    list_routes,
    make_tokens,
    on_sqlite,
)

pytestmark = pytest.mark.usefixtures("without_limits")


def encode_case(case: schemathesis.Case[Any]) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    """Return target, body and headers as an HTTP library would send them."""
    request_arguments = case.as_transport_kwargs(base_url="http://mail.example.org")
    request_arguments.pop("allow_redirects", None)
    prepared_request = requests.Request(**request_arguments).prepare()
    assert prepared_request.url is not None
    url_parts = urlsplit(prepared_request.url)
    body: Any = prepared_request.body or b""
    headers = [
        (name, value if isinstance(value, bytes) else value.encode("utf-8", "replace"))
        for name, value in prepared_request.headers.items()
        if name.lower() not in {"content-length", "host"}
    ]
    return (
        (url_parts.path or "/") + (f"?{url_parts.query}" if url_parts.query else ""),
        body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body,
        headers,
    )


def send_generated_requests(pages: AsgiClient, seeded_office: SeededOffice, examples: int) -> None:
    schema = schemathesis.openapi.from_dict(describe_routes(pages))
    operations: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    cases = st.one_of([one.as_strategy() for one in operations])
    tokens_by_page = make_tokens(seeded_office)
    covered_routes: set[tuple[str, str]] = set()

    @settings(
        max_examples=examples, database=None, deadline=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=cases, uses_real_token=st.booleans())
    def send_case(case: schemathesis.Case[Any], uses_real_token: bool) -> None:
        page_letter = case.path[1:2]
        if uses_real_token and page_letter in tokens_by_page and "{token}" in case.path:
            case.path_parameters["token"] = tokens_by_page[page_letter]
        target, body, headers = encode_case(case)
        try:
            answer = pages.send_request(case.method.upper(), target, body, headers=headers)
        except UnicodeDecodeError:  # the request cannot be sent
            return
        covered_routes.add((case.method.upper(), case.path))
        assert answer.status < 500

    send_case()
    if examples >= 1000:
        assert {path for _, path in covered_routes} == {*describe_routes(pages)["paths"]}
    pages.sent_secrets.clear()  # random words may be in any line of the log


@pytest.mark.parametrize("examples", [60, pytest.param(5000, marks=pytest.mark.proof)])
def test_generated_requests_never_cause_a_5xx(
    pages: AsgiClient, seeded_office: SeededOffice, examples: int
) -> None:
    """schemathesis generates the requests from the description of all routes."""
    send_generated_requests(pages, seeded_office, examples)


@on_sqlite
def test_app_answers_exactly_the_routes_of_the_table(pages: AsgiClient) -> None:
    answered = {
        (method, route.path) for route in list_routes(pages) for method in route.methods or ()
    }
    table = {(route.method, route.path) for route in ROUTES}
    assert answered == table | {("HEAD", path) for method, path in table if method == "GET"}


@on_sqlite
def test_openapi_description_names_every_route(pages: AsgiClient) -> None:
    described_routes = {
        (method.upper(), path)
        for path, operations in describe_routes(pages)["paths"].items()
        for method in operations
    }
    assert described_routes == {
        (method, one.path) for one in list_routes(pages) for method in one.methods or ()
    }


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
def test_odd_targets_and_methods_never_cause_a_5xx(
    pages: AsgiClient, seeded_office: SeededOffice, method: str
) -> None:
    before = dump_tables(seeded_office.store)
    for target in ODD_TARGETS:
        answer = pages.send_request(method, target, b"\xff\x00=&%zz" if method == "POST" else b"")
        assert answer.status < 500, target
        assert "x-injected" not in {name for name, _ in answer.headers}
    after = dump_tables(seeded_office.store)
    assert after == before or method == "POST"
    pages.sent_secrets.clear()
