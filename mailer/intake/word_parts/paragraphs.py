"""Rewrite paragraphs: their style becomes a style that mammoth maps, and their list, direction and
language are written so that they reach the HTML."""

import re
from typing import Any

from mailer import languages
from mailer.intake.omissions import OmissionReport
from mailer.intake.word_parts.markers import mark_paragraph
from mailer.intake.word_parts.names import (
    W,
    find_child,
    get_text,
    get_value,
    is_deleted,
    is_on,
    make_element,
)
from mailer.intake.word_parts.numbering import BULLETS, NUMBERS, ListCounter, ListItem
from mailer.intake.word_parts.styles import StyleSheet

_MAPPED_STYLE = re.compile(
    r"heading [1-9]|heading|title|subtitle|(?:intense )?quote|quotations|preformatted text"
    r"|html preformatted|caption"
)
_CONTENT = tuple(
    f"{W}{name}"
    for name in ("t", "drawing", "pict", "object", "footnoteReference", "endnoteReference")
)


def rewrite_paragraphs(
    root: Any, styles: StyleSheet, counter: ListCounter, report: OmissionReport
) -> None:
    """Rewrite all paragraphs in `root`, in the order of the text."""
    _join_drop_caps(root)
    open_levels: list[int] = []
    for paragraph in list(root.iter(f"{W}p")):
        if is_deleted(paragraph):
            continue
        style = _choose_style(paragraph, styles)
        item = counter.count_paragraph(paragraph)
        facts = _describe_language(paragraph, styles)
        has_content = any(
            not is_deleted(element) and (element.tag != f"{W}t" or (element.text or "").strip())
            for element in paragraph.iter(*_CONTENT)
        )
        if item is not None and _is_heading(style):
            if has_content and item.label.strip():
                report.add_omission(
                    "number before a heading", f"{item.label} {get_text(paragraph)}"
                )
            item = None
        depth = _find_depth(open_levels, item)
        _write_properties(paragraph, style, item, depth)
        if not has_content:
            if any(True for _ in paragraph.iter(f"{W}pBdr")):
                report.add_omission("line between paragraphs")
            continue
        if item is not None and item.is_ordered:
            facts["number"] = str(item.number)
            if not item.is_plain:
                report.add_omission(
                    "nothing, but a list's letters or marks became plain numbers",
                    f"{item.label} {get_text(paragraph)}",
                )
        if facts:
            mark_paragraph(paragraph, **facts)


def _join_drop_caps(root: Any) -> None:
    """Join a large first letter, which is a paragraph of its own, to the text that it begins."""
    for frame in list(root.iter(f"{W}framePr")):
        paragraph = frame.getparent().getparent()
        if paragraph is None or not _is_drop_cap(paragraph):
            continue
        following = paragraph.getnext()
        if following is None or following.tag != f"{W}p" or _is_drop_cap(following):
            continue
        properties = following.find(f"{W}pPr")
        position = 0 if properties is None else following.index(properties) + 1
        for child in reversed([child for child in paragraph if child.tag != f"{W}pPr"]):
            following.insert(position, child)
        paragraph.getparent().remove(paragraph)


def _is_drop_cap(paragraph: Any) -> bool:
    frame = paragraph.find(f"{W}pPr/{W}framePr")
    return frame is not None and frame.get(f"{W}dropCap") in {"drop", "margin"}


def _choose_style(paragraph: Any, styles: StyleSheet) -> str:
    """Return the name of the style that says what the paragraph is, or "".

    A style of the document's own, which is not one of Word's, counts as the style of Word on which
    it is based, or as a heading if it has a level in the outline."""
    for _, name, style in styles.list_paragraph_styles(paragraph):
        if _MAPPED_STYLE.fullmatch(name):
            return name
        level = get_value(style.find(f"{W}pPr"), "outlineLvl")
        if level.isdigit() and int(level) < 9:
            return f"heading {int(level) + 1}"
    style_id = get_value(find_child(paragraph, "pPr"), "pStyle")
    if match := re.fullmatch(r"Heading([1-9])", style_id):
        return f"heading {match[1]}"
    return ""


def _is_heading(style: str) -> bool:
    return style.startswith("heading") or style in {"title", "subtitle"}


def _find_depth(open_levels: list[int], item: ListItem | None) -> int:
    """Return the depth of an item, counted from the items before it, since a list in Word may begin
    at any level."""
    if item is None:
        open_levels.clear()
        return 0
    while open_levels and open_levels[-1] > item.level:
        open_levels.pop()
    if not open_levels or open_levels[-1] < item.level:
        open_levels.append(item.level)
    return len(open_levels) - 1


def _write_properties(paragraph: Any, style: str, item: ListItem | None, depth: int) -> None:
    properties = paragraph.find(f"{W}pPr")
    if properties is None:
        properties = make_element("pPr")
        paragraph.insert(0, properties)
    for name in ("pStyle", "numPr"):
        for element in properties.findall(f"{W}{name}"):
            properties.remove(element)
    if style and not (item is not None and not _is_heading(style)):
        properties.insert(0, make_element("pStyle", val=make_style_id(style)))
    if item is not None:
        numbering = make_element("numPr")
        numbering.append(make_element("ilvl", val=str(depth)))
        numbering.append(make_element("numId", val=NUMBERS if item.is_ordered else BULLETS))
        properties.append(numbering)


def make_style_id(name: str) -> str:
    """Return the id that a rewritten file uses for a style, such as MailerHeading1."""
    return f"Mailer{name.title().replace(' ', '')}"


def _describe_language(paragraph: Any, styles: StyleSheet) -> dict[str, str]:
    """Return the paragraph's direction, and its language if all of its text states the same."""
    facts = {}
    if is_on(styles.find_paragraph_property(paragraph, "bidi")):
        facts["dir"] = "rtl"
    tags: set[str] = set()
    for run in paragraph.iter(f"{W}r"):
        if len(tags) > 1:
            break
        if not get_text(run):
            continue
        properties = find_child(run, "rPr")
        language = None if properties is None else find_child(properties, "lang")
        attribute = (
            "bidi" if properties is not None and is_on(find_child(properties, "rtl")) else "val"
        )
        tags.add("" if language is None else language.get(f"{W}{attribute}") or "")
    if len(tags) == 1 and re.fullmatch("[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag := tags.pop()):
        facts["lang"] = tag
        if "dir" not in facts and languages.get_direction(tag) == "rtl":
            facts["dir"] = "rtl"
    return facts
