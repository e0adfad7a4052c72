"""Check XML before any other parser reads it.

Entities can expand a kilobyte of XML to gigabytes ("billion laughs"), and can make the parser read
local files and addresses. Feeds and Word files need no entities, so a document that declares
entities or anything else in its document type is refused at the first declaration, after which
expat reads no further. A document type that is only named, as in RSS 0.91, is harmless, since no
parser here fetches it.
"""

import codecs
import re
from xml.parsers import expat

from mailer.errors import InputError
from mailer.intake.charsets import normalise_charset

LARGEST = 20_000_000
"""Maximum size of a document in bytes."""

DEEPEST = 200
"""Maximum depth of nested elements. Recursive code overflows at a depth of some hundreds."""

MAX_MARKS = 500_000
"""Maximum number of the signs < and = together. This limits tags and attributes before a parser
reads them, since expat takes 3 µs and 200 bytes for each distinct name."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Checked before UTF-16, whose mark is the beginning of this one.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0?\0", "utf-16-le"),
    (b"\0<\0?", "utf-16-be"),
)
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")
_DECLARATION = re.compile(r"\s*(?:<\?xml\s[^>]*\?>)?")
_FORBIDDEN_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
_DECLARES = re.compile(
    r"<!(?:ENTITY|ATTLIST|ELEMENT|NOTATION)\b|<!DOCTYPE[^>]{0,500}\[", re.IGNORECASE
)


def check_xml(data: bytes, where: str) -> None:
    """Check that `data` is well-formed XML that declares nothing. Raises InputError for any other
    document, and also if it nests deeper than :data:`DEEPEST` elements or has more than
    :data:`MAX_MARKS` signs < and =."""
    _check_size(data, where)
    text = _decode_document(data, _detect_encoding(data, ""), where)
    syntax_error = _check_structure(text.encode(), where)
    if syntax_error is not None:
        raise _create_error(f"the document is not XML ({syntax_error})", where, "save it again")


def normalise_xml(data: bytes, where: str, charset: str = "") -> bytes:
    """Check `data`, and return a version in UTF-8 that is to be parsed instead of `data`.

    The next parser then reads the same characters as the check. The `charset` that the server named
    takes precedence over the document's declaration (RFC 7303 §3).

    Feeds are often broken, so this is more lenient than :func:`check_xml`: a document that is not
    well-formed passes if nothing in it looks like a declaration. Characters that XML forbids are
    removed (XML 1.0 §2.2). A document that is not in the charset that it names is read as
    Windows-1252.

    Raises InputError for a document that declares anything, is too large, or nests too deep."""
    _check_size(data, where)
    encoding = _detect_encoding(data, charset) or "utf-8"
    if encoding in {"iso8859-1", "ascii"}:
        # Browsers do the same: Windows-1252 has typographic quotes where Latin-1 has no characters.
        encoding = "cp1252"
    try:
        text = data.decode(encoding)
    except UnicodeError:
        text = data.decode("cp1252", "replace")
    text = _FORBIDDEN_CHARACTERS.sub("", text.removeprefix("\ufeff"))
    text = _DECLARATION.sub("", text, count=1)
    normalised = b'<?xml version="1.0" encoding="utf-8"?>' + text.encode()
    if _check_structure(normalised, where) is not None and _DECLARES.search(text):
        raise _create_declaration_error(where)
    return normalised


def _decode_document(data: bytes, encoding: str, where: str) -> str:
    if not encoding:
        raise _create_error("the document's charset is unknown", where, "save it as UTF-8")
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        raise _create_error(
            f"the document is not in {encoding}, as it says", where, "save it again"
        ) from error


def _detect_encoding(data: bytes, outer_charset: str) -> str:
    """Return the encoding of `data` by XML 1.0 appendix F and RFC 7303.

    Returns "" if the document names a charset that is not trusted."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    if outer_charset and (encoding := normalise_charset(outer_charset)):
        return encoding
    declared = _DECLARED.match(data)
    return normalise_charset(declared[1].decode("ascii", "replace")) if declared else "utf-8"


def _check_size(data: bytes, where: str) -> None:
    if len(data) > LARGEST:
        raise _create_error(
            f"the document is larger than {LARGEST // 1_000_000} MB", where, "make it smaller"
        )


def _check_structure(document: bytes, where: str) -> str | None:
    """Return the first syntax error in `document` (UTF-8) and its line, or None.

    Raises InputError for a declaration, nesting deeper than :data:`DEEPEST` elements, or more than
    :data:`MAX_MARKS` signs."""
    if document.count(b"<") + document.count(b"=") > MAX_MARKS:
        raise _create_error(
            "the document has too many tags and attributes", where, "make it smaller"
        )
    depth = 0

    def check_doctype(name: str, system: str | None, public: str | None, declares: bool) -> None:
        if declares:
            raise _create_declaration_error(where)

    def enter_element(name: str, attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise _create_error(
                f"the document nests deeper than {DEEPEST} elements", where, "make it simpler"
            )

    def leave_element(name: str) -> None:
        nonlocal depth
        depth -= 1

    # The document is parsed in one piece: expat before 2.6 takes quadratic time for a long token
    # that arrives in many pieces.
    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = check_doctype
    parser.StartElementHandler = enter_element
    parser.EndElementHandler = leave_element
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        return f"{expat.ErrorString(error.code)}, line {error.lineno}"
    return None


def _create_declaration_error(where: str) -> InputError:
    return _create_error(
        "the document declares entities or elements of its own", where, "save it without a DTD"
    )


def _create_error(message: str, where: str, hint: str) -> InputError:
    return InputError(message, where=where, hint=hint)
