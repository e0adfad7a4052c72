"""Decode bytes as text, even if they are not in the encoding that they declare."""

import codecs
import re

from mailer.intake import text_encoding

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""
      ^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']
    | <meta[^>]+charset\s*=\s*["']?([\w.:-]+)
    """,
    re.IGNORECASE | re.VERBOSE,
)
SAMPLE = 200_000
MIN_SAMPLE = 8
"""Bytes of a text from which its encoding is guessed."""

_FOREIGN_WORDS = re.compile(rb"[A-Za-z]*[\x80-\xff][A-Za-z\x80-\xff]*")
_UTF8_CHARACTER = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_WIDER_ENCODINGS = {
    "ascii": "windows-1252",
    "us-ascii": "windows-1252",
    "iso-8859-1": "windows-1252",
    "iso8859-1": "windows-1252",
    "latin-1": "windows-1252",
    "latin1": "windows-1252",
    "iso-8859-9": "windows-1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "iso-8859-11": "windows-874",
    "tis-620": "windows-874",
}
"""The wider encodings that browsers use for these names (Encoding Standard §4.2), since people who
write such a name mean the wider encoding."""


def decode_text(data: bytes, content_type: str = "") -> tuple[str, str]:
    """Return (text, problem); `problem` is a sentence about a wrong encoding, or empty.

    The encoding is decided by, in this order: a byte order mark, the fact that the bytes are valid
    UTF-8 (text in other encodings hardly ever is), the server's `content_type`, and the document's
    own declaration. If none of these decides, the bytes are read as Windows-1252, so decoding never
    fails."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace").lstrip("\ufeff"), ""
    declared = _find_declared_encodings(data, content_type)
    if re.match(rb"<\0\?\0|\0<\0\?", data):
        name = "utf-16-le" if data[:1] == b"<" else "utf-16-be"
        return data.decode(name, "replace"), ""
    # Text in seven-bit encodings is valid UTF-8.
    seven_bit = [name for name in declared if name.lower().startswith("iso-2022")]
    for name in [*seven_bit, "utf-8", *declared]:
        try:
            return data.decode(_widen_encoding(name)), _describe_unknown_encoding(declared, name)
        except (UnicodeDecodeError, LookupError):
            continue
    if name := _guess_encoding(data):
        return data.decode(name, "replace"), (
            f"the text is not in the encoding that it names, and was read as {name}; some "
            "characters may be wrong"
        )
    # Foreign bytes within UTF-8, and all bytes of other texts, are read as Windows-1252.
    repaired = data.decode("utf-8", "mailer.windows-1252")
    return repaired, "the text is not in the encoding that it names; some characters may be wrong"


def _guess_encoding(data: bytes) -> str:
    """Return the encoding of text that is neither Western nor UTF-8, or an empty string.

    UTF-8 with a few foreign bytes has whole characters of UTF-8 in it."""
    words = b" ".join(_FOREIGN_WORDS.findall(data[:SAMPLE]))
    if len(words) < MIN_SAMPLE or _UTF8_CHARACTER.search(data[:SAMPLE]):
        return ""
    name = text_encoding.guess_encoding(words)
    return "" if name in {text_encoding.OFFICE_ENCODING, text_encoding.MAC_ENCODING} else name


def _find_declared_encodings(data: bytes, content_type: str) -> list[str]:
    encodings = [match[1] for match in [_CHARSET.search(content_type)] if match]
    if declared := _DECLARED.search(data[:2048]):
        encodings.append((declared[1] or declared[2]).decode("ascii", "replace"))
    return encodings


def _widen_encoding(encoding: str) -> str:
    return _WIDER_ENCODINGS.get(encoding.lower(), encoding.lower())


def _describe_unknown_encoding(declared: list[str], name: str) -> str:
    # Plain ASCII is valid UTF-8 under any name, so only an unknown name is worth reporting.
    for encoding in declared:
        try:
            codecs.lookup(encoding)
        except LookupError:
            return f"the text names an unknown encoding ({encoding}), and was read as {name}"
    return ""


def _decode_as_windows(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    invalid_bytes = error.object[error.start : error.end]
    return invalid_bytes.decode("windows-1252", "replace"), error.end


codecs.register_error("mailer.windows-1252", _decode_as_windows)
