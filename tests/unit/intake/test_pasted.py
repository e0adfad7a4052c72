"""Import of HTML that was pasted from word processors, with reported omissions."""

import base64

import pytest

from mailer.errors import InputError
from mailer.intake import word
from tests.pictures import draw_photo
from tests.unit.intake.factories import DEFAULTS, map_omissions


def convert_pasted_html(html: str) -> str:
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


def test_pasted_word_paragraphs_with_bullets_become_lists() -> None:
    draft = word.from_html(OF_WORD, DEFAULTS, origin="pasted")
    assert draft.content.title == "Lanterns"
    assert draft.content.body == (
        "In Port Alder<strong>,</strong> now\n\n- One\n  - Inner **one**\n  - Inner two\n- Two"
        "\n\nThen:\n\n"
        "3. Third\n4. Fourth\n\n[1]"
    )
    assert set(map_omissions(draft)) >= {"tracked deletion", "comment", "link within the page"}


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
def test_pasted_html_of_other_programs(html: str, body: str) -> None:
    assert convert_pasted_html(html) == body


def test_pasted_html_without_text_is_refused() -> None:
    with pytest.raises(InputError, match=r"^pasted: the article has no text"):
        convert_pasted_html("<p>&nbsp;</p>")


def test_pasted_pictures_in_data_addresses_are_shown() -> None:
    photo = base64.b64encode(draw_photo(64, 48)).decode()
    broken = base64.b64encode(b"<svg onload='x'/>").decode()
    draft = word.from_html(
        f'<p>Text.</p><p><img alt="A quay" src="data:image/jpeg;charset=x;base64,{photo}"></p>'
        f'<p><img alt="A mark" src="data:image/svg+xml;base64,{broken}"></p>'
        f'<p>More.</p><p><img src="data:image/jpeg;base64,{photo}"></p>',
        DEFAULTS,
        origin="pasted",
        title="T",
    )
    (quay,) = draft.shown_pictures
    assert (
        draft.content.body
        == f"Text.\n\n![A quay]({quay.reference})\n\nMore.\n\n![]({quay.reference})"
    )
    assert "asset.invalid" not in str(draft.content)
    assert map_omissions(draft) == {
        "embedded picture": "A mark",
        "nothing, but a picture has no alt text": "picture-1.jpeg",
    }
