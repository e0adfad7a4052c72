"""Extraction of the article from a web page."""

from datetime import UTC, datetime

import pytest

from mailer.errors import InputError
from mailer.intake import pages
from mailer.intake.drafts import Draft, DraftDefaults
from mailer.model.articles import Image
from tests.unit.intake.test_markup import PAYLOADS, assert_harmless
from tests.unit.samples import NOW

ADDRESS = "https://example.org/stories/lanterns?ref=home"
DEFAULTS = DraftDefaults(NOW, time_zone="Europe/London")

PAGE = """<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8">
<title>Lanterns on the water | Harbour Office</title>
<link rel="canonical" href="https://example.org/stories/lanterns">
<meta name="description" content="Twelve towns, one evening &amp; much light.">
<meta property="og:title" content="Lanterns on the water">
<meta property="og:image" content="/media/lanterns.jpg">
<meta content="Lanterns above a quay" property="og:image:alt">
<meta property="article:published_time" content="2026-11-03T09:30:00+01:00">
<meta name="author" content="Press desk"></head>
<body><header><nav><a href="/">Home</a> <a href="/news">News</a></nav></header>
<main><article><h1>Lanterns on the water</h1>
<p>On Friday evening twelve harbour towns set <strong>paper lanterns</strong> on the water, as they
have done each winter since the first crossing was remembered here in public.</p>
<p>The idea came from a <a href="/stories/poem">poem by a pupil</a>, and it has since been read
aloud in <em>nine languages</em> on the steps of the customs house.</p>
<h2>What to bring</h2><ul><li>A warm coat</li><li>One sentence of welcome</li></ul>
<ol><li>Meet at four</li><li>Walk at half past</li></ol>
<blockquote><p>A harbour light does not ask a ship where it has come from.</p></blockquote>
<figure><img src="/media/quay.jpg" alt="Boats at dusk"></figure>
<table><tr><th>Town</th><th>Hour</th></tr><tr><td>Port Alder</td><td>16:00</td></tr></table>
<iframe src="https://www.youtube.com/embed/x"></iframe>
%s
<p>Lanterns are made of untreated paper, and boats will gather all of them that night.</p>
</article></main><footer><p>Cookies and privacy.</p></footer><script>x()</script></body></html>"""


def read_page(page: str, content_type: str = "", encoding: str = "utf-8") -> Draft:
    return pages.read_page(
        page.encode(encoding), DEFAULTS, address=ADDRESS, content_type=content_type
    )


def test_page_article_keeps_its_structure() -> None:
    draft = read_page(PAGE.replace("%s", ""))
    assert draft.content.body.split("\n\n")[2:] == [
        "## What to bring",
        "- A warm coat\n- One sentence of welcome",
        "1. Meet at four\n2. Walk at half past",
        "> A harbour light does not ask a ship where it has come from.",
        "![Boats at dusk](https://example.org/media/quay.jpg)",
        "| Town | Hour |\n| --- | --- |\n| Port Alder | 16:00 |",
        "Lanterns are made of untreated paper, and boats will gather all of them that night.",
    ]
    assert "[poem by a pupil](https://example.org/stories/poem)" in draft.content.body
    assert "**paper lanterns**" in draft.content.body


def test_page_head_gives_metadata() -> None:
    draft = read_page(PAGE.replace("%s", ""))
    content = draft.content
    assert (content.title, content.slug) == ("Lanterns on the water", "lanterns-on-the-water")
    assert content.summary == "Twelve towns, one evening & much light."
    assert content.image == Image("https://example.org/media/lanterns.jpg", "Lanterns above a quay")
    assert content.published == datetime(2026, 11, 3, 8, 30, tzinfo=UTC)
    assert (content.byline, content.language) == ("Press desk", "en-GB")
    assert content.canonical_url == draft.key == "https://example.org/stories/lanterns"
    assert [omission.kind for omission in draft.omissions] == ["video frame"]


def test_page_with_short_note_is_an_article() -> None:
    draft = read_page(
        "<html lang=fr><body><article><h1>Note</h1><p>Le bateau part à six heures.</p>"
    )
    assert (draft.content.body, draft.content.language) == ("Le bateau part à six heures.", "fr")
    assert not draft.dated


@pytest.mark.parametrize(
    ("declared", "encoding", "content_type"),
    [
        ("utf-8", "windows-1252", ""),
        ("iso-8859-1", "windows-1252", ""),
        ("", "windows-1252", "text/html; charset=windows-1252"),
        ("windows-1252", "utf-8", ""),
        ("utf-16", "utf-16", ""),
    ],
)
def test_page_with_wrong_encoding_is_read(declared: str, encoding: str, content_type: str) -> None:
    page = (
        f'<html><head><meta charset="{declared}"></head><body><article><h1>Café “Möwe”</h1>'
        "<p>L’été est à l’œuvre, et le port s’éclaire – enfin.</p></article></body></html>"
    )
    draft = read_page(page, content_type, encoding)
    assert draft.content.title == "Café “Möwe”"
    assert draft.content.body == "L’été est à l’œuvre, et le port s’éclaire – enfin."


@pytest.mark.parametrize(
    "page",
    [
        "",
        "x",
        "<html><body></body></html>",
        "<html><body><nav><a href=/>Home</a> <a href=/n>News</a></nav></body></html>",
        "<html><body><script>" + "x();" * 200 + "</script></body></html>",
        "\0\1\2",
        '{"a": 1}',
    ],
)
def test_page_without_article_is_refused(page: str) -> None:
    with pytest.raises(InputError) as caught:
        read_page(page)
    assert caught.value.where == ADDRESS
    assert "paste the article's text" in caught.value.hint


@pytest.mark.parametrize("number", range(4))
def test_page_with_hostile_markup_gives_harmless_html(number: int) -> None:
    for payload in PAYLOADS[number::4]:
        try:
            draft = read_page(
                PAGE.replace("%s", payload).replace("Lanterns on", payload + " on", 1)
            )
        except InputError:
            continue
        assert_harmless(draft.content.html)
        assert "<script" not in draft.content.html.lower()
        assert draft.content.title.isprintable()
