"""Refusals on the command line: exit codes, the report, and the commands that it names."""

from collections.abc import Iterator

import pytest

from tests.acceptance.conftest import Shell, format_article
from tests.acceptance.test_sending import make_relay_env
from tests.fake_relay import Envelope, Relay, Step

READERS = [f"reader{number}@d{number}.example" for number in range(12)]


@pytest.fixture
def relay() -> Iterator[Relay]:
    with Relay() as running_relay:
        yield running_relay


@pytest.fixture
def office(mailer: Shell, relay: Relay) -> Shell:
    """An office with an approved edition for a dozen people on a dozen domains."""
    mailer("list", "add", "news", "--name", "News")
    mailer.write_file("a.md", format_article("A clinic opens"))
    mailer("article", "add", "a.md")
    mailer.write_file("people.csv", "\n".join(["email", *READERS]))
    mailer(
        "subscriber",
        "import",
        "people.csv",
        "--list",
        "news",
        "--source",
        "a fair",
        "--basis",
        "consent",
    )
    mailer("digest", "add", "weekly", "--list", "news")
    mailer("digest", "assemble", "weekly")
    mailer("edition", "approve", "1")
    mailer.env.update(make_relay_env(relay.port))
    return mailer


def join_lines(text: str) -> str:
    """Return a table's text without its line breaks, which depend on the terminal's width."""
    return " ".join(text.split())


def test_edition_refused_for_our_limit_is_paused_with_advice(office: Shell, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.1.90 enough recipients for one day")
    result = office("send", "1", code=5)
    assert "its limit of messages or recipients" in join_lines(result.err)
    assert "`mailer edition resume 1`" in join_lines(result.err)
    states = office("edition", "report", "1", "--json").json["states"]
    assert (states["queued"], states["failed"]) == (12, 0)
    message = office("status", "--check", code=1).err
    assert "edition 1 is paused: " in join_lines(message)


def test_report_groups_refusals_and_names_the_commands(office: Shell, relay: Relay) -> None:
    def answer_recipient(envelope: Envelope) -> str:
        number = int(envelope.recipient.partition("@")[0].removeprefix("reader"))
        refusal = f"550 5.7.1 <{envelope.recipient}>: blocked for bad reputation, case {number}X"
        return refusal if number % 2 else "250 2.1.5 ok"

    relay.answer_always(Step.RCPT, answer_recipient)
    office("send", "1", code=5)
    report = join_lines(office("edition", "report", "1").out)
    assert "6 recipients were refused alike" in join_lines(office("edition", "show", "1").out)
    assert "mailer edition resume 1" in report
    assert "mailer send 1" in report
    (replies,) = office("edition", "report", "1", "--json").json["replies"]
    assert (replies["count"], replies["state"], replies["subject"]) == (6, "queued", "sender")
    assert "reputation" in replies["meaning"]
    office("edition", "resume", "1")
    office("send", "1", code=4)
    report = join_lines(office("edition", "report", "1").out)
    assert "mailer edition retry 1 --failed" in report
    relay.reset_script()
    office("edition", "retry", "1", "--failed")
    office("send", "1")
    assert sorted(relay.accepted) == sorted(READERS)


def test_dead_address_alarms_no_one_and_its_advice_works(office: Shell, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "550 5.1.1 no such user", to=READERS[0])
    relay.answer_always(Step.RCPT, "550 5.7.1 not today", to=READERS[1])
    office("send", "1", code=4)
    message = join_lines(office("status", "--check", code=1).err)
    assert "edition 1: 1 failed;" in message, "the dead address is not counted"
    assert "mailer edition report 1" in join_lines(office("status").out)
    report = join_lines(office("edition", "report", "1").out)
    assert "1 failed or expired; once the cause is fixed: `mailer edition retry 1" in report
    assert "1 failed whose addresses do not exist" in report
    assert "mailer edition report 1" in office("send", "1", code=5).err
    office("subscriber", "unsubscribe", READERS[1], "--list", "news")
    assert "edition 1" not in office("status", "--check", code=1).err
    report = join_lines(office("edition", "report", "1").out)
    assert "1 failed, settled" in report
    retried = office("edition", "retry", "1", "--failed")
    assert "`mailer edition retry 1 --all` tries them too" in join_lines(retried.out)
    assert office("edition", "retry", "1", "--all", "--json").json["queued"] == 1
    office("send", "1", code=4)
    office("suppression", "add", READERS[0])
    assert "2 failed, settled" in join_lines(office("edition", "report", "1").out)
    assert office("edition", "retry", "1", "--all", "--json").json == {
        "edition": 1,
        "queued": 0,
        "left": 0,
        "settled": 2,
    }


def test_deferred_reply_has_a_meaning_and_a_fitting_command(office: Shell, relay: Relay) -> None:
    relay.answer_always(Step.RCPT, "552 5.2.2 mailbox full", to=READERS[0])
    relay.answer_always(Step.RCPT, "451 4.7.1 greylisted", to=READERS[1])
    relay.answer_always(Step.RCPT, "550 5.2.2 mailbox full", to=READERS[2])
    office("send", "1", code=4)
    replies = office("edition", "report", "1", "--json").json["replies"]
    assert all(reply["meaning"] and reply["advice"] for reply in replies)
    report = join_lines(office("edition", "report", "1").out)
    assert "2 queued are tried again when they are due; to try all of them now" in report
    assert "`mailer send 1 --now`" in report
    assert "1 failed, and may pass later; to try them again: `mailer edition retry 1" in report


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        ("450 4.3.0 try later", "this is temporary"),
        ("550 5.7.1 unknown sender", "the sender's address"),
        ("550 5.1.90 enough for today", "wait until the limit"),
    ],
)
def test_reply_to_mail_gives_fitting_hint(
    office: Shell, relay: Relay, reply: str, hint: str
) -> None:
    relay.answer_always(Step.MAIL, reply)
    message = join_lines(office("send", "1", code=1).err)
    assert hint in message
    if reply.startswith("450"):
        assert "the sender's address" not in message


def test_opening_that_mails_cannot_show_is_refused(office: Shell) -> None:
    words = ("edition", "edit", "1", "--opening")
    refused = office(*words, "en=See [the map](map.html).", code=1)
    assert "leads nowhere in a mail" in join_lines(refused.err)
    assert office("edition", "show", "1", "--json").json["edition"]["state"] == "approved"
    office(*words, "en=See [the map](https://harbour.example/map).")
