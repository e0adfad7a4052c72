"""Resolve the structure around paragraphs: content controls, alternatives, unknown elements."""

from typing import Any

from mailer.intake.omissions import OmissionReport
from mailer.intake.word_parts.names import (
    MC,
    A,
    M,
    R,
    V,
    W,
    get_text,
    get_value,
    is_deleted,
    is_on,
    make_element,
    remove_element,
    replace_element,
    unwrap_element,
)
from mailer.intake.word_parts.package import BodyPart, WordPackage

_UNWRAPPED = tuple(
    f"{W}{name}" for name in ("customXml", "smartTag", "dir", "bdo", "ins", "moveTo")
)
_NOT_TEXT = frozenset(
    {
        f"{W}{name}"
        for name in (
            "annotationRef", "bookmarkEnd", "bookmarkStart", "commentRangeEnd", "commentRangeStart",
            "commentReference", "customXmlDelRangeEnd", "customXmlDelRangeStart",
            "customXmlInsRangeEnd", "customXmlInsRangeStart", "customXmlMoveFromRangeEnd",
            "customXmlMoveFromRangeStart", "customXmlMoveToRangeEnd", "customXmlMoveToRangeStart",
            "lastRenderedPageBreak", "moveFromRangeEnd", "moveFromRangeStart", "moveToRangeEnd",
            "moveToRangeStart", "permEnd", "permStart", "proofErr",
        )
    }
)  # fmt: skip
"""Elements that mark a place or a range, and show nothing."""

_KNOWN = frozenset(
    {
        *(
            f"{W}{name}"
            for name in (
                "body", "br", "del", "document", "drawing", "endnote", "endnoteRef",
                "endnoteReference", "endnotes", "fldChar", "footnote", "footnoteRef",
                "footnoteReference", "footnotes", "hyperlink", "instrText", "moveFrom",
                "noBreakHyphen", "object", "p", "pPr", "pict", "r", "rPr", "sectPr", "softHyphen",
                "sym", "t", "tab", "tbl", "tblGrid", "tblPr", "tc", "tcPr", "tr", "trPr",
                "txbxContent",
            )
        ),
        *(f"{V}{name}" for name in ("group", "imagedata", "rect", "roundrect", "shape", "textbox")),
    }
)  # fmt: skip
_PROPERTIES = frozenset(
    f"{W}{name}" for name in ("drawing", "pPr", "rPr", "sectPr", "tblGrid", "tblPr", "tcPr", "trPr")
)
_DATE_FIELDS = frozenset(
    f"{W}{name}"
    for name in ("dayLong", "dayShort", "monthLong", "monthShort", "pgNum", "yearLong", "yearShort")
)


def resolve_structure(root: Any, report: OmissionReport) -> None:
    """Unwrap content controls and alternatives, and leave out placeholders."""
    for alternative in list(root.iter(f"{MC}AlternateContent")):
        _resolve_alternative(alternative, report)
    for control in list(root.iter(f"{W}sdt")):
        _resolve_control(control, report)
    for element in root.iter(f"{W}bdo"):
        if element.get(f"{W}val") == "rtl":
            report.add_omission("direction of a part of a paragraph", get_text(element))
    for element in list(root.iter(*_UNWRAPPED)):
        # In the properties of a paragraph or row, w:ins says only that it was inserted.
        if element.getparent() is not None and element.getparent().tag not in _PROPERTIES:
            unwrap_element(element)
    for ruby in list(root.iter(f"{W}ruby")):
        _resolve_ruby(ruby, report)
    _resolve_breaks(root)


def _resolve_alternative(alternative: Any, report: OmissionReport) -> None:
    """Replace alternatives by the alternative for older programs, which has pictures and text as
    VML."""
    choice, fallback = alternative.find(f"{MC}Choice"), alternative.find(f"{MC}Fallback")
    if choice is not None and any("/chartex" in str(el.tag) for el in choice.iter()):
        report.add_omission("chart", _describe_drawing(choice))
        remove_element(alternative)
        return
    if fallback is None or len(fallback) == 0:
        fallback = choice
    if fallback is None:
        remove_element(alternative)
        return
    replace_element(alternative, list(fallback))


def _describe_drawing(element: Any) -> str:
    for properties in element.iter("{*}docPr"):
        return properties.get("descr") or properties.get("title") or properties.get("name") or ""
    return ""


def _resolve_control(control: Any, report: OmissionReport) -> None:
    properties, content = control.find(f"{W}sdtPr"), control.find(f"{W}sdtContent")
    text = "" if content is None else get_text(content)
    if properties is not None and is_on(properties.find(f"{W}showingPlcHdr")):
        report.add_omission("placeholder that was not filled in", text)
        _empty_control(control, content)
        return
    gallery = (
        "" if properties is None else get_value(properties.find(f"{W}docPartObj"), "docPartGallery")
    )
    if gallery == "Table of Contents":
        report.add_omission("table of contents", text)
        remove_element(control)
        return
    if content is None:
        remove_element(control)
        return
    replace_element(control, list(content))


