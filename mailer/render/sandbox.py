"""The sandbox of templates that staff write: bounded in time, steps, output and memory.

Jinja2's sandbox bounds ``range`` alone. A template could still multiply a string a billion times,
pad it to any width, or loop a million million times, and take the worker down. Here

- each loop counts its steps (recursive loops are refused, since they bypass the count);
- the result of each operator, call, filter, list and joined text is checked for its size; if the
  result may be much larger than the operands, the size is checked before the operation;
- every check also reads the clock of the thread's CPU time, so a busy machine leaves a template no
  less time.

The size of a single result is only estimated, within some factor. That is enough: the bounds
protect against bombs, and are far above what a mail needs.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.exceptions import TemplateSyntaxError
from jinja2.runtime import Context, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from mailer.errors import ComposeError

MAX_SECONDS = 10.0
MAX_STEPS = 1_000_000
"""Maximum number of steps of all loops together."""
MAX_TEXT = 2_000_000
"""Maximum number of characters of a text, or of all texts in a list together. Each element of a
list counts as ELEMENT_SIZE characters more."""
ELEMENT_SIZE = 10
MAX_TOTAL_TEXT = 50_000_000
"""Maximum number of characters of all texts together, including texts that are not printed."""
MAX_INTEGER_BITS = 4096
MAX_WIDTH = 1000
"""The largest number that a filter or a method of a text may get, such as a width."""
MAX_INDENT = 16
MAX_SLOW_TEXT = 500_000
"""Characters of a text for a filter that looks at each of them, which takes a second or two."""
MAX_FORMAT = 50_000
"""Characters of a text with placeholders, and of a text or list for the filters ``wordwrap`` and
``sum``, whose time grows with its square: a single call can't be interrupted."""

_STEPS, _JOINED, _COLLECTED = "counted_steps", "joined_text", "collected"
_FORMAT_PIECE = re.compile(r"[%:.{}]|\d{4,}|\*")
_TRANSLATING = frozenset({"gettext", "ngettext", "pgettext", "npgettext", "_gettext_alias"})
_SLOW = frozenset({"columns", "isolated", "plain", "truncate", "wrap"})
"""Filters of ours that look at each character."""
_MULTIPLYING = frozenset(
    {"indent", "expandtabs", "join", "replace", "sum", "translate", "wordwrap"}
)


class RenderBudget:
    """The steps, text and time that a rendering has used and may use."""

    def __init__(self) -> None:
        self._ends_at = time.thread_time() + MAX_SECONDS
        self._steps = 0
        self._text = 0
        self._checks = 0

    def use_step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _build_error("loops too often")
        self.check_clock()

    def use_text(self, length: int) -> None:
        self._text += length
        if self._text > MAX_TOTAL_TEXT:
            raise _build_error("makes too much text")
        self.check_clock()

    def check_clock(self) -> None:
        self._checks += 1
        if self._checks % 16 == 0 and time.thread_time() > self._ends_at:
            raise _build_error("takes too long")


_BUDGET: ContextVar[RenderBudget | None] = ContextVar("render budget", default=None)


@contextmanager
def limit_rendering() -> Iterator[RenderBudget]:
    """Limit the templates that are compiled and rendered in this block by one common budget."""
    budget = RenderBudget()
    token = _BUDGET.set(budget)
    try:
        yield budget
    finally:
        _BUDGET.reset(token)


def _build_error(fault: str) -> ComposeError:
    return ComposeError(
        f"the template {fault}", hint="make its loops shorter and its texts and widths smaller"
    )


# ---- sizes --------------------------------------------------------------------------------------


_END = object()


def _measure(value: Any) -> int:
    """Return the size of a text, or of a collection with all its content. Counting stops a little
    above MAX_TEXT."""
    if isinstance(value, str | bytes):
        return len(value)
    if not isinstance(value, list | tuple | dict | set | frozenset):
        return 0
    size = 0
    waiting: list[Iterator[Any]] = [iter((value,))]
    while waiting and size <= MAX_TEXT:
        item = next(waiting[-1], _END)
        if item is _END:
            waiting.pop()
            continue
        size += ELEMENT_SIZE
        if isinstance(item, str | bytes):
            size += len(item)
        elif isinstance(item, dict):
            waiting.append(iter((*item.keys(), *item.values())))
        elif isinstance(item, list | tuple | set | frozenset):
            waiting.append(iter(item))
    return size


def _check_size(size: int) -> None:
    if size > MAX_TEXT:
        raise _build_error("makes too long a text or list")


def _admit(value: Any) -> Any:
    """Return a value that an operation has made. Raises an error if the value is too large or the
    budget is used up."""
    size = _measure(value)
    _check_size(size)
    if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise _build_error("makes too large a number")
    if budget := _BUDGET.get():
        budget.use_text(size)
    return value


def _check_format(text: object) -> None:
    """Refuse a format whose width or precision has four digits or more, or is taken from a value,
    and a format that is too long. The check takes linear time."""
    if not isinstance(text, str):
        return
    if len(text) > MAX_FORMAT:
        raise _build_error("formats too long a text")
    is_in_placeholder = is_in_braces = False
    for piece in _FORMAT_PIECE.findall(text):
        if piece == "}":
            is_in_placeholder = is_in_braces = False
        elif piece == "{" and is_in_braces:
            raise _build_error("formats with a width from a value")
        elif piece in "%:.{":
            is_in_placeholder = True
            is_in_braces = is_in_braces or piece == "{"
        elif is_in_placeholder:
            raise _build_error("formats with too large a width")


