"""Word files and feeds made of articles, as other programs would make them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from io import BytesIO
from typing import Any

from docx import Document
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from mailer.articles import Content
from mailer.intake.tidy import meaning
from mailer.intake.tidy.leaves import Leaf
from mailer.intake.tidy.shape import Block

BULLETS, NUMBERS = 90, 91


def blank() -> Any:
    """An empty Word file without the hundreds of tables' styles, which take a second to read."""
    document: Any = Document()
    styles = document.styles.element
    for style in [*styles.iter(qn("w:style")), *styles.iter(qn("w:latentStyles"))]:
        if style.get(qn("w:type")) not in {"paragraph", "character"}:
            styles.remove(style)
    return document


def word(content: Content) -> bytes:
    """A .docx with the title in the style Title, the lists numbered by Word."""
    writer = _Word()
    writer.paragraph("Title", (Leaf("text", content.title),))
    writer.blocks(meaning(content.html))
    core = writer.document.core_properties
    core.title, core.author = "Not this title", content.byline
    core.created = core.modified = content.published.astimezone(UTC).replace(tzinfo=None)
    return writer.bytes()


@dataclass(frozen=True)
class _Place:
    style: str = "Normal"
    list: int = 0
    level: int = -1


class _Word:
    def __init__(self) -> None:
        self.document = blank()
        numbering = self.document.part.numbering_part.element
        for number, form, sign in ((BULLETS, "bullet", "•"), (NUMBERS, "decimal", "%1.")):
            levels = "".join(
                f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
                f'<w:lvlText w:val="{sign}"/></w:lvl>'
                for level in range(9)
            )
            made = (
                f'<w:abstractNum {nsdecls("w")} w:abstractNumId="{number}">{levels}</w:abstractNum>'
            )
            numbering.insert(0, parse_xml(made))
            used = f'<w:abstractNumId w:val="{number}"/>'
            numbering.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="{number}">{used}</w:num>'))

    def bytes(self) -> bytes:
        out = BytesIO()
        self.document.save(out)
        return out.getvalue()

    def blocks(self, blocks: Iterable[Block], place: _Place = _Place()) -> None:
        for block in blocks:
            if block.kind in {"ul", "ol"}:
                inner = _Place(
                    "List Paragraph", BULLETS if block.kind == "ul" else NUMBERS, place.level + 1
                )
                for item in block.blocks:
                    self.blocks(item.blocks, inner)
            elif block.kind == "blockquote":
                self.blocks(block.blocks, _Place("Quote"))
            elif block.kind == "table":
                self._table(block)
            elif block.kind == "p":
                self.paragraph(place.style, block.leaves, place)
            else:
                self.paragraph(f"Heading {int(block.kind[1])}", block.leaves)

    def paragraph(self, style: str, leaves: Iterable[Leaf], place: _Place = _Place()) -> Any:
        paragraph = self.document.add_paragraph(style=style)
        if place.list:
            properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
            properties.get_or_add_ilvl().val = place.level
            properties.get_or_add_numId().val = place.list
        self._fill(paragraph, leaves)
        return paragraph

    def _table(self, block: Block) -> None:
        table = self.document.add_table(len(block.blocks), len(block.blocks[0].blocks))
        for row, made in zip(block.blocks, table.rows, strict=True):
            if all(cell.kind == "th" for cell in row.blocks):
                made._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {nsdecls('w')}/>"))
            for cell, place in zip(row.blocks, made.cells, strict=True):
                for inside in cell.blocks:
                    self._fill(place.paragraphs[0], inside.leaves)

    def _fill(self, paragraph: Any, leaves: Iterable[Leaf]) -> None:
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
                related = paragraph.part.relate_to(
                    marks["a"]["href"], RELATIONSHIP_TYPE.HYPERLINK, is_external=True
                )
                link = parse_xml(f"<w:hyperlink {nsdecls('w', 'r')}/>")
                link.set(qn("r:id"), related)
                link.append(run._r)
                paragraph._p.append(link)


def address(content: Content) -> str:
    return content.canonical_url or f"https://example.org/stories/{content.slug}"


def _each(element: str, topics: Iterable[str]) -> str:
    return "".join(element.format(topic) for topic in topics)


def rss(contents: Iterable[Content]) -> bytes:
    """RSS 2.0 with the whole text in content:encoded."""
    items = "".join(
        f"<item><title>{escape(one.title)}</title><link>{escape(address(one))}</link>"
        f'<guid isPermaLink="false">{one.slug}.{one.language}</guid>'
        f"<pubDate>{format_datetime(one.published.astimezone(UTC), usegmt=True)}</pubDate>"
        f"<dc:language>{one.language}</dc:language><dc:creator>{escape(one.byline)}</dc:creator>"
        f"<description>{escape(escape(one.summary, quote=False))}</description>"
        f"{_each('<category>{}</category>', one.topics)}"
        f"<content:encoded><![CDATA[{one.html}]]></content:encoded></item>"
        for one in contents
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"'
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Stories</title>'
        f"<link>https://example.org/</link><description/>{items}</channel></rss>"
    ).encode()


def atom(contents: Iterable[Content]) -> bytes:
    """Atom 1.0 with the whole text as escaped HTML."""
    entries = "".join(
        f'<entry xml:lang="{one.language}"><title>{escape(one.title)}</title>'
        f"<id>tag:example.org,2026:{one.slug}.{one.language}</id>"
        f'<link rel="alternate" href="{escape(address(one))}"/>'
        f"<published>{one.published.isoformat()}</published>"
        f"<updated>{datetime(2027, 1, 1, tzinfo=UTC).isoformat()}</updated>"
        f"<author><name>{escape(one.byline)}</name><email>desk@example.org</email></author>"
        f"<summary>{escape(one.summary)}</summary>"
        f"{_each('<category term={!r}/>', one.topics)}"
        f'<content type="html">{escape(one.html)}</content></entry>'
        for one in contents
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        "<title>Stories</title><id>tag:example.org,2026:stories</id>"
        f"<updated>2027-01-01T00:00:00Z</updated>{entries}</feed>"
    ).encode()
