"""Word files and what is pasted from word processors become drafts, and nothing goes unsaid."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from docx.shared import Inches

from mailer.errors import InputError
from mailer.intake import word
from mailer.intake.drafts import Draft, DraftDefaults
from mailer.intake.embedded_images import convert_to_assets
from mailer.model.articles import ArticleKind
from tests.unit.intake import factories
from tests.unit.intake.factories import create_blank_document
from tests.unit.intake.test_markup import PAYLOADS, assert_harmless
from tests.unit.samples import NOW, make_content

DEFAULTS = DraftDefaults(NOW, topics_by_category={"harbours": "harbours"})
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8"
    "cf00000003010100c9fe92ef0000000049454e44ae426082"
)
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def document(*paragraphs: tuple[str, str]) -> Any:
    made = create_blank_document()
    for style, text in paragraphs:
        made.add_paragraph(text, style=style)
    return made


def data(made: Any, **parts: str) -> bytes:
    """The file, with the text of parts replaced: `document` is word/document.xml."""
    out = BytesIO()
    made.save(out)
    if not parts:
        return out.getvalue()
    changed = BytesIO()
    with ZipFile(out) as old, ZipFile(changed, "w") as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, text in parts.items():
            new.writestr(name, text)
    return changed.getvalue()


def body(xml: str) -> str:
    return f'<?xml version="1.0"?><w:document {W}><w:body>{xml}</w:body></w:document>'


def read(raw: bytes) -> Draft:
    return word.read_docx(raw, DEFAULTS, name="release.docx")


def dropped(one: Draft) -> dict[str, str]:
    return {each.what: each.example for each in one.omissions}


# ---- the title and the properties ---------------------------------------------------------------


def test_the_title_is_the_text_in_the_style_title() -> None:
    made = document(("Title", "Lanterns"), ("Subtitle", "One evening"), ("Heading 1", "Part"),
                    ("Normal", "Text."))  # fmt: skip
    made.core_properties.title = "release_final_v3"
    taken = read(data(made)).content
    assert (taken.title, taken.summary) == ("Lanterns", "One evening")
    assert taken.body == "## Part\n\nText."


def test_else_its_first_heading_which_goes_from_the_text() -> None:
    made = document(("Normal", "PRESS RELEASE"), ("Heading 1", "Lanterns & light"),
                    ("Heading 2", "Part"), ("Normal", "Text."))  # fmt: skip
    taken = read(data(made)).content
    assert (taken.title, taken.body) == (
        "Lanterns & light",
        "PRESS RELEASE\n\n## Part\n\nText.",
    )


def test_else_the_files_property_else_the_first_words() -> None:
    made = document(("Normal", "Text."), ("Heading 2", "Notes"), ("Normal", "A note."))
    made.core_properties.title = "Lanterns <1>"
    assert read(data(made)).content.title == "Lanterns <1>"
    made.core_properties.title = ""
    assert read(data(made)).content.title == "Text. Notes A note."


def test_the_properties_give_the_name_the_date_and_the_topics() -> None:
    made = document(("Title", "Lanterns"), ("Normal", "Text."))
    core = made.core_properties
    core.author, core.language, core.keywords = "Press desk", "fr-FR", "Harbours; other"
    core.created = datetime(2019, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    core.modified = datetime(2026, 11, 3, 9, tzinfo=UTC).replace(tzinfo=None)
    one = read(data(made))
    assert (one.content.byline, one.content.language) == ("Press desk", "fr-FR")
    assert (one.content.published, one.dated) == (datetime(2026, 11, 3, 9, tzinfo=UTC), True)
    assert one.content.topics == ("harbours",)
    assert dropped(one) == {"category": "other"}


def test_who_has_no_name_has_no_byline() -> None:
    made = document(("Normal", "Text."))
    made.core_properties.author = "Microsoft Office User"
    assert read(data(made)).content.byline == ""


# ---- the text -----------------------------------------------------------------------------------


def test_tables_breaks_and_emphases() -> None:
    made = document(("Title", "T"))
    line = made.add_paragraph("a ")
    line.add_run("bold").bold = True
    line.add_run(" b").add_break()
    line.add_run("c").italic = True
    table = made.add_table(2, 2)
    for at, text in enumerate(("Town", "Hour", "Port Alder", "16:00")):
        table.cell(at // 2, at % 2).text = text
    taken = read(data(made)).content
    assert taken.body.startswith("a **bold** b\\\n*c*\n\n<table>")
    assert "<td>Port Alder</td>" in taken.html


def test_pictures_come_beside_the_text() -> None:
    made = document(("Title", "T"), ("Normal", "Text."))
    made.add_picture(BytesIO(PNG), width=Inches(1))
    made.inline_shapes[0]._inline.docPr.set("descr", "A quay at dusk")
    one = read(data(made))
    (picture,) = one.pictures
    assert (picture.name, picture.media_type) == ("picture-1.png", "image/png")
    assert (picture.content, picture.alt) == (PNG, "A quay at dusk")
    assert one.content.body == "Text."
    assert dropped(one) == {"embedded picture": "A quay at dusk"}


def test_a_press_release_keeps_its_pictures_as_assets() -> None:
    made = document(("Title", "T"), ("Normal", "Text."))
    for _ in range(3):
        made.add_picture(BytesIO(PNG), width=Inches(1))
    for shape, alt in zip(made.inline_shapes, ("A quay at dusk", "The same", ""), strict=True):
        shape._inline.docPr.set("descr", alt)
    news = read(data(made))
    assert convert_to_assets(news) == (news, ())
    one = word.read_docx(
        data(made), replace(DEFAULTS, kind=ArticleKind.PRESS_RELEASE), name="w.docx"
    )
    one, (file,) = convert_to_assets(one)
    assert (file.content, file.media_type) == (PNG, "image/png")
    assert one.content.release
    (asset,) = one.content.release.assets
    assert (asset.file, asset.alt, asset.size) == (file.sha256, "A quay at dusk", len(PNG))
    assert dropped(one) == {"embedded picture without alt text": "picture-3.png"}
    broken = replace(one, pictures=(replace(one.pictures[0], content=b"<svg onload='x'/>"),))
    assert convert_to_assets(broken)[1] == ()
    assert "embedded picture of a kind that can't be shown" in dropped(convert_to_assets(broken)[0])


def test_tracked_changes_are_as_if_accepted_and_deletions_said() -> None:
    text = body(
        "<w:p><w:r><w:t xml:space='preserve'>The </w:t></w:r>"
        "<w:del w:id='1' w:author='x'><w:r><w:delText>old</w:delText></w:r></w:del>"
        "<w:ins w:id='2' w:author='x'><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:r><w:t xml:space='preserve'> quay.</w:t></w:r></w:p>"
    )
    one = read(data(document(), **{"word/document.xml": text}))
    assert one.content.body == "The new quay."
    assert dropped(one)["tracked deletion"] == "old"


def test_comments_and_what_stands_on_every_page_are_said() -> None:
    made = document(("Title", "T"))
    run = made.add_paragraph("Text.").runs[0]
    made.add_comment(run, text="Is this right?", author="x")
    made.sections[0].header.paragraphs[0].text = "For immediate release"
    one = read(data(made))
    assert one.content.body == "Text."
    assert dropped(one) == {"comment": "Is this right?", "page header": "For immediate release"}


def test_footnotes_stand_below_a_line() -> None:
    text = body(
        "<w:p><w:r><w:t>Twelve towns</w:t></w:r><w:r><w:footnoteReference w:id='2'/></w:r></w:p>"
    )
    notes = (
        f"<w:footnotes {W}><w:footnote w:id='2'><w:p><w:r><w:t>Counted in May.</w:t></w:r></w:p>"
        "</w:footnote></w:footnotes>"
    )
    raw = data(document(), **{"word/document.xml": text, "word/footnotes.xml": notes})
    one = read(raw)
    assert one.content.body == "Twelve towns<sup>[1]</sup>\n\n***\n\n1. Counted in May."
    assert one.omissions[0].what == "nothing, but a title was missing: its first words stand for it"
    assert len(one.omissions) == 1


def test_lists_within_lists() -> None:
    one = make_content(html="<ul><li>a<ol><li>b</li></ol></li><li>c</li></ul>", title="T")
    assert read(factories.build_docx(one)).content.body == "- a\n  1. b\n- c"


# ---- what is no such file -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "what", "hint"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Word file", ".docx"),
        (b"{\\rtf1 text}", "rich text", ".docx"),
        (b"%PDF-1.7", "a PDF", "Word file"),
        (b"", "no Word file", ".docx"),
        (b"plain text", "no Word file", ".docx"),
        (b"<html><p>x</p></html>", "no Word file", ".docx"),
        (b"PK\x03\x04 broken", "no Word file", ".docx"),
    ],
)
def test_what_is_no_docx_is_refused_with_a_way_out(raw: bytes, what: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read(raw)
    assert what in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == "release.docx"


def test_other_archives_are_refused() -> None:
    out = BytesIO()
    with ZipFile(out, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    with pytest.raises(InputError, match=r"OpenDocument.*save it as \.docx"):
        read(out.getvalue())
    with pytest.raises(InputError, match="no Word file"):
        word.read_docx(data_of_sheet(), DEFAULTS, name="a.xlsx")


def data_of_sheet() -> bytes:
    out = BytesIO()
    with ZipFile(out, "w") as file:
        file.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def test_a_damaged_file_and_an_empty_one_are_refused() -> None:
    with pytest.raises(InputError, match="damaged"):
        read(data(document(), **{"word/document.xml": "<w:document"}))
    with pytest.raises(InputError, match="damaged"):
        read(data(document(), **{"word/document.xml": "<a/>"}))
    with pytest.raises(InputError, match="no text"):
        read(data(document()))
    whole = data(document(("Normal", "Text.")))
    with pytest.raises(InputError):
        read(whole[: len(whole) // 2])


def test_no_more_is_unpacked_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word, "LARGEST", 1000)
    with pytest.raises(InputError, match="larger than"):
        read(data(document(("Normal", "Text."))))


def test_no_other_file_is_opened() -> None:
    text = body(
        "<w:p><w:r><w:t>Text.</w:t></w:r><w:r><w:drawing><wp:inline xmlns:wp='http://schemas."
        "openxmlformats.org/drawingml/2006/wordprocessingDrawing'><a:graphic xmlns:a='http://"
        "schemas.openxmlformats.org/drawingml/2006/main'><a:graphicData><pic:pic xmlns:pic="
        "'http://schemas.openxmlformats.org/drawingml/2006/picture'><pic:blipFill><a:blip "
        "xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships' "
        "r:link='rId99'/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline>"
        "</w:drawing></w:r></w:p>"
    )
    related = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId99" Type="http://x/image" Target="file:///etc/hostname" '
        'TargetMode="External"/></Relationships>'
    )
    parts = {"word/document.xml": text, "word/_rels/document.xml.rels": related}
    one = read(data(document(), **parts))
    assert (one.content.body, one.pictures) == ("Text.", ())
    assert dropped(one)["picture in another file"] == "file:///etc/hostname"


def test_whatever_a_file_holds_what_comes_out_is_harmless() -> None:
    made = document(("Title", PAYLOADS[0]), *(("Normal", _allowed(one)) for one in PAYLOADS))
    one = read(data(made))
    assert_harmless(one.content.html)
    assert one.content.title == PAYLOADS[0]
    assert "<script" not in one.content.html


def _allowed(payload: str) -> str:
    return "".join(sign for sign in payload if sign.isprintable())


# ---- pasted -------------------------------------------------------------------------------------


def pasted(html: str) -> str:
    return word.from_html(html, DEFAULTS, origin="pasted", title="T").content.body


OF_WORD = """<html xmlns:o="urn:schemas-microsoft-com:office:office"
xmlns:w="urn:schemas-microsoft-com:office:word"><head><style>
<!-- p.MsoNormal {margin:0cm;} @list l0 {mso-list-id:1;} --></style>
<!--[if gte mso 9]><xml><w:WordDocument><w:View>Normal</w:View></w:WordDocument></xml><![endif]-->
<xml><w:LatentStyles DefLockedState="false">Latent</w:LatentStyles></xml></head>
<body lang=EN-GB><!--StartFragment-->
<p class=MsoTitle>Lanterns</p>
<p class=MsoNormal>In <st1:place w:st="on">Port Alder</st1:place><b style='mso-bidi-font-weight:
normal'>,</b> <span style='color:red'>now</span><o:p></o:p></p>
<p class=MsoNormal><o:p>&nbsp;</o:p></p>
<p class=MsoListParagraphCxSpFirst style='text-indent:-18.0pt;mso-list:l0 level1 lfo1'><![if
 !supportLists]><span style='font-family:Symbol'><span style='mso-list:Ignore'>·<span
 style='font:7.0pt "Times New Roman"'>&nbsp;&nbsp;&nbsp; </span></span></span><![endif]>One</p>
