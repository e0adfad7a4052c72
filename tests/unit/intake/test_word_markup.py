"""Each kind of WordprocessingML that readers see is kept, or reported in words."""

import re

import pytest

from tests.unit.intake.factories import map_omissions
from tests.unit.intake.word_files import (
    make_field,
    make_paragraph,
    make_relationship,
    make_run,
    read_body,
)

BOX = (
    "<wps:txbx><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent></wps:txbx>"
)
TEXT_BOX = "nothing, but a text box became paragraphs of the text"


def make_drawing(content: str, uri: str = "x") -> str:
    return (
        '<w:r><w:drawing><wp:inline><wp:docPr id="1" name="Shape 1" descr="Visitors by year"/>'
        f'<a:graphic><a:graphicData uri="{uri}">{content}</a:graphicData></a:graphic></wp:inline>'
        "</w:drawing></w:r>"
    )


@pytest.mark.parametrize(
    ("content", "body", "omissions"),
    [
        # properties of characters
        (make_run("a", "<w:b/>"), "**a**", {}),
        (make_run("a", '<w:b w:val="0"/>'), "a", {}),
        (make_run("a", '<w:rStyle w:val="Loud"/>'), "**a**", {}),
        (make_run("a", '<w:rStyle w:val="Loud"/><w:b w:val="false"/>'), "a", {}),
        (make_run("a", "<w:i/>"), "*a*", {}),
        (make_run("a", '<w:u w:val="single"/>'), "<u>a</u>", {}),
        (make_run("a", "<w:strike/>"), "~~a~~", {}),
        (make_run("a", "<w:dstrike/>"), "~~a~~", {}),
        (make_run("a", '<w:vertAlign w:val="superscript"/>'), "<sup>a</sup>", {}),
        (make_run("a", '<w:vertAlign w:val="subscript"/>'), "<sub>a</sub>", {}),
        (make_run("a", '<w:color w:val="FF0000"/><w:sz w:val="40"/>'), "a", {}),
        (
            make_run("a", "<w:caps/>"),
            "a",
            {"nothing, but text that Word shows in capitals is as it was typed": "a"},
        ),
        (make_run("a", "<w:smallCaps/>"), "a", {"small capitals of a text, which stays": "a"}),
        (
            make_run("a", '<w:highlight w:val="yellow"/>'),
            "a",
            {"highlighting of a text, which stays": "a"},
        ),
        # hidden text
        (make_run("a") + make_run(" b", "<w:vanish/>"), "a", {"hidden text": "b"}),
        (make_run("a") + make_run(" b", '<w:vanish w:val="0"/>'), "a b", {}),
        (make_run("a") + make_run(" b", '<w:rStyle w:val="Secret"/>'), "a", {"hidden text": "b"}),
        (
            make_run("a") + make_run(" b", '<w:rStyle w:val="Secret"/><w:vanish w:val="off"/>'),
            "a b",
            {},
        ),
        # signs
        ("<w:r><w:t>a</w:t><w:br/><w:t>b</w:t></w:r>", "a\\\nb", {}),
        ("<w:r><w:t>a</w:t><w:cr/><w:t>b</w:t></w:r>", "a\\\nb", {}),
        ('<w:r><w:t>a</w:t><w:br w:type="page"/><w:t>b</w:t></w:r>', "a\\\nb", {}),
        ('<w:r><w:br w:type="page"/><w:t>b</w:t></w:r>', "b", {}),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r>", "a b", {}),
        ("<w:r><w:t>a</w:t><w:ptab/><w:t>b</w:t></w:r>", "a b", {}),
        ("<w:r><w:t>a</w:t><w:noBreakHyphen/><w:t>b</w:t></w:r>", "a‑b", {}),
        ('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/><w:t> a</w:t></w:r>', "🗹 a", {}),
        (
            '<w:r><w:t>a</w:t><w:sym w:font="Corporate" w:char="F041"/></w:r>',
            "aA",
            {},
        ),
        (
            '<w:r><w:t>a</w:t><w:sym w:font="Wingdings" w:char="xyz"/></w:r>',
            "a",
            {"symbol of a font that mails can't show": "Wingdings xyz"},
        ),
        (make_run("\uf0b7 a", '<w:rFonts w:ascii="Symbol"/>'), "• a", {}),
        # changes and ranges
        ("<w:ins><w:r><w:t>a</w:t></w:r></w:ins>", "a", {}),
        (
            (
                "<w:moveFrom><w:r><w:t>a</w:t></w:r></w:moveFrom><w:moveTo><w:r><w:t>b</w:t></w:r>"
                "</w:moveTo>"
            ),
            "b",
            {},
        ),
        (
            (
                "<w:permStart/><w:bookmarkStart w:id='1' w:name='x'/><w:r><w:t>a</w:t></w:r>"
                "<w:bookmarkEnd w:id='1'/><w:proofErr/><w:permEnd/>"
            ),
            "a",
            {},
        ),
        # wrappers
        ("<w:smartTag><w:r><w:t>a</w:t></w:r></w:smartTag>", "a", {}),
        ("<w:customXml><w:r><w:t>a</w:t></w:r></w:customXml>", "a", {}),
        ('<w:dir w:val="ltr"><w:r><w:t>a</w:t></w:r></w:dir>', "a", {}),
        ("<w:newWrapper><w:r><w:t>a</w:t></w:r></w:newWrapper>", "a", {}),
        (
            (
                "<w:r><w:ruby><w:rt><w:r><w:t>kan</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r>"
                "</w:rubyBase></w:ruby></w:r>"
            ),
            "漢",
            {"reading above the text (ruby)": "kan"},
        ),
        # content controls
        (
            (
                "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr><w:sdtContent><w:r><w:t>Type</w:t></w:r>"
                "</w:sdtContent></w:sdt><w:r><w:t>a</w:t></w:r>"
            ),
            "a",
            {"placeholder that was not filled in": "Type"},
        ),
        (
            "<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val='0'/></w14:checkbox></w:sdtPr>"
            "<w:sdtContent><w:r><w:t>☐</w:t></w:r></w:sdtContent></w:sdt>" + make_run(" a"),
            "☐ a",
            {},
        ),
        (
            (
                "<w:sdt><w:sdtPr><w:dropDownList/></w:sdtPr><w:sdtContent><w:sdt><w:sdtContent><w:r>"
                "<w:t>a</w:t></w:r></w:sdtContent></w:sdt></w:sdtContent></w:sdt>"
            ),
            "a",
            {},
        ),
        # what an article can't have
        (
            make_run("a") + "<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>",
            "a",
            {"formula": "x=1"},
        ),
        (
            make_run("a") + make_drawing("", "http://schemas/2006/chart"),
            "a",
            {"chart": "Visitors by year"},
        ),
        (
            make_run("a") + make_drawing("", "http://schemas/2006/diagram"),
            "a",
            {"diagram (SmartArt)": "Visitors by year"},
        ),
        (make_run("a") + make_drawing("<wps:wsp/>"), "a", {"drawing": "Visitors by year"}),
        (make_run("a") + make_drawing(BOX), "a\n\nIn a box.", {TEXT_BOX: "In a box."}),
        (
            make_run("a")
            + "<mc:AlternateContent><mc:Choice Requires='wps'>"
            + make_drawing(BOX)
            + "</mc:Choice></mc:AlternateContent>",
            "a\n\nIn a box.",
            {TEXT_BOX: "In a box."},
        ),
        (
            make_run("a")
            + "<w:r><w:pict><v:shape><v:textpath string='DRAFT'/></v:shape></w:pict></w:r>",
            "a",
            {"decorative text (WordArt)": "DRAFT"},
        ),
        (
            make_run("a")
            + "<w:r><w:object><o:OLEObject ProgID='Excel.Sheet.12'/></w:object></w:r>",
            "a",
            {"embedded spreadsheet": "Excel.Sheet"},
        ),
        (
            make_run("a") + "<w:r><w:footnoteReference w:id='9'/></w:r>",
            "a",
            {"footnote that the file lacks": ""},
        ),
        (
            make_run("a") + "<w:r><w:drawing><wp:inline><a:graphic><a:graphicData><pic:pic>"
            "<pic:blipFill><a:blip r:embed='no'/></pic:blipFill></pic:pic></a:graphicData>"
            "</a:graphic></wp:inline></w:drawing></w:r>",
            "a",
            {"picture that the file lacks": ""},
        ),
    ],
)
def test_word_content_of_paragraph_is_kept_or_reported(
    content: str, body: str, omissions: dict[str, str]
) -> None:
    draft = read_body(make_paragraph(content=content))
    assert draft.content.body == body
    assert map_omissions(draft) == omissions


