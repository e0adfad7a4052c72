"""What a run says of its trouble, and what can be asked afterwards."""

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
    """With an approved edition for three people."""
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
    with Relay() as found:
        yield found


def at(port: int, **more: str) -> dict[str, str]:
    ours = {"HOST": "127.0.0.1", "PORT": str(port), "TLS": "none", **more}
    return {f"MAILER_RELAY_{name}": value for name, value in ours.items()}


def state(office: Shell) -> str:
    found = office("edition", "report", "1", "--json").json["edition"]["state"]
    assert isinstance(found, str)
    return found


def test_a_user_without_a_password_is_told_before_anything_begins(
    office: Shell, relay: Relay
) -> None:
    said = office("send", "1", code=3, env=at(relay.port, USER="office")).err
    assert "a user but no password" in said
    assert state(office) == "approved"


def test_a_relay_that_is_down_is_told_and_the_run_summed_up(office: Shell) -> None:
    with Relay() as relay:
        port = relay.port
    done = office("send", "1", "--progress", "lines", code=1, env=at(port))
    assert f"relay 127.0.0.1:{port}: the connection was refused" in done.err
    last = json.loads(done.out.splitlines()[-1])
    assert (last["run"]["sent"], last["run"]["left"]) == (0, 3)
    assert last["reports"][0]["states"]["queued"] == 3


def test_whom_a_relay_refused_is_listed(office: Shell, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.1.1 =no such user", to=CY)
    relay.answer_once(Step.RCPT, "450 4.2.1 later", to=BO)
    said = office("send", "1", code=4, env=at(relay.port)).err
    assert "`mailer delivery list 1 --state failed` shows whom" in said
    assert "`mailer send 1` again tries what is queued" in said
    found = office("delivery", "list", "1", "--state", "failed", "--json").json
    assert [one["address"] for one in found] == [CY]
    text = office("delivery", "list", "1", "--csv").out
    rows = {one["address"]: one for one in csv.DictReader(io.StringIO(text))}
    assert set(rows) == {ANA, BO, f"'{CY}"}, "no spreadsheet takes an address for a formula"
    assert rows[ANA]["state"] == "sent"
    assert rows[BO]["next_try_at"] > rows[BO]["changed_at"]
    assert "no such user" in rows[f"'{CY}"]["reply"]

    office("send", "1", code=4, env=at(relay.port))
    assert relay.accepted == [ANA], "it is not due"
    office("send", "1", "--now", code=4, env=at(relay.port))
    assert relay.accepted == [ANA, BO]
    assert "1 queued again" in office("edition", "retry", "1", "--failed").out


def test_what_all_does_not_take_up_is_said(office: Shell, relay: Relay) -> None:
    said = office("send", "--all", env=at(relay.port)).err
    assert "approved, not sent by --all: 1" in said
    assert relay.accepted == []
    relay.answer_always(Step.RCPT, "450 4.2.1 later")
    office("send", "1", code=4, env=at(relay.port))
    office("edition", "pause", "1", "--reason", "a wrong figure")
    assert "paused, not sent by --all: 1" in office("send", "--all", env=at(relay.port)).err
    assert "it is paused (a wrong figure)" in office("explain", "1", ANA).out
    office("edition", "cancel", "1", "--reason", "superseded")
    assert "cancelled on" in office("explain", "1", ANA).out
    assert "(superseded)" in office("explain", "1", ANA).out
