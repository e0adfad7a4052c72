"""The people who act: logins, the holders of links, and the notes that they leave in logs."""

import os
import pwd

import pytest

from mailer.actor import MAX_NAME_LENGTH, check_person_name, create_local_actor
from mailer.cli.global_options import GLOBALS
from mailer.cli.options import resolve_actor
from mailer.config import Settings
from mailer.errors import InputError
from mailer.people import StaffDirectory, StaffMember


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


def test_note_does_not_make_another_person(monkeypatch: pytest.MonkeyPatch) -> None:
    login = pwd.getpwuid(os.geteuid()).pw_name
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.setenv("MAILER_ACTOR", "Ben")
    with pytest.raises(InputError, match=r"^--by: "):
        resolve_actor("the worker")
    monkeypatch.setattr(GLOBALS, "settings", Settings())
    keys = {resolve_actor(by).key for by in ("", "Ana", login)}
    assert keys == {create_local_actor(login).key}
    assert (str(resolve_actor("")), str(resolve_actor(login))) == (f"Ben ({login})", login)


DIRECTORY = StaffDirectory(
    [
        StaffMember("ana@example.org", "Ana", logins=("amina", "root")),
        StaffMember("ben@example.org", logins=()),
    ],
    ["Cleo@Example.org"],
)


@pytest.mark.parametrize(
    ("address", "login", "is_same"),
    [
        ("ana@example.org", "amina", True),
        ("ANA@example.org", "AMINA", True),
        ("ana@example.org", "ana", False),
        ("ben@example.org", "ben", False),
        ("cleo@example.org", "cleo", True),
        ("cleo@example.org", "dora", False),
        ("dora@example.org", "dora", True),
    ],
)
def test_login_and_link_are_one_person_as_the_settings_say(
    address: str, login: str, is_same: bool
) -> None:
    holder, local = DIRECTORY.identify_holder(address), DIRECTORY.identify_login(login)
    assert holder.is_same_person(local.key) is is_same
    if address.partition("@")[0] != "dora":  # of an unknown address, only the link's side knows
        assert local.is_same_person(holder.key) is is_same


def test_shared_login_counts_as_each_person_who_has_it() -> None:
    directory = StaffDirectory(
        [
            StaffMember("ana@example.org", logins=("ana", "Mailer")),
            StaffMember("ben@example.org", logins=("ben", "mailer")),
            StaffMember("cleo@example.org", logins=("cleo",)),
        ]
    )
    shared = directory.identify_login("mailer")
    for name in ("ana", "ben"):
        holder = directory.identify_holder(f"{name}@example.org")
        own = directory.identify_login(name)
        assert holder.is_same_person(shared.key)
        assert own.is_same_person(shared.key)
        assert shared.is_same_person(holder.key)
        assert shared.is_same_person(own.key)
    ben, cleo = (directory.identify_holder(f"{name}@example.org") for name in ("ben", "cleo"))
    assert not ben.is_same_person(directory.identify_login("ana").key), "they are two people"
    assert not cleo.is_same_person(shared.key)


def test_two_logins_of_a_person_are_one() -> None:
    assert DIRECTORY.identify_login("root").is_same_person("local:amina")
    assert DIRECTORY.find_addresses(["local:root", "local:cleo"]) == (
        "cleo@example.org",
        "ana@example.org",
    )
