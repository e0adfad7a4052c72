"""Find the encoding of a text file that people send: UTF-8, UTF-16 or an older encoding.

A byte order mark or valid UTF-8 leaves no doubt. An older encoding is guessed by
charset-normalizer. The import shows the guess with a line of the file, so that people can correct
it.
"""

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from mailer.errors import InputError, NextStep

CHUNK = 1 << 20
SAMPLE = 1 << 16
MAX_SAMPLE_LINES = 500

LONGEST_LINE = 1_000_000
"""Maximum length of a line in bytes, or in characters if the file is UTF-16."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD_ENCODINGS = ["cp1250", "cp1251", "cp1256", "cp1253", "cp1254", "mac_roman",
                  "shift_jis", "gb18030", "big5", "euc_kr"]  # fmt: skip
OFFICE_ENCODING = "cp1252"
"""The encoding of Windows in Western Europe and America. charset-normalizer often mistakes a few
names in this encoding for Mac Roman or Central European text, so this encoding is tried first."""
MAC_ENCODING = "mac_roman"
_BETWEEN_WORDS = re.compile(r"[\s\d!-/:-@\[-`{-~\xa0\xad‘’“”„«»–—…·º°ª§€]+")
_ODD = re.compile(
    r"[^\W\d_]*[^\w\s][^\s]*|.*[^\x00-\x7f]{3}.*|.*[a-zß-öø-ÿ][ŠŒŽŸÀ-ÖØ-Þ].*|.*[ƒˆ˜†‡‰¢-±´-¹¼-¿×÷].*"
)
"""Words that no Western language has: with signs in them, three accented letters in a row, or a
capital after a small letter."""
MAX_ODD_SHARE = 0.1


class TextEncoding(NamedTuple):
    """The encoding of a file, by Python's name. `note` says how it was found, if it was guessed."""

    name: str
    note: str = ""


def detect_encoding(path: Path, raw: IO[bytes], stated: str = "") -> TextEncoding:
    """Find the encoding of a file, and rewind it. `stated` is the encoding that staff named.

    Raises InputError for an unknown encoding, or for a file that mixes UTF-8 with another
    encoding."""
    if stated:
        return TextEncoding(_check_encoding(stated))
    raw.seek(0)
    head = raw.read(SAMPLE)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return TextEncoding(name)
    if wide := _detect_wide(head):
        return TextEncoding(wide, f"read as {wide.upper()}")
    if _is_utf8(raw):
        return TextEncoding("utf-8")
    return _guess_old_encoding(path, raw)


def _check_encoding(name: str) -> str:
    try:
        codec = codecs.lookup(name.strip())
    except LookupError as error:
        raise InputError(
            f"{name!r} is not an encoding",
            field="encoding",
            hint="use a name such as utf-8, windows-1252 or utf-16",
        ) from error
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def _detect_wide(head: bytes) -> str:
    """Return the encoding of UTF-16 text without a byte order mark: every second byte of ASCII is
    zero there."""
    pairs = len(head) // 2
    if not pairs:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.4 * pairs and even < 0.05 * pairs:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * pairs and odd < 0.05 * pairs else ""


def _is_utf8(raw: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    raw.seek(0)
    try:
        while chunk := raw.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _guess_old_encoding(path: Path, raw: IO[bytes]) -> TextEncoding:
    sample = bytearray()
    utf8_line = old_line = 0
    bad_byte = 0
    raw.seek(0)
    for number, line in enumerate(_read_lines(path, raw), 1):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            utf8_line = utf8_line or number
        except UnicodeDecodeError as error:
            if not old_line:
                old_line, bad_byte = number, line[error.start]
            if len(sample) < SAMPLE:
                sample += line[:1000]
    if utf8_line:
        raise InputError(
            f"byte 0x{bad_byte:02x} is not UTF-8, though line {utf8_line} is UTF-8",
            where=f"{path}, line {old_line}",
            hint="save the file in one encoding, or name its encoding",
            next_steps=[NextStep("state_encoding")],
        )
    name = guess_encoding(bytes(sample))
    if not name:
        raise InputError(
            f"byte 0x{bad_byte:02x} is not UTF-8, and no other encoding fits",
            where=f"{path}, line {old_line}",
            hint="save the file as UTF-8, or name its encoding",
            next_steps=[NextStep("state_encoding")],
        )
    example = bytes(sample).decode(name, "replace").splitlines()[0].strip()[:80]
    return TextEncoding(name, f"read as {name}, which gives {example!r} on line {old_line}")


def guess_encoding(sample: bytes) -> str:
    """Return the old encoding in which `sample` makes sense, or an empty string."""
    from charset_normalizer import from_bytes

    if _makes_sense(sample, OFFICE_ENCODING):
        return OFFICE_ENCODING
    best = from_bytes(sample, cp_isolation=_OLD_ENCODINGS).best()
    if best is not None and _makes_sense(sample, best.encoding):
        return str(best.encoding)
    if _makes_sense(sample, MAC_ENCODING):
        return MAC_ENCODING
    return "" if best is None else str(best.encoding)


def _makes_sense(sample: bytes, encoding: str) -> bool:
    """Check whether the text makes sense in an encoding, and not as a row of signs."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    words = [word for word in _BETWEEN_WORDS.split(text) if not word.isascii()]
    odd = sum(_ODD.fullmatch(word) is not None for word in words)
    return odd <= MAX_ODD_SHARE * len(words)


def _read_lines(path: Path, raw: IO[bytes]) -> Iterator[bytes]:
    """Yield the file's lines. Raises InputError for a line longer than :data:`LONGEST_LINE`."""
    for number, line in enumerate(iter(lambda: raw.readline(LONGEST_LINE + 1), b""), 1):
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"the line is longer than {LONGEST_LINE:,} bytes",
                where=f"{path}, line {number}",
                hint="save the file as CSV with the line ends of Windows or Unix",
            )
        yield line


def decode_lines(path: Path, raw: IO[bytes], encoding: str) -> Iterator[str]:
    """Yield the file's lines as text, from its beginning, without NUL characters.

    Raises InputError for a line that is not in this encoding."""
    raw.seek(0)
    if encoding.startswith(("utf-16", "utf-32")):
        yield from _decode_wide_lines(path, raw, encoding)
        return
    for number, line in enumerate(_read_lines(path, raw), 1):
        name = "utf-8" if encoding == "utf-8-sig" and number > 1 else encoding
        try:
            text = line.decode(name)
        except UnicodeDecodeError as error:
            raise InputError(
                f"byte 0x{line[error.start]:02x} is not {encoding.removesuffix('-sig').upper()}",
                where=f"{path}, line {number}",
                hint="save the file as UTF-8 and import it again: rows that were imported stay",
            ) from error
        yield text.replace("\0", "")


def _decode_wide_lines(path: Path, raw: IO[bytes], encoding: str) -> Iterator[str]:
    wrapper = io.TextIOWrapper(raw, encoding, newline="")
    number = 0
    try:
        for text in iter(lambda: wrapper.readline(LONGEST_LINE + 1), ""):
            number += 1
            if len(text) > LONGEST_LINE:
                raise InputError(
                    f"the line is longer than {LONGEST_LINE:,} characters",
                    where=f"{path}, line {number}",
                    hint="save the file as CSV with the line ends of Windows or Unix",
                )
            yield text.replace("\0", "").removeprefix("\ufeff")
    except UnicodeError as error:
        raise InputError(
            f"the file is not {encoding.upper()} ({error})",
            where=f"{path}, line {number + 1}",
            hint="save the file as UTF-8",
        ) from error
    finally:
        wrapper.detach()
