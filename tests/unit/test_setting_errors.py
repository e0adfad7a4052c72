"""Refused settings: the error quotes the value, and names the file or the variable."""

import re
from pathlib import Path

import pytest

from mailer import config
from mailer.errors import ConfigError
from mailer.people import normalise_staff_address
from tests.unit.test_config import load, wrong


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('[relay]\nport = "many"\n', "'many' is not a whole number"),
        ("[relay]\nport = 0\n", "0 is too small: it must be at least 1"),
        ("[relay]\nport = 70000\n", "70000 is too large: it must be at most 65535"),
        ("[relay]\ntimeout = 0\n", "0 is too small: it must be more than 0"),
        ('[relay]\nrate = "fast"\n', "'fast' is not a number"),
        ('[relay]\ntls = "sometimes"\n', "'sometimes' is not one of 'none', 'starttls' or"),
        ("[relay]\nhost = 3\n", "3 is not a text in quotes"),
        ("[relay]\nca_file = 3\n", "3 is not a path in quotes"),
        ('[notices]\napprovers = "a@b.example"\n', "'a@b.example' is not a list such as"),
        ('[press]\ntimes = "UTC"\n', "'UTC' is not a table"),
        ("[relays]\nsecond = 3\n", "3 is not a table"),
        ('[organisation]\naccent = "blue"\n', "'blue' must be a colour such as #0b5394"),
        ('[organisation]\nname = " "\n', "' ' must not be empty"),
        ('[sender]\nname = ""\n', "'' must not be empty"),
        ('[defaults]\nlanguage = "english language"\n', "must be a BCP 47 language tag"),
        ('[defaults]\nlanguage = "qq"\n', "'qq' must be a BCP 47 language tag"),
        ('[web]\nproxies = ["nonsense"]\n', "'nonsense' must be an IP address or network"),
        ("[relay]\nspeed = 3\n", "there is no such setting"),
    ],
)
def test_invalid_setting_is_worded_with_its_value(home: Path, toml: str, says: str) -> None:
    message = wrong(home, toml).message
    assert says in message
    assert not re.search("Input should|String should|valid tuple", message)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Ana@example.org", "ana@Example.ORG"),
        ("ana@bücher.example.org", "ana@xn--bcher-kva.example.org"),
        ("ana@bücher.example.org", "ana@BÜCHER.example.org"),
    ],
)
def test_one_address_is_one_person(home: Path, first: str, second: str) -> None:
    toml = f'[people."{first}"]\nname = "Ana"\n[people."{second}"]\nname = "Ann"\n'
    message = wrong(home, toml).message
    assert message == f"people: {first} and {second} are the same address; keep one section"
    assert normalise_staff_address(first) == normalise_staff_address(second)


def test_people_may_share_a_login(home: Path) -> None:
    toml = (
        '[people."ana@example.org"]\nlogins = ["ana", "mailer"]\n'
        '[people."ben@example.org"]\nlogins = ["Mailer"]\n'
    )
    people = load(home, toml).people
    assert [person.logins for person in people.values()] == [("ana", "mailer"), ("Mailer",)]


@pytest.mark.parametrize(
    ("value", "approvers"),
    [
        ("a@b.example", ("a@b.example",)),
        ("a@b.example, c@d.example", ("a@b.example", "c@d.example")),
        ("a@b.example c@d.example", ("a@b.example", "c@d.example")),
        ('["a@b.example"]', ("a@b.example",)),
    ],
)
def test_list_in_environment_is_read(home: Path, value: str, approvers: tuple[str, ...]) -> None:
    settings = load(home, MAILER_NOTICES_APPROVERS=value)
    assert settings.notices.approvers == approvers


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("MAILER_WEB_PROXIES", '["127.0.0.1"', "is not a list; write it as FIRST, SECOND"),
        ("MAILER_WEB_PROXIES", "here", "'here' must be an IP address"),
        ("MAILER_PRESS_TIMES", "UTC", "'UTC' is not a table; write it as {"),
        ("MAILER_RELAY", "local", "'local' is not a table"),
        ("mailer_relay_tls", "yes", "'yes' is not one of"),
    ],
)
def test_invalid_variable_is_named(home: Path, variable: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError, match=variable) as caught:
        load(home, **{variable: value})
    assert says in str(caught.value)


def test_folder_instead_of_config_file_is_named(home: Path) -> None:
    with pytest.raises(ConfigError, match="it is a folder, not a file of settings"):
        config.load_settings(home, environ={})


def test_missing_key_without_settings_says_where_it_looked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "below").mkdir()
    monkeypatch.chdir(home / "below")
    settings = config.load_settings(environ={})
    with pytest.raises(ConfigError, match="no settings were found: there is no config/mailer"):
        settings.read_secret_key()


def test_invalid_environment_setting_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    with pytest.raises(
        ConfigError, match=r"^the environment, MAILER_RELAY_PORT: 'many' is not a whole number"
    ):
        config.load_settings(environ={"MAILER_RELAY_PORT": "many"})
