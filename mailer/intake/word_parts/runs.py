"""Rewrite runs: hidden text stays out, symbols become characters, and properties of characters are
written so that mammoth reads them. Properties that an article can't have are reported.

Size, font, colour, spacing and effects are dropped: a mail has its own appearance.
"""

import re
from functools import lru_cache
from typing import Any

from mailer.intake.extra import import_package
from mailer.intake.omissions import OmissionReport
from mailer.intake.word_parts.markers import strip_marks
from mailer.intake.word_parts.names import (
    W,
    find_child,
    get_text,
    get_value,
    is_deleted,
    is_on,
    make_element,
    make_text,
    parse_number,
    remove_element,
)
from mailer.intake.word_parts.styles import StyleSheet

_VISIBLE_TAGS = tuple(
    f"{W}{name}"
    for name in (
        "t", "br", "drawing", "endnoteReference", "footnoteReference", "noBreakHyphen", "object",
        "pict", "softHyphen", "sym", "tab",
    )
)  # fmt: skip
_SYMBOL_FONTS = frozenset(
    {"Symbol", "Webdings", "Wingdings", "Wingdings 2", "Wingdings 3", "ZapfDingbats"}
)
"""Fonts that show signs in place of letters."""

_HEADING_STYLES = re.compile(
    r"title|subtitle|caption|header|footer|toc|heading|quote|quotations|list|table of"
)
"""Styles of paragraphs whose bold or italics is part of the look of their kind."""


_NO_FILLS = frozenset({"", "AUTO", "FFFFFF", "NONE"})
TINY = 6
"""Size of characters, in half points, up to which they are too small to read."""

LONGEST_SCRIPT = 8
"""Length of raised or lowered text up to which it is an exponent or an index."""


def rewrite_runs(root: Any, styles: StyleSheet, report: OmissionReport) -> None:
    """Rewrite all runs in `root`."""
    for paragraph in list(root.iter(f"{W}p")):
        runs = [
            run
            for run in paragraph.iter(f"{W}r")
            if next(run.iterancestors(f"{W}p"), None) is paragraph and not is_deleted(run)
        ]
        is_plain = not any(
            _HEADING_STYLES.match(name) for _, name, _ in styles.list_paragraph_styles(paragraph)
        )
        hidden_texts = []
        reported: dict[str, list[str]] = {}
        for run in runs:
            if styles.is_run_set(run, paragraph, "vanish"):
                hidden_texts.append(get_text(run))
                for child in list(run.iterchildren(*_VISIBLE_TAGS)):
                    remove_element(child)
                continue
            _rewrite_texts(run, report)
            _rewrite_properties(run, paragraph, styles, by_paragraph=is_plain)
            for kind in _list_lost_properties(run, paragraph, styles):
                reported.setdefault(kind, []).append(get_text(run))
        for kind, texts in (("hidden text", hidden_texts), *reported.items()):
            if text := " ".join(filter(None, texts)):
                report.add_omission(kind, text)


def _list_lost_properties(run: Any, paragraph: Any, styles: StyleSheet) -> list[str]:
    kinds: list[str] = []
    if find_child(run, "t") is None:
        return kinds
    if styles.is_run_set(run, paragraph, "caps", by_paragraph=False):
        kinds.append("nothing, but text that Word shows in capitals is as it was typed")
    if styles.is_run_set(run, paragraph, "smallCaps", by_paragraph=False):
        kinds.append("small capitals of a text, which stays")
    properties = find_child(run, "rPr")
    if properties is None:
        return kinds
    fill = _find_fill(properties)
    if get_value(properties, "highlight") not in {"", "none"} or fill not in _NO_FILLS:
        kinds.append("highlighting of a text, which stays")
    if get_value(properties, "color").upper() == "FFFFFF" and fill in _NO_FILLS:
        kinds.append("nothing, but text that Word shows in white is in the text")
    if 0 < parse_number(get_value(properties, "sz")) <= TINY:
        kinds.append("nothing, but text that is too small to be read in Word is in the text")
    if get_value(properties, "em") not in {"", "none"}:
        kinds.append("emphasis marks of a text, which stays")
    if parse_number(get_value(properties, "position")) and not _is_script(run):
        kinds.append("raised or lowered position of a text, which stays")
    return kinds


def _find_fill(properties: Any) -> str:
    shading = find_child(properties, "shd")
    return "" if shading is None else (shading.get(f"{W}fill") or "").upper()


def _is_script(run: Any) -> bool:
    """Check whether raised or lowered text is as short as an exponent or an index."""
    return 0 < len(get_text(run)) <= LONGEST_SCRIPT


