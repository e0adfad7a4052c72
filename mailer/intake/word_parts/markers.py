"""Facts that mammoth can't pass on, as marks in the text.

These facts are the number of a list's item, the direction and the language of a paragraph, and the
place of a part of another format.

A mark is put at the beginning of a paragraph before mammoth reads the paragraph. In the HTML that
mammoth writes, the mark is replaced by an attribute, or by the HTML of the part. Marks consist of
characters from a private plane of Unicode.
"""

import re
from typing import Any

from mailer.intake.word_parts.names import W, make_run

_START, _END = "\U000f5aa5", "\U000f5aa6"
_MARK = re.compile(f"{_START}([^{_START}{_END}<>]*){_END}")
_TOKEN = re.compile(
    rf"<(?P<list>ol|ul)>|</(?P<end>ol|ul)>|<li>(?P<mark>{_START}[^{_START}{_END}<>]*{_END})?"
)
_MARKED_ELEMENT = re.compile(
    rf'<(?P<tag>p|li|h[1-6])(?P<class> class="\w+")?>(?P<mark>{_START}[^{_START}{_END}<>]*{_END})'
)


def strip_marks(text: str) -> str:
    """Return `text` without the characters of marks: a file's own text must not look like a
    mark."""
    return text.replace(_START, "").replace(_END, "")


def mark_paragraph(paragraph: Any, **facts: str) -> None:
    """Put a mark with `facts` at the beginning of a paragraph."""
    written = ";".join(f"{name}={value}" for name, value in facts.items())
    properties = paragraph.find(f"{W}pPr")
    position = 0 if properties is None else paragraph.index(properties) + 1
    paragraph.insert(position, make_run(f"{_START}{written}{_END}"))


def restore_html(html: str, chunk_texts: list[str]) -> str:
    """Return mammoth's HTML with the marks as attributes, and with the parts of other formats."""
    html = _restore_numbers(html)
    html = _MARKED_ELEMENT.sub(_add_attributes, html)

    def insert_chunk(match: re.Match[str]) -> str:
        number = _read_facts(match[1]).get("chunk", "")
        return chunk_texts[int(number)] if number.isdigit() else ""

    html = re.sub(rf"<p>{_START}(chunk=\d+){_END}</p>", insert_chunk, html)
    return _MARK.sub("", html)


def _read_facts(written: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in written.split(";") if "=" in pair)


def _restore_numbers(html: str) -> str:
    """Return `html` with the first number of each list. A list whose numbers jump is split."""
    parts: list[str] = []
    open_lists: list[tuple[str, int, int | None]] = []  # tag, index of its start tag, last number
    end = 0
    for token in _TOKEN.finditer(html):
        parts.append(html[end : token.start()])
        end = token.end()
        if token["list"]:
            open_lists.append((token["list"], len(parts), None))
        elif token["end"]:
            if open_lists:
                open_lists.pop()
        elif token["mark"] and open_lists and open_lists[-1][0] == "ol":
            number = _read_facts(token["mark"][1:-1]).get("number", "")
            if number.lstrip("-").isdigit():
                _, start, last = open_lists[-1]
                if last is None and number != "1":
                    parts[start] = f'<ol start="{number}">'
                elif last is not None and int(number) != last + 1:
                    parts.append(f'</ol><ol start="{number}">')
                open_lists[-1] = ("ol", start, int(number))
        parts.append(token[0])
    return "".join(parts) + html[end:]


def _add_attributes(match: re.Match[str]) -> str:
    facts = _read_facts(match["mark"][1:-1])
    attributes = "".join(
        f' {name}="{facts[name]}"'
        for name in ("dir", "lang")
        if re.fullmatch(r"[A-Za-z0-9-]{2,35}", facts.get(name, ""))
    )
    chunk = match["mark"] if "chunk" in facts else ""
    return f"<{match['tag']}{match['class'] or ''}{attributes}>{chunk}"
