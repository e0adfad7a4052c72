"""Number the items of lists as Word does (ECMA-376 part 1 §17.9).

Lists that share an abstract numbering continue one count, across the text between them, until a
list restarts it. mammoth learns only the kind and the level of an item; the number is passed on as
a mark (``markers.py``).
"""

from dataclasses import dataclass, field
from typing import Any

from mailer.intake.word_parts.names import W_NAMESPACE, W, get_value, parse_number
from mailer.intake.word_parts.styles import StyleSheet

BULLETS, NUMBERS = "1", "2"
_LEVELS = 9


def _build_numbering_xml() -> bytes:
    abstracts = "".join(
        f'<w:abstractNum w:abstractNumId="{number}">'
        + "".join(
            f'<w:lvl w:ilvl="{level}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/></w:lvl>'
            for level in range(_LEVELS)
        )
        + "</w:abstractNum>"
        for number, kind in ((BULLETS, "bullet"), (NUMBERS, "decimal"))
    )
    instances = "".join(
        f'<w:num w:numId="{number}"><w:abstractNumId w:val="{number}"/></w:num>'
        for number in (BULLETS, NUMBERS)
    )
    return f'<w:numbering xmlns:w="{W_NAMESPACE}">{abstracts}{instances}</w:numbering>'.encode()


NUMBERING_XML = _build_numbering_xml()
"""The numbering part of a rewritten file: one list of bullets and one of numbers."""


@dataclass(frozen=True, slots=True)
class ListItem:
    """The place of a paragraph in a list. `label` is its number as Word writes it, such as
    ``(b)`` or ``1.2.``; `number` counts the items of its level."""

    level: int
    is_ordered: bool
    number: int = 0
    label: str = ""
    is_decimal: bool = True

    @property
    def is_plain(self) -> bool:
        """Check that an ``<ol>`` shows the same number as Word."""
        number = self.label.strip().rstrip(".)").lstrip("(")
        return not self.is_ordered or (self.is_decimal and number == str(self.number))


@dataclass(slots=True)
class _Level:
    start: int = 1
    number_format: str = "decimal"
    text: str = ""
    restarts_after: int | None = None
    style: str = ""


@dataclass(slots=True)
class _Instance:
    abstract: str
    starts: dict[int, int] = field(default_factory=dict)
    levels: dict[int, _Level] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)


