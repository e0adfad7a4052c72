"""CSS goes into style attributes, and what mail needs beside survives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import message
from mailer.errors import ComposeError
from mailer.message import MarkCondition, Slot
from mailer.render.inline import inline_css

MARKER = message.create_marker("0123456789abcdef" * 4)


def page(style: str, inside: str) -> str:
    head = f"<!DOCTYPE html>\n<html><head><style>{style}</style></head>"
    return inline_css(f"{head}<body>{inside}</body></html>", "email/card/body.html")


def test_rules_become_style_attributes_and_stay_for_clients_that_read_them() -> None:
    html = page("p { color: red }", "<p>x</p>")
    assert '<p style="color:red">' in html.replace(": ", ":")
    assert "<style" in html
    assert html.startswith("<!DOCTYPE html")


def test_rules_for_phones_and_for_the_night_survive() -> None:
    html = page(
        "p { color: #111 }"
        "@media (max-width: 600px) { p { color: red !important } }"
        "@media (prefers-color-scheme: dark) { p { color: white !important } }",
        "<p>x</p>",
    )
    assert "max-width: 600px" in html
    assert "prefers-color-scheme: dark" in html
    assert html.replace(" ", "").count("!important") == 2


def test_slots_marks_and_outlooks_comments_pass_untouched() -> None:
    slot = message.create_slot(MARKER, Slot.UNSUBSCRIBE)
    opened, closed = (
        message.create_mark(MARKER, MarkCondition.REST, 5),
        message.create_end_mark(MARKER),
    )
    outlook = "<!--[if mso]><table><tr><td><![endif]-->"
    row = f'{opened}<tr><td><a href="{slot}">{slot}</a></td></tr>{closed}'
    html = page("td { color: red }", f"{outlook}<table>{row}{row}</table>")
    assert html.count(f'href="{slot}"') == html.count(f">{slot}<") == 2
    assert outlook in html
    assert html.count(opened) == html.count(closed) == 2
    assert message.count_slots_and_marks(html, MARKER) == 8


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cn")), max_size=30))
def test_prose_passes_untouched(text: str) -> None:
    safe = text.replace("&", "").replace("<", "").replace(">", "")
    assert safe.strip() in page("p { color: red }", f"<p>{safe}</p>")


def test_what_premailer_can_not_take_is_an_error_that_names_the_template() -> None:
    with pytest.raises(ComposeError, match="its CSS can't be inlined") as caught:
        inline_css("", "email/card/body.html")
    assert caught.value.where == "email/card/body.html"
    assert "must not be nested" in caught.value.hint


def test_nothing_is_fetched() -> None:
    link = '<link rel="stylesheet" href="file:///etc/passwd">'
    other = '<link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
    for one in (link, other):
        try:
            html = inline_css(f"<html><head>{one}</head><body><p>x</p></body></html>", "x")
        except ComposeError:
            continue
        assert "root:" not in html
