"""`mailer config` from the command line."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell
from tests.acceptance.test_sending import make_relay_env
from tests.fake_relay import Relay, Step


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running_relay:
        yield running_relay


def test_config_check_lists_what_is_wrong_and_exits_with_an_error(
    mailer: Shell, relay: Relay
) -> None:
    env = make_relay_env(relay.port) | {"MAILER_WEB_BASE_URL": f"http://127.0.0.1:{relay.port}"}
    result = mailer("config", "check", code=3, env=env)
    assert f"relay 127.0.0.1:{relay.port}" in result.out
    assert "news@example.org is accepted" in result.out
    assert "1 problem found" in result.err
    relay.answer_always(Step.MAIL, "550 5.7.1 not yours")
    rows = mailer("config", "check", "--json", code=3, env=env).json
    problems = [row["subject"] for row in rows if row["outcome"] == "problem"]
    assert problems == ["[sender] at relay", "web.base_url"]
    assert relay.received == []


def test_config_check_offline_asks_no_one(mailer: Shell) -> None:
    rows = mailer("config", "check", "--offline", "--json").json
    assert {row["outcome"] for row in rows} == {"ok", "warning"}
    assert not any("relay" in row["subject"] for row in rows)


def test_config_check_names_each_wrong_setting(mailer: Shell) -> None:
    env = {"MAILER_RELAY_PORT": "many", "MAILER_RELAY_TLS": "sometimes"}
    table = mailer("config", "check", code=3, env=env)
    assert "MAILER_RELAY_PORT" in table.out
    assert "MAILER_RELAY_TLS" in table.out
    assert "2 problems found" in table.err


def test_config_schema_is_printed_as_json(mailer: Shell) -> None:
    schema = mailer("config", "schema").json
    assert schema["properties"]["safe"]["properties"]["recipients"]["minItems"] == 1
