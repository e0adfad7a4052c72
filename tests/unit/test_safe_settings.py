"""The setting of safe mode: the section turns it on, and never without a recipient."""

from pathlib import Path

import pytest

from mailer.model.safe_mode import SafeMode
from tests.unit.test_config import load, wrong


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path


def test_safe_mode_is_off_without_its_section(home: Path) -> None:
    assert load(home).safe.recipients == ()


def test_recipients_come_from_the_file_or_the_environment(home: Path) -> None:
    toml = '[safe]\nrecipients = ["me@example.org", "test.example.org"]\n'
    assert load(home, toml).safe.recipients == ("me@example.org", "test.example.org")
    settings = load(home, toml, MAILER_SAFE_RECIPIENTS="a@b.example, c.example")
    assert settings.safe.recipients == ("a@b.example", "c.example")


@pytest.mark.parametrize("toml", ["[safe]\n", "[safe]\nrecipients = []\n"])
def test_section_without_recipients_is_refused(home: Path, toml: str) -> None:
    assert "safe.recipients: name an address or a domain" in wrong(home, toml).message
    wrong(home, MAILER_SAFE_RECIPIENTS="")


@pytest.mark.parametrize(
    "recipient", ["", "localhost", "@example.org", "Ana <ana@example.org>", "a@b", "*", "a b.org"]
)
def test_recipient_that_is_neither_address_nor_domain_is_refused(
    home: Path, recipient: str
) -> None:
    error = wrong(home, f'[safe]\nrecipients = ["{recipient}"]\n')
    assert "must be a mail address or a domain" in error.message


def test_words_name_the_reason_and_the_recipients() -> None:
    assert SafeMode((), is_clone=True).words == "this database is a clone, and no one gets mail"
    words = SafeMode(("me@example.org", "@test.example.org")).words
    assert words == "[safe] is set, and mail goes only to me@example.org, test.example.org"
