"""Mails by the shipped templates are reachable, readable and lawful in every language."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import html as lxml_html

from mailer import editions
from mailer.app import Mailer
from mailer.app.messages import Preview
from mailer.languages import UN_LANGUAGES
from mailer.model.articles import ArticleKind, Image
from mailer.model.editions import Edition
from mailer.store import SqlTransaction, Store
from tests.actors import AMINA, STAFF
from tests.conftest import KEY, make_office_settings
from tests.integration import factories

TEMPLATES = ("digest", "press-release")
WORDS = {
    "ar": "قوارب قبالة الساحل",
    "en": "Boats off the coast",
    "es": "Barcos frente a la costa",
    "fr": "Des bateaux près de la côte",
    "ru": "Лодки у берега",
    "zh": "海岸外的船只",
}


@dataclass(frozen=True)
class Composed:
    """An edition of seven stories in six languages, and its mailer."""

    mailer: Mailer
    edition: Edition

    def preview(self, address: str = "", language: str = "") -> Preview:
        with self.mailer.store.begin() as tx:
            return self.mailer.preview_edition(
                tx, STAFF, self.edition, address=address, language=language
            )


@pytest.fixture(scope="module", params=TEMPLATES)
def composed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Composed]:
    file = tmp_path_factory.mktemp("composed") / "subscribers.db"
    shutil.copy(sqlite_template, file)
    store = Store(f"sqlite:///{file}", KEY)
    mailer = Mailer(make_office_settings(file.parent), store)
    with store.begin() as tx:
        edition = create_edition(tx, mailer, request.param)
    yield Composed(mailer, edition)
    store.close()


def create_edition(tx: SqlTransaction, mailer: Mailer, template: str, count: int = 7) -> Edition:
    """Create an edition of `count` stories in six languages; the last story is only in English."""
    factories.add_topics(tx)
    factories.add_mailing_list(tx)
    for language in UN_LANGUAGES:
        factories.add_subscriber(
            tx, f"{language}@example.org", language=language, name=WORDS[language]
        )
    factories.add_subscriber(tx, "health@example.org", "health")
    slugs = [f"story-{number}" for number in range(count)]
    for number, slug in enumerate(slugs):
        for language in UN_LANGUAGES if number < count - 1 else ("en",):
            factories.add_story(
                tx,
                slug,
                factories.TOPICS[number % 4],
                language=language,
                title=f"{WORDS[language]} {number} <&>",
                body=f"{WORDS[language]}.\n\n- [a link](https://www.example.org/x?a=1&b=2)\n\n"
                f"## {WORDS[language]}\n\n.A dot first",
                kind=ArticleKind.PRESS_RELEASE,
                dateline="Geneva",
                image=Image("https://www.example.org/boat.jpg", WORDS[language]),
            )
    edition = factories.create_edition(tx, *slugs, template=template)
    edition = editions.edit_edition(
        tx, STAFF, edition, {"opening": {"en": "Dear **all**", "ar": WORDS["ar"]}}, mailer.clock()
    )
    return editions.approve_edition(tx, AMINA, edition, mailer.renderer, mailer.clock())


def parse_message(message: bytes) -> EmailMessage:
    parsed_message = message_from_bytes(message, policy=policy.default)
    assert isinstance(parsed_message, EmailMessage)
    return parsed_message


def get_part(message: EmailMessage, kind: str) -> str:
    body_part = message.get_body((kind,))
    assert body_part is not None
    return str(body_part.get_content())


def test_composed_mail_is_valid_in_every_language(composed: Composed) -> None:
    with composed.mailer.store.read() as tx:
        bodies = {body.language: body for body in tx.editions.list_bodies(composed.edition)}
    assert set(bodies) == set(UN_LANGUAGES)
    for language, body in bodies.items():
        preview = composed.preview(f"{language}@example.org")
        assert preview.language == language
        assert_message_is_valid(preview.message, body.marker, language)


def assert_message_is_valid(raw: bytes, marker: str, language: str) -> None:
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = parse_message(raw)
    assert not [defect for message_part in message.walk() for defect in message_part.defects]
    assert [message_part.get_content_type() for message_part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    headers = {name: str(value) for name, value in message.items()}
    for name in (
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "List-Id",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "Precedence",
        "MIME-Version",
        "Reply-To",
    ):
        assert headers[name], name
    assert b"\r\nList-Unsubscribe: <https://mail.example.org/u/" in raw, "in no encoded word"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert WORDS[language] in headers["Subject"]
    text, html = get_part(message, "plain"), get_part(message, "html")
    for content in (text, html):
        assert WORDS[language] in content
        assert "1 Harbour Street" in content
        assert "https://mail.example.org/u/" in content
        assert marker not in content.replace(f"=_{marker}", "")
        assert not re.search(r"\{\{|\}\}|\{%|%\}|\bNone\b", content)
    assert_html_is_valid(html, language)


def assert_html_is_valid(html: str, language: str) -> None:
    assert html.lstrip().startswith("<!DOCTYPE html")
    root = lxml_html.document_fromstring(html)
    direction = "rtl" if language == "ar" else "ltr"
    assert (root.get("lang"), root.get("dir")) == (language, direction)
    assert root.find("body").get("dir") == direction
    assert root.xpath("string(//title)").strip()
    ids = set(root.xpath("//@id | //a/@name"))
    for link in root.iter("a"):
        target = link.get("href")
        if target.startswith("#"):
            assert target[1:] in ids
        else:
            assert urlsplit(target).scheme in {"https", "mailto"}, target
    pictures = list(root.iter("img"))
    assert all(urlsplit(element.get("src")).scheme == "https" for element in pictures)
    assert all(element.get("alt") is not None for element in pictures)
    assert all(element.get("role") in {"presentation", "table"} for element in root.iter("table"))
    assert not root.xpath("//script | //form | //iframe")


def test_composed_mail_has_only_chosen_topics(composed: Composed) -> None:
    message = parse_message(composed.preview("health@example.org").message)
    for text in (
        get_part(message, "plain"),
        get_part(message, "html").replace("&lt;&amp;&gt;", "<&>"),
    ):
        numbers = {number for number in range(7) if f"{WORDS['en']} {number} <&>" in text}
        assert numbers == {0, 4}


def test_untranslated_story_is_in_edition_language(composed: Composed) -> None:
    root = lxml_html.document_fromstring(composed.preview(language="ar").html)
    query = "//*[contains(text(), 'Boats off the coast 6')]/ancestor-or-self::*[@lang][1]"
    elements = root.xpath(query)
    assert elements
    assert {(element.get("lang"), element.get("dir")) for element in elements} == {("en", "ltr")}


def test_short_edition_has_no_table_of_contents(composed: Composed) -> None:
    assert 'href="#' not in composed.preview("health@example.org").html
    if composed.edition.template == "digest":
        assert 'href="#' in composed.preview().html
