"""What strangers send to break the pages: nonsense on every route, markup in every field, addresses
of proxies that nobody has configured. No failure, nothing comes back alive, nothing is in the log.
"""

import asyncio
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import StringIO
from threading import Event
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
import requests
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from mailer.audience import subscribers
from mailer.config import Web
from mailer.log import logger
from mailer.worker import Keeper
from tests.integration import office, shelf
from tests.integration.web.public.asgi import FORM, Answer, Pages
from tests.integration.web.public.stage import ADDRESSES, Stage, dump
from tests.smtpd import Relay

KNOWN = ADDRESSES["known"]

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what has nothing to do with the database."""

# ---- (a) nonsense on every route ----------------------------------------------------------------


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


def nonsense(pages: Pages, stage: Stage, examples: int) -> None:
    schema = schemathesis.openapi.from_dict(description(pages))
    found: list[Any] = [one.ok() for one in schema.get_all_operations()]  # type: ignore[union-attr]
    cases = st.one_of([one.as_strategy() for one in found])
    works = tokens(stage)
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
            answer = pages.ask(case.method.upper(), target, body, headers=headers)
        except UnicodeDecodeError:  # not what is asked about here
            return
        covered.add((case.method.upper(), case.path))
        assert answer.status < 500

    each()
    if examples >= 1000:
        assert {path for _, path in covered} == {*description(pages)["paths"]}
    pages.asked.clear()  # random words may stand in any line


@pytest.mark.parametrize("examples", [60, pytest.param(5000, marks=pytest.mark.proof)])
def test_no_nonsense_makes_a_page_fail(pages: Pages, stage: Stage, examples: int) -> None:
    """Whatever schemathesis makes of the description of all routes."""
    nonsense(pages, stage, examples)


@on_sqlite
def test_the_description_names_every_route(pages: Pages) -> None:
    described = {
        (method.upper(), path)
        for path, ways in description(pages)["paths"].items()
        for method in ways
    }
    assert described == {(way, one.path) for one in routes(pages) for way in one.methods or ()}


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
def test_no_odd_target_or_method_makes_a_page_fail(pages: Pages, stage: Stage, method: str) -> None:
    before = dump(stage.store)
    for target in ODD_TARGETS:
        answer = pages.ask(method, target, b"\xff\x00=&%zz" if method == "POST" else b"")
        assert answer.status < 500, target
        assert "x-injected" not in {name for name, _ in answer.headers}
    after = dump(stage.store)
    assert after == before or method == "POST"
    pages.asked.clear()


# ---- (b) markup in every field ------------------------------------------------------------------

WORD = "zqxj"
"""Stands in each payload: what comes back is found by it."""

TEMPLATES = (
    "<script>{c}</script>",
    "</title><script>{c}</script>",
    "<img src=x onerror={c}>",
    "<svg/onload={c}>",
    '"><script>{c}</script>',
    "'><img src=x onerror={c}>",
    '" onmouseover="{c}" x="',
    "' onfocus='{c}' autofocus x='",
    '" autofocus onfocus={c} ',
    "javascript:{c}",
    "data:text/html,<script>{c}</script>",
    "</textarea></select></option><iframe src=javascript:{c}>",
    "<!--><script>{c}</script>-->",
    "{{{{ {c} }}}}{{% print({c}) %}}${{{c}}}<%= {c} %>",
    "&lt;script&gt;{c}&lt;/script&gt;&#60;b onclick={c}&#62;",
    "<a href='//evil.example/{c}'>{c}</a>",
    "</style><style>@import '//evil.example/{c}'</style>",
    "<base href=//evil.example/{c}><form action=//evil.example/{c}>",
    "<meta http-equiv=refresh content='0;url=//evil.example/{c}'>",
    "%3Cscript%3E{c}%3C/script%3E\u2028<math><mi xlink:href='javascript:{c}'>",
)
CONTEXTS = (
    "{}",
    "reader {}",
    "{}@example.org",
    '"{}"@example.org',
    "x@{}.example",
    "en-{}",
    "news{}",
    "\u202e{}\u0000",
    "{}\r\nX-Injected: 1",
    "\ufeff{}\ud7ff",
)


def payloads() -> list[str]:
    code = f"alert('{WORD}')"
    return [frame.format(one.format(c=code)) for one in TEMPLATES for frame in CONTEXTS]


Skeleton = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

OWN_VALUES = {("input", "value"), ("a", "href")}
"""Attributes that may hold what was typed: of a field that is shown again, and of the links to the
same page in other languages, which are held to begin with ``?`` or ``/``."""


def skeleton(answer: Answer) -> Skeleton:
    """All elements of a page with their attributes; what was typed is left out where it may
    stand. Fails for what is live: a script, a handler, a link that leaves."""
    tree = lxml_html.document_fromstring(answer.body)
    found = []
    for one in tree.iter():
        if not isinstance(one.tag, str):
            raise AssertionError(f"a comment or instruction: {one!r}")
        kept = []
        for name, value in one.attrib.items():
            assert not name.startswith("on"), (one.tag, name)
            assert name != "style", (one.tag, value)
            if WORD in value:
                assert (one.tag, name) in OWN_VALUES, (one.tag, name, value)
                if name == "href":
                    assert re.match(r"[?/](?!/)", value), value
                value = "(typed)"
            elif one.tag == "a" and name == "href":
                value = value.partition("?")[0]
            elif (one.tag, name) == ("input", "value"):
                value = ""
            kept.append((name, value))
        assert one.tag not in {"script", "iframe", "object", "embed", "base", "style", "svg"}
        found.append((one.tag, tuple(sorted(kept))))
    return tuple(found)


def held(answer: Answer, plain: Answer) -> None:
    """It is the page that a harmless word gives: the same elements, attributes and headers."""
    if answer.header("content-type").startswith("text/html"):
        mine, other = skeleton(answer), skeleton(plain)
        typed = [tuple((n, "" if v == "(typed)" else v) for n, v in a) for _, a in mine]
        same = [tuple((n, "" if v == "(typed)" else v) for n, v in a) for _, a in other]
        assert [tag for tag, _ in mine] == [tag for tag, _ in other]
        assert _loose(typed) == _loose(same)
    assert {name for name, _ in answer.headers} == {name for name, _ in plain.headers}


def _loose(found: Sequence[tuple[tuple[str, str], ...]]) -> list[tuple[tuple[str, str], ...]]:
    """Without the values of links, which hold what was asked for in their queries."""
    return [tuple((n, "" if n in {"href", "value"} else v) for n, v in one) for one in found]


Field = tuple[str, str, str]
"""Method, path and the field that is written into; ``header:…`` is one of the request."""

FIELDS: tuple[Field, ...] = (
    *[("POST", "/subscribe", name) for name in (
        "email", "list", "topic", "language", "frequency", "of", "website", "name",
    )],
    *[("POST", "{p}", name) for name in (
        "language", "time_zone", "list", "topic news", "frequency news", "name",
    )],
    ("POST", "{p}/address", "email"),
    ("POST", "{p}/pause", "weeks"),
    ("POST", "{p}/erase", "sure"),
    ("POST", "{c}", "list"),
    ("POST", "{c}", "seen"),
    ("POST", "{u}/undo", "frequency"),
    *[("GET", path, field)
      for path in ("/", "/subscribe", "/subscribe/news", "/embed/news", "/archive",
                   "/archive/news", "{p}", "{u}", "{c}", "/nothing")
      for field in ("lang", "header:Accept-Language")],
    ("GET", "/archive/news", "q"),
    ("GET", "/archive/news", "page"),
    ("GET", "/subscribe", "email"),
    ("GET", "/", "header:Host"),
    ("GET", "/subscribe", "header:X-Forwarded-Host"),
    ("GET", "/subscribe", "header:Referer"),
    ("GET", "/subscribe", "header:User-Agent"),
    ("GET", "/(path)", "path"),
    ("GET", "/subscribe/(path)", "path"),
    ("GET", "/archive/(path)", "path"),
    ("GET", "/archive/news/(path)", "path"),
    ("GET", "/static/(path)", "path"),
    ("GET", "/u/(path)", "path"),
)  # fmt: skip


BASE = {"email": "reader@example.org", "list": "news"}


def write(pages: Pages, links: dict[str, str], field: Field, word: str) -> Answer:
    """Ask with `word` in that field."""
    method, path, name = field
    target = path.format(**links)
    if name == "path":
        return pages.get(target.replace("(path)", quote(word, safe="")))
    if name.startswith("header:"):
        value = word.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")
        headers = [(name.partition(":")[2], value.replace(b"\0", b""))]
        return pages.ask(method, target, headers=headers)
    if method == "GET":
        return pages.get(f"{target}?{urlencode({name: word})}")
    fields = {**(BASE if path == "/subscribe" else {}), name: word}
    return pages.post(target, fields)


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """Without limits, which would soon be all that there is to be seen."""
    signup = stage.mailer.settings.signup.model_copy(update={"per_client": 0, "per_domain": 0})
    stage.mailer.settings = stage.mailer.settings.model_copy(update={"signup": signup})
    return stage


def links_of(stage: Stage) -> dict[str, str]:
    return {letter: f"/{letter}/{token}" for letter, token in tokens(stage).items()}


@on_sqlite
@pytest.mark.parametrize("every", [40, pytest.param(1, marks=pytest.mark.proof)])
@pytest.mark.parametrize("at", range(0, len(FIELDS), 8))
def test_no_markup_comes_back_alive(pages: Pages, stage: Stage, at: int, every: int) -> None:
    links = links_of(stage)
    for number, field in enumerate(FIELDS[at : at + 8], at):
        plain: dict[int, Answer] = {}
        for harmless in (WORD, f"{WORD}@example.org"):
            answer = write(pages, links, field, harmless)
            plain.setdefault(answer.status, answer)
        some = payloads()[number % every :: every]
        for word in some:
            answer = write(pages, links, field, word)
            if answer.header("content-type").startswith("text/html"):
                skeleton(answer)
            if answer.status in plain and plain[answer.status].text.count("<form") == (
                answer.text.count("<form")
            ):
                held(answer, plain[answer.status])
            assert "x-injected" not in {name for name, _ in answer.headers}
    pages.asked = {one for one in pages.asked if WORD in one or "@" in one}


@on_sqlite
def test_what_is_shown_of_what_was_typed_is_text(pages: Pages) -> None:
    """Or the tests above would have seen nothing."""
    for word in payloads():
        text = pages.get(f"/archive/news?{urlencode({'q': word})}").text
        assert WORD in lxml_html.document_fromstring(text).text_content()
    pages.asked.clear()


def test_there_are_two_hundred_payloads() -> None:
    found = payloads()
    assert len({*found}) == len(found) == 200
    assert all(WORD in one for one in found)


def mails(relay: Relay) -> Iterator[EmailMessage]:
    for one in relay.received:
        yield message_from_bytes(one.data, policy=policy.default)


@on_sqlite
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.proof)])
def test_no_markup_gets_into_a_mail(pages: Pages, stage: Stage, relay: Relay, every: int) -> None:
    """Of all that a stranger types nothing is in the letters that go out for it, but the address
    in their To."""
    some = payloads()[::every]
    for number, word in enumerate(some):
        fields = {
            "email": f"reader{number}@example.net", "list": "news", "topic": word, "name": word,
            "language": word, "frequency": word, "of": word,
        }  # fmt: skip
        pages.post("/subscribe", fields)
        pages.post("/subscribe", {**fields, "topic": "health"})
        pages.post("/subscribe", {"email": word, "list": "news"})
    keeper = Keeper(stage.mailer, logger(StringIO()), stopwatch=lambda: 1000.0)
    assert keeper.tick()
    stage.mailer.deliver([], Event(), follow=True)
    sent = list(mails(relay))
    assert len(sent) >= len(some)
    for mail in sent:
        assert mail["X-Injected"] is None
        for part in mail.walk():
            if not part.is_multipart():
                assert WORD not in str(part.get_content())
        assert all(WORD not in str(value) for name, value in mail.items() if name != "To")


@on_sqlite
def test_a_name_that_staff_typed_is_only_a_name_in_a_preview(stage: Stage) -> None:
    """Names come from imports too: of anybody's."""
    with stage.store.begin() as tx:
        office.story(tx, "boats")
        made = office.edition(tx, "boats", template="digest")
        plain = None
        for number, word in enumerate(payloads()[::10]):
            if any(ord(one) < 32 for one in word):
                continue
            address = f"named{number}@example.org"
            office.person(tx, address, name=word)
            shown = stage.mailer.preview(tx, made, address=address)
            tree = lxml_html.document_fromstring(shown.html)
            found = [(one.tag, sorted(one.attrib)) for one in tree.iter()]
            plain = plain or found
            assert found == plain
            assert all(WORD not in value for one in tree.iter() for value in one.attrib.values())


