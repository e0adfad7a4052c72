"""XML, looked at before any other parser sees it.

Entities are how a kilobyte of XML becomes gigabytes ("billion laughs"), and how it reads files and
addresses of whoever parses it. No feed and no Word file needs one, so a document that declares
anything of its own is refused where its declarations begin; expat reads no further. A document type
that is only named, as RSS 0.91 has it, is nothing but a name: nobody fetches it.
"""

import codecs
import re
from xml.parsers import expat

from mailer.errors import InputError
from mailer.intake.charsets import normalise_charset as believed

LARGEST = 20_000_000
"""Bytes that a document may have."""

DEEPEST = 200
"""Elements within each other. What follows a tree down by calling itself ends at some hundreds."""

MAX_MARKS = 500_000
"""Signs < and = together, so that tags and attributes are bounded before anything reads them: expat
takes 3 µs and 200 bytes for each that has a name of its own."""

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, whose mark it begins with
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
    """Let `data` pass when it is well-formed XML that declares nothing, nests no deeper than
    :data:`DEEPEST`, and has no more than :data:`MAX_MARKS`. Raises InputError."""
    _check_size(data, where)
    text = _decode_document(data, _detect_encoding(data, ""), where)
    syntax_error = _check_structure(text.encode(), where)
    if syntax_error is not None:
        raise _create_error(f"it is not XML ({syntax_error})", where, "save it again")


def normalise_xml(data: bytes, where: str, charset: str = "") -> bytes:
    """`data` in UTF-8, to be parsed instead of it, once it has passed: then the next parser can't
    read other characters than the check has. `charset` is what came with it from outside, which
    goes before what it says of itself (RFC 7303 §3).

    Feeds are taken as they are found: a document that is not well-formed passes if nothing in it
    looks like a declaration, characters that XML forbids go (XML 1.0 §2.2), and one that is not in
    the charset that it names is read as Windows-1252. Raises InputError for all else that
    :func:`check_xml` refuses."""
    _check_size(data, where)
    encoding = _detect_encoding(data, charset) or "utf-8"
    if encoding in {"iso8859-1", "ascii"}:
        encoding = (
            "cp1252"  # as browsers do: there are typographic quotes where Latin 1 has nothing
        )
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
        raise _create_error("it is in a charset that is not known here", where, "save it as UTF-8")
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        raise _create_error(
            f"it is not in {encoding}, as it says", where, "save it again"
        ) from error


def _detect_encoding(data: bytes, outer_charset: str) -> str:
    """How `data` is encoded, as XML 1.0 appendix F and RFC 7303 find it; "" where it says something
    that is not believed."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    if outer_charset and (encoding := believed(outer_charset)):
        return encoding
    declared = _DECLARED.match(data)
    return believed(declared[1].decode("ascii", "replace")) if declared else "utf-8"


def _check_size(data: bytes, where: str) -> None:
    if len(data) > LARGEST:
        raise _create_error(
            f"it is larger than {LARGEST // 1_000_000} MB", where, "make it smaller"
        )


def _check_structure(document: bytes, where: str) -> str | None:
    """Go through UTF-8 `document`; what is broken in it, and where. Raises InputError for what is
    forbidden."""
    if document.count(b"<") + document.count(b"=") > MAX_MARKS:
        raise _create_error("it has too many tags and attributes", where, "make it smaller")
    depth = 0

    def check_doctype(name: str, system: str | None, public: str | None, declares: bool) -> None:
        if declares:
            raise _create_declaration_error(where)

    def enter_element(name: str, attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise _create_error(
                f"it nests deeper than {DEEPEST} elements", where, "make it simpler"
            )

    def leave_element(name: str) -> None:
        nonlocal depth
        depth -= 1

    # one piece: expat before 2.6 took the square of its length for a long token that comes in many
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
        "it declares entities or elements of its own", where, "save it without a DTD"
    )


def _create_error(message: str, where: str, hint: str) -> InputError:
    return InputError(message, where=where, hint=hint)