<p class=MsoListParagraphCxSpMiddle style='mso-list:l0 level2 lfo1'><!--[if !supportLists]--><span
 style='mso-list:Ignore'>o<span>&nbsp;&nbsp; </span></span><!--[endif]-->Inner <b>one</b></p>
<p class=MsoListParagraphCxSpMiddle style='mso-list:l0 level2 lfo1'><span
 style='mso-list:Ignore'>o&nbsp;</span>Inner two</p>
<p class=MsoListParagraphCxSpLast style='mso-list:l0 level1 lfo1'><span
 style='mso-list:Ignore'>·&nbsp;</span>Two</p>
<p class=MsoNormal>Then:</p>
<p class=MsoListParagraph style='mso-list:l1 level1 lfo2'><span
 style='mso-list:Ignore'>3.<span>&nbsp; </span></span>Third</p>
<p class=MsoListParagraph style='mso-list:l1 level1 lfo2'><span
 style='mso-list:Ignore'>4.<span>&nbsp; </span></span>Fourth</p>
<p class=MsoNormal><a href="#_ftn1" name="_ftnref1">[1]</a><del cite="mailto:x" datetime="2026-01">
old</del><span class=MsoCommentReference><a href="#_msocom_1">[A1]</a></span></p>
<div style='mso-element:comment-list'><p>Is this right?</p></div>
<!--EndFragment--></body></html>"""


def test_words_paragraphs_with_bullets_are_lists() -> None:
    one = word.from_html(OF_WORD, DEFAULTS, origin="pasted")
    assert one.content.title == "Lanterns"
    assert one.content.body == (
        "In Port Alder<strong>,</strong> now\n\n- One\n  - Inner **one**\n  - Inner two\n- Two"
        "\n\nThen:\n\n"
        "3. Third\n4. Fourth\n\n[1]"
    )
    assert set(dropped(one)) >= {"tracked deletion", "comment", "link within the page"}


@pytest.mark.parametrize(
    ("html", "body"),
    [
        pytest.param(
            '<meta charset="utf-8"><b style="font-weight:normal;" id="docs-internal-guid-9f">'
            '<p dir="ltr" style="line-height:1.38;"><span style="font-weight:400;">a </span>'
            '<span style="font-weight:700;font-style:italic;">b</span>'
            '<a href="https://www.google.com/url?q=https://example.org/c&amp;sa=D" '
            'style="text-decoration:none;"><span style="text-decoration:underline;">c</span></a>'
            '</p><br/><ul><li dir="ltr" aria-level="1"><p role="presentation">d</p></li><ul>'
            '<li dir="ltr" aria-level="2"><p>e</p></li></ul></ul></b><br class="x">',
            "a ***b***[c](https://example.org/c)\n\n- d\n  - e",
            id="Google Docs",
        ),
        pytest.param(
            '<div class="WordSection1"><p class="MsoNormal"><span lang="EN-GB">a <b>b</b></span>'
            '<o:p></o:p></p><p class="MsoNormal"><span><o:p>&nbsp;</o:p></span></p><p class='
            '"MsoListParagraph">-&nbsp;&nbsp;&nbsp;c</p><p class="MsoListParagraph">-&nbsp;&nbsp;'
            'd</p><p><a href="https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2F'
            'example.org%2Fe&amp;data=05">e</a></p></div>',
            "a **b**\n\n- c\n- d\n\n[e](https://example.org/e)",
            id="Outlook",
        ),
        pytest.param(
            '<!DOCTYPE HTML><html><head><style type="text/css">p { margin: 1cm }</style></head>'
            '<body dir="ltr"><p style="line-height: 100%"><font face="Liberation Serif">a '
            "<span style='font-variant: normal'><i>b</i></span></font></p><ol><li><p>c</p></li>"
            "<li><p>d</p></li></ol><p><br/>\n\n</p></body></html>",
            "a *b*\n\n1. c\n2. d",
            id="LibreOffice",
        ),
        ("just words", "just words"),
        ("2 &lt; 3 *and* more", "2 < 3 \\*and\\* more"),
    ],
)
def test_what_other_programs_put_on_the_clipboard(html: str, body: str) -> None:
    assert pasted(html) == body


def test_nothing_pasted_is_refused() -> None:
    with pytest.raises(InputError, match=r"^pasted: there is no text"):
        pasted("<p>&nbsp;</p>")