@pytest.mark.parametrize(
    ("properties", "body", "omissions"),
    [
        ('<w:pStyle w:val="H2"/>', "## a", {}),
        ('<w:pStyle w:val="Own"/>', "## a", {}),
        ('<w:pStyle w:val="Outlined"/>', "## a", {}),
        ('<w:pStyle w:val="Undefined"/>', "a", {}),
        ('<w:pStyle w:val="Dots"/>', "- a", {}),
        (
            '<w:pStyle w:val="H2"/><w:numPr><w:numId w:val="3"/></w:numPr>',
            "## a",
            {"number before a heading": "(a) a"},
        ),
        ('<w:jc w:val="center"/><w:shd w:fill="FF0000"/>', "a", {}),
        ("<w:bidi/>", '<p dir="rtl">a</p>', {}),
        ('<w:bidi w:val="0"/>', "a", {}),
    ],
)
def test_word_property_of_paragraph_is_kept_or_reported(
    properties: str, body: str, omissions: dict[str, str]
) -> None:
    draft = read_body(make_paragraph("a", properties=properties) + make_paragraph("End."))
    assert draft.content.body == f"{body}\n\nEnd."
    assert map_omissions(draft) == omissions


def test_word_paragraph_in_hidden_style_is_left_out() -> None:
    draft = read_body(
        make_paragraph("Not yet.", properties='<w:pStyle w:val="Note"/>') + make_paragraph("a")
    )
    assert draft.content.body == "a"
    assert map_omissions(draft) == {"hidden text": "Not yet."}


