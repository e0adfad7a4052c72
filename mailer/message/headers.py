"""Encode header fields and bodies (RFC 5322, RFC 2047, RFC 2045).

Control characters in values never get into a header.
"""

import binascii
import re

from mailer import addresses, lines

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PLAIN_SEGMENT = re.compile(r"(?![.])[!-<>-~]{1,74}")
_SHORT_WORDS = re.compile(r"(?=.{1,24}\Z)[A-Za-z0-9.'-]+(?: [A-Za-z0-9.'-]+)*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


def clean_header_text(value: str) -> str:
    """Return `value` in a form that is valid in a header: without control characters and lone
    surrogates, and with single spaces. The result survives the round trip through a mail parser."""
    if value.isascii() and value.isprintable() and "  " not in value:
        return value.strip(" ")
    return " ".join(_CONTROL_CHARACTERS.sub(" ", value).split())


def clean_name(name: str) -> str:
    """Return a display name as a header may contain it, or "" if it has no visible character."""
    return clean_header_text(name) if lines.holds_visible(name) else ""


def _encode_words(value: str, first_length: int) -> list[bytes]:
    """Encode `value` as RFC 2047 words of at most 75 characters (the first: at most
    `first_length`). Words are cut between characters, never within one."""
    max_bytes = max((min(first_length, 75) - 12) // 4 * 3, 6)
    chunk = value.encode()
    if len(chunk) <= max_bytes:  # nearly every name
        return [b"=?utf-8?b?%b?=" % binascii.b2a_base64(chunk, newline=False)]
    words: list[bytes] = []
    chunk = b""
    for character in value:
        encoded = character.encode()
        if len(chunk) + len(encoded) > max_bytes:
            words.append(b"=?utf-8?b?" + binascii.b2a_base64(chunk, newline=False) + b"?=")
            chunk, max_bytes = b"", 45
        chunk += encoded
    words.append(b"=?utf-8?b?" + binascii.b2a_base64(chunk, newline=False) + b"?=")
    return words


def format_unstructured_header(name: str, value: str) -> bytes:
    """Format a header field of free text, such as Subject, folded (RFC 5322 §2.2.3), with CRLF."""
    value = clean_header_text(value)
    head = f"{name}: ".encode("ascii")
    if value.isascii() and "=?" not in value:
        words = value.split(" ")
        if all(len(word) <= 60 for word in words):
            lines, line = [], head
            for number, word in enumerate(words):
                piece = word.encode() if number == 0 else b" " + word.encode()
                if len(line) + len(piece) > 76 and line != head:
                    lines.append(line)
                    line = b""
                line += piece
            return b"\r\n".join([*lines, line]) + b"\r\n"
    return head + b"\r\n ".join(_encode_words(value, 76 - len(head))) + b"\r\n"


def format_angled_header(name: str, phrase: str, spec: bytes) -> bytes:
    """Format a header field of a phrase and `spec` in angle brackets (RFC 5322 §3.4, RFC 2919 §3),
    with CRLF. Depending on its characters, the phrase is unquoted, quoted or encoded."""
    return _format_angled_header(name, clean_header_text(phrase), spec)


def _format_angled_header(name: str, phrase: str, spec: bytes) -> bytes:
    head = f"{name}: ".encode("ascii")
    if not phrase:
        return head + b"<" + spec + b">\r\n"
    if phrase.isascii() and "=?" not in phrase and len(phrase) <= 60:
        encoded_phrase = phrase.encode()
        if not _ATOMS.fullmatch(phrase):
            encoded_phrase = b'"' + re.sub(rb'(["\\])', rb"\\\1", encoded_phrase) + b'"'
    else:
        encoded_phrase = b"\r\n ".join(_encode_words(phrase, 76 - len(head)))
    last_length = len(encoded_phrase) - (encoded_phrase.rfind(b"\n") + 1)
    gap = b" " if len(head) + last_length + len(spec) + 3 <= 76 else b"\r\n "
    return head + encoded_phrase + gap + b"<" + spec + b">\r\n"


def format_mailbox_header(name: str, display_name: str, address: str) -> bytes:
    """Format a header field of one address and its display name, with CRLF."""
    wire_address = addresses.to_wire_form(address)
    if len(wire_address) < 40 and _SHORT_WORDS.fullmatch(display_name):
        phrase = display_name if "." not in display_name else f'"{display_name}"'
        return f"{name}: {phrase} <{wire_address}>\r\n".encode()
    if not (phrase := clean_name(display_name)):
        return f"{name}: {wire_address}\r\n".encode()
    return _format_angled_header(name, phrase, wire_address.encode())


# ---- bodies -----------------------------------------------------------------------------------

SOFT_BREAK = b"=\r\n"
"""A line break that does not belong to the text (RFC 2045 §6.7 rule 5)."""

MAX_PLAIN_SEGMENT = 74
"""Maximum length of a segment that is encoded on one line with its soft break."""


def is_plain_segment(text: str) -> bool:
    """Check that the encoding of `text` as a segment is `text` itself and a soft break."""
    return _PLAIN_SEGMENT.fullmatch(text) is not None


def encode_quoted_printable(text: str) -> bytes:
    """Encode `text` as a segment that can be joined to others. The segment begins at the start of a
    line and ends with a line break, which is soft unless `text` ends with one.

    Lines end in CRLF, have at most 76 characters, and none begins with a dot, so the result needs
    no dot stuffing (RFC 5321 §4.5.2). No line begins with ``From ``, which programs that store
    mails in mbox files would change to ``>From`` (RFC 4155, RFC 2049 §3)."""
    if _PLAIN_SEGMENT.fullmatch(text):
        return text.encode() + SOFT_BREAK
    if not text:
        return b""
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    encoded = binascii.b2a_qp(data, quotetabs=False, istext=True, header=False)
    if not encoded.endswith(b"\n"):
        start = encoded.rfind(b"\n") + 1
        if len(encoded) - start > 75:  # with its soft break the last line would be 77 long
            cut = start + 73
            cut -= {b"=": 1}.get(encoded[cut - 1 : cut], 0) or 2 * (encoded[cut - 2] == 0x3D)
            encoded = encoded[:cut] + b"=\n" + encoded[cut:]
        encoded += b"=\n"
    if b"=20\n" in encoded or b"=09\n" in encoded:  # a space at a line's end may make it 78 long
        encoded = b"\n".join(map(_fit_line, encoded.split(b"\n")))
    if encoded.startswith(b".") or b"\n." in encoded:
        encoded = b"\n".join(map(_escape_leading_dot, encoded.split(b"\n")))
    if encoded.startswith(b"From ") or b"\nFrom " in encoded:
        encoded = b"\n".join(map(_escape_leading_from, encoded.split(b"\n")))
    return encoded.replace(b"\n", b"\r\n")


def _fit_line(line: bytes) -> bytes:
    """If a line of quoted-printable is too long, move its last character, which is encoded
    (``=XX``), to a second line."""
    return line if len(line) <= 76 else line[:-3] + b"=\n" + line[-3:]


def _escape_leading_dot(line: bytes) -> bytes:
    """Encode the leading dot of a line of quoted-printable. If the line gets too long, return two
    lines."""
    if not line.startswith(b"."):
        return line
    if len(line) <= 74:
        return b"=2E" + line[1:]
    return b"=2E=\n" + _escape_leading_dot(line[1:])


def _escape_leading_from(line: bytes) -> bytes:
    """Encode the F of ``From`` at the start of a line of quoted-printable."""
    if not line.startswith(b"From "):
        return line
    return b"=46" + line[1:] if len(line) <= 74 else b"=46=\n" + line[1:]
