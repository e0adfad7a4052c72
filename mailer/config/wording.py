"""Describe pydantic's errors in words that quote the value and say what is right."""

from typing import Any

from pydantic_core import ErrorDetails

MAX_QUOTED = 60
"""Maximum number of characters of a value that an error quotes."""

_SECRETS = frozenset({"key", "password"})
"""Names of settings whose values no error shows."""

_WORDS = {
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "enum": "is not one of {expected}",
    "extra_forbidden": "there is no such setting",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "finite_number": "is not a finite number",
    "greater_than": "is too small: it must be more than {gt}",
    "greater_than_equal": "is too small: it must be at least {ge}",
    "int_from_float": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_parsing_size": "is too large",
    "int_type": "is not a whole number",
    "less_than": "is too large: it must be less than {lt}",
    "less_than_equal": "is too large: it must be at most {le}",
    "list_type": 'is not a list such as ["a", "b"]',
    "tuple_type": 'is not a list such as ["a", "b"]',
    "dict_type": "is not a table of names and values",
    "model_type": "is not a table of names and values",
    "path_type": "is not a path in quotes",
    "string_type": "is not a text in quotes",
    "string_unicode": "is not valid text",
}
"""Words for the fault, by pydantic's type of error."""


def describe_detail(detail: ErrorDetails) -> str:
    """Describe one of pydantic's errors in words."""
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return _WORDS[kind]
    is_quoted = not _SECRETS & set(map(str, detail["loc"]))
    if kind == "value_error":
        words = str(detail["msg"]).removeprefix("Value error, ")
        is_quoted = is_quoted and words.startswith("must")
    elif kind in _WORDS:
        words = _WORDS[kind].format_map(detail.get("ctx") or {})
    else:
        words, is_quoted = str(detail["msg"]), False
    return f"{_quote(value)} {words}" if is_quoted else words


def _quote(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"