def test_word_language_and_direction_of_paragraph_are_kept() -> None:
    arabic = make_run("مرحبا", '<w:rtl/><w:lang w:bidi="ar-EG"/>')
    french = make_run("Bonjour", '<w:lang w:val="fr-CA"/>')
    british = make_run("Hello", '<w:lang w:val="en-GB"/>')
    paragraphs = "".join(
        make_paragraph(content=content, properties=properties)
        for content, properties in (
            (arabic, "<w:bidi/>"),
            (french, ""),
            (british, ""),
            (french + british, ""),
        )
    )
    assert read_body(paragraphs).content.html.split("\n") == [
        '<p lang="ar-EG" dir="rtl">مرحبا</p>',
        '<p lang="fr-CA">Bonjour</p>',
        "<p>Hello</p>",
        "<p>BonjourHello</p>",
    ]
    assert 'dir="rtl"' not in read_body(paragraphs, language="ar").content.html


def test_word_large_first_letter_belongs_to_its_word() -> None:
    letter = make_paragraph("T", properties='<w:framePr w:dropCap="drop" w:lines="3"/>')
    assert read_body(letter + make_paragraph("he quay.")).content.body == "The quay."


def make_cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{make_paragraph(text)}</w:tc>"


def make_row(*cells: str, properties: str = "") -> str:
    return f"<w:tr><w:trPr>{properties}</w:trPr>{''.join(cells)}</w:tr>"


def list_rows(html: str) -> list[str]:
    return [
        re.sub(r"<t[dh]([^>]*)>(.*?)</t[dh]>", r"\2\1|", row)
        for row in re.findall(r"<tr>(.*?)</tr>", html.replace("\n", ""))
    ]


def test_word_table_keeps_columns_and_leaves_out_hidden_rows() -> None:
    rows = (
        make_row(make_cell("a"), make_cell("b"), make_cell("c")),
        make_row(make_cell("d"), properties='<w:gridBefore w:val="1"/><w:gridAfter w:val="1"/>'),
        make_row(make_cell("x"), make_cell("y"), make_cell("z"), properties="<w:hidden/>"),
        make_row(make_cell("e", '<w:gridSpan w:val="2"/>'), make_cell("f")),
        make_row(
            make_cell("g", '<w:hMerge w:val="restart"/>'), make_cell("", "<w:hMerge/>"),
            make_cell("h"),
        ),
        make_row(make_cell("i", '<w:gridSpan w:val="no"/>'), make_cell("j"), make_cell("k")),
    )  # fmt: skip
    draft = read_body(f"<w:tbl>{''.join(rows)}</w:tbl>")
    assert list_rows(draft.content.html) == [
        "a|b|c|",
        "|d||",
        'e colspan="2"|f|',
        'g colspan="2"|h|',
        "i|j|k|",
    ]
    assert map_omissions(draft) == {"hidden text": "x y z"}


