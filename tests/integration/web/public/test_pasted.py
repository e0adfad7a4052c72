"""The form to paste: every page's language, every field with its label, and what it sends is taken
by the page that it sends it to."""

from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO

import pytest

from mailer.app import Mailer
from mailer.audience import lists
from mailer.errors import InputError, Refused
from mailer.log import create_logger
from mailer.model.lists import Topic, Visibility
from mailer.model.signup import ConfirmationState
from mailer.web.public import create_public_app, pasted
from mailer.web.public.signup import FIELDS, TRAP_FIELD
from mailer.web.public.site import LANGUAGES
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import open_client
from tests.unit.samples import make_mailing_list

TOPICS = [
    Topic(1, "health", {"en": "Health", "fr": "Santé", "ar": "الصحة"}),
    Topic(2, "work", {"en": '<Work> & "wages"'}),
]
NEWS = make_mailing_list("news", name='News & "more"')
SITE = "https://mail.example.org/"


class Form(HTMLParser):
    """A form's fields: (name, value, type), which of them have a label, and which are hidden from
    everybody."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: dict[str, str | None] = {}
        self.fields: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.tags: list[str] = []
        self.kept_away: set[str] = set()
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        if tag == "form":
            self.attributes = given
        if tag == "div":
            self._hidden += bool(self._hidden) or "hidden" in given
        if tag == "label":
            self.labels.add(given["for"] or "")
        if tag == "input":
            name = given["name"] or ""
            self.fields.append((name, given.get("value") or "", given.get("type") or "text"))
            if "id" in given:
                self.ids.append(given["id"] or "")
            if self._hidden:
                self.kept_away.add(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._hidden:
            self._hidden -= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_has_a_label_in_each_language(language: str) -> None:
    text = pasted.render_pasted_form(NEWS, TOPICS, language, SITE)
    form = Form(text)
    assert form.attributes["action"] == "https://mail.example.org/subscribe"
    assert form.attributes["method"] == "post"
    assert (form.attributes["lang"], form.attributes["dir"]) == (
        language, "rtl" if language == "ar" else "ltr",
    )  # fmt: skip
    assert form.fields == [
        ("email", "", "email"),
        *sorted(
            [("topic", "health", "checkbox"), ("topic", "work", "checkbox")],
            key=lambda one: TOPICS[one[1] == "work"].get_name(language),
        ),
        (TRAP_FIELD, "", "text"),
        ("list", "news", "hidden"),
        ("language", language, "hidden"),
    ]
    assert {name for name, _, _ in form.fields} <= {*FIELDS}
    assert form.labels == {*form.ids}
    assert len(form.ids) == len({*form.ids})
    assert form.kept_away == {TRAP_FIELD}
    assert "script" not in form.tags
    assert "style" not in text
    assert "<Work>" not in text


def test_the_nearest_language_is_taken_and_an_unknown_one_refused() -> None:
    assert pasted.choose_page_language("FR-ca") == "fr"
    with pytest.raises(InputError, match="no page is in sw; use one of ar, "):
        pasted.choose_page_language("sw")
    with pytest.raises(InputError, match="is not a language tag"):
        pasted.choose_page_language("klingon")


def test_there_is_none_for_a_list_that_nobody_can_join() -> None:
    closed = make_mailing_list("news", visibility=Visibility.PRIVATE)
    with pytest.raises(Refused, match="the list 'news' is private: nobody can sign up"):
        pasted.render_pasted_form(closed, TOPICS, "en", SITE)


@pytest.fixture
def post(mailer: Mailer) -> Callable[..., int]:
    with mailer.store.begin() as tx:
        lists.add_topic(tx, STAFF, "health", {}, NOW)
        lists.add_topic(tx, STAFF, "work", {}, NOW)
        factories.add_mailing_list(tx)

    def send(**over: str) -> int:
        with mailer.store.read() as tx:
            text = pasted.render_pasted_form(
                factories.get_mailing_list(tx), tx.lists.list_topics(), "fr", SITE
            )
        filled: dict[str, list[str]] = {}
        for name, value, kind in Form(text).fields:
            if kind != "checkbox" or value == "work":
                filled.setdefault(name, []).append(over.get(name, value))
        with open_client(create_public_app(mailer, create_logger(StringIO()))) as pages:
            return pages.send_form("/subscribe", filled).status

    return send


def test_what_it_sends_is_taken(mailer: Mailer, post: Callable[..., int]) -> None:
    assert post(email="ana@example.org") == 200
    assert post(email="bo@example.org", website="https://buy.example") == 200
    with mailer.store.read() as tx:
        (asked,) = tx.sign_ups.list_in_state([ConfirmationState.ASKED], 10)
    assert (asked.address, asked.language) == ("ana@example.org", "fr")
    assert (asked.wishes.lists, asked.wishes.topics) == (("news",), ("work",))
