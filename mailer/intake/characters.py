"""Bytes -> text, where what they say of themselves may be wrong."""

import codecs
import re

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
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_WIDER_ENCODINGS = {
    "ascii": "windows-1252", "us-ascii": "windows-1252", "iso-8859-1": "windows-1252",
    "iso8859-1": "windows-1252", "latin-1": "windows-1252", "latin1": "windows-1252",
    "iso-8859-9": "windows-1254", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "iso-8859-11": "windows-874", "tis-620": "windows-874",
}  # fmt: skip
"""What browsers take a name for (Encoding Standard §4.2): people who write it mean this."""


def decode_text(data: bytes, content_type: str = "") -> tuple[str, str]:
    """The text, and a sentence about what was wrong with its encoding, or nothing.

    A byte order mark is believed, then text that is UTF-8 (other encodings hardly ever look like
    it), then the server and the document itself. Never fails: what is left is taken for
    Windows-1252, byte by byte."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace").lstrip("\ufeff"), ""
    declared = _find_declared_encodings(data, content_type)
    if re.match(rb"<\0\?\0|\0<\0\?", data):
        name = "utf-16-le" if data[:1] == b"<" else "utf-16-be"
        return data.decode(name, "replace"), ""
    # the seven-bit encodings look like UTF-8
    seven_bit = [name for name in declared if name.lower().startswith("iso-2022")]
    for name in [*seven_bit, "utf-8", *declared]:
        try:
            return data.decode(_widen_encoding(name)), _describe_unknown_encoding(declared, name)
        except (UnicodeDecodeError, LookupError):
            continue
    # UTF-8 with a few foreign bytes is mended, and all else read as Windows-1252
    repaired = data.decode("utf-8", "mailer.windows-1252")
    return repaired, "its characters are not in the encoding that it names; some may be wrong"


def _find_declared_encodings(data: bytes, content_type: str) -> list[str]:
    encodings = [match[1] for match in [_CHARSET.search(content_type)] if match]
    if declared := _DECLARED.search(data[:2048]):
        encodings.append((declared[1] or declared[2]).decode("ascii", "replace"))
    return encodings


def _widen_encoding(encoding: str) -> str:
    return _WIDER_ENCODINGS.get(encoding.lower(), encoding.lower())


def _describe_unknown_encoding(declared: list[str], name: str) -> str:
    # plain ASCII is UTF-8 whatever it is called, so only a name that is none is worth a word
    for encoding in declared:
        try:
            codecs.lookup(encoding)
        except LookupError:
            return f"it names an encoding that there is not ({encoding}), and was read as {name}"
    return ""


def _decode_as_windows(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    invalid_bytes = error.object[error.start : error.end]
    return invalid_bytes.decode("windows-1252", "replace"), error.end


codecs.register_error("mailer.windows-1252", _decode_as_windows)
