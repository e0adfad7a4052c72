"""The text part has every word and link of the HTML, in lines that fit."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from mailer.intake.markup import to_html
from mailer.render.text_part import WIDTH, extract_first_paragraph, to_plain_text, wrap_text
from mailer.text_breaks import measure_columns

WITHOUT_SPACES = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u19e0-\u19ff\u2e80-\u9fff\uf900-\uffef\U00020000-\U0003ffff]"
)
"""Matches a character of a script that writes no spaces."""


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("  \n", ""),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>One<br>line</p>", "One\nline"),
        ("<ul><li>One<br>line</li></ul>", "- One\n  line"),
        ("<blockquote><p>One<br>line</p></blockquote>", "> One\n> line"),
        ("<h2>One<br>line</h2>", "One\nline\n----"),
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
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
        ("<p>a</p><hr><p>b</p>", "a\n\n* * *\n\nb"),
        ("<pre>a  b\n  c\n</pre>", "a  b\n  c"),
        ('<p>See <a href="https://a.example/">it</a> now.</p>', "See it now.\nhttps://a.example/"),
        ('<p><a href="https://a.example/">https://a.example/</a></p>', "https://a.example/"),
        ('<p><a href="mailto:a@b.org">a@b.org</a></p>', "a@b.org"),
        ('<p><a href="mailto:a@b.org">Write</a></p>', "Write\nmailto:a@b.org"),
        ('<a href="https://a.example/">x</a> loose', "x loose\nhttps://a.example/"),
        ("loose <em>words</em><p>block</p>tail", "loose words\n\nblock\n\ntail"),
        ('<p><img src="https://a.example/b.jpg" alt="A boat"></p>', "A boat"),
        ("<table><tr><td>A</td><td>B</td></tr><tr><td>C</td></tr></table>", "A  B\nC"),
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
    assert "".join(wrapped.split()) == "".join(text.split())
    lines = wrapped.split("\n")
    if not WITHOUT_SPACES.search(text):
        assert wrapped.split() == text.split()
    for line in lines if len(lines) > 1 else []:
        assert measure_columns(line) <= width or len(line.split()) == 1


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


# ---- tables -----------------------------------------------------------------------------------

TIMETABLE = """\
| Port | Boats | Next |
|:-----|------:|:----:|
| Dakar | 7 | Monday |
| Saint-Louis | 1,204 | [plan](https://example.org/plan) |
"""


def test_table_cells_stand_in_columns_with_addresses_below() -> None:
    assert to_plain_text(to_html(TIMETABLE)).split("\n") == [
        "Port         Boats  Next",
        "-----------  -----  ------",
        "Dakar            7  Monday",
        "Saint-Louis  1,204  plan",
        "https://example.org/plan",
    ]


def test_wide_table_has_bars_between_cells() -> None:
    cells = [f"{word} " * 8 for word in ("alpha", "beta", "gamma")]
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for _ in range(2))
    text = to_plain_text(f"<table>{rows}</table>")
    assert text.count(" | ") + text.count(" |\n") == 4
    assert "\n\n" not in text
    assert all(len(line) <= WIDTH for line in text.splitlines())


def test_chinese_table_is_aligned_by_columns() -> None:
    text = to_plain_text(
        "<table><tr><td>港口</td><td>7</td></tr><tr><td>ab</td><td>8</td></tr></table>"
    )
    assert text == "港口  7\nab    8"


# ---- scripts without spaces -------------------------------------------------------------------


def test_chinese_paragraph_is_wrapped_at_72_columns() -> None:
    text = to_plain_text(f"<p>{'各国渔业部门恢复缓慢，需要更多投资。' * 12}</p>")
    lines = text.split("\n")
    assert len(lines) > 4
    assert all(measure_columns(line) <= WIDTH for line in lines)
    assert not any(line.startswith(("，", "。")) for line in lines)


def test_line_ends_of_chinese_source_give_no_spaces() -> None:
    assert to_plain_text("<p>渔业部门\n恢复缓慢</p>") == "渔业部门恢复缓慢"
    assert extract_first_paragraph("<p>渔业部门\n恢复缓慢</p>") == "渔业部门恢复缓慢"


def test_isolated_number_stays_on_one_line() -> None:
    html = "<p>" + "كلمة " * 13 + '<span dir="ltr">+221 33 889 00 00</span> نهاية</p>'
    assert "\u2066+221 33 889 00 00\u2069" in to_plain_text(html)


def test_arabic_table_pads_cells_at_their_end() -> None:
    rows = "<tr><td align='right'>داكار</td><td align='right'>7</td></tr>"
    rows += "<tr><td align='right'>تونس الخضراء</td><td align='right'>8</td></tr>"
    lines = to_plain_text(f"<table>{rows}</table>").split("\n")
    assert lines[0].startswith("داكار  ")
