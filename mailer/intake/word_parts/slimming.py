"""Make the rewritten text small: properties that mammoth ignores are removed, and adjacent runs
with the same properties become a single run.

Word begins a run at each edit, spelling mark and change of language, and repeats its font and size.
mammoth takes some 50 µs for each element, whether it shows anything or not.
"""

from typing import Any

from mailer.intake.word_parts.names import W

_RUN_PROPERTIES = frozenset(
    f"{W}{name}" for name in ("b", "i", "rStyle", "strike", "u", "vertAlign")
)
_PARAGRAPH_PROPERTIES = frozenset(f"{W}{name}" for name in ("numPr", "pStyle", "rPr"))
_MARK_PROPERTIES = frozenset({f"{W}del"})
"""The only property of a paragraph mark that is kept: mammoth joins a paragraph whose mark was
deleted to the next paragraph."""

_PROPERTY_TAGS = (f"{W}pPr", f"{W}rPr")
_TEXT = f"{W}t"
_JOINED_TAGS = frozenset(
    f"{W}{name}" for name in ("br", "noBreakHyphen", "rPr", "softHyphen", "t", "tab")
)


def clean_runs(root: Any) -> None:
    """Remove the properties in `root` that mammoth ignores, and join runs."""
    for properties in list(root.iter(*_PROPERTY_TAGS)):
        parent = properties.getparent()
        if properties.tag == f"{W}pPr":
            used = _PARAGRAPH_PROPERTIES
        elif parent is not None and parent.tag == f"{W}pPr":
            used = _MARK_PROPERTIES
        else:
            used = _RUN_PROPERTIES
        properties[:] = [child for child in properties if child.tag in used]
    for paragraph in root.iter(f"{W}p", f"{W}hyperlink"):
        _join_runs(paragraph)


def _join_runs(parent: Any) -> None:
    """Join the adjacent runs of text of a paragraph or a link if they have the same properties."""
    first: Any = None
    first_key: tuple[tuple[str, str], ...] | None = None
    emptied = []
    for run in parent:
        key = _describe_run(run)
        if key is None or key != first_key:
            first, first_key = run, key
            continue
        for child in list(run):
            if child.tag == f"{W}rPr":
                continue
            last = first[-1] if len(first) else None
            if child.tag == _TEXT and last is not None and last.tag == _TEXT:
                last.text = (last.text or "") + (child.text or "")
            else:
                first.append(child)
        emptied.append(run)
    for run in emptied:
        parent.remove(run)


def _describe_run(run: Any) -> tuple[tuple[str, str], ...] | None:
    """Return the properties of a run that holds only text, or None for any other element."""
    if run.tag != f"{W}r":
        return None
    key: tuple[tuple[str, str], ...] = ()
    for child in run:
        if child.tag not in _JOINED_TAGS:
            return None
        if child.tag == f"{W}rPr":
            key = tuple(sorted((item.tag, item.get(f"{W}val") or "") for item in child))
    return key
