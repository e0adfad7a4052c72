"""Interpret the HTML that word processors put on the clipboard.

Word writes lists as paragraphs with a bullet in front and ``mso-list:l0 level2 lfo1`` in their
style; Google Docs, LibreOffice and Outlook write emphases as spans with a style. Google Docs wraps
the whole text in a ``<b>`` of normal weight.
"""

import re
from collections.abc import Iterator

from mailer.intake.normalise.tree import Node

_LEVEL = re.compile(r"level(\d)")
_BULLET = re.compile(
    r"\s*(?:[·•▪■●○◦‣§–\uf000-\uf0ff-]|o(?=\s)|\(?(?:\d+|[A-Za-z]{1,4})[.)](?=\s))\s*"
)
_NUMBER = re.compile(r"\s*\(?(?:(\d+)|[A-Za-z]{1,4})[.)]")
_STYLED_ELEMENTS = frozenset({"a", "b", "del", "em", "font", "i", "s", "span", "strong", "u"})


def resolve_emphases(node: Node) -> tuple[str, list[str]]:
    """Return (tag, inner_tags): the element that an inline element's style stands for, and the
    elements to put into it."""
    if node.tag not in _STYLED_ELEMENTS or not (style := node.get_style()):
        return node.tag, []
    tag, inside = node.tag, []
    weight = style.get("font-weight", "")
    if weight in {"bold", "bolder"} or (weight.isdigit() and int(weight[:4]) >= 600):
        inside.append("strong")
    elif weight and tag in {"b", "strong"}:
        tag = "span"
    if style.get("font-style") in {"italic", "oblique"}:
        inside.append("em")
    elif "font-style" in style and tag in {"i", "em"}:
        tag = "span"
    line = style.get("text-decoration", "") + style.get("text-decoration-line", "")
    if "line-through" in line:
        inside.append("s")
    elif "underline" in line and tag != "a":
        inside.append("u")
    if style.get("vertical-align") in {"super", "sub"}:
        inside.append({"super": "sup", "sub": "sub"}[style["vertical-align"]])
    return tag, inside


def build_lists(children: list["Node | str"]) -> list["Node | str"]:
    """Return an element's children, with Word's list paragraphs turned into lists."""
    result: list[Node | str] = []
    open_lists: list[tuple[int, Node]] = []
    for child in children:
        if isinstance(child, Node) and (level := _get_list_level(child)):
            _append_item(result, open_lists, level, child)
        elif isinstance(child, Node) or child.strip() or not open_lists:
            open_lists.clear()
            result.append(child)
    return result


def _get_list_level(node: Node) -> int:
    if node.tag != "p":
        return 0
    if level := _LEVEL.search(node.get_style().get("mso-list", "")):
        return int(level[1])
    is_list_class = node.attributes.get("class", "").startswith(
        ("MsoListParagraph", "MsoListBullet")
    )
    return 1 if is_list_class and _BULLET.match(node.get_text()) else 0


def _append_item(
    result: list[Node | str], open_lists: list[tuple[int, Node]], level: int, paragraph: Node
) -> None:
    sign = _take_sign(paragraph)
    number = _NUMBER.match(sign)
    tag = "ol" if number else "ul"
    while open_lists and open_lists[-1][0] > level:
        open_lists.pop()
    if open_lists and open_lists[-1][0] == level and open_lists[-1][1].tag != tag:
        open_lists.pop()
    if not open_lists or open_lists[-1][0] < level:
        new_list = Node(tag, {"start": number[1]} if number and number[1] else {})
        if open_lists:
            item = open_lists[-1][1].children[-1]
            assert isinstance(item, Node)
            item.children.append(new_list)
        else:
            result.append(new_list)
        open_lists.append((level, new_list))
    open_lists[-1][1].children.append(Node("li", {}, paragraph.children))


def _take_sign(paragraph: Node) -> str:
    """Remove and return the bullet or number before a paragraph's text, or ""."""
    for parent, child in _walk_descendants(paragraph):
        if child.get_style().get("mso-list") == "ignore":
            parent.children.remove(child)
            return child.get_text()
    innermost: Node = paragraph
    while innermost.children and isinstance(innermost.children[0], Node):
        innermost = innermost.children[0]
    first = innermost.children[0] if innermost.children else ""
    if isinstance(first, str) and (sign := _BULLET.match(first)):
        innermost.children[0] = first[sign.end() :]
        return sign[0]
    return ""


def _walk_descendants(node: Node) -> Iterator[tuple[Node, Node]]:
    for child in node.children:
        if isinstance(child, Node):
            yield node, child
            yield from _walk_descendants(child)