def _rewrite_properties(
    run: Any, paragraph: Any, styles: StyleSheet, *, by_paragraph: bool
) -> None:
    """Copy properties from styles to the run itself, since mammoth reads only the run's own
    properties."""
    for name, sources in (("b", ("b",)), ("i", ("i",)), ("strike", ("strike", "dstrike"))):
        is_set = any(
            styles.is_run_set(run, paragraph, source, by_paragraph=by_paragraph)
            for source in sources
        )
        properties = find_child(run, "rPr")
        if properties is None:
            if not is_set:
                continue
            properties = make_element("rPr")
            run.insert(0, properties)
        for element in list(properties.iterchildren(W + name)):
            properties.remove(element)
        if is_set:
            properties.append(make_element(name))
    properties = find_child(run, "rPr")
    if properties is None:
        return
    _inherit_alignment(properties, styles)
    underline = find_child(properties, "u")
    if underline is not None and (
        not is_on(underline) or next(run.iterancestors(f"{W}hyperlink"), None) is not None
    ):
        properties.remove(underline)


def _inherit_alignment(properties: Any, styles: StyleSheet) -> None:
    """Copy a raised or lowered position from the run's character style to the run. Text that is
    raised or lowered by a distance becomes a superscript or subscript if it is short."""
    if find_child(properties, "vertAlign") is not None:
        return
    distance = parse_number(get_value(properties, "position"))
    if distance and _is_script(properties.getparent()):
        script = "superscript" if distance > 0 else "subscript"
        properties.append(make_element("vertAlign", val=script))
        return
    for style in styles.iterate_styles("character", get_value(properties, "rStyle")):
        position = get_value(style.find(f"{W}rPr"), "vertAlign")
        name = get_value(style, "name").lower()
        if position and not re.search("footnote|endnote|annotation", name):
            properties.append(make_element("vertAlign", val=position))
            return


def _rewrite_texts(run: Any, report: OmissionReport) -> None:
    """Write symbols as characters of Unicode."""
    properties = find_child(run, "rPr")
    fonts = None if properties is None else find_child(properties, "rFonts")
    font = "" if fonts is None else fonts.get(f"{W}ascii") or fonts.get(f"{W}hAnsi") or ""
    for symbol in list(run.iter(f"{W}sym")):
        name, code = symbol.get(f"{W}font", ""), symbol.get(f"{W}char", "")
        number = int(code, 16) if re.fullmatch("[0-9A-Fa-f]{1,5}", code) else 0
        character = find_symbol(name, number)
        if character:
            symbol.getparent().replace(symbol, make_text(character))
        else:
            report.add_omission("symbol of a font that mails can't show", f"{name} {code}".strip())
            remove_element(symbol)
    for symbol in list(run.iter("{*}symEx")):
        code = next((value for key, value in symbol.attrib.items() if key.endswith("}char")), "")
        number = int(code, 16) if re.fullmatch("[0-9A-Fa-f]{1,6}", code) else 0
        if 0x20 <= number < 0x110000 and chr(number).isprintable():
            symbol.getparent().replace(symbol, make_text(chr(number)))
        else:
            report.add_omission("symbol of a font that mails can't show", code)
            remove_element(symbol)
    for text in run.iterchildren(f"{W}t"):
        written = strip_marks(text.text or "")
        if font in _SYMBOL_FONTS and not re.search("[\uf020-\uf0ff]", written):
            written = "".join(
                chr(0xF000 + ord(sign)) if 0x20 < ord(sign) <= 0xFF else sign for sign in written
            )
        if re.search("[\uf020-\uf0ff]", written):
            written = _replace_symbols(written, font, report)
        text.text = written


def _replace_symbols(written: str, font: str, report: OmissionReport) -> str:
    def replace_symbol(match: re.Match[str]) -> str:
        character = find_symbol(font, ord(match[0]))
        if not character:
            report.add_omission("symbol of a font that mails can't show", font)
        return character

    return re.sub("[\uf020-\uf0ff]", replace_symbol, written)


def find_symbol(font: str, code: int) -> str:
    """Return the character that a symbol font shows for `code`, or "".

    Symbol fonts use 0x20 to 0xFF, which Word may write as U+F020 to U+F0FF (§17.3.3.30)."""
    if 0xF000 <= code <= 0xF0FF:
        code -= 0xF000
    number = _load_symbols().get((font, code))
    if number is not None:
        return chr(number)
    is_symbol_font = font in _load_symbol_fonts()
    is_letter = 0x20 <= code < 0xD800 and not is_symbol_font
    return chr(code) if is_letter and chr(code).isprintable() else ""


@lru_cache(maxsize=1)
def _load_symbol_fonts() -> frozenset[str]:
    return frozenset(name for name, _ in _load_symbols())


@lru_cache(maxsize=1)
def _load_symbols() -> dict[tuple[str, int], int]:
    symbols: dict[tuple[str, int], int] = import_package("mammoth.docx.dingbats").dingbats
    return symbols
