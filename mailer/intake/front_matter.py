"""Read front matter: an unambiguous subset of YAML, with every value as text.

YAML changes the values that people write: 01234567 becomes 342391, +44 loses its plus, 1.10 is 1.1,
"no" is false, and "We are #1" ends at its number sign. Here each value stays the text that was
written, and the reader of its field decides what it means (``fields.py``).

- " # " begins a comment in YAML, but people may mean it as text. After a value without quotes it is
  an error, unless values of that key hold no spaces, such as a date. " #1" is text.
- "&Co" is text, not the name of a value to be repeated (an anchor).
- Aliases, tags, merge keys, several documents and a key that comes twice are errors.

The memory for a document is bounded: size, depth and number of nodes have limits, and without
aliases a document has no more nodes than characters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from mailer.errors import InputError

LONGEST = 100_000
"""Maximum length of front matter in characters."""

DEEPEST = 8
MAX_NODES = 5_000

Value = Any
"""str, or a list or dict of values. An empty value is ""."""

_SPACES = "\0 \t\r\n\x85\u2028\u2029"
_BREAKS = "\0\r\n\x85\u2028\u2029"
_NULLS = frozenset({"~", "null", "Null", "NULL"})
_ANCHOR = re.compile(r"&[\w.-]*(?:$|\s*\n|\s+[\[{>|\"'&*!])")
_QUOTES_HINT = 'put the text in double quotes, as "…"'


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The values of front matter by key.

    `lines` maps each key to its line, counted from 1. The key of a nested value is a dotted path,
    in which list items are counted from 1: ``contacts.2.phone``."""

    values: Mapping[str, Value]
    lines: Mapping[str, int] = field(default_factory=dict)


class _Problem(Exception):
    """A problem in a line. The lines of the front matter are counted from 1."""

    def __init__(self, line: int, message: str, hint: str) -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


def parse_front_matter(
    text: str, where: str, first_line: int = 1, comment_keys: frozenset[str] = frozenset()
) -> FrontMatter:
    """Parse front matter that begins in `first_line` of the file `where`.

    `comment_keys` are keys whose values never contain a space and "#", so that " #" after such a
    value begins a comment. Raises InputError with file and line."""
    try:
        values, lines = _parse_yaml(text, comment_keys)
    except _Problem as problem:
        line = problem.line + first_line - 1
        raise InputError(
            problem.message, where=f"{where}, line {line}", hint=problem.hint
        ) from problem.__cause__
    return FrontMatter(values, {path: line + first_line - 1 for path, line in lines.items()})


def _parse_yaml(
    text: str, comment_keys: frozenset[str]
) -> tuple[dict[str, Value], Mapping[str, int]]:
    if len(text) > LONGEST:
        _fail(1, f"the front matter is longer than {LONGEST:,} characters", "move text to the body")
    try:
        # The scanner is PyYAML's in Python: in libyaml's, deep nesting overflows the C stack
        # (PyYAML 6.0).
        builder = _Builder(text, comment_keys)
        return builder.build_document(), builder.lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = error.problem or str(error)
        hint = "put values that contain a colon or a quote in double quotes"
        if "'\\t'" in problem:
            problem, hint = "a tab where spaces belong", "replace the tab by spaces"
        _fail(line, f"the front matter is not YAML ({problem})", hint, error)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        _fail(line, f"it holds U+{error.character:04X}, which is not text", "remove it", error)
    except (ValueError, OverflowError, RecursionError) as error:
        # Such as the escape "\UFFFFFFFF", which is not a character.
        _fail(1, f"the front matter can't be read ({error})", _QUOTES_HINT, error)


def _fail(line: int, message: str, hint: str = "", cause: Exception | None = None) -> NoReturn:
    raise _Problem(line, message, hint) from cause


