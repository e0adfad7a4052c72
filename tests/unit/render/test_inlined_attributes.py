"""Inlining CSS changes style attributes and nothing else, in every shipped template."""

from pathlib import Path

import pytest
from lxml import html as lxml_html

from mailer.config import settings as config
from mailer.intake.markup import to_html
from mailer.model.articles import ArticleKind, Image
from mailer.model.edition_states import EditionRole
from mailer.model.editions import ChangeNote
from mailer.model.press_release import PressContact, Quote, Release
from mailer.render import compose_edition, inline
from mailer.render.service_mails import compose_service_mail
from tests.unit.render import factories
from tests.unit.render.test_notices import compose as compose_notice
from tests.unit.render.test_service_mails import KINDS, make_service_mail
from tests.unit.samples import make_article

PICTURE = Image("https://example.org/pier.jpg", "A pier", "Ana Diaz")
BODY = """\
![A chart](https://example.org/chart.png)

> A quotation.

| Port | Boats |
|---|---:|
| Dakar | 7 |
"""


def list_attributes(html: str) -> list[tuple[str, dict[str, str]]]:
    """Return the tag and the attributes of each element, without styles."""
    root = lxml_html.document_fromstring(html)
    return [
        (element.tag, {name: value for name, value in element.attrib.items() if name != "style"})
        for element in root.iter()
        if isinstance(element.tag, str)
    ]


@pytest.mark.parametrize(
    ("style", "element"),
    [
        ("img { width: 100%; height: auto }", '<img src="https://e.org/a" alt="" width="552">'),
        ("img { width: 40px; float: left }", '<img src="https://e.org/a" alt="">'),
        ("td { text-align: right; vertical-align: top }", "<table><tr><td>x</td></tr></table>"),
        ("table { background-color: #fff; width: 9px }", "<table><tr><td>x</td></tr></table>"),
        ("p { text-align: center }", '<p align="left" style="width: 3px">x</p>'),
    ],
)
def test_inliner_sets_no_attribute_from_a_style(style: str, element: str) -> None:
    html = (
        f"<!DOCTYPE html>\n<html><head><style>{style}</style></head><body>{element}</body></html>"
    )
    assert list_attributes(inline.inline_css(html, "card")) == list_attributes(html)


def compose_all_templates() -> None:
    """Compose a mail by each shipped template, in English and Arabic."""
    release = Release(
        subhead="More boats",
        quotes=(Quote("We sail.", "Ana Diaz", "captain"),),
        contacts=(PressContact("Ana Diaz", phone="+221 33 889 00 00", email="a@example.org"),),
    )
    change = ChangeNote({"en": "A number"}, {"en": "It was wrong"})
    articles = [
        make_article(
            f"boats-{number}",
            language=language,
            kind=ArticleKind.PRESS_RELEASE,
            image=PICTURE,
            body=BODY,
            html=to_html(BODY),
            dateline="DAKAR",
            release=release,
        )
        for number in range(7)
        for language in ("en", "ar")
    ]
    settings = factories.make_settings()
    for template, role in (
        ("digest", EditionRole.PLAIN),
        ("press-release", EditionRole.RELEASE),
        ("press-release", EditionRole.CORRECTION),
        ("press-kill", EditionRole.KILL),
    ):
        manuscript = factories.make_manuscript(
            *articles,
            template=template,
            role=role,
            change=change,
            opening={"en": BODY, "ar": BODY},
        )
        compose_edition(manuscript, settings, to_html)
    for kind in KINDS:
        compose_service_mail(make_service_mail(kind), settings)
    compose_notice()
    compose_notice("ar")


def test_every_template_keeps_its_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    seen_templates: set[str] = set()

    def inline_and_compare(html: str, where: str) -> str:
        inlined_html = inline.inline_css(html, where)
        before, after = list_attributes(html), list_attributes(inlined_html)
        assert len(before) > 20
        assert after == before, where
        seen_templates.add(where.removesuffix("/body.html").rpartition("/")[2])
        return inlined_html

    for module in ("compose", "notices", "service_mails"):
        monkeypatch.setattr(f"mailer.render.{module}.inline_css", inline_and_compare)
    compose_all_templates()
    shipped_templates = Path(config.find_shipped_folder("templates"))
    folders = {file.parent.name for file in shipped_templates.glob("email/*/body.html")}
    assert seen_templates == folders


def test_pictures_of_mails_have_pixel_widths_for_outlook() -> None:
    article = make_article(image=PICTURE, body=BODY, html=to_html(BODY))
    for template in ("digest", "press-release"):
        manuscript = factories.make_manuscript(article, template=template, opening={"en": BODY})
        (body,) = compose_edition(manuscript, factories.make_settings(), to_html).bodies
        pictures = lxml_html.document_fromstring(body.html).xpath("//img")
        assert len(pictures) >= 2
        for element in pictures:
            assert 0 < int(element.get("width")) <= 600
            assert element.get("height") is None