class ListCounter:
    """Counts the items of all lists of a file. `root` is None for a file without numbering."""

    def __init__(self, root: Any, styles: StyleSheet) -> None:
        self._styles = styles
        self._abstract_levels: dict[str, dict[int, _Level]] = {}
        self._links: dict[str, str] = {}
        self._instances: dict[str, _Instance] = {}
        self._counts: dict[tuple[str, int], int] = {}
        for abstract in () if root is None else root.iter(f"{W}abstractNum"):
            number = abstract.get(f"{W}abstractNumId", "")
            self._abstract_levels[number] = _read_levels(abstract)
            self._links[number] = get_value(abstract, "numStyleLink")
        for instance in () if root is None else root.iter(f"{W}num"):
            self._instances[instance.get(f"{W}numId", "")] = _read_instance(instance)

    def count_paragraph(self, paragraph: Any) -> ListItem | None:
        """Return the place of a paragraph in its list, and count it; None outside lists."""
        number_id, level_number = self._find_numbering(paragraph)
        instance = self._find_instance(number_id)
        own_style = self._styles.find_list_style(paragraph)
        if number_id == "0":
            return None
        if instance is None:
            if own_style is None:
                return None
            # The file lacks the list that the style names.
            kind, level_number = own_style
            return self._count_by_style(kind, level_number)
        level = self._find_level(instance, level_number)
        if level.number_format == "bullet":
            return ListItem(level_number, is_ordered=False)
        if level.number_format == "none" and "%" in level.text:
            level.number_format = "decimal"
        if level.number_format == "none":
            return ListItem(level_number, is_ordered=False) if level.text.strip() else None
        number = self._count(instance, level_number, level)
        return ListItem(
            level_number,
            is_ordered=True,
            number=number,
            label=self._format_number(instance, level_number, level),
            is_decimal=level.number_format == "decimal",
        )

    def _find_numbering(self, paragraph: Any) -> tuple[str, int]:
        direct = paragraph.find(f"{W}pPr/{W}numPr")
        if direct is not None and direct.find(f"{W}numId") is not None:
            return get_value(direct, "numId"), _clamp_level(get_value(direct, "ilvl"))
        for style_id, _, style in self._styles.list_paragraph_styles(paragraph):
            inherited = style.find(f"{W}pPr/{W}numPr")
            if inherited is None or inherited.find(f"{W}numId") is None:
                continue
            number_id = get_value(inherited, "numId")
            level = _clamp_level(get_value(inherited, "ilvl"))
            instance = self._find_instance(number_id)
            if instance is not None:
                for number, candidate in self._abstract_levels.get(instance.abstract, {}).items():
                    if candidate.style == style_id:
                        level = number
            if direct is not None and direct.find(f"{W}ilvl") is not None:
                level = _clamp_level(get_value(direct, "ilvl"))
            return number_id, level
        return "", 0

    def _find_instance(self, number_id: str) -> _Instance | None:
        for _ in range(5):
            instance = self._instances.get(number_id)
            if instance is None or instance.abstract not in self._abstract_levels:
                return None
            link = self._links.get(instance.abstract, "")
            if not link or self._abstract_levels[instance.abstract]:
                return instance
            number_id = self._styles.find_numbering_style(link)
        return None

    def _find_level(self, instance: _Instance, number: int) -> _Level:
        levels = self._abstract_levels[instance.abstract]
        return instance.levels.get(number) or levels.get(number) or _Level(text=f"%{number + 1}.")

    def _count(self, instance: _Instance, number: int, level: _Level) -> int:
        key = (instance.abstract, number)
        if number in instance.starts and number not in instance.begun:
            self._counts[key] = instance.starts[number]
        elif key in self._counts:
            self._counts[key] += 1
        else:
            self._counts[key] = instance.starts.get(number, level.start)
        instance.begun.add(number)
        for deeper in range(number + 1, _LEVELS):
            restarts_after = self._find_level(instance, deeper).restarts_after
            if restarts_after is None or number < restarts_after:
                self._counts.pop((instance.abstract, deeper), None)
        return self._counts[key]

    def _count_by_style(self, kind: str, level: int) -> ListItem:
        if kind == "bullet":
            return ListItem(level, is_ordered=False)
        key = (f"style {kind}", level)
        self._counts[key] = self._counts.get(key, 0) + 1
        return ListItem(level, True, self._counts[key], f"{self._counts[key]}.")

    def _format_number(self, instance: _Instance, number: int, level: _Level) -> str:
        text = level.text or f"%{number + 1}."
        for index in range(number + 1):
            other = self._find_level(instance, index)
            count = self._counts.get((instance.abstract, index), other.start)
            text = text.replace(f"%{index + 1}", _write_number(count, other.number_format))
        return text


def _clamp_level(text: str) -> int:
    return min(max(parse_number(text), 0), _LEVELS - 1)


def _read_levels(parent: Any) -> dict[int, _Level]:
    levels: dict[int, _Level] = {}
    for element in parent.findall(f"{W}lvl"):
        restart = element.find(f"{W}lvlRestart")
        levels[_clamp_level(element.get(f"{W}ilvl", "0"))] = _Level(
            start=parse_number(get_value(element, "start"), 1),
            number_format=get_value(element, "numFmt") or "decimal",
            text=get_value(element, "lvlText"),
            restarts_after=None
            if restart is None
            else parse_number(restart.get(f"{W}val"), _LEVELS),
            style=get_value(element, "pStyle"),
        )
    return levels


def _read_instance(element: Any) -> _Instance:
    instance = _Instance(get_value(element, "abstractNumId"))
    for override in element.findall(f"{W}lvlOverride"):
        number = _clamp_level(override.get(f"{W}ilvl", "0"))
        for level in _read_levels(override).values():
            instance.levels[number] = level
        start = get_value(override, "startOverride")
        if start:
            instance.starts[number] = parse_number(start, 1)
    return instance


def _write_number(count: int, number_format: str) -> str:
    if number_format in {"lowerLetter", "upperLetter"} and count > 0:
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
        return letter.upper() if number_format == "upperLetter" else letter
    if number_format in {"lowerRoman", "upperRoman"} and 0 < count < 4000:
        roman = _write_roman(count)
        return roman if number_format == "upperRoman" else roman.lower()
    return str(count)


def _write_roman(number: int) -> str:
    written = ""
    for value, letters in (
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
        (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
    ):  # fmt: skip
        written += letters * (number // value)
        number %= value
    return written
