"""Rewrite a Word file so that it uses only the parts of WordprocessingML that mammoth reads.

mammoth drops much that readers see (text in simple fields, text boxes, inserted parts) and keeps
text that they don't see (hidden text, placeholders). Each module here rewrites one kind of markup,
and reports in words what can't be kept.

package.py     the file's parts, their relationships, and the rewritten file
styles.py      properties by direct formatting and by style
structure.py   content controls, alternatives, tracked and unknown elements
fields.py      links, merge fields, check boxes and other fields
runs.py        hidden text, symbols, and properties of characters
numbering.py   lists: their level, kind and number
paragraphs.py  headings by style, drop caps, direction and language
tables.py      hidden rows, merged and skipped cells
drawings.py    text boxes, pictures, charts and embedded objects
slimming.py    properties that mammoth ignores, and runs that can be joined
chunks.py      parts of another format (altChunk) as HTML
markers.py     facts that HTML states and mammoth can't pass on, such as a list's first number
"""

from mailer.intake.omissions import OmissionReport
from mailer.intake.word_parts import (
    chunks,
    drawings,
    fields,
    markers,
    numbering,
    paragraphs,
    runs,
    slimming,
    structure,
    tables,
)
from mailer.intake.word_parts.package import WordPackage
from mailer.intake.word_parts.styles import StyleSheet

__all__ = ["restore_html", "rewrite_package"]

restore_html = markers.restore_html


def rewrite_package(
    package: WordPackage, report: OmissionReport, read_word: chunks.WordReader
) -> list[str]:
    """Rewrite the body and the notes of `package`. Returns the HTML of the parts of other formats
    that the file contains, to be passed to :func:`restore_html`. `read_word` reads a Word file
    within the file."""
    styles = StyleSheet(package.find_part("styles"))
    counter = numbering.ListCounter(package.find_part("numbering"), styles)
    chunk_texts: list[str] = []
    for part in package.list_body_parts():
        structure.resolve_structure(part.root, report)
        fields.resolve_fields(part.root, report)
        structure.repair_references(part, package, report)
        drawings.rewrite_drawings(part, report)
        runs.rewrite_runs(part.root, styles, report)
        tables.rewrite_tables(part.root, report)
        chunk_texts += chunks.replace_chunks(
            part, package, report, read_word, first_number=len(chunk_texts)
        )
        structure.remove_unknown_elements(part.root, report)
        paragraphs.rewrite_paragraphs(part.root, styles, counter, report)
        slimming.clean_runs(part.root)
    package.replace_numbering(numbering.NUMBERING_XML)
    return chunk_texts
