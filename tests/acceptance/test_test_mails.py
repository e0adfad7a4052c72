"""`mailer edition test` from the command line."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell, format_article
from tests.acceptance.test_sending import make_relay_env
from tests.fake_relay import Relay, Step

ME, READER = "me@example.org", "reader@example.org"


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running_relay:
        yield running_relay


@pytest.fixture
def office(mailer: Shell) -> Shell:
    """An office with a draft in two languages for two readers."""
    mailer("list", "add", "news", "--name", "News")
    for language in ("en", "fr"):
        file = f"clinic.{language}.md"
        text = format_article(f"A clinic ({language})", language=language, more="slug: clinic\n")
        mailer.write_file(file, text)
        mailer("article", "add", file)
    mailer("subscriber", "add", READER, "--list", "news", "--name", "Rana Reader")
    mailer("subscriber", "add", "fr@example.org", "--list", "news", "--language", "fr")
    mailer("digest", "add", "weekly", "--list", "news")
    mailer("digest", "assemble", "weekly")
    return mailer


def make_env(relay: Relay) -> dict[str, str]:
    return make_relay_env(relay.port) | {"MAILER_STAFF_ADDRESSES": ME}


def test_edition_test_sends_one_mail_and_prints_the_reply(office: Shell, relay: Relay) -> None:
    words = ("edition", "test", "1", ME, "--as", READER, "--language", "fr")
    preview = office("edition", "preview", "1", "--json").json
    result = office(*words, "--json", env=make_env(relay))
    assert result.json["content_hash"] == preview["content_hash"]
    assert result.json["reader"] == {
        "address": READER,
        "delivery_id": 0,
        "fields": "{}",
        "language": "fr",
        "name": "Rana Reader",
        "stories": 1,
        "subscriber_id": 1,
    }
    assert [row["state"] for row in result.json["deliveries"]] == ["sent"]
    (received,) = relay.received
    assert received.recipient == ME
    assert received.message["Subject"].startswith("[Test] ")
    text = received.message.get_body(("plain",))
    assert text is not None
    assert "A clinic (fr)" in text.get_content()
    assert READER in text.get_content()
    assert office("edition", "list", "--json").json[0]["state"] == "draft"
    events = office("edition", "show", "1", "--json").json["events"]
    assert events[-1]["event_type"] == "test mail"
    table = office("edition", "test", "1", ME, env=make_env(relay)).out
    assert ME in table
    assert "250" in table


def test_edition_test_refuses_strangers_and_a_dry_run_sends_nothing(
    office: Shell, relay: Relay
) -> None:
    result = office("edition", "test", "1", READER, code=5, env=make_env(relay))
    assert "reader@example.org is not an address of staff" in result.err
    assert "add it to [staff] addresses" in result.err
    office("edition", "test", "1", ME, "--dry-run", env=make_env(relay))
    limited = make_env(relay) | {"MAILER_STAFF_TESTS_PER_HOUR": "0"}
    assert "the limit is 0" in office("edition", "test", "1", ME, code=5, env=limited).err
    assert relay.received == []


def test_edition_test_that_a_relay_defers_stays_in_the_outbox(office: Shell, relay: Relay) -> None:
    relay.answer_once(Step.RCPT, "450 4.2.1 later")
    result = office("edition", "test", "1", ME, code=4, env=make_env(relay))
    assert "450 4.2.1 later" in result.out
    assert "not every test mail was accepted" in result.err
    office("send", "--all", "--now", env=make_env(relay))
    assert relay.accepted == [ME]
