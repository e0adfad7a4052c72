"""A mail program may write the subject in any way that RFC 5322 and RFC 2047 let it."""

from base64 import b64encode
from datetime import datetime
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.audience import links, subscribers, unsubscribe_mail
from mailer.audience.links import LinkPurpose, MemberLink
from mailer.audience.unsubscribe_mail import build_mailto, extract_token, unsubscribe_by_mail
from mailer.errors import InputError, TokenError
from mailer.model.subscribers import ConsentAction, MembershipState
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.audience.test_lists import Register
from tests.unit.audience.test_subscribers import ANA, NEWS, People, join
from tests.unit.samples import DAY, NOW

KEY = bytes(range(32))


def token(
    subscriber: int = 1, purpose: LinkPurpose = LinkPurpose.UNSUBSCRIBE, of: int = NEWS.id
) -> str:
    return links.sign_member_link(KEY, purpose, MemberLink(subscriber, of, 7))


def message(subject: str, body: str = "") -> bytes:
    head = "From: ana@example.org\r\nTo: leave@example.org\r\n"
    return f"{head}Subject: {subject}\r\n\r\n{body}".encode()


def encoded(text: str) -> str:
    return f"=?utf-8?B?{b64encode(text.encode()).decode()}?="


TOKEN = token()


@pytest.mark.parametrize(
    "subject",
    [
        f"unsubscribe {TOKEN}",
        f"Unsubscribe  {TOKEN}  ",
        f"Re: unsubscribe {TOKEN}",
        f"AW: [extern] unsubscribe {TOKEN} (bitte)",
        f"unsubscribe\r\n {TOKEN}",
        f"\r\n\tRe: unsubscribe\r\n\t{TOKEN}",
        encoded(f"unsubscribe {TOKEN}"),
        f"Re: {encoded(f'unsubscribe {TOKEN[:9]}')}\r\n {encoded(TOKEN[9:])}",
        f"=?us-ascii?Q?unsubscribe_{TOKEN.replace('.', '=2E')}?=",
        f"=?iso-8859-1?q?R=E9p=3A_unsubscribe_{TOKEN}?=",
        f"=?no-such-charset?q?x?= unsubscribe {TOKEN}",
        f"R\xe9p: unsubscribe {TOKEN}",
    ],
)
def test_the_token_is_found_however_the_subject_is_written(subject: str) -> None:
    assert extract_token(message(subject)) == TOKEN


def test_a_message_as_a_pipe_brings_it_is_read() -> None:
    assert extract_token(
        b"From ana@example.org  Fri Dec 18 2026\n" + message(f"unsubscribe {TOKEN}")
    )
    assert extract_token(message(f"unsubscribe {TOKEN}").replace(b"\r\n", b"\n")) == TOKEN
    bytes_of_latin_1 = message(f"R\xe9p: unsubscribe {TOKEN}").decode().encode("latin-1")
    assert extract_token(bytes_of_latin_1) == TOKEN


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\xff",
        message(""),
        message("unsubscribe"),
        message("unsubscribe me, please"),
        message("hello", f"unsubscribe {TOKEN}"),
        b"From: a@b.org\r\n\r\nSubject: unsubscribe 1.2.3.x\r\n",
    ],
)
def test_a_message_without_a_token_is_refused_and_its_body_is_not_searched(raw: bytes) -> None:
    with pytest.raises(InputError, match="Subject: it names no subscriber"):
        extract_token(raw)


@given(st.binary(max_size=60), st.text(max_size=60))
def test_no_message_breaks_the_reader(raw: bytes, subject: str) -> None:
    for one in (raw, b"Subject: =?" + raw, message(subject.encode("utf-8", "replace").decode())):
        try:
            extract_token(one)
        except InputError:
            continue


# ---- leaving ----------------------------------------------------------------------------------


def took_off(
    people: People, subject: str, now: datetime = NOW
) -> unsubscribe_mail.UnsubscribeResult:
    register = Register()
    register.lists_kept = [NEWS]
    return unsubscribe_by_mail(
        make_transaction(subscribers=people, lists=register), STAFF, KEY, message(subject), now
    )


def test_who_asks_is_taken_off_once_and_the_log_says_by_which_way() -> None:
    people = People()
    ana, _ = join(people)
    left = took_off(people, f"Re: unsubscribe {token(ana.id)}")
    assert (left.subscriber, left.mailing_list, left.already_unsubscribed) == (ana, NEWS, False)
    kept = subscribers.find_membership(make_transaction(subscribers=people), ana, "news")
    assert kept
    assert (kept.state, kept.left_at) == (MembershipState.UNSUBSCRIBED, NOW)
    assert (people.logged[-1].act, people.logged[-1].source) == (
        ConsentAction.LEFT,
        "unsubscribe mail",
    )
    logged = len(people.logged)
    assert took_off(people, f"unsubscribe {token(ana.id)}", NOW + DAY).already_unsubscribed
    assert len(people.logged) == logged
    assert subscribers.find_membership(make_transaction(subscribers=people), ana, "news") == kept


def test_who_was_merged_into_another_is_taken_off_by_an_old_mail() -> None:
    people = People()
    ana, _ = join(people)
    people.add_alias(99, ana)
    assert took_off(people, f"unsubscribe {token(99)}").subscriber == ana


def test_who_or_what_is_no_longer_there_is_left_already() -> None:
    people = People()
    ana, _ = join(people)
    assert took_off(people, f"unsubscribe {token(42)}") == (None, NEWS, True)
    assert took_off(people, f"unsubscribe {token(ana.id, of=9)}") == (ana, None, True)
    assert (
        subscribers.find_membership(make_transaction(subscribers=people), ana, "news") is not None
    )


@pytest.mark.parametrize(
    "made",
    [
        token(purpose=LinkPurpose.PREFERENCES),
        TOKEN[:-1],
        TOKEN.replace("1.", "2.", 1),
        links.sign_member_link(bytes(32), LinkPurpose.UNSUBSCRIBE, MemberLink(1, 3, 7)),
    ],
)
def test_a_token_that_is_not_ours_takes_nobody_off(made: str) -> None:
    people = People()
    join(people)
    with pytest.raises(TokenError):
        took_off(people, f"unsubscribe {made}")
    kept = subscribers.find_membership(make_transaction(subscribers=people), people.kept[1], "news")
    assert kept
    assert kept.state is MembershipState.ACTIVE
    assert ANA.address == people.kept[1].address


# ---- the address that is offered --------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("leave@example.org", "mailto:leave@example.org?subject=unsubscribe%20"),
        ("list+off@example.org", "mailto:list%2Boff@example.org?subject=unsubscribe%20"),
        ("a%b/c?d@bücher.example",
         "mailto:a%25b%2Fc%3Fd@xn--bcher-kva.example?subject=unsubscribe%20"),
    ],
)  # fmt: skip
def test_the_uri_is_percent_encoded(address: str, uri: str) -> None:
    assert build_mailto(address) == uri


@given(st.emails())
def test_what_a_mail_program_writes_back_is_understood(address: str) -> None:
    uri = urlsplit(build_mailto(address) + TOKEN)
    assert unquote(uri.path).lower() == address.lower()
    assert not set(build_mailto(address)) & set(' <>,"()')
    answer = EmailMessage()
    answer["To"] = "leave@example.org"
    answer["Subject"] = parse_qs(uri.query)["subject"][0]
    assert extract_token(answer.as_bytes()) == TOKEN
