"""Inlining of CSS, which preserves everything that mail clients need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import message
from mailer.errors import ComposeError
from mailer.message import MarkCondition, Slot
from mailer.render.inline import inline_css

MARKER = message.create_marker("0123456789abcdef" * 4)


def inline_page(style: str, inside: str) -> str:
    head = f"<!DOCTYPE html>\n<html><head><style>{style}</style></head>"
    return inline_css(f"{head}<body>{inside}</body></html>", "email/card/body.html")


def test_css_rules_become_style_attributes_and_stay_in_style_element() -> None:
    html = inline_page("p { color: red }", "<p>x</p>")
    assert '<p style="color:red">' in html.replace(": ", ":")
    assert "<style" in html
    assert html.startswith("<!DOCTYPE html")


def test_css_media_rules_are_preserved() -> None:
    html = inline_page(
        "p { color: #111 }"
        "@media (max-width: 600px) { p { color: red !important } }"
        "@media (prefers-color-scheme: dark) { p { color: white !important } }",
        "<p>x</p>",
    )
    assert "max-width: 600px" in html
    assert "prefers-color-scheme: dark" in html
    assert html.replace(" ", "").count("!important") == 2


def test_inliner_preserves_slots_marks_and_outlook_comments() -> None:
    slot = message.create_slot(MARKER, Slot.UNSUBSCRIBE)
    mark, end_mark = (
        message.create_mark(MARKER, MarkCondition.REST, 5),
        message.create_end_mark(MARKER),
    )
    outlook = "<!--[if mso]><table><tr><td><![endif]-->"
    row = f'{mark}<tr><td><a href="{slot}">{slot}</a></td></tr>{end_mark}'
    html = inline_page("td { color: red }", f"{outlook}<table>{row}{row}</table>")
    assert html.count(f'href="{slot}"') == html.count(f">{slot}<") == 2
    assert outlook in html
    assert html.count(mark) == html.count(end_mark) == 2
    assert message.count_slots_and_marks(html, MARKER) == 8


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cn")), max_size=30))
def test_inliner_preserves_text(text: str) -> None:
    safe = text.replace("&", "").replace("<", "").replace(">", "")
    assert safe.strip() in inline_page("p { color: red }", f"<p>{safe}</p>")


def test_inliner_error_names_template() -> None:
    with pytest.raises(ComposeError, match="the CSS can't be inlined") as caught:
        inline_css("", "email/card/body.html")
    assert caught.value.where == "email/card/body.html"
    assert "must not be nested" in caught.value.hint


def test_inliner_fetches_nothing() -> None:
    file_link = '<link rel="stylesheet" href="file:///etc/passwd">'
    web_link = '<link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
    for element in (file_link, web_link):
        try:
            html = inline_css(f"<html><head>{element}</head><body><p>x</p></body></html>", "x")
        except ComposeError:
            continue
        assert "root:" not in html
