"""Word files of a few elements, as Word writes them."""

from io import BytesIO
from zipfile import ZipFile

from mailer.intake import word
from mailer.intake.drafts import Draft, DraftDefaults
from tests.unit.samples import NOW

NAMESPACES = " ".join(
    f'xmlns:{prefix}="{address}"'
    for prefix, address in (
        ("w", "http://schemas.openxmlformats.org/wordprocessingml/2006/main"),
        ("r", "http://schemas.openxmlformats.org/officeDocument/2006/relationships"),
        ("m", "http://schemas.openxmlformats.org/officeDocument/2006/math"),
        ("mc", "http://schemas.openxmlformats.org/markup-compatibility/2006"),
        ("w14", "http://schemas.microsoft.com/office/word/2010/wordml"),
        ("wp", "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"),
        ("a", "http://schemas.openxmlformats.org/drawingml/2006/main"),
        ("pic", "http://schemas.openxmlformats.org/drawingml/2006/picture"),
        ("wps", "http://schemas.microsoft.com/office/word/2010/wordprocessingShape"),
        ("v", "urn:schemas-microsoft-com:vml"),
        ("o", "urn:schemas-microsoft-com:office:office"),
    )
)
_TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"

STYLES = (
    '<w:style w:type="paragraph" w:default="1" w:styleId="N"><w:name w:val="Normal"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="Our headline"/>'
    '<w:basedOn w:val="H2"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Outlined"><w:name w:val="Part"/><w:pPr>'
    '<w:outlineLvl w:val="1"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="Note"><w:name w:val="Note"/><w:rPr><w:vanish/></w:rPr>'
    "</w:style>"
    '<w:style w:type="character" w:styleId="Secret"><w:name w:val="Secret"/><w:rPr><w:vanish/>'
    "</w:rPr></w:style>"
    '<w:style w:type="character" w:styleId="Loud"><w:name w:val="Loud"/><w:rPr><w:b/></w:rPr>'
    "</w:style>"
    '<w:style w:type="paragraph" w:styleId="Dots"><w:name w:val="List Bullet"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="Steps"><w:name w:val="Steps"/><w:pPr><w:numPr>'
    '<w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
)


def make_levels(number: int, kind: str, text: str, *, start: int = 1) -> str:
    levels = "".join(
        f'<w:lvl w:ilvl="{level}"><w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>'
        f'<w:lvlText w:val="{text.replace("%1", f"%{level + 1}")}"/></w:lvl>'
        for level in range(3)
    )
    return f'<w:abstractNum w:abstractNumId="{number}">{levels}</w:abstractNum>'


NUMBERING = (
    make_levels(0, "decimal", "%1.")
    + make_levels(1, "bullet", "•")
    + make_levels(2, "lowerLetter", "(%1)")
    + make_levels(3, "none", "")
    + make_levels(4, "chineseCounting", "%1、")
    + "".join(
        f'<w:num w:numId="{number}"><w:abstractNumId w:val="{abstract}"/>{override}</w:num>'
        for number, abstract, override in (
            (1, 0, ""),
            (2, 1, ""),
            (3, 2, ""),
            (4, 3, ""),
            (5, 0, ""),
            (6, 0, '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'),
            (8, 4, ""),
            (7, 0, '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="8"/></w:lvlOverride>'),
        )
    )
)


def build_word_file(
    body: str, *, relationships: str = "", parts: dict[str, str | bytes] | None = None
) -> bytes:
    """Build a .docx of the body's elements, with the styles and lists above."""
    out = BytesIO()
    files: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/><Default Extension="html" ContentType="text/html"/>'
        '<Default Extension="rtf" ContentType="application/rtf"/><Default Extension="txt" '
        'ContentType="text/plain"/><Default Extension="mht" ContentType="message/rfc822"/>'
        '<Default Extension="docx" ContentType="application/vnd.openxmlformats-officedocument.'
        'wordprocessingml.document"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{_TYPE}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": f"<w:styles {NAMESPACES}>{STYLES}</w:styles>",
        "word/numbering.xml": f"<w:numbering {NAMESPACES}>{NUMBERING}</w:numbering>",
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f"{relationships}</Relationships>",
    }
    with ZipFile(out, "w") as file:
        for name, content in {**files, **(parts or {})}.items():
            file.writestr(name, content)
    return out.getvalue()


def make_relationship(
    relation_id: str, kind: str, target: str, *, is_external: bool = False
) -> str:
    mode = ' TargetMode="External"' if is_external else ""
    return f'<Relationship Id="{relation_id}" Type="{_TYPE}/{kind}" Target="{target}"{mode}/>'


def make_paragraph(text: str = "", *, properties: str = "", content: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{make_run(text) if text else ''}{content}</w:p>"


def make_run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def make_item(text: str, number: int, level: int = 0) -> str:
    return make_paragraph(
        text,
        properties=f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>',
    )


def make_field(instruction: str, result: str) -> str:
    return (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText xml:space="preserve"> '
        f'{instruction} </w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>'
        f'{make_run(result) if result else ""}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )


def read_body(
    body: str,
    *,
    language: str = "en",
    relationships: str = "",
    parts: dict[str, str | bytes] | None = None,
) -> Draft:
    """Read a Word file with the title T and the body's elements."""
    title = make_paragraph("T", properties='<w:pStyle w:val="T"/>')
    data = build_word_file(
        title + body,
        relationships=relationships,
        parts=parts,
    )
    return word.read_docx(data, DraftDefaults(NOW, language=language), name="release.docx")
