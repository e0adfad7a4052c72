"""Read the parts of another format that a Word file can contain (w:altChunk, §17.17.2.1)."""

import email
import email.policy
import re
from collections.abc import Callable
from email.message import EmailMessage
from html import escape

from mailer.intake.characters import decode_text
from mailer.intake.omissions import OmissionReport
from mailer.intake.word_parts.markers import mark_paragraph, strip_marks
from mailer.intake.word_parts.names import R, W, make_element
from mailer.intake.word_parts.package import BodyPart, WordPackage

LARGEST_CHUNK = 2_000_000
"""Maximum size of a part of another format in bytes."""

MOST_CHUNKS = 50

WordReader = Callable[[bytes], str | None]
"""A function that returns the HTML of a Word file within the file, or None."""


def replace_chunks(
    part: BodyPart,
    package: WordPackage,
    report: OmissionReport,
    read_word: WordReader,
    *,
    first_number: int,
) -> list[str]:
    """Replace each part of another format by a marked paragraph. Returns the HTML of these
    parts."""
    texts: list[str] = []
    for chunk in list(part.root.iter(f"{W}altChunk")):
        if first_number + len(texts) >= MOST_CHUNKS:
            report.add_omission(f"part of another format beyond the first {MOST_CHUNKS}")
            html = ""
        else:
            html = _read_chunk(part, package, chunk.get(f"{R}id") or "", report, read_word)
        paragraph = make_element("p")
        chunk.getparent().replace(chunk, paragraph)
        if html:
            mark_paragraph(paragraph, chunk=str(first_number + len(texts)))
            texts.append(strip_marks(html))
    return texts


def _read_chunk(
    part: BodyPart,
    package: WordPackage,
    relation_id: str,
    report: OmissionReport,
    read_word: WordReader,
) -> str:
    relationship = part.relationships.get(relation_id)
    if relationship is None or relationship.is_external:
        report.add_omission("part in another file", relationship.target if relationship else "")
        return ""
    name = package.locate_target(part.name, relationship)
    data = package.get_content(name)
    if data is None:
        report.add_omission("part that the file lacks", name)
        return ""
    kind = package.get_content_type(name).lower() or name.rpartition(".")[2].lower()
    html = _convert_chunk(data, kind, read_word) if len(data) <= LARGEST_CHUNK else None
    if html is None:
        report.add_omission("part of another format, which was not read", kind)
        return ""
    return html


def _convert_chunk(data: bytes, kind: str, read_word: WordReader) -> str | None:
    if data[:2] == b"PK":
        return read_word(data)
    if data.lstrip().startswith(b"{\\rtf"):
        return None
    if "html" in kind or "xhtml" in kind or kind == "htm":
        return _extract_body(decode_text(data)[0])
    if "rfc822" in kind or "multipart" in kind or kind in {"mht", "mhtml"}:
        message = email.message_from_bytes(data, _class=EmailMessage, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        for text in message.walk():
            if text.get_content_type() == "text/html":
                content = text.get_payload(decode=True)
                charset = f"text/html; charset={text.get_content_charset() or 'utf-8'}"
                return _extract_body(decode_text(bytes(content), charset)[0])
        return None
    if "plain" in kind or kind == "txt":
        paragraphs = re.split(r"\r?\n\s*\r?\n|\r\n|\r", decode_text(data)[0].strip())
        return "".join(f"<p>{escape(text, quote=False)}</p>" for text in paragraphs if text.strip())
    return None


def _extract_body(html: str) -> str:
    match = re.search(r"<body\b[^>]{0,2000}>(.*?)(?:</body\s*>|$)", html, re.DOTALL | re.IGNORECASE)
    html = match[1] if match else re.sub(r"^.*?</head\s*>", "", html, flags=re.DOTALL)
    return f"<div>{html}</div>"
