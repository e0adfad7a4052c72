"""The names under which people may act."""

import pytest

from mailer.actor import MAX_NAME_LENGTH, check_person_name
from mailer.cli.options import resolve_actor
from mailer.errors import InputError


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\x1bna", "control characters"),
        ("x" * (MAX_NAME_LENGTH + 1), "101 characters, and may have 100"),
        ("\u2800\u3164", "not a person's name"),
        ("\u0410na", "different alphabets"),
        ("the worker", "name a process"),
        ("The\u2800Worker", "name a process"),
        ("Delivery", "name a process"),
        ("source weekly", "name a process"),
    ],
)
def test_person_name_is_refused(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_person_name(name)


@pytest.mark.parametrize("name", ["Ana", "x" * MAX_NAME_LENGTH, "Ana  Мария", "delivery team"])
def test_person_name_is_accepted(name: str) -> None:
    assert check_person_name(name) == " ".join(name.split())


def test_actor_of_environment_is_named_as_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_ACTOR", "bell\a")
    with pytest.raises(InputError, match=r"^MAILER_ACTOR: it holds control characters"):
        resolve_actor("")


def test_actor_of_option_is_named_as_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILER_ACTOR", "Ben")
    with pytest.raises(InputError, match=r"^--by: "):
        resolve_actor("the worker")
    assert resolve_actor("").key == "local:ben"
