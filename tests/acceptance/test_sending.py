"""Sending from the command line: trouble with the relay, and the commands that explain it."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell, format_article
from tests.fake_relay import Relay, Step

ANA, BO, CY = "ana@example.org", "bo@example.org", "=cy@example.org"


@pytest.fixture
def office(mailer: Shell) -> Shell:
    """An office with an approved edition for three people."""
    mailer("list", "add", "news", "--name", "News")
    mailer.write_file("a.md", format_article("A clinic opens"))
    mailer("article", "add", "a.md")
    for address in (ANA, BO, CY):
        mailer("subscriber", "add", address, "--list", "news")
    mailer("digest", "add", "weekly", "--list", "news")
    mailer("digest", "assemble", "weekly")
    mailer("edition", "approve", "1")
    return mailer


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running_relay:
        yield running_relay


def make_relay_env(port: int, **settings: str) -> dict[str, str]:
    """Make the environment of a command that sends over the relay on this port."""
    relay_settings = {"HOST": "127.0.0.1", "PORT": str(port), "TLS": "none", **settings}
    return {f"MAILER_RELAY_{name}": value for name, value in relay_settings.items()}


def get_edition_state(office: Shell) -> str:
    return str(office("edition", "report", "1", "--json").json["edition"]["state"])


def test_relay_user_without_password_is_refused_before_sending(office: Shell, relay: Relay) -> None:
    message = office("send", "1", code=3, env=make_relay_env(relay.port, USER="office")).err
    assert "a user but no password" in message
    assert get_edition_state(office) == "approved"


def test_relay_that_is_down_is_reported_with_a_summary(office: Shell) -> None:
    with Relay() as relay:
        port = relay.port
    result = office("send", "1", "--progress", "lines", code=1, env=make_relay_env(port))
    assert f"relay 127.0.0.1:{port}: the connection was refused" in result.err
    last = json.loads(result.out.splitlines()[-1])
    assert (last["run"]["sent"], last["run"]["left"]) == (0, 3)
    assert last["reports"][0]["states"]["queued"] == 3


def test_refused_deliveries_are_listed_and_retried(office: Shell, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.1.1 =no such user", to=CY)
    relay.answer_once(Step.RCPT, "450 4.2.1 later", to=BO)
    message = office("send", "1", code=4, env=make_relay_env(relay.port)).err
    assert "`mailer delivery list 1 --state failed` lists the failed ones" in message
    assert "`mailer send 1` tries queued deliveries again" in message
    failed = office("delivery", "list", "1", "--state", "failed", "--json").json
    assert [one["address"] for one in failed] == [CY]
    text = office("delivery", "list", "1", "--csv").out
    rows = {one["address"]: one for one in csv.DictReader(io.StringIO(text))}
    assert set(rows) == {ANA, BO, f"'{CY}"}, "no spreadsheet takes an address for a formula"
    assert rows[ANA]["state"] == "sent"
    assert rows[BO]["next_try_at"] > rows[BO]["changed_at"]
    assert "no such user" in rows[f"'{CY}"]["reply"]

    office("send", "1", code=4, env=make_relay_env(relay.port))
    assert relay.accepted == [ANA], "it is not due"
    office("send", "1", "--now", code=4, env=make_relay_env(relay.port))
    assert relay.accepted == [ANA, BO]
    left = office("edition", "retry", "1", "--failed").out
    assert "0 queued again\n1 left, since their addresses do not exist or are closed" in left
    assert "1 queued again" in office("edition", "retry", "1", "--failed", "--all").out


def test_send_all_notes_the_editions_that_it_leaves_out(office: Shell, relay: Relay) -> None:
    message = office("send", "--all", env=make_relay_env(relay.port)).err
    assert "approved, not sent by --all: 1" in message
    assert relay.accepted == []
    relay.answer_always(Step.RCPT, "450 4.2.1 later")
    office("send", "1", code=4, env=make_relay_env(relay.port))
    office("edition", "pause", "1", "--reason", "a wrong figure")
    assert (
        "paused, not sent by --all: 1"
        in office("send", "--all", env=make_relay_env(relay.port)).err
    )
    assert "it is paused (a wrong figure)" in office("explain", "1", ANA).out
    office("edition", "cancel", "1", "--reason", "superseded")
    assert "cancelled on" in office("explain", "1", ANA).out
    assert "(superseded)" in office("explain", "1", ANA).out
