"""Settings of senders: the default one, named ones, and the name in EHLO."""

import re
from pathlib import Path

import pytest

from tests.unit.test_config import load, wrong


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path


PRESS_SENDER = """
[senders.press]
name = "Press office"
address = "press@office.example"
"""


def test_approval_covers_every_setting_of_a_mail_outside_its_body(home: Path) -> None:
    settings = load(home, PRESS_SENDER)
    descriptions = {settings.describe_sender(""), settings.describe_sender("press")}
    for variable, value in {
        "MAILER_SENDER_UNSUBSCRIBE_ADDRESS": "leave@example.org",
        "MAILER_SENDER_ADDRESS": "news@other.example",
        "MAILER_WEB_BASE_URL": "https://other.example",
    }.items():
        changed = load(home, PRESS_SENDER, **{variable: value})
        descriptions |= {changed.describe_sender(""), changed.describe_sender("press")}
    for line in (
        'name = "Press"',
        'address = "p@example.org"',
        'reply_to = "a@example.org"',
        'return_path = "a@example.org"',
    ):
        word = line.partition(" ")[0]
        changed_toml = re.sub(rf"(?m)^{word} = .*\n|\Z", "", PRESS_SENDER) + line + "\n"
        descriptions.add(load(home, changed_toml).describe_sender("press"))
    assert len(descriptions) == 2 + 2 * 3 + 4
    assert settings.describe_sender("unknown") == ""


def test_named_sender_copies_nothing_from_the_default_one(home: Path) -> None:
    settings = load(home, '[sender]\nreply_to = "a@example.org"\n' + PRESS_SENDER)
    press = settings.find_sender("press")
    assert press is not None
    assert (press.reply_to, press.return_path) == ("", "")
    assert press.envelope_sender == "press@office.example"
    assert settings.find_sender("") is settings.sender
    assert settings.find_sender("unknown") is None
    assert settings.list_domain == "example.org", "whoever sends, a list keeps its identifier"


@pytest.mark.parametrize(
    ("toml", "setting"),
    [
        ('[senders.press]\nname = "Press"\n', "senders.press.address"),
        ('[senders.press]\naddress = "press@example.org"\n', "senders.press.name"),
        ('[senders.press]\nname = "Press"\naddress = ""\n', "senders.press.address"),
        ('[senders."Press Office"]\nname = "P"\naddress = "p@example.org"\n', "senders.Press"),
        (PRESS_SENDER + 'unsubscribe_address = "p@example.org"\n', "senders.press.unsubscribe"),
    ],
)
def test_invalid_sender_names_file_and_setting(home: Path, toml: str, setting: str) -> None:
    error = wrong(home, toml)
    assert error.where.startswith(f"{home}/config/mailer.toml, {setting}")
    assert error.message


@pytest.mark.parametrize(
    "name",
    ["mail.example.org", "localhost", "xn--bro-hoa.example", "a-b.c1", "[192.0.2.1]",
     "[IPv6:2001:db8::1]", "[IPv6:::ffff:192.0.2.1]", ""],
)  # fmt: skip
def test_ehlo_name_is_a_domain_or_an_address_literal(home: Path, name: str) -> None:
    assert load(home, f'[relay]\nehlo = "{name}"\n').relay.ehlo == name


@pytest.mark.parametrize(
    "name",
    ["192.0.2.1", "[192.0.2.256]", "[2001:db8::1]", "[IPv6:192.0.2.1]", "mail example",
     "büro.example", "-a.example", "a-.example", "a..example", "example.org.", "a_b.example",
     "mail.example.org\\r\\nRSET", "[]", "a" * 64 + ".example", ".".join(["a" * 60] * 5)],
)  # fmt: skip
def test_invalid_ehlo_name_is_refused(home: Path, name: str) -> None:
    error = wrong(home, f'[relay]\nehlo = "{name}"\n')
    assert error.where.endswith("relay.ehlo")
    assert "must be a domain such as mail.example.org" in error.message


def test_envelope_sender_defaults_to_sender(home: Path) -> None:
    assert load(home).sender.envelope_sender == "news@example.org"
    bounce = load(home, MAILER_SENDER_RETURN_PATH="bounces@example.org").sender.envelope_sender
    assert bounce == "bounces@example.org"
