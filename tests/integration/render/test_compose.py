"""The real templates: every mail is reachable, readable and lawful, in each language."""

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
from mailer.app import Mailer, Preview
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
    """An edition of seven stories in six languages, and the mailer that has it."""

    mailer: Mailer
    edition: Edition

    def read(self, address: str = "", language: str = "") -> Preview:
        with self.mailer.store.begin() as tx:
            return self.mailer.preview_edition(tx, self.edition, address=address, language=language)


@pytest.fixture(scope="module", params=TEMPLATES)
def composed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Composed]:
    file = tmp_path_factory.mktemp("composed") / "subscribers.db"
    shutil.copy(sqlite_template, file)
    store = Store(f"sqlite:///{file}", KEY)
    mailer = Mailer(make_office_settings(file.parent), store)
    with store.begin() as tx:
        edition = compose(tx, mailer, request.param)
    yield Composed(mailer, edition)
    store.close()


def compose(tx: SqlTransaction, mailer: Mailer, template: str, count: int = 7) -> Edition:
    """An edition of `count` stories in six languages, the last of them in English alone."""
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
    made = factories.create_edition(tx, *slugs, template=template)
    made = editions.edit_edition(
        tx, STAFF, made, {"opening": {"en": "Dear **all**", "ar": WORDS["ar"]}}, mailer.clock()
    )
    return editions.approve_edition(tx, AMINA, made, mailer.renderer, mailer.clock())


def parsed(message: bytes) -> EmailMessage:
    found = message_from_bytes(message, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def test_every_mail_is_in_order(composed: Composed) -> None:
    with composed.mailer.store.read() as tx:
        bodies = {body.language: body for body in tx.editions.list_bodies(composed.edition)}
    assert set(bodies) == set(UN_LANGUAGES)
    for language, body in bodies.items():
        read = composed.read(f"{language}@example.org")
        assert read.language == language
        check_message(read.message, body.marker, language)


def check_message(raw: bytes, marker: str, language: str) -> None:
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    message = parsed(raw)
    assert not [defect for one in message.walk() for defect in one.defects]
    assert [one.get_content_type() for one in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    headers = {name: str(value) for name, value in message.items()}
    for name in (
        "From", "To", "Subject", "Date", "Message-ID", "List-Id", "List-Unsubscribe",
        "List-Unsubscribe-Post", "Precedence", "MIME-Version", "Reply-To",
    ):  # fmt: skip
        assert headers[name], name
    assert b"\r\nList-Unsubscribe: <https://mail.example.org/u/" in raw, "in no encoded word"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert WORDS[language] in headers["Subject"]
    text, html = part(message, "plain"), part(message, "html")
    for one in (text, html):
        assert WORDS[language] in one
        assert "1 Harbour Street" in one
        assert "https://mail.example.org/u/" in one
        assert marker not in one.replace(f"=_{marker}", "")
        assert not re.search(r"\{\{|\}\}|\{%|%\}|\bNone\b", one)
    check_html(html, language)


def check_html(html: str, language: str) -> None:
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
    assert all(urlsplit(one.get("src")).scheme == "https" for one in pictures)
    assert all(one.get("alt") is not None for one in pictures)
    assert all(one.get("role") in {"presentation", "table"} for one in root.iter("table"))
    assert not root.xpath("//script | //form | //iframe")


def test_a_reader_gets_only_what_they_chose(composed: Composed) -> None:
    message = parsed(composed.read("health@example.org").message)
    for one in (part(message, "plain"), part(message, "html").replace("&lt;&amp;&gt;", "<&>")):
        got = {number for number in range(7) if f"{WORDS['en']} {number} <&>" in one}
        assert got == {0, 4}


def test_a_story_without_a_translation_comes_in_the_editions_language(composed: Composed) -> None:
    root = lxml_html.document_fromstring(composed.read(language="ar").html)
    inside = "//*[contains(text(), 'Boats off the coast 6')]/ancestor-or-self::*[@lang][1]"
    found = root.xpath(inside)
    assert found
    assert {(one.get("lang"), one.get("dir")) for one in found} == {("en", "ltr")}


def test_few_stories_have_no_table_of_contents(composed: Composed) -> None:
    assert 'href="#' not in composed.read("health@example.org").html
    if composed.edition.template == "digest":
        assert 'href="#' in composed.read().html
