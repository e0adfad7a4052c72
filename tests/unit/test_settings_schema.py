"""The JSON Schema of the settings: it accepts what loads, and refuses what does not."""

import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from mailer import config
from mailer.config import Settings
from mailer.config.schema import DERIVED_FIELDS, build_schema
from mailer.errors import ConfigError

ROOT = Path(__file__).parents[2]
SAMPLE = (ROOT / "config/mailer.toml").read_text("utf-8")
_COMMENTED_SETTING = re.compile(r'^# (\[\[?[\w."@-]+\]|"?[\w ]+"? = .*)$', re.MULTILINE)


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema_rs.validator_for(build_schema())


def load(folder: Path, toml: str) -> Settings:
    file = folder / "mailer.toml"
    file.write_text(toml, "utf-8")
    return config.load_settings(file, environ={})


def test_sample_file_is_valid(validator: Any) -> None:
    validator.validate(tomllib.loads(SAMPLE))


def test_sample_file_with_all_its_comments_is_valid(validator: Any, tmp_path: Path) -> None:
    toml = _COMMENTED_SETTING.sub(r"\1", SAMPLE)
    document = tomllib.loads(toml)
    assert document.keys() >= {"senders", "relays", "throttle", "people", "safe", "paths"}
    assert document["relay"]["password_file"]
    validator.validate(document)
    load(tmp_path, toml)


def test_schema_has_every_setting_with_a_description() -> None:
    sections = build_schema()["properties"]
    assert sections.keys() == Settings.model_fields.keys() - DERIVED_FIELDS
    for section in sections.values():
        assert section["description"]
        table = section if "properties" in section else section["additionalProperties"]
        for setting in table["properties"].values():
            assert setting["description"]
            assert not re.search(r"\]\(|`", setting["description"]), "it is plain text"
    assert "password" not in sections["relay"]["properties"]
    assert "key" not in sections["secret"]["properties"]


@pytest.mark.parametrize(
    "toml",
    [
        '[organisation]\nwebsite = ""\n',
        '[organisation]\nwebsite = "HTTP://Example.org"\naccent = "#ABCDEF"\n',
        '[sender]\naddress = "news@bücher.example"\nreply_to = ""\n',
        '[senders.press-2]\nname = "P"\naddress = "p@example.org"\n',
        '[relay]\nehlo = "[IPv6:2001:db8::1]"\n',
        '[relay]\nehlo = "mail-1.example.org"\nrate = 0.5\nweight = 2\ntimeout = 1\n',
        "[relays.second]\nport = 25\n",
        '[throttle."*"]\nrate = 1\n',
        '[defaults]\nlanguage = "pt-BR"\n',
        '[safe]\nrecipients = ["me@example.org", "example.org"]\n',
        '[notices]\napprovers = [""]\n',
        '[web]\nproxies = ["10.0.0.0/8", "::1"]\n',
        '[press.times]\n"New York" = "America/New_York"\n',
    ],
)
def test_valid_settings_are_accepted_by_both(validator: Any, tmp_path: Path, toml: str) -> None:
    load(tmp_path, toml)
    validator.validate(tomllib.loads(toml))


@pytest.mark.parametrize(
    "toml",
    [
        "[relais]\nport = 25\n",
        "[relay]\nspeed = 3\n",
        "[relay]\nport = 0\n",
        '[relay]\nport = "many"\n',
        "[relay]\ntimeout = 0\n",
        '[relay]\ntls = "sometimes"\n',
        '[relay]\npassword = "secret"\n',
        '[relay]\nehlo = "mail example"\n',
        "[relay]\nca_file = 3\n",
        "[relays]\nsecond = 3\n",
        '[secret]\nkey = "abc"\n',
        '[senders.Press]\nname = "P"\naddress = "p@example.org"\n',
        '[senders.press]\nname = "P"\n',
        '[senders.press]\nname = " "\naddress = "p@example.org"\n',
        '[sender]\naddress = ""\n',
        '[sender]\nname = ""\n',
        '[organisation]\naccent = "blue"\n',
        '[organisation]\nwebsite = "example.org"\n',
        '[notices]\napprovers = "a@b.example"\n',
        '[notices]\napprovers = ["Ana"]\n',
        '[defaults]\nlanguage = "english language"\n',
        "[safe]\n",
        "[safe]\nrecipients = []\n",
        '[safe]\nrecipients = ["localhost"]\n',
        '[press]\ntimes = "UTC"\n',
        'home = "/"\n',
    ],
)
def test_wrong_settings_are_refused_by_both(validator: Any, tmp_path: Path, toml: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, toml)
    assert not validator.is_valid(tomllib.loads(toml))
