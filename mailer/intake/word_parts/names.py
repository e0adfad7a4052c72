"""Names of WordprocessingML's elements and attributes (ECMA-376), and small helpers for them."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from lxml import etree

W_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R_NAMESPACE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
W14_NAMESPACE = "http://schemas.microsoft.com/office/word/2010/wordml"
MC_NAMESPACE = "http://schemas.openxmlformats.org/markup-compatibility/2006"
VML_NAMESPACE = "urn:schemas-microsoft-com:vml"
OFFICE_NAMESPACE = "urn:schemas-microsoft-com:office:office"
DRAWING_NAMESPACE = "http://schemas.openxmlformats.org/drawingml/2006/main"
WP_NAMESPACE = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"
PICTURE_NAMESPACE = "http://schemas.openxmlformats.org/drawingml/2006/picture"

W = f"{{{W_NAMESPACE}}}"
R = f"{{{R_NAMESPACE}}}"
W14 = f"{{{W14_NAMESPACE}}}"
MC = f"{{{MC_NAMESPACE}}}"
V = f"{{{VML_NAMESPACE}}}"
O = f"{{{OFFICE_NAMESPACE}}}"  # noqa: E741  (Office's own prefix)
A = f"{{{DRAWING_NAMESPACE}}}"
WP = f"{{{WP_NAMESPACE}}}"
PIC = f"{{{PICTURE_NAMESPACE}}}"
M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"

STRICT_NAMESPACES = (
    (b"http://purl.oclc.org/ooxml/wordprocessingml/main", W_NAMESPACE.encode()),
    (b"http://purl.oclc.org/ooxml/officeDocument/relationships", R_NAMESPACE.encode()),
    (b"http://purl.oclc.org/ooxml/officeDocument/math", M[1:-1].encode()),
    (b"http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing", WP_NAMESPACE.encode()),
    (b"http://purl.oclc.org/ooxml/drawingml/main", DRAWING_NAMESPACE.encode()),
    (b"http://purl.oclc.org/ooxml/drawingml/picture", PICTURE_NAMESPACE.encode()),
)
"""Pairs of namespaces: one of the strict format (ISO/IEC 29500-4), and the namespace that Word
writes by default in its place."""

_TEXT_TAGS = (f"{W}t", f"{W}delText", f"{M}t")


_MOST_BEFORE_PROPERTIES = 8
"""Number of children of a damaged paragraph among which its properties are looked for."""


def find_child(element: Any, name: str) -> Any:
    """Return the first child with a name of WordprocessingML, or None. This takes a third of the
    time of lxml's find. An iterator of one tag would look for the child behind the first as well,
    which takes quadratic time for all runs of a long paragraph."""
    tag = W + name
    children = element.iterchildren()
    if name == "pPr":  # the first child (§17.3.1.22), which a long paragraph may lack
        children = islice(children, _MOST_BEFORE_PROPERTIES)
    return next((child for child in children if child.tag == tag), None)


def get_value(element: Any, name: str) -> str:
    """Return the w:val of the child `name` of `element`, or ""."""
    child = None if element is None else find_child(element, name)
    return "" if child is None else child.get(f"{W}val") or ""


def is_on(element: Any) -> bool:
    """Check that a toggle element, such as w:b, is on. An element without a value is on."""
    return element is not None and (element.get(f"{W}val") or "true").lower() not in {
        "0", "false", "off", "none",
    }  # fmt: skip


def make_element(name: str, **attributes: str) -> Any:
    element = etree.Element(f"{W}{name}")
    for key, value in attributes.items():
        element.set(f"{W}{key}", value)
    return element


def make_run(text: str) -> Any:
    """Return a run of plain text."""
    run = make_element("r")
    run.append(make_text(text))
    return run


def make_text(text: str) -> Any:
    element = make_element("t")
    element.text = text
    element.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return element


def get_text(element: Any) -> str:
    """Return the text in `element`, as one line."""
    return " ".join("".join(iterate_texts(element)).split())


def iterate_texts(element: Any) -> Iterator[str]:
    for child in element.iter(*_TEXT_TAGS, f"{W}p", f"{W}br", f"{W}tab", f"{W}cr"):
        yield (child.text or "") if child.tag in _TEXT_TAGS else " "


def remove_element(element: Any) -> None:
    """Remove an element with its content."""
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def unwrap_element(element: Any) -> None:
    """Replace an element by its children."""
    replace_element(element, list(element))


def replace_element(element: Any, substitutes: Iterable[Any]) -> None:
    """Replace an element by others. lxml's index would take quadratic time for long paragraphs."""
    parent = element.getparent()
    if parent is None:
        return
    for substitute in substitutes:
        element.addprevious(substitute)
    parent.remove(element)


def is_deleted(element: Any) -> bool:
    """Check that `element` is within a tracked deletion, or at the old place of a tracked move."""
    return next(element.iterancestors(f"{W}del", f"{W}moveFrom"), None) is not None


def parse_number(text: str | None, default: int = 0) -> int:
    """Return the number in an attribute, or `default` if the attribute is missing or not a
    number."""
    try:
        return int(text or "")
    except ValueError:
        return default
