"""The sign-up form to paste into another site, in every language of the pages."""

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
from mailer.web.public import create_public_app, form_snippet
from mailer.web.public.page_languages import LANGUAGES
from mailer.web.public.signup import FIELDS, TRAP_FIELD
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


class ParsedForm(HTMLParser):
    """A form's fields (name, value, type), the ids that have a label, and the hidden fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: dict[str, str | None] = {}
        self.fields: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.tags: list[str] = []
        self.hidden_fields: set[str] = set()
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        if tag == "form":
            self.attributes = attributes
        if tag == "div":
            self._hidden += bool(self._hidden) or "hidden" in attributes
        if tag == "label":
            self.labels.add(attributes["for"] or "")
        if tag == "input":
            name = attributes["name"] or ""
            self.fields.append(
                (name, attributes.get("value") or "", attributes.get("type") or "text")
            )
            if "id" in attributes:
                self.ids.append(attributes["id"] or "")
            if self._hidden:
                self.hidden_fields.add(name)

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._hidden:
            self._hidden -= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_snippet_labels_every_field_in_each_language(language: str) -> None:
    text = form_snippet.render_form_snippet(NEWS, TOPICS, language, SITE)
    form = ParsedForm(text)
    assert form.attributes["action"] == "https://mail.example.org/subscribe"
    assert form.attributes["method"] == "post"
    assert (form.attributes["lang"], form.attributes["dir"]) == (
        language,
        "rtl" if language == "ar" else "ltr",
    )
    assert form.fields == [
        ("email", "", "email"),
        *sorted(
            [("topic", "health", "checkbox"), ("topic", "work", "checkbox")],
            key=lambda field: TOPICS[field[1] == "work"].get_name(language),
        ),
        (TRAP_FIELD, "", "text"),
        ("list", "news", "hidden"),
        ("language", language, "hidden"),
    ]
    assert {name for name, _, _ in form.fields} <= {*FIELDS}
    assert form.labels == {*form.ids}
    assert len(form.ids) == len({*form.ids})
    assert form.hidden_fields == {TRAP_FIELD}
    assert "script" not in form.tags
    assert "style" not in text
    assert "<Work>" not in text


def test_form_snippet_language_is_the_nearest_or_refused() -> None:
    assert form_snippet.choose_page_language("FR-ca") == "fr"
    with pytest.raises(InputError, match="no page is in sw; use one of ar, "):
        form_snippet.choose_page_language("sw")
    with pytest.raises(InputError, match="is not a language tag"):
        form_snippet.choose_page_language("klingon")


def test_form_snippet_is_refused_for_a_private_list() -> None:
    private_list = make_mailing_list("news", visibility=Visibility.PRIVATE)
    with pytest.raises(Refused, match="the list 'news' is private: people cannot sign up for it"):
        form_snippet.render_form_snippet(private_list, TOPICS, "en", SITE)


@pytest.fixture
def send_form(mailer: Mailer) -> Callable[..., int]:
    with mailer.store.begin() as tx:
        lists.add_topic(tx, STAFF, "health", {}, NOW)
        lists.add_topic(tx, STAFF, "work", {}, NOW)
        factories.add_mailing_list(tx)

    def send_filled_form(**values: str) -> int:
        with mailer.store.read() as tx:
            text = form_snippet.render_form_snippet(
                factories.get_mailing_list(tx), tx.lists.list_topics(), "fr", SITE
            )
        fields: dict[str, list[str]] = {}
        for name, value, field_type in ParsedForm(text).fields:
            if field_type != "checkbox" or value == "work":
                fields.setdefault(name, []).append(values.get(name, value))
        with open_client(create_public_app(mailer, create_logger(StringIO()))) as pages:
            return pages.send_form("/subscribe", fields).status

    return send_filled_form


def test_form_snippet_signs_up(mailer: Mailer, send_form: Callable[..., int]) -> None:
    assert send_form(email="ana@example.org") == 200
    assert send_form(email="bo@example.org", website="https://buy.example") == 200
    with mailer.store.read() as tx:
        (confirmation,) = tx.sign_ups.list_in_state([ConfirmationState.ASKED], 10)
    assert (confirmation.address, confirmation.language) == ("ana@example.org", "fr")
    assert (confirmation.wishes.lists, confirmation.wishes.topics) == (("news",), ("work",))
