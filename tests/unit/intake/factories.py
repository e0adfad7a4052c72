"""Make Word files and feeds of articles, as other programs would, and read the drafts of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from io import BytesIO
from typing import Any

from docx import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from mailer.intake.drafts import Draft, DraftDefaults
from mailer.intake.normalise import parse_blocks
from mailer.intake.normalise.blocks import Block
from mailer.intake.normalise.inline import Leaf
from mailer.model.articles import Content
from tests.unit.samples import NOW

BULLETS, NUMBERS = 90, 91

DEFAULTS = DraftDefaults(NOW, topics_by_category={"harbours": "harbours"})
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8"
    "cf00000003010100c9fe92ef0000000049454e44ae426082"
)
"""A picture of one pixel."""


def create_blank_document() -> Any:
    """Make an empty Word file without the hundreds of table styles, which take a second to read."""
    document: Any = Document()
    styles = document.styles.element
    for style in [*styles.iter(qn("w:style")), *styles.iter(qn("w:latentStyles"))]:
        if style.get(qn("w:type")) not in {"paragraph", "character"}:
            styles.remove(style)
    return document


def build_docx(content: Content) -> bytes:
    """Make a .docx with the title in the style Title and lists numbered by Word."""
    writer = _WordWriter()
    writer.add_paragraph("Title", (Leaf("text", content.title),))
    writer.add_blocks(parse_blocks(content.html))
    core = writer.document.core_properties
    core.title, core.author = "Not this title", content.byline
    core.modified = content.published.astimezone(UTC).replace(tzinfo=None)
    core.created = core.modified - timedelta(days=1)
    return writer.to_bytes()


@dataclass(frozen=True)
class _ParagraphPlace:
    style: str = "Normal"
    list: int = 0
    level: int = -1


class _WordWriter:
    def __init__(self) -> None:
        self.document = create_blank_document()
        numbering = self.document.part.numbering_part.element
        for number, number_format, sign in ((BULLETS, "bullet", "•"), (NUMBERS, "decimal", "%1.")):
            levels = "".join(
                f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{number_format}"/>'
                f'<w:lvlText w:val="{sign}"/></w:lvl>'
                for level in range(9)
            )
            abstract_numbering = (
                f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{number}">{levels}</w:abstractNum>'
            )
            numbering.insert(0, parse_xml(abstract_numbering))
            numbering_reference = f'<w:abstractNumId w:val="{number}"/>'
            numbering.append(
                parse_xml(f'<w:num {nsdecls("w")} w:numId="{number}">{numbering_reference}</w:num>')
            )

    def to_bytes(self) -> bytes:
        out = BytesIO()
        self.document.save(out)
        return out.getvalue()

    def add_blocks(
        self, blocks: Iterable[Block], place: _ParagraphPlace = _ParagraphPlace()
    ) -> None:
        for block in blocks:
            if block.kind in {"ul", "ol"}:
                inner = _ParagraphPlace(
                    "List Paragraph", BULLETS if block.kind == "ul" else NUMBERS, place.level + 1
                )
                for item in block.blocks:
                    self.add_blocks(item.blocks, inner)
            elif block.kind == "blockquote":
                self.add_blocks(block.blocks, _ParagraphPlace("Quote"))
            elif block.kind == "table":
                self._add_table(block)
            elif block.kind == "p":
                self.add_paragraph(place.style, block.leaves, place)
            else:
                self.add_paragraph(f"Heading {int(block.kind[1])}", block.leaves)

    def add_paragraph(
        self, style: str, leaves: Iterable[Leaf], place: _ParagraphPlace = _ParagraphPlace()
    ) -> Any:
        paragraph = self.document.add_paragraph(style=style)
        if place.list:
            properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
            properties.get_or_add_ilvl().val = place.level
            properties.get_or_add_numId().val = place.list
        self._fill_paragraph(paragraph, leaves)
        return paragraph

    def _add_table(self, block: Block) -> None:
        table = self.document.add_table(len(block.blocks), len(block.blocks[0].blocks))
        for row, table_row in zip(block.blocks, table.rows, strict=True):
            if all(cell.kind == "th" for cell in row.blocks):
                table_row._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {nsdecls('w')}/>"))
            for cell, table_cell in zip(row.blocks, table_row.cells, strict=True):
                for cell_block in cell.blocks:
                    self._fill_paragraph(table_cell.paragraphs[0], cell_block.leaves)

    def _fill_paragraph(self, paragraph: Any, leaves: Iterable[Leaf]) -> None:
        for leaf in leaves:
            marks = {mark.tag: dict(mark.attributes) for mark in leaf.marks}
            run = paragraph.add_run("" if leaf.kind == "br" else leaf.text)
            if leaf.kind == "br":
                run.add_break()
            run.bold = "strong" in marks or None
            run.italic = "em" in marks or None
            run.font.strike = "s" in marks or None
            run.font.subscript = "sub" in marks or None
            run.font.superscript = "sup" in marks or None
            if "a" in marks:
                relation_id = paragraph.part.relate_to(
                    marks["a"]["href"], RELATIONSHIP_TYPE.HYPERLINK, is_external=True
                )
                link = parse_xml(f"<w:hyperlink {nsdecls('w', 'r')}/>")
                link.set(qn("r:id"), relation_id)
                link.append(run._r)
                paragraph._p.append(link)


def map_omissions(draft: Draft) -> dict[str, str]:
    return {omission.kind: omission.example for omission in draft.omissions}


def choose_address(content: Content) -> str:
    return content.canonical_url or f"https://example.org/stories/{content.slug}"


def _format_topics(element: str, topics: Iterable[str]) -> str:
    return "".join(element.format(topic) for topic in topics)


def build_rss(contents: Iterable[Content]) -> bytes:
    """Make an RSS 2.0 feed with the whole text in content:encoded."""
    items = "".join(
        f"<item><title>{escape(content.title)}</title><link>{escape(choose_address(content))}</link>"
        f'<guid isPermaLink="false">{content.slug}.{content.language}</guid>'
        f"<pubDate>{format_datetime(content.published.astimezone(UTC), usegmt=True)}</pubDate>"
        f"<dc:language>{content.language}</dc:language><dc:creator>{escape(content.byline)}</dc:creator>"
        f"<description>{escape(escape(content.summary, quote=False))}</description>"
        f"{_format_topics('<category>{}</category>', content.topics)}"
        f"<content:encoded><![CDATA[{content.html}]]></content:encoded></item>"
        for content in contents
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Stories</title>'
        f"<link>https://example.org/</link><description/>{items}</channel></rss>"
    ).encode()


def build_atom(contents: Iterable[Content]) -> bytes:
    """Make an Atom 1.0 feed with the whole text as escaped HTML."""
    entries = "".join(
        f'<entry xml:lang="{content.language}"><title>{escape(content.title)}</title>'
        f"<id>tag:example.org,2026:{content.slug}.{content.language}</id>"
        f'<link rel="alternate" href="{escape(choose_address(content))}"/>'
        f"<published>{content.published.isoformat()}</published>"
        f"<updated>{datetime(2027, 1, 1, tzinfo=UTC).isoformat()}</updated>"
        f"<author><name>{escape(content.byline)}</name><email>desk@example.org</email></author>"
        f"<summary>{escape(content.summary)}</summary>"
        f"{_format_topics('<category term={!r}/>', content.topics)}"
        f'<content type="html">{escape(content.html)}</content></entry>'
        for content in contents
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        "<title>Stories</title><id>tag:example.org,2026:stories</id>"
        f"<updated>2027-01-01T00:00:00Z</updated>{entries}</feed>"
    ).encode()
