"""Decode what programs put on the clipboard: HTML in several wrappers and encodings, or plain text.

Windows puts lines of offsets before its HTML (CF_HTML), Firefox writes UTF-16, and a program that
has no HTML gives plain text.
"""

import re
from dataclasses import dataclass
from html import escape

from mailer.intake.characters import decode_text

_HEADER = re.compile(
    r"\ufeff?\s*Version:\s*\d+(?:\.\d+)?\r?\n(?:(?:Start|End|Source)[A-Za-z]+:[^\r\n]*\r?\n)+",
    re.IGNORECASE,
)
_FRAGMENT = re.compile(
    r"<!--\s*StartFragment\s*-->(.*?)(?:<!--\s*EndFragment\s*-->|$)", re.DOTALL | re.IGNORECASE
)
_TAG = re.compile(
    r"<(?:!doctype|!--|/?(?:html|head|body|meta|style|script|title|article|section|header|footer"
    r"|main|aside|nav|div|p|br|hr|span|font|a|b|i|u|s|em|strong|small|sub|sup|h[1-6]|ul|ol|li|dl|dt"
    r"|dd|table|tbody|thead|tr|td|th|blockquote|pre|code|img|figure|figcaption|center|q|cite|del"
    r"|ins|address|time|label|o:p)[\s/>])",
    re.IGNORECASE,
)
_WRAPPED = range(55, 81)
"""Lengths in characters of lines that a mail program has probably broken."""


@dataclass(frozen=True, slots=True)
class ClipboardText:
    """HTML from the clipboard. `base` is the address of the page that it was copied from, or "";
    `problem` is a sentence about a wrong encoding, or ""."""

    html: str
    base: str = ""
    problem: str = ""


def read_clipboard(data: bytes) -> ClipboardText:
    """Return the HTML in `data`; plain text becomes paragraphs."""
    text, problem = _decode(data)
    base = ""
    if header := _HEADER.match(text):
        if source := re.search(r"(?im)^SourceURL:\s*(https?://\S+)", header[0]):
            base = source[1]
        text = _cut_fragment(text, header)
    text = text.replace("\0", "")
    return ClipboardText(text if is_html(text) else convert_plain_text(text), base, problem)


def is_html(text: str) -> bool:
    """Check that `text` contains an HTML tag. A sign such as < alone does not make it HTML."""
    return _TAG.search(text) is not None


def convert_plain_text(text: str) -> str:
    """Return plain text as HTML, with its paragraphs and line breaks.

    Empty lines separate paragraphs. In a text without empty lines, each line is a paragraph, as
    word processors write it. Lines that a mail program has broken are joined."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    text = text.replace("\u2029", "\n\n").replace("\f", "\n\n").strip("\n")
    blocks = [block for block in re.split(r"\n[ \t]*(?:\n[ \t]*)+", text) if block.strip()]
    paragraphs: list[str] = []
    for block in blocks:
        lines = [line.strip() for line in block.split("\n") if line.strip()]
        is_wrapped = len(lines) > 1 and all(len(line) in _WRAPPED for line in lines[:-1])
        if is_wrapped:
            paragraphs.append(" ".join(lines))
        elif len(blocks) == 1:
            paragraphs += lines
        else:
            paragraphs.append("\n".join(lines))
    return "".join(
        f"<p>{escape(paragraph, quote=False)}</p>".replace("\n", "<br>") for paragraph in paragraphs
    )


def _decode(data: bytes) -> tuple[str, str]:
    """Return (text, problem). UTF-16 without a byte order mark is recognised by the zeros in every
    second byte."""
    start = data[:2000]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(start) >= 4 and zeros.count(0) > 0.7 * len(zeros):
            return data.decode(encoding, "replace").lstrip("\ufeff"), ""
    return decode_text(data)


def _cut_fragment(text: str, header: re.Match[str]) -> str:
    """Return the part of CF_HTML that was copied. Comments mark it; without them, offsets in the
    header, which count bytes of UTF-8. Without either, everything after the header is returned."""
    body = text[header.end() :]
    if fragment := _FRAGMENT.search(body):
        return fragment[1]
    offsets = {
        name.lower(): int(number)
        for name, number in re.findall(r"(?im)^(Start\w+|End\w+):\s*(\d{1,10})\s*$", header[0])
    }
    data = text.encode()
    for start_name, end_name in (("startfragment", "endfragment"), ("starthtml", "endhtml")):
        start, end = offsets.get(start_name, 0), offsets.get(end_name, 0)
        if len(header[0].encode()) <= start < end <= len(data):
            return data[start:end].decode("utf-8", "replace")
    return body