class _Scanner(Reader, Scanner):
    """PyYAML's scanner, which keeps text that YAML would take for something else.

    `comments` maps the index at which a value without quotes begins to the comment after the
    value."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        self.comments: dict[int, str] = {}

    def fetch_anchor(self) -> None:
        self.fetch_plain()

    def fetch_alias(self) -> None:
        self._refuse("repeats another value (an alias)", "*")

    def fetch_tag(self) -> None:
        self._refuse("is a tag", "!")

    def _refuse(self, meaning: str, sign: str) -> NoReturn:
        line = self.get_mark().line + 1
        _fail(line, f"a value that begins with {sign} {meaning} in YAML", _QUOTES_HINT)

    def check_plain(self) -> bool:
        # YAML gives no meaning to @, ` and % here; scan_to_next_token stops at text only.
        return self.peek() in "#@`%" or super().check_plain()

    def check_directive(self) -> bool:
        return False

    def scan_to_next_token(self) -> None:
        """Pass over spaces, line breaks and comments, but not over a value such as "#1"."""
        start, is_first_line = self.index, True
        follows_sign = start > 0 and self.buffer[self.pointer - 1] in ":-"
        while True:
            while self.peek() == " ":
                self.forward()
            if self.peek() == "#":
                if is_first_line and follows_sign and self._is_text_sign():
                    return
                column, comment = self.column, self._skip_comment()
                if is_first_line or (follows_sign and column > self.indent):
                    self.comments.setdefault(start, comment)
            if not self.scan_line_break():  # type: ignore[no-untyped-call]
                return
            is_first_line = False
            if not self.flow_level:
                self.allow_simple_key = True

    def _is_text_sign(self) -> bool:
        """Check that the "#" here begins a word, such as "#1", and not a comment."""
        return not self.flow_level and self.index > 0 and self.peek(1) not in _SPACES + "#!"

    def _skip_comment(self) -> str:
        length = 0
        while self.peek(length) not in _BREAKS:
            length += 1
        comment: str = self.prefix(length)
        self.forward(length)
        return comment

    def scan_plain(self) -> yaml.ScalarToken:
        """Scan a value without quotes, as PyYAML does, but treat a word such as "#1" as part of the
        value."""
        chunks: list[str] = []
        start_mark = end_mark = self.get_mark()
        indent = self.indent + 1
        while True:
            length = self._measure_word()
            if length == 0:
                break
            self.allow_simple_key = False
            chunks.append(self.prefix(length))
            self.forward(length)
            end_mark = self.get_mark()
            spaces = self.scan_plain_spaces(indent, start_mark)
            if not spaces or (not self.flow_level and self.column < indent):
                break
            if self.peek() == "#" and not self._is_text_sign():
                self.comments[start_mark.index] = self._skip_comment()
                break
            chunks += spaces
        text = "".join(chunks).rstrip(" \n")
        return yaml.ScalarToken(text, True, start_mark, end_mark)

    def _measure_word(self) -> int:
        length = 0
        while True:
            sign = self.peek(length)
            is_key_end = sign == ":" and self.peek(length + 1) in _SPACES + (
                ",[]{}" if self.flow_level else ""
            )
            if sign in _SPACES or is_key_end or (self.flow_level and sign in ",?[]{}"):
                return length
            length += 1


class _Builder(_Scanner, Parser):
    """Builds values from the parser's events."""

    def __init__(self, text: str, comment_keys: frozenset[str]) -> None:
        _Scanner.__init__(self, text)
        Parser.__init__(self)
        self.lines: dict[str, int] = {}
        self._comment_keys = comment_keys
        self._node_count = 0

    def build_document(self) -> dict[str, Value]:
        self._next_event()  # the stream starts
        if self.check_event(yaml.StreamEndEvent):
            return {}
        self._next_event()  # the document starts
        line = self._peek_line()
        values = self._build_value((), "")
        self._next_event()  # the document ends
        if not self.check_event(yaml.StreamEndEvent):
            _fail(self._peek_line(), "a second document begins here", "remove the line")
        if values == "":
            return {}
        if not isinstance(values, dict):
            _fail(line, "the front matter is not a list of keys", "write title: and the title")
        return values

    def _build_value(self, path: tuple[str, ...], key: str) -> Value:
        event = self._next_event()
        line = event.start_mark.line + 1
        self._node_count += 1
        if self._node_count > MAX_NODES:
            _fail(line, f"the front matter has more than {MAX_NODES:,} values", "shorten it")
        if len(path) > DEEPEST:
            _fail(line, f"the front matter can't be read: it nests deeper than {DEEPEST} levels")
        if isinstance(event, yaml.ScalarEvent):
            return self._read_scalar(event, line, key)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._build_list(path, key)
        return self._build_table(path)

    def _read_scalar(self, event: Any, line: int, key: str) -> str:
        text: str = event.value
        if event.style is not None or not event.implicit[0]:
            return text
        comment = self.comments.get(event.start_mark.index)
        if comment is not None and key not in self._comment_keys:
            _fail(
                line,
                f"{comment[:40]!r} may be a part of the text or a comment",
                "put the text in double quotes, or begin a line with the comment",
            )
        if text in _NULLS:
            _fail(
                line,
                f"{text!r} may mean the word or no value",
                "put the word in double quotes, or leave the value empty",
            )
        written = self.buffer[event.start_mark.index : event.end_mark.index]
        if _ANCHOR.match(written):
            _fail(line, f"{text.split()[0]!r} names a value (an anchor)", _QUOTES_HINT)
        return text

    def _build_list(self, path: tuple[str, ...], key: str) -> list[Value]:
        items: list[Value] = []
        while not self.check_event(yaml.SequenceEndEvent):
            item_path = (*path, str(len(items) + 1))
            self._note_line(item_path, self._peek_line())
            items.append(self._build_value(item_path, key))
        self._next_event()
        return items

    def _build_table(self, path: tuple[str, ...]) -> dict[str, Value]:
        table: dict[str, Value] = {}
        while not self.check_event(yaml.MappingEndEvent):
            line = self._peek_line()
            key = self._build_value(path, "") if self.check_event(yaml.ScalarEvent) else None
            if not isinstance(key, str):
                _fail(line, "a key is not text", _QUOTES_HINT)
            if key in table:
                _fail(line, f"{key!r} stands there twice", "remove one of them")
            key_path = (*path, key)
            self._note_line(key_path, line)
            table[key] = self._build_value(key_path, key)
        self._next_event()
        return table

    def _next_event(self) -> Any:
        return self.get_event()  # type: ignore[no-untyped-call]

    def _peek_line(self) -> int:
        """Return the line in which the next event begins."""
        return int(self.peek_event().start_mark.line) + 1  # type: ignore[no-untyped-call]

    def _note_line(self, path: tuple[str, ...], line: int) -> None:
        self.lines[".".join(path)] = line