def _empty_control(control: Any, content: Any) -> None:
    """Remove a content control. If it holds a table cell, an empty cell stays."""
    if content is not None and content.find(f"{W}tc") is not None:
        parent = control.getparent()
        cell = make_element("tc")
        cell.append(make_element("p"))
        parent.replace(control, cell)
    else:
        remove_element(control)


def _resolve_ruby(ruby: Any, report: OmissionReport) -> None:
    """Keep the text of a ruby, and report its reading, which articles can't have."""
    reading, base = ruby.find(f"{W}rt"), ruby.find(f"{W}rubyBase")
    run = ruby.getparent()
    if reading is not None:
        report.add_omission("reading above the text (ruby)", get_text(reading))
    if run is None or base is None or run.getparent() is None:
        remove_element(ruby)
        return
    parent, position = run.getparent(), run.getparent().index(run)
    parent[position + 1 : position + 1] = list(base)
    remove_element(ruby)


def _resolve_breaks(root: Any) -> None:
    for element in list(root.iter(f"{W}cr")):
        element.tag = f"{W}br"
    for element in list(root.iter(f"{W}ptab")):
        element.tag = f"{W}tab"
        element.attrib.clear()
    inner_breaks: dict[Any, set[Any]] = {}
    for element in list(root.iter(f"{W}br")):
        if element.get(f"{W}type") in {"page", "column"}:
            paragraph = next(element.iterancestors(f"{W}p"), None)
            if paragraph is not None and paragraph not in inner_breaks:
                inner_breaks[paragraph] = _find_inner_breaks(paragraph)
            if paragraph is not None and element in inner_breaks[paragraph]:
                element.attrib.clear()  # a line break: the words around it must not join
            else:
                remove_element(element)
        elif element.get(f"{W}type") not in {None, "textWrapping"}:
            element.attrib.clear()


def _find_inner_breaks(paragraph: Any) -> set[Any]:
    """Return the breaks of a paragraph that have text before and behind them."""
    inner_breaks: set[Any] = set()
    waiting_breaks: list[Any] = []
    has_text = False
    for element in paragraph.iter(f"{W}br", f"{W}t"):
        if element.tag == f"{W}br":
            if has_text:
                waiting_breaks.append(element)
        elif (element.text or "").strip():
            has_text = True
            inner_breaks.update(waiting_breaks)
            waiting_breaks.clear()
    return inner_breaks


def repair_references(part: BodyPart, package: WordPackage, report: OmissionReport) -> None:
    """Repair links, and remove references to notes and pictures that the file lacks."""
    for link in part.root.iter(f"{W}hyperlink"):
        place = link.get(f"{W}docLocation")
        if place and not link.get(f"{W}anchor"):
            link.set(f"{W}anchor", place)
        relation_id = link.get(f"{R}id")
        if relation_id is not None and relation_id not in part.relationships:
            report.add_omission("link to no web address", get_text(link))
            for name in (f"{R}id", f"{W}anchor"):
                link.attrib.pop(name, None)
        for underline in list(link.iter(f"{W}u")):
            remove_element(underline)
    for kind in ("footnote", "endnote"):
        note_ids = package.list_note_ids(f"{kind}s")
        for reference in list(part.root.iter(f"{W}{kind}Reference")):
            if reference.get(f"{W}id") not in note_ids:
                remove_element(reference)
                report.add_omission(f"{kind} that the file lacks")
    for tag, name in ((f"{A}blip", f"{R}embed"), (f"{V}imagedata", f"{R}id")):
        for picture in list(part.root.iter(tag)):
            relationship = part.relationships.get(picture.get(name) or "")
            if relationship is None and picture.get(f"{R}link") in part.relationships:
                continue
            if relationship is None or (
                not relationship.is_external
                and not package.has_part(package.locate_target(part.name, relationship))
            ):
                remove_element(picture)
                report.add_omission("picture that the file lacks")
            elif relationship.is_external:
                remove_element(picture)
                report.add_omission("picture in another file", relationship.target)
    for click in list(part.root.iter(f"{A}hlinkClick")):
        if click.get(f"{R}id") not in part.relationships:
            remove_element(click)


def remove_unknown_elements(root: Any, report: OmissionReport) -> None:
    """Remove or unwrap the elements that mammoth does not know. Their text stays."""
    for element in list(root.iter()):
        if element.getparent() is None or element.tag in _KNOWN or _is_in_properties(element):
            continue
        if element.tag in _NOT_TEXT:
            remove_element(element)
        elif element.tag in {f"{M}oMath", f"{M}oMathPara"}:
            if not is_deleted(element):
                report.add_omission("formula", get_text(element))
            remove_element(element)
        elif element.tag in _DATE_FIELDS:
            report.add_omission("date or page number that Word computes")
            remove_element(element)
        elif element.tag == f"{W}subDoc":
            report.add_omission("part in another file")
            remove_element(element)
        elif element.tag == f"{W}contentPart":
            report.add_omission("handwriting")
            remove_element(element)
        elif element.find(f".//{W}t") is not None or element.find(f".//{V}imagedata") is not None:
            unwrap_element(element)
        else:
            remove_element(element)


def _is_in_properties(element: Any) -> bool:
    return next(element.iterancestors(*_PROPERTIES), None) is not None
