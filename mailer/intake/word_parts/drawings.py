"""Rewrite drawings: text boxes become text, pictures in groups become pictures, and charts,
diagrams and embedded objects are reported."""

import re
from typing import Any

from lxml import etree

from mailer.intake.omissions import OmissionReport
from mailer.intake.word_parts.names import (
    PIC,
    WP,
    A,
    O,
    V,
    W,
    get_text,
    is_deleted,
    make_element,
    parse_number,
    remove_element,
)
from mailer.intake.word_parts.package import BodyPart

TEXT_BOX = "nothing, but a text box became paragraphs of the text"
_EFFECTS = frozenset(
    {
        "alphaModFix", "artisticBlur", "biLevel", "brightnessContrast", "clrChange", "clrRepl",
        "colorTemperature", "duotone", "grayscl", "hsl", "lum", "saturation", "tint",
    }
)  # fmt: skip
"""Elements below a:blip that change how a picture looks (§20.1.8)."""

_OLD_CROPS = ("cropleft", "cropright", "croptop", "cropbottom")
_OLD_EFFECTS = ("grayscale", "bilevel", "gain", "blacklevel", "chromakey", "recolortarget")
_OBJECTS = (
    ("excel", "embedded spreadsheet"),
    ("powerpoint", "embedded presentation"),
    ("equation", "formula"),
    ("package", "embedded file"),
    ("word", "embedded document"),
    ("visio", "embedded diagram"),
    ("acro", "embedded PDF"),
)


def rewrite_drawings(part: BodyPart, report: OmissionReport) -> None:
    """Rewrite the drawings of a part, and report those that an article can't have."""
    for drawing in list(part.root.iter(f"{W}drawing")):
        if not is_deleted(drawing):
            _rewrite_drawing(drawing, report)
    for embedded in list(part.root.iter(f"{W}object")):
        if not is_deleted(embedded):
            _report_object(embedded, report)
    for shape in list(part.root.iter(f"{W}pict")):
        if not is_deleted(shape):
            _rewrite_vml(shape, report)


def _rewrite_drawing(drawing: Any, report: OmissionReport) -> None:
    for content in list(drawing.iter(f"{W}txbxContent")):
        if next(content.iterancestors(f"{W}drawing"), None) is drawing:
            _move_text_box(drawing, content)
    data = drawing.find(f".//{A}graphicData")
    pictures = [
        picture
        for picture in drawing.iter(f"{PIC}pic")
        if next(picture.iterancestors(f"{W}drawing"), None) is drawing
    ]
    if pictures and data is not None:
        if any(is_on_value(frame.get("hidden")) for frame in drawing.iter(f"{WP}docPr")):
            report.add_omission("hidden picture", _describe(drawing))
            remove_element(drawing)
            return
        for picture in pictures:
            for kind in _list_changes(picture):
                report.add_omission(f"{kind} of a picture, whose file stays", _describe(drawing))
        data[:] = pictures
        return
    uri = "" if data is None else data.get("uri", "")
    has_text_box = drawing.getnext() is not None and drawing.getnext().tag == f"{W}pict"
    if uri.endswith("/chart"):
        report.add_omission("chart", _describe(drawing))
    elif uri.endswith("/diagram"):
        report.add_omission("diagram (SmartArt)", _describe(drawing))
    elif not has_text_box:
        report.add_omission("drawing", _describe(drawing))
    remove_element(drawing)


def is_on_value(value: str | None) -> bool:
    return value in {"1", "true", "on"}


def _list_changes(picture: Any) -> list[str]:
    """Return what Word does to a picture before it shows it. An article has the file itself."""
    kinds: list[str] = []
    crop = next(picture.iter(f"{A}srcRect"), None)
    if crop is not None and any(parse_number(value.rstrip("%")) for value in crop.attrib.values()):
        kinds.append("cropping")
    frame = next(picture.iter(f"{A}xfrm"), None)
    if frame is not None:
        if parse_number(frame.get("rot")) % 21_600_000:
            kinds.append("rotation")
        if is_on_value(frame.get("flipH")) or is_on_value(frame.get("flipV")):
            kinds.append("mirroring")
    blip = next(picture.iter(f"{A}blip"), None)
    if blip is not None and any(
        isinstance(effect.tag, str) and effect.tag.rpartition("}")[2] in _EFFECTS
        for effect in blip.iter()
    ):
        kinds.append("colours or effects")
    return kinds


def _list_old_changes(pict: Any) -> list[str]:
    """Return what Word does to a picture in the form of older programs."""
    kinds: list[str] = []
    images = list(pict.iter(f"{V}imagedata"))
    if any(image.get(name) for image in images for name in _OLD_CROPS):
        kinds.append("cropping")
    if any(image.get(name) for image in images for name in _OLD_EFFECTS):
        kinds.append("colours or effects")
    styles = [shape.get("style", "") for shape in pict.iter(f"{V}shape")] if images else []
    if any(re.search(r"rotation:\s*-?0*[1-9]", style) for style in styles):
        kinds.append("rotation")
    if any(re.search(r"flip:\s*[xy]", style) for style in styles):
        kinds.append("mirroring")
    return kinds


def _move_text_box(drawing: Any, content: Any) -> None:
    """Move a text box behind the drawing, in the form that older programs write."""
    pict = make_element("pict")
    shape = etree.SubElement(pict, f"{V}shape")
    etree.SubElement(shape, f"{V}textbox").append(content)
    drawing.addnext(pict)


def _describe(drawing: Any) -> str:
    for properties in drawing.iter(f"{WP}docPr"):
        return properties.get("descr") or properties.get("title") or properties.get("name") or ""
    return ""


def _report_object(embedded: Any, report: OmissionReport) -> None:
    program = next((element.get("ProgID", "") for element in embedded.iter(f"{O}OLEObject")), "")
    kind = next((kind for name, kind in _OBJECTS if name in program.lower()), "embedded object")
    report.add_omission(kind, re.sub(r"\.\d+$", "", program))


def _rewrite_vml(pict: Any, report: OmissionReport) -> None:
    if any("visibility:hidden" in shape.get("style", "") for shape in pict.iter(f"{V}shape")):
        report.add_omission("hidden drawing", get_text(pict))
        remove_element(pict)
        return
    for kind in _list_old_changes(pict):
        alt = next((shape.get("alt", "") for shape in pict.iter(f"{V}shape")), "")
        report.add_omission(f"{kind} of a picture, whose file stays", alt)
    art = [path.get("string", "") for path in pict.iter(f"{V}textpath") if path.get("string")]
    boxes = [text for box in pict.iter(f"{W}txbxContent") if (text := get_text(box))]
    for text in art:
        report.add_omission("decorative text (WordArt)", text)
    for text in boxes:
        report.add_omission(TEXT_BOX, text)
    if not art and not boxes and pict.find(f".//{V}imagedata") is None:
        if any(shape.tag != f"{V}shapetype" for shape in pict):
            report.add_omission("drawing", next((s.get("alt", "") for s in pict), ""))
        remove_element(pict)