# ---- (c) headers, and (d) no cookie --------------------------------------------------------------


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


@on_sqlite
def test_every_route_and_every_error_keeps_what_all_pages_promise(
    pages: Pages, stage: Stage
) -> None:
    """:func:`held_to_all` looks at each answer: headers, no cookie, no redirect."""
    seen: set[int] = set()
    for method, target in every_request(pages, stage):
        seen.add(pages.ask(method, target, headers=[("Content-Type", FORM)]).status)
        seen.add(pages.ask(method, target + "/more").status)
        for other in {"GET", "POST", "PUT", "PATCH"} - {method}:
            seen.add(pages.ask(other, target.replace("/u/", "/x/")).status)
    seen.add(pages.ask("POST", "/subscribe", b"x" * 70_000).status)
    assert {200, 404, 405, 413, 422} <= seen


@on_sqlite
def test_a_page_that_fails_keeps_it_too(
    pages: Pages, stage: Stage, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"no luck with {KNOWN}")

    monkeypatch.setattr(subscribers, "membership_of", fails)
    known = stage.known(KNOWN)
    assert known is not None
    answer = pages.get(stage.unsubscribe(known), fails=True)
    assert (answer.status, KNOWN in answer.text) == (500, False)
    answer = pages.post(stage.unsubscribe(known), {"person": "1"}, fails=True)
    assert (answer.status, KNOWN in answer.text) == (500, False)
    assert '"fault"' in log.getvalue()


