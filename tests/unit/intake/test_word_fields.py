"""Links and fields of Word files lead where Word leads, and keep the text that Word shows."""

import pytest

from tests.unit.intake.factories import map_omissions
from tests.unit.intake.word_files import (
    make_field,
    make_paragraph,
    make_relationship,
    make_run,
    read_body,
)


@pytest.mark.parametrize(
    ("instruction", "address"),
    [
        ('HYPERLINK "https://a.example/x"', "https://a.example/x"),
        ("HYPERLINK https://a.example/x", "https://a.example/x"),
        ('hyperlink "https://a.example/x" \\l "part-2"', "https://a.example/x#part-2"),
        ('HYPERLINK \\l "part-2" "https://a.example/x#old"', "https://a.example/x#part-2"),
        ('HYPERLINK "https://a.example/x" \\o "A \\"map\\"" \\t "_blank"', "https://a.example/x"),
        ('HYPERLINK \\t "_top" \\o "Tip" "https://a.example/x" \\h', "https://a.example/x"),
        ('HYPERLINK "https://a.example/two words"', "https://a.example/two%20words"),
        ('HYPERLINK "mailto:press@a.example?subject=Hi"', "mailto:press@a.example?subject=Hi"),
    ],
)  # fmt: skip
def test_word_link_field_leads_where_word_leads(instruction: str, address: str) -> None:
    complex_field = make_paragraph(content=make_field(instruction, "here"))
    assert read_body(complex_field).content.body == f"[here]({address})"
    escaped = instruction.replace('"', "&quot;")
    simple = make_paragraph(
        content=f'<w:fldSimple w:instr=" {escaped} ">{make_run("here")}</w:fldSimple>'
    )
    assert read_body(simple).content.body == f"[here]({address})"


@pytest.mark.parametrize(
    ("attributes", "body", "omissions"),
    [
        ('r:id="r9"', "[a](https://a.example/)", {}),
        ('r:id="r9" w:anchor="p"', "[a](https://a.example/#p)", {}),
        ('r:id="r9" w:docLocation="p"', "[a](https://a.example/#p)", {}),
        ('w:anchor="p"', "a", {"link within the page": "#p"}),
        ('r:id="r8"', "a", {"link to no web address": "a"}),
    ],
)
def test_word_hyperlink_element_is_kept_or_reported(
    attributes: str, body: str, omissions: dict[str, str]
) -> None:
    run = make_run("a", '<w:u w:val="single"/>')
    link = f"<w:hyperlink {attributes}>{run}</w:hyperlink>"
    draft = read_body(
        make_paragraph(content=link),
        relationships=make_relationship("r9", "hyperlink", "https://a.example/", is_external=True),
    )
    assert draft.content.body == body
    assert map_omissions(draft) == omissions


BOX_FIELD = (
    '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox>{}</w:checkBox></w:ffData>'
    "</w:fldChar></w:r><w:r><w:instrText> FORMCHECKBOX </w:instrText></w:r>"
    '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
)
LIST_FIELD = (
    '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:ddList><w:result w:val="1"/>'
    '<w:listEntry w:val="no"/><w:listEntry w:val="yes"/></w:ddList></w:ffData></w:fldChar></w:r>'
    "<w:r><w:instrText> FORMDROPDOWN </w:instrText></w:r>"
    '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
)


@pytest.mark.parametrize(
    ("content", "body", "omissions"),
    [
        (
            make_field("DATE", "5 May"),
            "5 May",
            {"nothing, but a date that Word computes is in the text": "5 May"},
        ),
        (make_field("FORMTEXT", "Ada"), "Ada", {}),
        (make_field("REF note \\h", "page two"), "page two", {}),
        (
            '<w:fldSimple w:instr="MERGEFIELD x"><w:r><w:t>«x»</w:t></w:r></w:fldSimple>',
            "«x»",
            {"nothing, but a merge field of Word's own mailings is in the text": "«x»"},
        ),
        (make_run("p. ") + make_field("PAGEREF a", "7"), "p. 7",
         {"nothing, but a page number is in the text": "7"}),
        (BOX_FIELD.format("<w:checked/>") + make_run(" a"), "☒ a", {}),
        (BOX_FIELD.format('<w:default w:val="0"/>') + make_run(" a"), "☐ a", {}),
        (LIST_FIELD, "yes", {}),
        (make_run("a") + make_field('XE "word"', ""), "a", {}),
        (
            make_run("a") + make_field("MACROBUTTON x [Name]", ""),
            "a",
            {"field that was not filled in": "x [Name]"},
        ),
        (
            make_run("a") + make_field("DOCPROPERTY x", ""),
            "a",
            {"field that Word computes, without a result": "DOCPROPERTY x"},
        ),
        (
            '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
             "<w:r><w:instrText> IF </w:instrText></w:r>"
            + make_field("MERGEFIELD x", "1")
            + '<w:r><w:instrText> = 1 "yes" "no"</w:instrText></w:r><w:r><w:fldChar'
            ' w:fldCharType="separate"/></w:r><w:r><w:t>yes</w:t></w:r><w:r><w:fldChar'
            ' w:fldCharType="end"/></w:r>',
            "yes",
            {},
        ),
        (
            make_run("a") + '<w:r><w:fldChar w:fldCharType="begin"/></w:r>' + make_run(" b"),
            "a b",
            {},
        ),
        (make_run("a") + '<w:r><w:fldChar w:fldCharType="end"/></w:r>', "a", {}),
        (
            make_field('TOC \\o "1-3"', "Contents 1") + make_run("a"),
            "a",
            {"table of contents": "Contents 1"},
        ),
    ],
)  # fmt: skip
def test_word_field_keeps_its_text(content: str, body: str, omissions: dict[str, str]) -> None:
    draft = read_body(make_paragraph(content=content))
    assert draft.content.body == body
    assert map_omissions(draft) == omissions
