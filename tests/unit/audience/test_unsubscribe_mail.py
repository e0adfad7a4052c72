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
from mailer.audience.unsubscribe_mail import (
    NoUnsubscribeMail,
    build_mailto,
    extract_token,
    unsubscribe_by_mail,
)
from mailer.errors import InputError, TokenError
from mailer.model.subscribers import ConsentAction, MembershipState
from tests.actors import STAFF
from tests.fakes import make_transaction
from tests.unit.audience.test_lists import FakeListStore
from tests.unit.audience.test_subscribers import ANA, NEWS, FakeSubscriberStore, join_list
from tests.unit.samples import DAY, NOW

KEY = bytes(range(32))


def make_token(
    subscriber: int = 1, purpose: LinkPurpose = LinkPurpose.UNSUBSCRIBE, list_id: int = NEWS.id
) -> str:
    return links.sign_member_link(KEY, purpose, MemberLink(subscriber, list_id, 7))


def make_message(subject: str, body: str = "") -> bytes:
    head = "From: ana@example.org\r\nTo: leave@example.org\r\n"
    return f"{head}Subject: {subject}\r\n\r\n{body}".encode()


def encode_word(text: str) -> str:
    return f"=?utf-8?B?{b64encode(text.encode()).decode()}?="


TOKEN = make_token()


@pytest.mark.parametrize(
    "subject",
    [
        f"unsubscribe {TOKEN}",
        f"Unsubscribe  {TOKEN}  ",
        f"Re: unsubscribe {TOKEN}",
        f"AW: [extern] unsubscribe {TOKEN} (bitte)",
        f"unsubscribe\r\n {TOKEN}",
        f"\r\n\tRe: unsubscribe\r\n\t{TOKEN}",
        encode_word(f"unsubscribe {TOKEN}"),
        f"Re: {encode_word(f'unsubscribe {TOKEN[:9]}')}\r\n {encode_word(TOKEN[9:])}",
        f"=?us-ascii?Q?unsubscribe_{TOKEN.replace('.', '=2E')}?=",
        f"=?iso-8859-1?q?R=E9p=3A_unsubscribe_{TOKEN}?=",
        f"=?no-such-charset?q?x?= unsubscribe {TOKEN}",
        f"R\xe9p: unsubscribe {TOKEN}",
    ],
)
def test_unsubscribe_token_is_found_in_any_subject_form(subject: str) -> None:
    assert extract_token(make_message(subject)) == TOKEN


def test_unsubscribe_mail_from_pipe_is_read() -> None:
    assert extract_token(
        b"From ana@example.org  Fri Dec 18 2026\n" + make_message(f"unsubscribe {TOKEN}")
    )
    assert extract_token(make_message(f"unsubscribe {TOKEN}").replace(b"\r\n", b"\n")) == TOKEN
    bytes_of_latin_1 = make_message(f"R\xe9p: unsubscribe {TOKEN}").decode().encode("latin-1")
    assert extract_token(bytes_of_latin_1) == TOKEN


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\xff",
        make_message(""),
        make_message("unsubscribe"),
        make_message("unsubscribe me, please"),
        make_message("hello", f"unsubscribe {TOKEN}"),
        b"From: a@b.org\r\n\r\nSubject: unsubscribe 1.2.3.x\r\n",
    ],
)
def test_unsubscribe_mail_without_token_in_subject_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError, match="Subject: it names no subscriber"):
        extract_token(raw)


@given(st.binary(max_size=60), st.text(max_size=60))
def test_any_bytes_are_unsubscribe_mail_or_refused(raw: bytes, subject: str) -> None:
    for message_bytes in (
        raw,
        b"Subject: =?" + raw,
        make_message(subject.encode("utf-8", "replace").decode()),
    ):
        try:
            extract_token(message_bytes)
        except InputError:
            continue


AUTOMATIC_HEADS = [
    "Auto-Submitted: auto-replied (vacation)",
    "auto-submitted: Auto-Generated; owner-email=a@example.org",
    "Precedence: bulk",
    "Precedence: Auto_Reply",
    "X-Autoreply: yes",
    "X-Autorespond: out of office",
    "X-Failed-Recipients: leave@example.org",
    'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"',
    "Content-Type: multipart/report; boundary=b",
    "Content-Type: message/disposition-notification",
    "Return-Path: <>",
    "From: Mail Delivery System <MAILER-DAEMON@mx.example.org>",
    "Return-Path: <MAILER-DAEMON>",
]


@pytest.mark.parametrize("head", AUTOMATIC_HEADS)
def test_automatic_reply_with_token_is_no_unsubscribe_mail(head: str) -> None:
    raw = f"{head}\r\nTo: leave@example.org\r\nSubject: Re: unsubscribe {TOKEN}\r\n\r\n"
    with pytest.raises(NoUnsubscribeMail, match="automatic reply or a report"):
        extract_token(raw.encode())


def test_bounce_line_of_mailbox_marks_automatic_reply() -> None:
    raw = f"From MAILER-DAEMON  Fri Dec 18 2026\nSubject: unsubscribe {TOKEN}\n\n"
    with pytest.raises(NoUnsubscribeMail, match="envelope sender"):
        extract_token(raw.encode())


