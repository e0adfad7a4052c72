"""Decode what programs put on the clipboard: HTML in several wrappers and encodings, or plain text.

Windows puts lines of offsets before its HTML (CF_HTML), Firefox writes UTF-16, and a program that
has no HTML gives plain text.
"""

import codecs
import re
from contextlib import suppress
from dataclasses import dataclass
from html import escape

from mailer.errors import InputError
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
    r"|ins|address|time|label|o:p|abbr|audio|bdi|bdo|button|canvas|caption|col|colgroup|data"
    r"|details|dfn|dialog|fieldset|form|hgroup|iframe|input|kbd|legend|link|map|mark|math|noscript"
    r"|object|option|picture|ruby|samp|select|source|summary|svg|template|textarea|tfoot|var"
    r"|video|wbr)[\s/>])",
    re.IGNORECASE,
)
_OTHER_KINDS = (
    (b"PK\x03\x04", "a Word file or an archive", "use `mailer article add FILE.docx`"),
    (b"\xd0\xcf\x11\xe0", "an old Word file", "save it as .docx, and add that"),
    (b"{\\rtf", "RTF", "save it as .docx, and add that"),
    (b"%PDF-", "a PDF", "copy its text, and paste that"),
    (b"\x89PNG", "a picture", "copy the text, and paste that"),
    (b"\xff\xd8\xff", "a picture", "copy the text, and paste that"),
    (b"GIF8", "a picture", "copy the text, and paste that"),
)
"""Beginnings of files that are not text."""

SAMPLE = 20_000
MAX_CONTROL_SHARE = 0.02
_CONTROLS = re.compile("[\x01-\x08\x0e-\x1f\x7f\ufffd]")
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
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
    """Return the HTML in `data`; plain text becomes paragraphs.

    Raises InputError for a file that is not text."""
    _check_kind(data)
    text, problem = _decode(data)
    if _CONTROLS.subn("", text[:SAMPLE])[1] > MAX_CONTROL_SHARE * len(text[:SAMPLE]):
        raise _create_kind_error("it is not text")
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


def _check_kind(data: bytes) -> None:
    for beginning, kind, hint in _OTHER_KINDS:
        if data.startswith(beginning):
            raise _create_kind_error(f"it is {kind}", hint)


def _create_kind_error(reason: str, hint: str = "copy the text, and paste that") -> InputError:
    return InputError(f"this can't be pasted: {reason}", hint=hint)


def _decode(data: bytes) -> tuple[str, str]:
    """Return (text, problem). UTF-16 without a byte order mark is recognised by zeros in every
    second byte: spaces, line breaks and signs have them in all languages."""
    start = data[:SAMPLE]
    low, high = start[::2].count(0), start[1::2].count(0)
    if low != high and b"\0" in start.rstrip(b"\0") and not data.startswith(_WIDE_MARKS):
        encoding = "utf-16-le" if high > low else "utf-16-be"
        whole = data[: len(data) // 2 * 2]
        with suppress(UnicodeDecodeError):
            return whole.decode(encoding).lstrip("\ufeff"), ""
    return decode_text(data[:-1] if data.startswith(_WIDE_MARKS) and len(data) % 2 else data)


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