PICTURE = (
    "<w:r><w:drawing><wp:inline><wp:docPr id='1' name='P' descr='A quay' {frame}/><a:graphic>"
    "<a:graphicData uri='x'><pic:pic><pic:blipFill><a:blip r:embed='p'>{effect}</a:blip>{crop}"
    "</pic:blipFill><pic:spPr>{form}</pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline>"
    "</w:drawing></w:r>"
)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"crop": "<a:srcRect l='25000'/>"}, "cropping of a picture, whose file stays"),
        ({"form": "<a:xfrm rot='5400000'/>"}, "rotation of a picture, whose file stays"),
        ({"form": "<a:xfrm flipH='1'/>"}, "mirroring of a picture, whose file stays"),
        ({"effect": "<a:grayscl/>"}, "colours or effects of a picture, whose file stays"),
        ({"frame": "hidden='1'"}, "hidden picture"),
        ({"crop": "<a:srcRect/>", "form": "<a:xfrm rot='0'/>"}, ""),
    ],
)
def test_word_picture_that_word_changes_is_reported(change: dict[str, str], kind: str) -> None:
    picture = PICTURE.format(**{"frame": "", "effect": "", "crop": "", "form": "", **change})
    draft = read_body(
        make_paragraph("a", content=picture),
        relationships=make_relationship("p", "image", "media/i.png"),
        parts={"word/media/i.png": b"\x89PNG\r\n\x1a\n"},
    )
    embedded = {} if kind == "hidden picture" else {"embedded picture": "A quay"}
    assert map_omissions(draft) == {**({kind: "A quay"} if kind else {}), **embedded}
    assert bool(draft.pictures) == (kind != "hidden picture")


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        ('<w:color w:val="FFFFFF"/>', "nothing, but text that Word shows in white is in the text"),
        (
            '<w:sz w:val="2"/>',
            "nothing, but text that is too small to be read in Word is in the text",
        ),
        ('<w:shd w:fill="000000"/>', "highlighting of a text, which stays"),
        ('<w:em w:val="dot"/>', "emphasis marks of a text, which stays"),
    ],
)
def test_word_text_that_its_author_may_not_see_is_reported(properties: str, kind: str) -> None:
    draft = read_body(make_paragraph(content=make_run("harbour dues", properties)))
    assert draft.content.body == "harbour dues"
    assert map_omissions(draft) == {kind: "harbour dues"}


def test_word_text_raised_by_hand_is_a_superscript() -> None:
    runs = make_run("40 m") + make_run("2", '<w:position w:val="6"/>')
    assert read_body(make_paragraph(content=runs)).content.body == "40 m<sup>2</sup>"


def test_word_letters_of_a_symbol_font_become_signs() -> None:
    run = make_run("ü", '<w:rFonts w:ascii="Wingdings" w:hAnsi="Wingdings"/>')
    assert read_body(make_paragraph(content=run + make_run(" open"))).content.body == "✓ open"


def test_word_rows_and_cells_marked_as_deleted_stay_out() -> None:
    cell = "<w:tc><w:tcPr>{}</w:tcPr>" + make_paragraph("{}") + "</w:tc>"
    deleted = "<w:trPr><w:del w:id='1' w:author='a'/></w:trPr>"
    draft = read_body(
        f"<w:tbl><w:tr>{cell.format('', 'Kept')}</w:tr>"
        f"<w:tr>{deleted}{cell.format('', 'Old row')}</w:tr></w:tbl>"
        f"<w:tbl><w:tr>{cell.format('', 'Held')}{cell.format('<w:cellDel/>', 'Old cell')}"
        "</w:tr></w:tbl>"
    )
    assert "Old" not in draft.content.body
    assert map_omissions(draft)["tracked deletion"] == "Old row"


def test_word_error_in_place_of_a_reference_is_reported() -> None:
    field = make_field("REF gone", "Error! Reference source not found.")
    draft = read_body(make_paragraph("See ", content=field))
    assert "nothing, but an error message of Word is in the text" in map_omissions(draft)
