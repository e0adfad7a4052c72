"""Every error says what is wrong, where, and what to do; and how the program ends."""

import inspect
import re

import pytest

from mailer import errors
from mailer.errors import MailerError

KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, MailerError)
]


@pytest.mark.parametrize(
    ("where", "hint", "expected"),
    [
        ("", "", "it is empty"),
        ("news.md, line 3", "", "news.md, line 3: it is empty"),
        ("", "write some", "it is empty; write some"),
        ("news.md, line 3", "write some", "news.md, line 3: it is empty; write some"),
    ],
)
def test_error_message_has_place_problem_and_hint(where: str, hint: str, expected: str) -> None:
    assert str(MailerError("it is empty", where=where, hint=hint)) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_error_tree_in_docstring_has_exit_codes(kind: type[MailerError]) -> None:
    assert errors.__doc__
    match = re.search(rf"\b{kind.__name__}\s+(?:exit code )?(\d):", errors.__doc__)
    assert match, f"{kind.__name__} is not drawn"
    assert int(match[1]) == kind.exit_code


def test_error_tree_in_docstring_has_only_existing_errors() -> None:
    assert errors.__doc__
    drawn = set(re.findall(r"^\W*([A-Z]\w+)\s+(?:exit code )?\d:", errors.__doc__, re.MULTILINE))
    assert drawn == {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (errors.NotFound, errors.InputError),
        (errors.SchemaError, errors.ConfigError),
        (errors.BadTransition, errors.Refused),
        (errors.ApprovalVoid, errors.Refused),
    ],
)
def test_narrow_error_is_subclass_of_wider_one(
    kind: type[MailerError], parent: type[MailerError]
) -> None:
    assert issubclass(kind, parent)


def test_relay_error_is_temporary_or_permanent() -> None:
    assert errors.RelayError("it refuses our password", is_permanent=True).is_permanent
    assert not errors.RelayError("it is busy").is_permanent


def test_fetch_error_is_temporary_or_permanent() -> None:
    later = errors.FetchError("it is busy", retry_after=120.0, status=503)
    assert (later.is_permanent, later.retry_after, later.status) == (False, 120.0, 503)
    assert errors.FetchError("it is inside the office", is_permanent=True).is_permanent
