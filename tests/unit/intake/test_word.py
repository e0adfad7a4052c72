"""Import of Word files, with reported omissions."""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from docx.shared import Inches

from mailer.errors import InputError
from mailer.intake import word
from mailer.intake.drafts import Draft
from mailer.intake.embedded_images import convert_to_assets
from mailer.model.articles import ArticleKind, Image
from tests.pictures import draw_logo, draw_photo
from tests.unit.intake import factories
from tests.unit.intake.factories import DEFAULTS, PNG, create_blank_document, map_omissions
from tests.unit.intake.test_markup import PAYLOADS, assert_harmless
from tests.unit.samples import make_content

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def make_document(*paragraphs: tuple[str, str]) -> Any:
    created = create_blank_document()
    for style, text in paragraphs:
        created.add_paragraph(text, style=style)
    return created


def save_document(created: Any, **parts: str) -> bytes:
    """Return the file with some parts replaced, by their names in the archive."""
    out = BytesIO()
    created.save(out)
    if not parts:
        return out.getvalue()
    changed = BytesIO()
    with ZipFile(out) as old_file, ZipFile(changed, "w") as new_file:
        for name in old_file.namelist():
            if name not in parts:
                new_file.writestr(name, old_file.read(name))
        for name, text in parts.items():
            new_file.writestr(name, text)
    return changed.getvalue()


def make_body_xml(xml: str) -> str:
    return f'<?xml version="1.0"?><w:document {W}><w:body>{xml}</w:body></w:document>'


def read_document(raw: bytes) -> Draft:
    return word.read_docx(raw, DEFAULTS, name="release.docx")


# ---- the title and the properties ---------------------------------------------------------------


def test_word_title_from_title_style() -> None:
    created = make_document(
        ("Title", "Lanterns"),
        ("Subtitle", "One evening"),
        ("Heading 1", "Part"),
        ("Normal", "Text."),
    )
    created.core_properties.title = "release_final_v3"
    content = read_document(save_document(created)).content
    assert (content.title, content.summary) == ("Lanterns", "One evening")
    assert content.body == "## Part\n\nText."


def test_word_title_from_first_heading() -> None:
    created = make_document(
        ("Normal", "PRESS RELEASE"),
        ("Heading 1", "Lanterns & light"),
        ("Heading 2", "Part"),
        ("Normal", "Text."),
    )
    content = read_document(save_document(created)).content
    assert (content.title, content.body) == (
        "Lanterns & light",
        "PRESS RELEASE\n\n## Part\n\nText.",
    )


def test_word_title_from_property_or_first_words() -> None:
    created = make_document(("Normal", "Text."), ("Heading 2", "Notes"), ("Normal", "A note."))
    created.core_properties.title = "Lanterns <1>"
    assert read_document(save_document(created)).content.title == "Lanterns <1>"
    created.core_properties.title = ""
    assert read_document(save_document(created)).content.title == "Text. Notes A note."


