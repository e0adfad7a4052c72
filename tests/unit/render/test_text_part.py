"""The text part has every word and link of the HTML, in lines that fit."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from mailer.intake.markup import to_html
from mailer.render.text_part import WIDTH, extract_first_paragraph, to_plain_text, wrap_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("  \n", ""),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>One<br>line</p>", "One line"),
        ("<h2>Head</h2><p>Text</p>", "Head\n----\n\nText"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        ('<ol start="9"><li>a</li><li>b</li></ol>', "9. a\n10. b"),
        ('<ol start="x"><li>a</li></ol>', "1. a"),
        ("<ul><li>a<ul><li>b</li></ul></li></ul>", "- a\n  - b"),
        (
            "<ul><li><strong>Bold</strong>, then <em>more</em><ul><li>b</li></ul></li></ul>",
            "- Bold, then more\n  - b",
        ),
        ("<ul><li><p>a</p><p>b</p></li></ul>", "- a\n  b"),
        ("<ul><li></li><li>b</li></ul>", "- b"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n\n> b"),
        ("<p>a</p><hr><p>b</p>", "a\n\n* * *\n\nb"),
        ("<pre>a  b\n  c\n</pre>", "a  b\n  c"),
        ('<p>See <a href="https://a.example/">it</a> now.</p>', "See it now.\nhttps://a.example/"),
        ('<p><a href="https://a.example/">https://a.example/</a></p>', "https://a.example/"),
        ('<p><a href="mailto:a@b.org">a@b.org</a></p>', "a@b.org"),
        ('<p><a href="mailto:a@b.org">Write</a></p>', "Write\nmailto:a@b.org"),
        ('<a href="https://a.example/">x</a> loose', "x loose\nhttps://a.example/"),
        ("loose <em>words</em><p>block</p>tail", "loose words\n\nblock\n\ntail"),
        ('<p><img src="https://a.example/b.jpg" alt="A boat"></p>', "A boat"),
        ("<table><tr><td>A</td><td>B</td></tr><tr><td>C</td></tr></table>", "A B\n\nC"),
        ("<table><tr><td><ul><li>x</li><li>y</li></ul></td></tr></table>", "x y"),
        ("<p>a<!-- hidden -->b</p>", "ab"),
        ("a<!-- hidden -->b", "ab"),
        ("<p>1 &lt; 2 &amp; 3</p>", "1 < 2 & 3"),
    ],
)
def test_html_to_plain_text(html: str, text: str) -> None:
    assert to_plain_text(html) == text


words = st.text("abcdefghij", min_size=1, max_size=12)
prose = st.lists(
    st.one_of(
        words,
        words.map(lambda word: f"**{word}**"),
        words.map(lambda word: f"[{word}](https://example.org/{word})"),
    ),
    min_size=1,
    max_size=30,
).map(" ".join)


@st.composite
def make_markdown(draw: st.DrawFn) -> str:
    blocks = []
    for text in draw(st.lists(prose, max_size=6)):
        sign = draw(st.sampled_from(["", "## ", "- ", "1. ", "> ", "> - ", "- > ", "    "]))
        blocks.append(sign + text + draw(st.sampled_from(["", f"\n   - {text}"])))
    return "\n\n".join(blocks)


@given(make_markdown())
def test_plain_text_keeps_every_word_and_link(source: str) -> None:
    html = to_html(source)
    text = to_plain_text(html)
    if not html:
        return
    root = lxml_html.fragment_fromstring(html, create_parent="div")
    text_words = iter(re.findall(r"[a-j]+", text))
    for word in re.findall(r"[a-j]+", root.text_content()):
        assert word in text_words, f"{word} is lost or out of order"
    lines = [line.lstrip(" >") for line in text.splitlines()]
    for link in root.iter("a"):
        assert link.get("href") in lines


@given(make_markdown())
def test_plain_text_lines_fit_the_width(source: str) -> None:
    for line in to_plain_text(to_html(source)).splitlines():
        fits = len(line) <= WIDTH or " " not in line.lstrip(" >-0123456789.").strip()
        assert fits or "    " + line in source.splitlines(), line


@given(st.text(max_size=300), st.integers(10, 80))
def test_wrap_text_keeps_words_whole_and_in_order(text: str, width: int) -> None:
    wrapped = wrap_text(text, width)
    assert wrapped.split() == text.split()
    for line in wrapped.splitlines() if "\n" in wrapped else []:
        assert len(line) <= width or len(line.split()) == 1


def test_plain_text_never_breaks_addresses() -> None:
    url = "https://example.org/" + "path-" * 40
    assert url in to_plain_text(f'<p>See <a href="{url}">this</a></p>').splitlines()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("<h2>Head</h2><p> </p><p>One <b>two</b>\nthree</p><p>Four</p>", "One two three"),
        ("<ul><li>only</li></ul>", "only"),
    ],
)
def test_first_paragraph_is_the_first_with_text(html: str, text: str) -> None:
    assert extract_first_paragraph(html) == text
