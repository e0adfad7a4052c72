"""Inlining CSS changes style attributes and nothing else, in every shipped template."""

from collections.abc import Callable

import pytest
from lxml import html as lxml_html

from mailer.render import inline
from tests.unit.render import test_notices, test_service_mails


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
