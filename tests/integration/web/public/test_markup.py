"""Markup in every field that a stranger can write: nothing comes back alive, on no page and in no
mail."""

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
from mailer.worker import Scheduler
from tests.fake_relay import Relay
from tests.integration import factories
from tests.integration.web.public.asgi import AsgiClient, AsgiResponse
from tests.integration.web.public.fixtures import SeededOffice
from tests.integration.web.public.requests import make_tokens, on_sqlite

pytestmark = pytest.mark.usefixtures("unlimited")

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


def skeleton(answer: AsgiResponse) -> Skeleton:
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


def held(answer: AsgiResponse, plain: AsgiResponse) -> None:
    """It is the page that a harmless word gives: the same elements, attributes and headers."""
    if answer.get_header("content-type").startswith("text/html"):
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


def write(pages: AsgiClient, links: dict[str, str], field: Field, word: str) -> AsgiResponse:
    """Ask with `word` in that field."""
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


def links_of(stage: SeededOffice) -> dict[str, str]:
    return {letter: f"/{letter}/{token}" for letter, token in make_tokens(stage).items()}


@on_sqlite
@pytest.mark.parametrize("every", [40, pytest.param(1, marks=pytest.mark.proof)])
@pytest.mark.parametrize("at", range(0, len(FIELDS), 8))
def test_no_markup_comes_back_alive(
    pages: AsgiClient, stage: SeededOffice, at: int, every: int
) -> None:
    links = links_of(stage)
    for number, field in enumerate(FIELDS[at : at + 8], at):
        plain: dict[int, AsgiResponse] = {}
        for harmless in (WORD, f"{WORD}@example.org"):
            answer = write(pages, links, field, harmless)
            plain.setdefault(answer.status, answer)
        some = payloads()[number % every :: every]
        for word in some:
            answer = write(pages, links, field, word)
            if answer.get_header("content-type").startswith("text/html"):
                skeleton(answer)
            if answer.status in plain and plain[answer.status].text.count("<form") == (
                answer.text.count("<form")
            ):
                held(answer, plain[answer.status])
            assert "x-injected" not in {name for name, _ in answer.headers}
    pages.sent_secrets = {one for one in pages.sent_secrets if WORD in one or "@" in one}


@on_sqlite
def test_what_is_shown_of_what_was_typed_is_text(pages: AsgiClient) -> None:
    """Or the tests above would have seen nothing."""
    for word in payloads():
        text = pages.get_page(f"/archive/news?{urlencode({'q': word})}").text
        assert WORD in lxml_html.document_fromstring(text).text_content()
    pages.sent_secrets.clear()


def test_there_are_two_hundred_payloads() -> None:
    found = payloads()
    assert len({*found}) == len(found) == 200
    assert all(WORD in one for one in found)


def mails(relay: Relay) -> Iterator[EmailMessage]:
    for one in relay.received:
        yield message_from_bytes(one.data, policy=policy.default)


@on_sqlite
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.proof)])
def test_no_markup_gets_into_a_mail(
    pages: AsgiClient, stage: SeededOffice, relay: Relay, every: int
) -> None:
    """Of all that a stranger types nothing is in the letters that go out for it, but the address
    in their To."""
    some = payloads()[::every]
    for number, word in enumerate(some):
        fields = {
            "email": f"reader{number}@example.net", "list": "news", "topic": word, "name": word,
            "language": word, "frequency": word, "of": word,
        }  # fmt: skip
        pages.send_form("/subscribe", fields)
        pages.send_form("/subscribe", {**fields, "topic": "health"})
        pages.send_form("/subscribe", {"email": word, "list": "news"})
    keeper = Scheduler(stage.mailer, create_logger(StringIO()), stopwatch=lambda: 1000.0)
    assert keeper.run_tick()
    stage.mailer.deliver_editions([], Event(), follow_new=True)
    sent = list(mails(relay))
    assert len(sent) >= len(some)
    for mail in sent:
        assert mail["X-Injected"] is None
        for part in mail.walk():
            if not part.is_multipart():
                assert WORD not in str(part.get_content())
        assert all(WORD not in str(value) for name, value in mail.items() if name != "To")


@on_sqlite
def test_a_name_that_staff_typed_is_only_a_name_in_a_preview(stage: SeededOffice) -> None:
    """Names come from imports too: of anybody's."""
    with stage.store.begin() as tx:
        factories.add_story(tx, "boats")
        made = factories.create_edition(tx, "boats", template="digest")
        plain = None
        for number, word in enumerate(payloads()[::10]):
            if any(ord(one) < 32 for one in word):
                continue
            address = f"named{number}@example.org"
            factories.add_subscriber(tx, address, name=word)
            shown = stage.mailer.preview_edition(tx, made, address=address)
            tree = lxml_html.document_fromstring(shown.html)
            found = [(one.tag, sorted(one.attrib)) for one in tree.iter()]
            plain = plain or found
            assert found == plain
            assert all(WORD not in value for one in tree.iter() for value in one.attrib.values())