def test_word_properties_give_byline_date_and_topics() -> None:
    created = make_document(("Title", "Lanterns"), ("Normal", "Text."))
    core = created.core_properties
    core.author, core.language, core.keywords = "Press desk", "fr-FR", "Harbours; other"
    core.created = datetime(2019, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    core.modified = datetime(2026, 11, 3, 9, tzinfo=UTC).replace(tzinfo=None)
    draft = read_document(save_document(created))
    assert (draft.content.byline, draft.content.language) == ("Press desk", "fr-FR")
    assert (draft.content.published, draft.dated) == (datetime(2026, 11, 3, 9, tzinfo=UTC), True)
    assert draft.content.topics == ("harbours",)
    assert map_omissions(draft) == {"category": "other"}


def test_word_placeholder_author_gives_no_byline() -> None:
    created = make_document(("Normal", "Text."))
    created.core_properties.author = "Microsoft Office User"
    assert read_document(save_document(created)).content.byline == ""


# ---- the text -----------------------------------------------------------------------------------


def test_word_tables_breaks_and_emphases() -> None:
    created = make_document(("Title", "T"))
    line = created.add_paragraph("a ")
    line.add_run("bold").bold = True
    line.add_run(" b").add_break()
    line.add_run("c").italic = True
    table = created.add_table(2, 2)
    for index, text in enumerate(("Town", "Hour", "Port Alder", "16:00")):
        table.cell(index // 2, index % 2).text = text
    content = read_document(save_document(created)).content
    assert content.body.startswith("a **bold** b\\\n*c*\n\n<table>")
    assert "<td>Port Alder</td>" in content.html


def test_word_pictures_are_shown_in_the_text() -> None:
    created = make_document(("Title", "T"))
    photo, logo = draw_photo(64, 48), draw_logo()
    for content in (photo, logo, logo):
        created.add_picture(BytesIO(content), width=Inches(1))
        created.add_paragraph("Text.")
    for shape, alt in zip(created.inline_shapes, ("A [quay]", "A mark", ""), strict=True):
        shape._inline.docPr.set("descr", alt)
    draft = read_document(save_document(created))
    quay, mark = draft.shown_pictures
    assert (quay.content, quay.suffix) == (photo, "jpg")
    assert draft.content.image == Image(quay.reference, "A [quay]"), "the first becomes its own"
    assert (
        draft.content.body
        == f"Text.\n\n![A mark]({mark.reference})\n\nText.\n\n![]({mark.reference})\n\nText."
    )
    assert f'<img src="{mark.reference}" alt="A mark">' in draft.content.html
    assert map_omissions(draft) == {"nothing, but a picture has no alt text": "picture-2.png"}


def test_word_pictures_are_returned_beside_text() -> None:
    created = make_document(("Title", "T"), ("Normal", "Text."))
    created.add_picture(BytesIO(PNG), width=Inches(1))
    created.inline_shapes[0]._inline.docPr.set("descr", "A quay at dusk")
    draft = read_document(save_document(created))
    (picture,) = draft.pictures
    assert (picture.name, picture.media_type) == ("picture-1.png", "image/png")
    assert (picture.content, picture.alt) == (PNG, "A quay at dusk")
    assert draft.content.body == "Text."
    assert map_omissions(draft) == {"embedded picture": "A quay at dusk"}


def test_word_pictures_of_press_release_become_assets() -> None:
    created = make_document(("Title", "T"), ("Normal", "Text."))
    for _ in range(3):
        created.add_picture(BytesIO(PNG), width=Inches(1))
    for shape, alt in zip(created.inline_shapes, ("A quay at dusk", "The same", ""), strict=True):
        shape._inline.docPr.set("descr", alt)
    news = read_document(save_document(created))
    assert convert_to_assets(news) == (news, ())
    draft = word.read_docx(
        save_document(created), replace(DEFAULTS, kind=ArticleKind.PRESS_RELEASE), name="w.docx"
    )
    draft, (file,) = convert_to_assets(draft)
    assert (file.content, file.media_type) == (PNG, "image/png")
    assert draft.content.release
    (asset,) = draft.content.release.assets
    assert (asset.file, asset.alt, asset.size) == (file.sha256, "A quay at dusk", len(PNG))
    assert map_omissions(draft) == {"embedded picture without alt text": "picture-3.png"}
    broken = replace(draft, pictures=(replace(draft.pictures[0], content=b"<svg onload='x'/>"),))
    assert convert_to_assets(broken)[1] == ()
    assert "embedded picture of a kind that can't be shown" in map_omissions(
        convert_to_assets(broken)[0]
    )


def test_word_tracked_changes_are_accepted_and_reported() -> None:
    text = make_body_xml(
        "<w:p><w:r><w:t xml:space='preserve'>The </w:t></w:r>"
        "<w:del w:id='1' w:author='x'><w:r><w:delText>old</w:delText></w:r></w:del>"
        "<w:ins w:id='2' w:author='x'><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:r><w:t xml:space='preserve'> quay.</w:t></w:r></w:p>"
    )
    draft = read_document(save_document(make_document(), **{"word/document.xml": text}))
    assert draft.content.body == "The new quay."
    assert map_omissions(draft)["tracked deletion"] == "old"


def test_word_comments_and_page_headers_are_reported() -> None:
    created = make_document(("Title", "T"))
    run = created.add_paragraph("Text.").runs[0]
    created.add_comment(run, text="Is this right?", author="x")
    created.sections[0].header.paragraphs[0].text = "For immediate release"
    draft = read_document(save_document(created))
    assert draft.content.body == "Text."
    assert map_omissions(draft) == {
        "comment": "Is this right?",
        "page header": "For immediate release",
    }


def test_word_footnotes_become_list_below_rule() -> None:
    text = make_body_xml(
        "<w:p><w:r><w:t>Twelve towns</w:t></w:r><w:r><w:footnoteReference w:id='2'/></w:r></w:p>"
    )
    notes = (
        f"<w:footnotes {W}><w:footnote w:id='2'><w:p><w:r><w:t>Counted in May.</w:t></w:r></w:p>"
        "</w:footnote></w:footnotes>"
    )
    raw = save_document(make_document(), **{"word/document.xml": text, "word/footnotes.xml": notes})
    draft = read_document(raw)
    assert draft.content.body == "Twelve towns<sup>[1]</sup>\n\n***\n\n1. Counted in May."
    assert (
        draft.omissions[0].kind == "nothing, but the title was missing: the first words replace it"
    )
    assert len(draft.omissions) == 1


def test_word_nested_lists() -> None:
    content = make_content(html="<ul><li>a<ol><li>b</li></ol></li><li>c</li></ul>", title="T")
    assert read_document(factories.build_docx(content)).content.body == "- a\n  1. b\n- c"


# ---- other files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "message", "hint"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old Word file", ".docx"),
        (b"{\\rtf1 text}", "rich text", ".docx"),
        (b"%PDF-1.7", "a PDF", "Word file"),
        (b"", "not a Word file", ".docx"),
        (b"plain text", "not a Word file", ".docx"),
        (b"<html><p>x</p></html>", "not a Word file", ".docx"),
        (b"PK\x03\x04 broken", "not a Word file", ".docx"),
    ],
)
def test_word_import_refuses_other_formats_with_hint(raw: bytes, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read_document(raw)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == "release.docx"


def test_word_import_refuses_other_archives() -> None:
    out = BytesIO()
    with ZipFile(out, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    with pytest.raises(InputError, match=r"OpenDocument.*save it as \.docx"):
        read_document(out.getvalue())
    with pytest.raises(InputError, match="not a Word file"):
        word.read_docx(make_spreadsheet(), DEFAULTS, name="a.xlsx")


def make_spreadsheet() -> bytes:
    out = BytesIO()
    with ZipFile(out, "w") as file:
        file.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def test_word_import_refuses_damaged_or_empty_file() -> None:
    with pytest.raises(InputError, match="damaged"):
        read_document(save_document(make_document(), **{"word/document.xml": "<w:document"}))
    with pytest.raises(InputError, match="damaged"):
        read_document(save_document(make_document(), **{"word/document.xml": "<a/>"}))
    with pytest.raises(InputError, match="no text"):
        read_document(save_document(make_document()))
    whole = save_document(make_document(("Normal", "Text.")))
    with pytest.raises(InputError):
        read_document(whole[: len(whole) // 2])


def test_word_file_over_unpacked_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word, "LARGEST", 1000)
    with pytest.raises(InputError, match="unpacks to more than"):
        read_document(save_document(make_document(("Normal", "Text."))))


def test_word_import_opens_no_linked_file() -> None:
    text = make_body_xml(
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
    draft = read_document(save_document(make_document(), **parts))
    assert (draft.content.body, draft.pictures) == ("Text.", ())
    assert map_omissions(draft)["picture in another file"] == "file:///etc/hostname"


def test_word_file_with_hostile_markup_gives_harmless_html() -> None:
    created = make_document(
        ("Title", PAYLOADS[0]), *(("Normal", keep_printable(draft)) for draft in PAYLOADS)
    )
    draft = read_document(save_document(created))
    assert_harmless(draft.content.html)
    assert draft.content.title == PAYLOADS[0]
    assert "<script" not in draft.content.html


def keep_printable(payload: str) -> str:
    return "".join(sign for sign in payload if sign.isprintable())


def test_word_date_of_template_is_not_the_articles() -> None:
    created = make_document(("Title", "Lanterns"), ("Normal", "Text."))
    core = created.core_properties
    core.created = core.modified = datetime(2019, 1, 1)  # noqa: DTZ001
    draft = read_document(save_document(created))
    assert (draft.dated, draft.content.published) == (False, DEFAULTS.now)
