"""Markup in every field that a stranger can fill in: pages and mails escape it."""

import re
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import StringIO
from threading import Event
from urllib.parse import quote, urlencode

import pytest
from lxml import html as lxml_html

from mailer.log import create_logger
from mailer.web.public.routes import ROUTES
from mailer.worker import Scheduler
from tests.actors import STAFF
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.web.public.asgi import DECISION_POLICY, AsgiClient, AsgiResponse
from tests.integration.web.public.fixtures import SeededOffice
from tests.integration.web.public.requests import make_tokens, on_sqlite

pytestmark = pytest.mark.usefixtures("without_limits")

WORD = "zqxj"
"""A word in each payload, by which it is found in an answer."""

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


def make_payloads() -> list[str]:
    code = f"alert('{WORD}')"
    return [
        context.format(template.format(c=code)) for template in TEMPLATES for context in CONTEXTS
    ]


Elements = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

OWN_VALUES = {("input", "value"), ("a", "href")}
"""Attributes that may hold the typed text: those of a field that is shown again, and of the links
to the page's other languages, which must begin with ``?`` or ``/``."""


def extract_elements(answer: AsgiResponse) -> Elements:
    """Return all elements of a page with their attributes, without the typed text if it may stand
    there. Fails if the page has live markup: a script, an event handler, a link to another site."""
    tree = lxml_html.document_fromstring(answer.body)
    if answer.get_header("content-security-policy") == DECISION_POLICY:
        for part in tree.xpath("//style | //*[@class='shown']"):
            part.drop_tree()  # a mail that the office composed
    elements = []
    for element in tree.iter():
        if not isinstance(element.tag, str):
            raise AssertionError(f"a comment or instruction: {element!r}")
        attributes = []
        for name, value in element.attrib.items():
            assert not name.startswith("on"), (element.tag, name)
            assert name != "style", (element.tag, value)
            if WORD in value:
                assert (element.tag, name) in OWN_VALUES, (element.tag, name, value)
                if name == "href":
                    assert re.match(r"[?/](?!/)", value), value
                value = "(typed)"
            elif element.tag == "a" and name == "href":
                value = value.partition("?")[0]
            elif (element.tag, name) == ("input", "value"):
                value = ""
            attributes.append((name, value))
        assert element.tag not in {"script", "iframe", "object", "embed", "base", "style", "svg"}
        elements.append((element.tag, tuple(sorted(attributes))))
    return tuple(elements)


def check_same_page(answer: AsgiResponse, plain: AsgiResponse) -> None:
    """Check that a harmless word gives the same elements, attributes and headers."""
    if answer.get_header("content-type").startswith("text/html"):
        elements, plain_elements = extract_elements(answer), extract_elements(plain)
        attributes = [tuple((n, "" if v == "(typed)" else v) for n, v in a) for _, a in elements]
        plain_attributes = [
            tuple((n, "" if v == "(typed)" else v) for n, v in a) for _, a in plain_elements
        ]
        assert [tag for tag, _ in elements] == [tag for tag, _ in plain_elements]
        assert _mask_links(attributes) == _mask_links(plain_attributes)
    assert {name for name, _ in answer.headers} == {name for name, _ in plain.headers}


def _mask_links(
    elements: Sequence[tuple[tuple[str, str], ...]],
) -> list[tuple[tuple[str, str], ...]]:
    """Return the attributes without the values of links and fields, which may hold the query."""
    return [tuple((n, "" if n in {"href", "value"} else v) for n, v in one) for one in elements]


Field = tuple[str, str, str]
"""Method, path and field name. ``header:…`` is a header of the request."""

FIELDS: tuple[Field, ...] = (
    *[
        (
            "POST",
            re.sub(r"^(/t)?/(\w)/\{token\}", r"\1{\2}", route.path),
            name.replace("LIST", "news"),
        )
        for route in ROUTES
        for name in route.fields
    ],
    # A field that no form has.
    ("POST", "/subscribe", "name"),
    ("POST", "{p}", "name"),
    *[
        ("GET", path, field)
        for path in (
            "/",
            "/subscribe",
            "/subscribe/news",
            "/embed/news",
            "/archive",
            "/archive/news",
            "{p}",
            "{u}",
            "{c}",
            "/nothing",
        )
        for field in ("lang", "header:Accept-Language")
    ],
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
)


BASE = {"email": "reader@example.org", "list": "news"}


def send_word(pages: AsgiClient, links: dict[str, str], field: Field, word: str) -> AsgiResponse:
    """Send a request with `word` in that field."""
    method, path, name = field
    target = path.format(**links)
    if name == "path":
        return pages.get_page(target.replace("(path)", quote(word, safe="")))
    if name.startswith("header:"):
        value = word.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")
        headers = [(name.partition(":")[2], value.replace(b"\0", b""))]
        return pages.send_request(method, target, headers=headers)
    if method == "GET":
        return pages.get_page(f"{target}?{urlencode({name: word})}")
    fields = {**(BASE if path == "/subscribe" else {}), name: word}
    return pages.send_form(target, fields)


