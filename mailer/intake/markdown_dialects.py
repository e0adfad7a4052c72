"""Find markup of other dialects of Markdown, which would go out as literal text."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Markup(NamedTuple):
    """Markup that mails don't know: the pattern that finds it, and words for its author."""

    pattern: re.Pattern[str]
    message: str
    hint: str


_ESCAPE = "write a backslash before its first sign if it is text"


def _compile(pattern: str, message: str, hint: str = _ESCAPE) -> Markup:
    return Markup(re.compile(pattern), message, hint)


_ANYWHERE = (
    _compile(
        r"\[\^[^\]\s]{1,100}\]",
        "a mail has no footnotes",
        "write the note in brackets, or at the end of the text",
    ),
    _compile(r"\^\[[^\]]", "a mail has no footnotes", "write the note in brackets"),
    _compile(
        r"\{\{|\{%|\{#[^}]{0,200}#\}|<%",
        "a shortcode or a template's field would go out as it stands",
        "write what it stands for",
    ),
    _compile(
        r"\[/?(?:caption|gallery|embed|audio|video|playlist|toc|TOC)\b[^\]]{0,2000}\]"
        r"|\[/?[a-z][\w-]*\s+[\w-]+=[\"'“”‘’][^\]]{0,2000}\]",
        "a shortcode would go out as it stands",
        "write what it stands for",
    ),
    _compile(
        r"\[[a-z][\w-]{1,40}\s+https?://[^\]\s]{1,2000}\]|!(?:video|audio|youtube|vimeo)\(",
        "a shortcode would go out as it stands",
        "write what it stands for",
    ),
    _compile(
        r"%%[^%\s]|\{(?:\+\+|--|~~|>>|==)|<<\}",
        "a note for editors would go out as it stands",
        "remove it",
    ),
    _compile(
        r"\[-?@[\w:.-]+[^\]]{0,500}\]|\[cite:[^\]]{0,500}\]",
        "a mail has no citations",
        "write the source in brackets",
    ),
    _compile(
        r"\\(?:newpage|clearpage|pagebreak)\b|\\(?:begin|end|cite|ref|footnote|textbf|emph)\{",
        "a command of LaTeX would go out as it stands",
        "remove it",
    ),
    _compile(
        r"<(?:https?://|www\.)[^>\n]{1,2000}>",
        "a link is not read: its address holds a space or has no https://",
        "write a space in an address as %20",
    ),
    _compile(r"\[\[|\]\]", "a link to a page of a wiki would go out as it stands"),
    _compile(
        r"!\[[^\]]{0,500}\]\(",
        "a picture is not read: its address holds a space or is not closed",
        "write a space in an address as %20",
    ),
    _compile(
        r"\]\(",
        "a link is not read: its address holds a space or is not closed",
        "write a space in an address as %20",
    ),
    _compile(
        r"\[[^\[\]]{1,500}\]\[[^\[\]]{0,500}\]|(?<=\ufffc)\]\[[^\[\]]{0,500}\]",
        "a link's name is not defined",
        "write the address behind it, as [text](https://…), or define the name",
    ),
    _compile(r"\[![A-Za-z]{2,20}\]", "a mail has no coloured notes", "write it as a paragraph"),
    _compile(
        r"\{[#.:][\w-][^{}]{0,200}\}",
        "attributes in braces would go out as they stand",
        "remove them",
    ),
    _compile(r"(?<![\w:]):[a-z][a-z0-9_+-]{1,40}:(?![\w:])", "write an emoji as such, not by name"),
    _compile(r"(?<!=)==[^=\s](?:[^=]{0,200}[^=\s])?==(?!=)", "a mail has no marked text"),
    _compile(
        r"(?<=\w)([~^])(?:[0-9+-]{1,6}|[a-z]{1,2})\1(?!\w{3})",
        "a subscript or superscript in these signs would go out as it stands",
        "write <sub>2</sub> or <sup>2</sup>",
    ),
    _compile(
        r"\$\$[^$]{1,500}\$\$|(?<![\w$])\$[^\s$][^$]{0,200}[\\^_{][^$]{0,200}\$(?!\w)",
        "a mail has no formulas",
        "write it in words, or as a picture",
    ),
    _compile(
        r"(?<!\*)\*\*(?!\*)",
        "two asterisks would go out as they stand",
        "write **bold** without spaces inside, or \\*\\* if they are text",
    ),
)

_AT_LINE_START = (
    _compile(r"(?:!!!|\?\?\?)\+?\s+\w", "a mail has no coloured notes", "write it as a paragraph"),
    _compile(
        r"#{7,}\s|#{2,6}[^\s#]",
        "a heading is not read: it has no space behind its signs, or too many of them",
        "write ## and a space before a heading",
    ),
    _compile(
        r"[•‣◦▪●○■]\s*\S",
        "a list in these signs would become one paragraph",
        "begin each item with - and a space",
    ),
    _compile(r":::+", "a block in colons would go out as it stands", "write it as a paragraph"),
    _compile(r":\s+\S", "a mail has no lists of definitions", "write **term**: definition"),
    _compile(r"\*\[[^\]]{1,60}\]:\s", "an abbreviation is not read", "explain it in the text"),
    _compile(
        r"\|.*\|\s*$",
        "a table is not read: it has no line |---| below its head",
        "write that line below the head, with as many cells",
    ),
)

_TASK = _compile(
    r"\[[ xX]\](?:\s|$)", "a mail has no boxes to tick", "write in words which tasks are done"
)


ATTRIBUTES = _compile(
    r"\{[^{}\n]{1,300}\}", "attributes in braces would go out as they stand", "remove them"
)
"""Markup that means this only behind a link, a picture or marked text."""


def find_foreign_markup(
    lines: Iterable[tuple[int, str]], *, is_item: bool
) -> Iterator[tuple[int, str, str]]:
    """Yield (line, message, hint) for markup in one paragraph, whose `lines` are pairs (number,
    text).

    `is_item`: the paragraph begins a list's item."""
    for index, (number, text) in enumerate(lines):
        starts = [*_AT_LINE_START, *([_TASK] if is_item and index == 0 else ())]
        matches = [markup for markup in starts if markup.pattern.match(text)]
        matches += [markup for markup in _ANYWHERE if markup.pattern.search(text)]
        if matches:
            yield number, matches[0].message, matches[0].hint
