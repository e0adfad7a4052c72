"""Resolve properties by direct formatting, character style, paragraph style and defaults."""

import re
from collections.abc import Iterator
from typing import Any

from mailer.intake.word_parts.names import W, get_value, is_on

_DEEPEST = 20
"""Maximum length of a chain of styles. Word allows 10; damaged files have circles."""


class StyleSheet:
    """The styles of a Word file. `root` is None for a file without styles."""

    def __init__(self, root: Any) -> None:
        self._styles: dict[tuple[str, str], Any] = {}
        self._toggles: dict[tuple[str, str, str], bool | None] = {}
        self._default_paragraph_style = ""
        self._default_properties = None
        if root is None:
            return
        self._default_properties = root.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr")
        for style in root.iter(f"{W}style"):
            kind, style_id = style.get(f"{W}type", "paragraph"), style.get(f"{W}styleId", "")
            self._styles.setdefault((kind, style_id), style)
            if kind == "paragraph" and style.get(f"{W}default") in {"1", "true", "on"}:
                self._default_paragraph_style = style_id

    def get_paragraph_style(self, paragraph: Any) -> str:
        """Return the id of the paragraph's style, or of the default style."""
        properties = None if paragraph is None else paragraph.find(f"{W}pPr")
        return get_value(properties, "pStyle") or self._default_paragraph_style

    def iterate_styles(self, kind: str, style_id: str) -> Iterator[Any]:
        """Yield a style and those that it is based on."""
        for _ in range(_DEEPEST):
            style = self._styles.get((kind, style_id))
            if style is None:
                return
            yield style
            style_id = get_value(style, "basedOn")

    def list_paragraph_styles(self, paragraph: Any) -> list[tuple[str, str, Any]]:
        """Return (id, name in lower case, element) of the paragraph's style and its ancestors."""
        return [
            (style.get(f"{W}styleId", ""), get_value(style, "name").lower(), style)
            for style in self.iterate_styles("paragraph", self.get_paragraph_style(paragraph))
        ]

    def is_run_set(self, run: Any, paragraph: Any, name: str, *, by_paragraph: bool = True) -> bool:
        """Check that a toggle property, such as "vanish", is on for a run."""
        properties = run.find(f"{W}rPr")
        if properties is not None:
            element = properties.find(f"{W}{name}")
            if element is not None:
                return is_on(element)
            inherited = self._find_toggle("character", get_value(properties, "rStyle"), name)
            if inherited is not None:
                return inherited
        if not by_paragraph:
            return False
        inherited = self._find_toggle("paragraph", self.get_paragraph_style(paragraph), name)
        if inherited is None and self._default_properties is not None:
            return is_on(self._default_properties.find(f"{W}{name}"))
        return bool(inherited)

    def _find_toggle(self, kind: str, style_id: str, name: str) -> bool | None:
        """Return a toggle property of a style or its ancestors, or None if they don't set it."""
        key = (kind, style_id, name)
        if key not in self._toggles:
            elements = (
                style.find(f"{W}rPr/{W}{name}") for style in self.iterate_styles(kind, style_id)
            )
            element = next((element for element in elements if element is not None), None)
            self._toggles[key] = None if element is None else is_on(element)
        return self._toggles[key]

    def find_paragraph_property(self, paragraph: Any, name: str) -> Any:
        """Return a paragraph's property by direct formatting or style, or None."""
        direct = paragraph.find(f"{W}pPr/{W}{name}")
        if direct is not None:
            return direct
        for _, _, style in self.list_paragraph_styles(paragraph):
            inherited = style.find(f"{W}pPr/{W}{name}")
            if inherited is not None:
                return inherited
        return None

    def find_list_style(self, paragraph: Any) -> tuple[str, int] | None:
        """Return (kind, level) of a paragraph in one of Word's own list styles, such as List
        Bullet 2, or None."""
        for _, name, _ in self.list_paragraph_styles(paragraph):
            if match := re.fullmatch(r"list (bullet|number)(?: ([2-5]))?", name):
                return match[1], int(match[2] or 1) - 1
        return None

    def find_numbering_style(self, style_id: str) -> str:
        """Return the numId of a numbering style, or ""."""
        for style in self.iterate_styles("numbering", style_id):
            return get_value(style.find(f"{W}pPr/{W}numPr"), "numId")
        return ""
