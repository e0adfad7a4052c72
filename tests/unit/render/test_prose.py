"""An article's HTML as mails and pages show it: datelines, tables, pictures, phone numbers."""

import pytest
from lxml import html as lxml_html

from mailer.intake.markup import to_html
from mailer.render.prose import COLUMN_WIDTH, prepare_prose
from mailer.render.text_part import to_plain_text

PICTURE = "![A pier](https://example.org/pier.jpg)"


def prepare_markdown(markdown: str, *, direction: str = "ltr", run_in: str = "DAKAR –") -> str:
    return prepare_prose(to_html(markdown), direction=direction, run_in=run_in)


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Boats left.\n\nThey return.", "DAKAR – Boats left.\n\nThey return."),
        ("> We sail.\n\nSaid the captain.", "> We sail.\n\nDAKAR – Said the captain."),
        ("> We sail.", "DAKAR –\n\n> We sail."),
        ("- nets\n- ropes", "DAKAR –\n\n- nets\n- ropes"),
        ("1. nets\n\nAt the end.", "DAKAR –\n\n1. nets\n\nAt the end."),
        (f"{PICTURE}\n\nBoats left.", "A pier\n\nDAKAR – Boats left."),
        (f"{PICTURE}\n\n- nets", "A pier\n\nDAKAR –\n\n- nets"),
        (f"{PICTURE} Boats left.", "A pier DAKAR – Boats left."),
        ("## The pier\n\nBoats left.", "The pier\n--------\n\nDAKAR – Boats left."),
        ("*Boats* left.", "DAKAR – Boats left."),
        ("| a | b |\n|---|---|\n| c | d |\n\nAfter.", "DAKAR –\n\na  b\n-  -\nc  d\n\nAfter."),
        ("", "DAKAR –"),
        ("DAKAR – Boats left.", "DAKAR – Boats left."),
        ("**DAKAR, 3 March** – Boats left.", "DAKAR, 3 March – Boats left."),
        ("DAKAR is a harbour.", "DAKAR – DAKAR is a harbour."),
        (f"{PICTURE}\n*The pier*\n\nBoats left.", "A pier The pier\n\nDAKAR – Boats left."),
        (f"{PICTURE}\n\n*The pier*\n\nBoats left.", "A pier\n\nThe pier\n\nDAKAR – Boats left."),
    ],
)
def test_dateline_stands_before_the_first_words(markdown: str, text: str) -> None:
    assert to_plain_text(prepare_markdown(markdown)) == text


def test_dateline_is_bold_and_escaped() -> None:
    assert prepare_markdown("Boats.", run_in="A & B –") == (
        "<p><strong>A &amp; B –</strong> Boats.</p>"
    )


def test_prose_without_dateline_keeps_its_words() -> None:
    html = to_html("One **two** &lt;3\n\n- four\n\n`five  six`")
    assert prepare_prose(html, direction="ltr") == html


@pytest.mark.parametrize(
    ("markdown", "width"),
    [
        (PICTURE, COLUMN_WIDTH),
        (f"- {PICTURE}", COLUMN_WIDTH - 24),
        (f"> - {PICTURE}", COLUMN_WIDTH - 47),
        (f"| {PICTURE} | b |\n|---|---|\n| c | d |", COLUMN_WIDTH // 2 - 24),
    ],
)
def test_picture_in_text_has_the_width_of_its_column(markdown: str, width: int) -> None:
    picture = lxml_html.fromstring(prepare_markdown(markdown, run_in="")).xpath("//img")[0]
    assert picture.get("width") == str(width)
    assert picture.get("height") is None


def test_table_cells_have_alignment_scope_and_air() -> None:
    html = prepare_markdown("| Port | Boats |\n|---|---:|\n| Dakar | 7 |", run_in="")
    root = lxml_html.fragment_fromstring(html, create_parent="div")
    table = root.find("table")
    assert (table.get("role"), table.get("class")) == ("table", "grid")
    assert [cell.get("align") for cell in table.iter("th", "td")] == ["left", "right"] * 2
    assert {cell.get("class") for cell in table.iter("th", "td")} == {"cell"}
    assert [cell.get("scope") for cell in table.iter("th")] == ["col", "col"]
    assert table.getnext().get("class") == "below"


def test_table_of_arabic_begins_on_the_right() -> None:
    html = prepare_markdown(
        "| ميناء | قوارب |\n|---|---:|\n| دكار | 7 |", direction="rtl", run_in=""
    )
    root = lxml_html.fragment_fromstring(html, create_parent="div")
    assert {cell.get("align") for cell in root.iter("th", "td")} == {"right"}


def test_phone_numbers_of_arabic_are_isolated_in_both_parts() -> None:
    markdown = "اتصل على +221 33 889 00 00 أو **020 7946 0958** ثم +33 1 40 20 50 50 غدا"
    html = prepare_markdown(markdown, direction="rtl", run_in="")
    root = lxml_html.fragment_fromstring(html, create_parent="div")
    phones = ["+221 33 889 00 00", "020 7946 0958", "+33 1 40 20 50 50"]
    assert [span.text for span in root.xpath("//*[@dir='ltr']")] == phones
    assert root.text_content() == markdown.replace("**", "")
    for phone in phones:
        assert f"\u2066{phone}\u2069" in to_plain_text(html)


def test_phone_numbers_in_code_stay_as_written() -> None:
    html = prepare_markdown("`+221 33 889 00 00`", direction="rtl", run_in="")
    assert "dir=" not in html


def test_lines_of_chinese_source_are_joined_in_html() -> None:
    html = prepare_prose(to_html("海港\n船员 and\nboats"), direction="ltr")
    assert html == "<p>海港船员 and\nboats</p>"
