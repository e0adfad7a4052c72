"""Find the addresses in the cells of a table. A cell may hold several addresses, with names beside
them and in brackets."""

import re
import unicodedata
from typing import NamedTuple

_PLAIN = re.compile(r"[A-Za-z0-9.!#$%&*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+")
_NAMED = re.compile(r"(.*?)\s*<\s*([^<>]*?)\s*>")
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|<[^<>]*>|[^;,|\n"<])+|["<]')
_JOINED = re.compile(
    r"(@[^\s@,;<>/]+>?)(?:\s*/\s*|\s+(?::::|&|\+|and|or|und|oder|et|ou|y|o|e|и|или|和|或|و|أو)\s+)"
    r"(?=[^@,;]{1,200}@)",
    re.IGNORECASE,
)
"""An address and the sign or word between it and the next address, which means a comma."""

_SEVERAL = re.compile(r"\S+@\S+(?:\s+\S+@\S+)+")
_QUOTES = {'"': '"', "'": "'", "‘": "’", "“": "”", "«": "»", "„": "“"}


class AddressInCell(NamedTuple):
    address: str
    name: str = ""


def trim_invisible(text: str) -> str:
    """Return `text` without spaces, format characters (such as U+200B, U+FEFF and the direction
    marks) and soft hyphens around it."""
    if text.isascii():
        return text.strip()
    start, end = 0, len(text)
    while start < end and _is_invisible(text[start]):
        start += 1
    while end > start and _is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) == "Cf"


def split_addresses(cell: str) -> list[AddressInCell]:
    """Return the addresses in a cell, with the names that stand before them.

    The addresses are not checked. For a cell without an address, the text of the cell is returned
    in its place."""
    cell = trim_invisible(cell)
    if _PLAIN.fullmatch(cell):
        return [AddressInCell(cell)]
    found_addresses: list[AddressInCell] = []
    pending = ""
    cell = _JOINED.sub(r"\1, ", cell) if cell.count("@") > 1 else cell
    for match in _PART.finditer(cell):
        part = match[0]
        text = f"{pending}, {part.strip()}" if pending else part.strip()
        if not trim_invisible(text):
            continue
        if "@" not in part and cell[match.end() : match.end() + 1] in {";", "|", "\n"}:
            found_addresses.append(AddressInCell(text))  # a person without an address
            pending = ""
            continue
        if "@" not in part:
            pending = text
            continue
        pending = ""
        pieces = text.split() if _SEVERAL.fullmatch(text) else [text]
        found_addresses += [_read_address(piece) for piece in pieces]
    if pending and found_addresses:
        # Text after an address belongs to it, and makes it invalid.
        last = found_addresses.pop()
        return [*found_addresses, AddressInCell(f"{last.address}, {pending}", last.name)]
    return found_addresses or [AddressInCell(cell)]


def _read_address(text: str) -> AddressInCell:
    name = ""
    text = trim_invisible(text)
    if match := _NAMED.fullmatch(text):
        name, text = _strip_quotes(trim_invisible(match[1])), match[2]
    text = trim_invisible(text)
    if text[:7].lower() == "mailto:":
        text = text[7:].partition("?")[0]
    return AddressInCell(trim_invisible(_strip_quotes(text, keep_local=True)), name)


def _strip_quotes(text: str, *, keep_local: bool = False) -> str:
    """Remove a pair of quotes around `text`, and the escapes in it (RFC 5322 §3.2.4)."""
    if (
        len(text) > 1
        and _QUOTES.get(text[0]) == text[-1]
        and not (keep_local and text.startswith('"') and text.rfind('"', 1, -1) > 0)
    ):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