def _check_arguments(name: str, value: object, arguments: Sequence[object]) -> None:
    """Check the arguments of a filter, or of a method of a text, before it runs. Numbers may be
    widths and counts, and texts may be inserted many times. `value`: the text itself."""
    max_number = MAX_INDENT if name in {"tojson", "pprint"} else MAX_WIDTH
    for argument in arguments:
        if isinstance(argument, int) and abs(argument) > max_number:
            raise _build_error(f"uses too large a number in {name!r}")
        _check_size(_measure(argument))
    if name not in _MULTIPLYING:
        return
    size = _measure(value)
    is_adding_lists = name == "sum" and any(
        isinstance(argument, list | tuple) for argument in arguments
    )
    if size > MAX_FORMAT and (name == "wordwrap" or is_adding_lists):
        raise _build_error(f"has too long a text or list for {name!r}")
    if name == "sum":
        return
    texts = [argument for argument in arguments if isinstance(argument, str | dict | list)]
    numbers = [abs(argument) for argument in arguments if isinstance(argument, int)]
    if name == "join" and isinstance(value, str):  # "-".join(list): the list is an argument
        largest, count = size, max((_measure(argument) for argument in arguments), default=0)
    else:
        count = size
        largest = max([*map(_measure, texts), *numbers], default=0)
    if count * largest > 50 * MAX_TEXT:
        raise _build_error(f"makes too long a text with {name!r}")


# ---- operations ---------------------------------------------------------------------------------


def _check_operator(operator: str, left: Any, right: Any) -> None:
    if operator == "%":
        _check_format(left)
    elif operator == "+":
        _check_size(_measure(left) + _measure(right))
    elif operator == "*":
        for sequence, count in ((left, right), (right, left)):
            if isinstance(count, int) and isinstance(sequence, str | bytes | list | tuple):
                _check_size(_measure(sequence) * max(count, 0))
        if isinstance(left, int) and isinstance(right, int):
            _check_bits(left.bit_length() + right.bit_length())
    elif operator == "**" and isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * max(right, 1))


def _check_bits(bits: int) -> None:
    if bits > MAX_INTEGER_BITS:
        raise _build_error("makes too large a number")


def _bound_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that checks its arguments and its result."""
    position = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def run_filter(*arguments: Any, **options: Any) -> Any:
        value = arguments[position] if len(arguments) > position else None
        size = _measure(value)
        _check_size(size)
        if name in _SLOW and size > MAX_SLOW_TEXT:
            raise _build_error(f"has too long a text for {name!r}")
        if name == "format":
            _check_format(value)
        else:
            others = [*arguments[position + 1 :], *options.values()]
            _check_arguments(name, value, others)
        return _admit(function(*arguments, **options))

    return run_filter


@pass_context
def _count_steps(_context: Context, iterable: Iterable[Any]) -> Iterator[Any]:
    """Yield the elements of a loop, and count them."""
    budget = _BUDGET.get()
    for item in iterable:
        if budget:
            budget.use_step()
        yield item


@pass_context
def _join_texts(context: Context, parts: Sequence[Any]) -> str:
    """Join texts as Jinja2's operator ``~`` does."""
    _check_size(sum(_measure(part) for part in parts))
    join = markup_join if context.eval_ctx.autoescape else str_join
    text: str = _admit(join(parts))
    return text


@pass_context
def _collect(_context: Context, value: Any) -> Any:
    return _admit(value)


class _BoundingTransformer(NodeTransformer):
    """Puts the checks into a parsed template."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  (Jinja2's name)
        if node.recursive:
            raise TemplateSyntaxError("recursive loops are not supported", node.lineno)
        self.generic_visit(node)
        node.iter = _make_filter(node.iter, _STEPS)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _make_filter(nodes.List(node.nodes, lineno=node.lineno), _JOINED)

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _make_filter(node, _COLLECTED)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _make_filter(node, _COLLECTED)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return node if node.ctx == "store" else _make_filter(node, _COLLECTED)


def _make_filter(node: Any, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """Jinja2's immutable sandbox with bounds. :meth:`wrap_filters` must be called once all filters
    are set."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, finalize=self.check_output, **options)
        self.globals.pop("lipsum")

    def wrap_filters(self) -> None:
        """Put the checks around all filters."""
        for name, function in self.filters.items():
            self.filters[name] = _bound_filter(name, function)
        self.filters |= {_STEPS: _count_steps, _JOINED: _join_texts, _COLLECTED: _collect}

    @staticmethod
    def check_output(value: Any) -> Any:
        """Check a value that a template prints."""
        _check_size(_measure(value))
        return value

    @staticmethod
    def concat(parts: Iterable[str]) -> str:
        """Join the parts of a block, a macro or a ``set``. Jinja2 calls it for each of them."""
        texts = parts if isinstance(parts, list) else list(parts)
        _check_size(sum(map(len, texts)))
        text: str = _admit("".join(texts))
        return text

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _check_operator(operator, left, right)
        return _admit(super().call_binop(context, operator, left, right))

    def call(
        __self,  # noqa: N805  (a template may pass an argument named self)
        __context: Context,
        __obj: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        function = getattr(__obj, "__wrapped__", __obj)  # the sandbox wraps str.format
        owner = getattr(function, "__self__", None)
        name = str(getattr(function, "__name__", ""))
        if name in {"format", "format_map"}:
            _check_format(owner)
        elif name in _TRANSLATING:
            for argument in args:
                _check_format(argument)
        elif isinstance(owner, str | bytes | list | tuple | int | Mapping):
            _check_arguments(name, owner, [*args, *kwargs.values()])
        return _admit(super().call(__context, __obj, *args, **kwargs))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        _BoundingTransformer().visit(template)
        return template