@pytest.mark.parametrize(
    "head",
    [
        "Auto-Submitted: no",
        "Precedence: first-class",
        "Return-Path: <ana@example.org>",
        "Content-Type: multipart/alternative; boundary=b",
        "From: Mailer-Daemonopoulos <ana@example.org>",
        "X-Mailer: a program",
    ],
)
def test_unsubscribe_mail_of_person_keeps_its_token(head: str) -> None:
    raw = f"{head}\r\nSubject: unsubscribe {TOKEN}\r\n\r\n"
    assert extract_token(raw.encode()) == TOKEN


# ---- leaving ----------------------------------------------------------------------------------


def unsubscribe_with_subject(
    subscriber_store: FakeSubscriberStore, subject: str, now: datetime = NOW
) -> unsubscribe_mail.UnsubscribeResult:
    list_store = FakeListStore()
    list_store.saved_lists = [NEWS]
    return unsubscribe_by_mail(
        make_transaction(subscribers=subscriber_store, lists=list_store),
        STAFF,
        KEY,
        make_message(subject),
        now,
    )


def test_unsubscribe_mail_unsubscribes_once_and_logs_source() -> None:
    subscriber_store = FakeSubscriberStore()
    ana, _ = join_list(subscriber_store)
    left = unsubscribe_with_subject(subscriber_store, f"Re: unsubscribe {make_token(ana.id)}")
    assert (left.subscriber, left.mailing_list, left.already_unsubscribed) == (ana, NEWS, False)
    membership = subscribers.find_membership(
        make_transaction(subscribers=subscriber_store), ana, "news"
    )
    assert membership
    assert (membership.state, membership.left_at) == (MembershipState.UNSUBSCRIBED, NOW)
    assert (subscriber_store.logged[-1].act, subscriber_store.logged[-1].source) == (
        ConsentAction.LEFT,
        "unsubscribe mail",
    )
    logged = len(subscriber_store.logged)
    assert unsubscribe_with_subject(
        subscriber_store, f"unsubscribe {make_token(ana.id)}", NOW + DAY
    ).already_unsubscribed
    assert len(subscriber_store.logged) == logged
    assert (
        subscribers.find_membership(make_transaction(subscribers=subscriber_store), ana, "news")
        == membership
    )


def test_unsubscribe_mail_works_after_merge_of_subscribers() -> None:
    subscriber_store = FakeSubscriberStore()
    ana, _ = join_list(subscriber_store)
    subscriber_store.add_alias(99, ana)
    assert (
        unsubscribe_with_subject(subscriber_store, f"unsubscribe {make_token(99)}").subscriber
        == ana
    )


def test_unsubscribe_mail_for_removed_subscriber_or_list_is_accepted() -> None:
    subscriber_store = FakeSubscriberStore()
    ana, _ = join_list(subscriber_store)
    assert unsubscribe_with_subject(subscriber_store, f"unsubscribe {make_token(42)}") == (
        None,
        NEWS,
        True,
    )
    assert unsubscribe_with_subject(
        subscriber_store, f"unsubscribe {make_token(ana.id, list_id=9)}"
    ) == (
        ana,
        None,
        True,
    )
    assert (
        subscribers.find_membership(make_transaction(subscribers=subscriber_store), ana, "news")
        is not None
    )


@pytest.mark.parametrize(
    "invalid_token",
    [
        make_token(purpose=LinkPurpose.PREFERENCES),
        TOKEN[:-1],
        TOKEN.replace("1.", "2.", 1),
        links.sign_member_link(bytes(32), LinkPurpose.UNSUBSCRIBE, MemberLink(1, 3, 7)),
    ],
)
def test_invalid_unsubscribe_token_unsubscribes_no_member(invalid_token: str) -> None:
    subscriber_store = FakeSubscriberStore()
    join_list(subscriber_store)
    with pytest.raises(TokenError):
        unsubscribe_with_subject(subscriber_store, f"unsubscribe {invalid_token}")
    membership = subscribers.find_membership(
        make_transaction(subscribers=subscriber_store),
        subscriber_store.saved_subscribers[1],
        "news",
    )
    assert membership
    assert membership.state is MembershipState.ACTIVE
    assert ANA.address == subscriber_store.saved_subscribers[1].address


# ---- the address that is offered --------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("leave@example.org", "mailto:leave@example.org?subject=unsubscribe%20"),
        ("list+off@example.org", "mailto:list%2Boff@example.org?subject=unsubscribe%20"),
        (
            "a%b/c?d@bücher.example",
            "mailto:a%25b%2Fc%3Fd@xn--bcher-kva.example?subject=unsubscribe%20",
        ),
    ],
)
def test_mailto_uri_is_percent_encoded(address: str, uri: str) -> None:
    assert build_mailto(address) == uri


@given(st.emails())
def test_mailto_reply_contains_unsubscribe_token(address: str) -> None:
    uri = urlsplit(build_mailto(address) + TOKEN)
    assert unquote(uri.path).lower() == address.lower()
    assert not set(build_mailto(address)) & set(' <>,"()')
    reply = EmailMessage()
    reply["To"] = "leave@example.org"
    reply["Subject"] = parse_qs(uri.query)["subject"][0]
    assert extract_token(reply.as_bytes()) == TOKEN