@on_sqlite
def test_nothing_depends_on_a_cookie(pages: Pages, stage: Stage) -> None:
    """No page sets one (:func:`held_to_all`), and none reads one: with no session to ride on,
    another site can make a browser send nothing that its user's links could not."""
    for method, target in [*every_request(pages, stage)]:
        if method == "POST":
            continue
        with_one = pages.ask(method, target, headers=[("Cookie", "session=1; csrf=2; lang=fr")])
        without = pages.ask(method, target)
        assert with_one == without, target


@on_sqlite
def test_a_form_posted_without_cookies_or_from_elsewhere_is_the_same(
    pages: Pages, stage: Stage
) -> None:
    """What allows it is the token in its path alone."""
    known = stage.known(KNOWN)
    assert known is not None
    link = stage.preferences(known)
    answers = [
        pages.post(f"{link}/pause", {"weeks": "4"}, headers=headers)
        for headers in (
            [],
            [("Cookie", "session=1")],
            [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")],
            [("Origin", "null"), ("Referer", "https://evil.example/")],
        )
    ]
    assert {one.status for one in answers} == {200}
    assert len({one.body for one in answers}) == 1
    forms = lxml_html.document_fromstring(pages.get(link).body).forms
    names = {one.get("name") for form in forms for one in form.iter("input")}
    assert not {name for name in names if name and re.search("csrf|token|session", name)}


# ---- (e) the log --------------------------------------------------------------------------------


@on_sqlite
def test_no_log_has_an_address_a_token_or_a_typed_word(
    pages: Pages, stage: Stage, log: StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """The fixture looks for all that was asked once more when it ends."""
    said = "a-word-that-somebody-typed"
    for method, target in [*every_request(pages, stage)]:
        if method == "POST":
            fields = dict.fromkeys(
                ("email", "list", "topic", "language", "weeks", "frequency", "seen", "of"), said
            )
            pages.post(f"{target}?lang={said}", fields)
            pages.post(target, {"email": "typed@readers.example.org", "list": "news"})
        else:
            pages.ask(method, f"{target}?q={said}&lang={said}")
        pages.ask(method, f"/{said}", headers=[("User-Agent", said), ("Referer", said)])
        pages.ask(said.upper(), f"/u/{said}", headers=[("X-Forwarded-For", said)])
    told = log.getvalue() + caplog.text
    assert len(log.getvalue().splitlines()) > 100
    assert said not in told.lower()
    assert "192.0.2.7" not in told
    assert "@" not in told
    for line in log.getvalue().splitlines():
        assert set(json.loads(line)["route"]) <= {*"abcdefghijklmnopqrstuvwxyz{}/._-()"}


# ---- (f) who a request is counted to ------------------------------------------------------------


def client_seen(from_: str, forwarded: str | None, trusted: Sequence[str]) -> str:
    """Whom the pages take a request for, behind what uvicorn puts around them."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded is not None else []
    scope: Any = {"type": "http", "scheme": "http", "client": (from_, 1), "headers": headers}
    guarded: Any = ProxyHeadersMiddleware(app, trusted_hosts=list(trusted))

    async def nothing(*_: Any) -> Any:
        return None

    asyncio.run(guarded(scope, nothing, nothing))
    return seen[0]


@pytest.mark.parametrize(
    ("from_", "forwarded", "client"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", None, "127.0.0.1"),
        # What a client wrote itself stands before what the proxy has seen.
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
    ],
)
def test_only_a_proxy_of_ours_is_believed_whom_it_speaks_for(
    from_: str, forwarded: str | None, client: str
) -> None:
    assert client_seen(from_, forwarded, Web().proxies) == client


@on_sqlite
def test_who_claims_to_be_somebody_else_is_counted_all_the_same(pages: Pages, stage: Stage) -> None:
    """Not behind a proxy: a header changes nothing."""
    signup = stage.mailer.settings.signup.model_copy(update={"per_client": 20})
    stage.mailer.settings = stage.mailer.settings.model_copy(update={"signup": signup})
    answers = [
        pages.post(
            "/subscribe",
            {"email": f"reader{number}@example.org", "list": "news"},
            headers=[
                ("X-Forwarded-For", f"198.51.100.{number}"), ("X-Real-IP", f"198.51.100.{number}"),
                ("Forwarded", f"for=198.51.100.{number}"),
            ],
        ).status
        for number in range(25)
    ]  # fmt: skip
    assert answers == [200] * 20 + [429] * 5