def make_links(seeded_office: SeededOffice) -> dict[str, str]:
    return {letter: f"/{letter}/{token}" for letter, token in make_tokens(seeded_office).items()}


@on_sqlite
@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.proof)])
@pytest.mark.parametrize("start", range(0, len(FIELDS), 8))
def test_markup_in_any_field_is_escaped_on_every_page(
    pages: AsgiClient, seeded_office: SeededOffice, start: int, step: int
) -> None:
    links = make_links(seeded_office)
    for number, field in enumerate(FIELDS[start : start + 8], start):
        plain_answers: dict[int, AsgiResponse] = {}
        for harmless in (WORD, f"{WORD}@example.org"):
            answer = send_word(pages, links, field, harmless)
            plain_answers.setdefault(answer.status, answer)
        chosen_payloads = make_payloads()[number % step :: step]
        for word in chosen_payloads:
            answer = send_word(pages, links, field, word)
            if answer.get_header("content-type").startswith("text/html"):
                extract_elements(answer)
            if answer.status in plain_answers and plain_answers[answer.status].text.count(
                "<form"
            ) == (answer.text.count("<form")):
                check_same_page(answer, plain_answers[answer.status])
            assert "x-injected" not in {name for name, _ in answer.headers}
    pages.sent_secrets = {one for one in pages.sent_secrets if WORD in one or "@" in one}


@on_sqlite
def test_search_shows_the_typed_markup_as_text(pages: AsgiClient) -> None:
    """This proves that the test above looks at the payloads."""
    for word in make_payloads():
        page = pages.get_page(f"/archive/news?{urlencode({'q': word})}").text
        assert WORD in lxml_html.document_fromstring(page).text_content()
    pages.sent_secrets.clear()


def test_make_payloads_makes_two_hundred_different_ones() -> None:
    all_payloads = make_payloads()
    assert len({*all_payloads}) == len(all_payloads) == 200
    assert all(WORD in one for one in all_payloads)


def read_mails(relay: Relay) -> Iterator[EmailMessage]:
    for received in relay.received:
        yield message_from_bytes(received.data, policy=policy.default)


@on_sqlite
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.proof)])
def test_markup_in_a_sign_up_does_not_reach_a_mail(
    pages: AsgiClient, seeded_office: SeededOffice, relay: Relay, step: int
) -> None:
    """The mails about a sign-up hold nothing that a stranger typed, except the address in To."""
    chosen_payloads = make_payloads()[::step]
    for number, word in enumerate(chosen_payloads):
        fields = {
            "email": f"reader{number}@example.net",
            "list": "news",
            "topic": word,
            "name": word,
            "language": word,
            "frequency": word,
            "of": word,
        }
        pages.send_form("/subscribe", fields)
        pages.send_form("/subscribe", {**fields, "topic": "health"})
        pages.send_form("/subscribe", {"email": word, "list": "news"})
    scheduler = Scheduler(seeded_office.mailer, create_logger(StringIO()), stopwatch=lambda: 1000.0)
    assert scheduler.run_tick()
    seeded_office.mailer.deliver_editions([], Event(), follow_new=True)
    sent_mails = list(read_mails(relay))
    assert len(sent_mails) >= len(chosen_payloads)
    for mail in sent_mails:
        assert mail["X-Injected"] is None
        for part in mail.walk():
            if not part.is_multipart():
                assert WORD not in str(part.get_content())
        assert all(WORD not in str(value) for name, value in mail.items() if name != "To")


@on_sqlite
def test_markup_in_a_subscribers_name_is_escaped_in_a_preview(seeded_office: SeededOffice) -> None:
    """Names may come from an import, and be written by a stranger."""
    with seeded_office.store.begin() as tx:
        factories.add_story(tx, "boats")
        edition = factories.create_edition(tx, "boats", template="digest")
        plain_elements = None
        for number, word in enumerate(make_payloads()[::10]):
            if any(ord(element) < 32 for element in word):
                continue
            address = f"named{number}@example.org"
            factories.add_subscriber(tx, address, name=word)
            preview = seeded_office.mailer.preview_edition(tx, STAFF, edition, address=address)
            tree = lxml_html.document_fromstring(preview.html)
            elements = [(element.tag, sorted(element.attrib)) for element in tree.iter()]
            plain_elements = plain_elements or elements
            assert elements == plain_elements
            assert all(
                WORD not in value for element in tree.iter() for value in element.attrib.values()
            )
