"""The clipboard as Windows, Firefox and text editors write it."""

import pytest

from mailer.errors import InputError
from mailer.intake import word
from mailer.intake.clipboard import convert_plain_text, read_clipboard
from mailer.intake.drafts import Draft
from tests.unit.intake.factories import DEFAULTS, map_omissions

HTML = "<h1>Boats for all</h1><p>The café “Möwe” opens.</p>"


def read_pasted(data: bytes) -> Draft:
    return word.read_pasted(data, DEFAULTS, origin="pasted")


def make_cf_html(fragment: str, *, comments: bool, source: str = "") -> bytes:
    """Make HTML as Windows puts it on the clipboard, with offsets that count bytes."""
    start, end = ("<!--StartFragment-->", "<!--EndFragment-->") if comments else ("", "")
    before, after = f"<html><body>\r\n<p>Around.</p>{start}", f"{end}</body></html>"
    header = (
        "Version:0.9\r\nStartHTML:{:010}\r\nEndHTML:{:010}\r\nStartFragment:{:010}\r\n"
        "EndFragment:{:010}\r\n" + (f"SourceURL:{source}\r\n" if source else "")
    )
    begin = len(header.format(0, 0, 0, 0).encode())
    first = begin + len(before.encode())
    last = first + len(fragment.encode())
    return (
        header.format(begin, last + len(after.encode()), first, last) + before + fragment + after
    ).encode()


@pytest.mark.parametrize(
    "data",
    [
        HTML.encode(),
        HTML.encode("utf-8-sig"),
        HTML.encode("utf-16"),
        HTML.encode("utf-16-le"),
        HTML.encode("utf-16-be"),
        f'<meta charset="windows-1252">{HTML}'.encode("windows-1252"),
        make_cf_html(HTML, comments=True),
        make_cf_html(HTML, comments=False),
        make_cf_html(HTML, comments=True, source="about:blank"),
    ],
)
def test_pasted_html_in_any_wrapper_is_read(data: bytes) -> None:
    draft = read_pasted(data)
    assert (draft.content.title, draft.content.body) == ("Boats for all", "The café “Möwe” opens.")
    assert map_omissions(draft) == {}


def test_pasted_html_in_wrong_encoding_is_reported() -> None:
    draft = read_pasted(HTML.encode("windows-1252"))
    assert draft.content.body == "The café “Möwe” opens."
    assert list(map_omissions(draft)) == ["doubtful characters"]


def test_pasted_html_with_wrong_offsets_is_read_behind_its_header() -> None:
    data = make_cf_html(HTML, comments=False).replace(b"EndFragment:0", b"EndFragment:9")
    data = data.replace(b"EndHTML:0", b"EndHTML:9")
    assert read_pasted(data).content.body == "Around.\n\nThe café “Möwe” opens."


def test_pasted_relative_link_leads_to_page_that_it_was_copied_from() -> None:
    data = make_cf_html(
        "<p>See <a href='/map'>the map</a>.</p>",
        comments=True,
        source="https://www.example.org/news/boats",
    )
    assert read_pasted(data).content.body == "See [the map](https://www.example.org/map)."


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("One.\n\nTwo.", "<p>One.</p><p>Two.</p>"),
        ("One.\r\n \r\n\r\nTwo.\r\n", "<p>One.</p><p>Two.</p>"),
        ("One.\nTwo.\nThree.", "<p>One.</p><p>Two.</p><p>Three.</p>"),
        ("One.\n\nRue 1\n1200 Geneva", "<p>One.</p><p>Rue 1<br>1200 Geneva</p>"),
        ("a < b & c > d <x@example.org>", "<p>a &lt; b &amp; c &gt; d &lt;x@example.org&gt;</p>"),
        ("x" * 70 + "\n" + "y" * 60 + "\nend.", f"<p>{'x' * 70} {'y' * 60} end.</p>"),
        ("", ""),
    ],
)
def test_plain_text_keeps_its_paragraphs(text: str, html: str) -> None:
    assert convert_plain_text(text) == html
    assert read_clipboard(text.encode()).html == html


def test_pasted_plain_text_becomes_paragraphs() -> None:
    draft = read_pasted("Boats for all\n\nThe café opens.\n\nBring 1 < 2 friends.".encode())
    assert draft.content.body == "Boats for all\n\nThe café opens.\n\nBring 1 < 2 friends."


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", [b"", b"\0"])
def test_pasted_utf16_without_its_mark_is_read_in_any_writing(encoding: str, end: bytes) -> None:
    html = "<h1>Маяк и 灯塔</h1><p>Новый маяк открыт для всех 每天开放.</p>"
    draft = read_pasted(html.encode(encoding) + end)
    assert draft.content.title == "Маяк и 灯塔"
    assert draft.content.body == "Новый маяк открыт для всех 每天开放."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04" + bytes(60), "a Word file"),
        (b"{\\rtf1 Hello}", "RTF"),
        (b"%PDF-1.7\n%", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Word file"),
        (bytes(range(1, 256)), "not text"),
    ],
)
def test_pasted_file_that_is_not_text_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_pasted(data)


def test_pasted_element_of_any_kind_is_html() -> None:
    draft = read_pasted(b"<details><summary>Hours</summary>Nine to five</details>")
    assert draft.content.body == "Hours\n\nNine to five"
