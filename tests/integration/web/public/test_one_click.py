"""Unsubscribing by one click, in every form that RFC 8058 allows a mail provider, and in those that
providers have made up: it is always carried out, and always answered 200, at once."""

from collections.abc import Sequence

import pytest

from mailer.audience import erasure, lists, preferences, subscribers
from mailer.model.lists import Visibility
from mailer.model.subscribers import MembershipState
from tests.actors import STAFF
from tests.integration import factories
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import FORM_TYPE, AsgiClient, AsgiResponse
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice, dump_tables
from tests.integration.web.public.requests import on_sqlite

KNOWN = ADDRESSES["known"]
ONE_CLICK = b"List-Unsubscribe=One-Click"
LEFT = MembershipState.UNSUBSCRIBED


def multipart(boundary: str, *, more: str = "", ends: str = "\r\n", close: str = "--") -> bytes:
    """A body of one field, as RFC 7578 has it."""
    lines = [
        f"--{boundary}",
        f'Content-Disposition: form-data; name="List-Unsubscribe"{more}',
        "",
        "One-Click",
        f"--{boundary}{close}",
        "",
    ]
    return ends.join(lines).encode()


URLENCODED = {
    "as in the RFC": (FORM_TYPE, ONE_CLICK),
    "with a charset": (f"{FORM_TYPE}; charset=UTF-8", ONE_CLICK),
    "a quoted charset": (f'{FORM_TYPE};charset="utf-8"', ONE_CLICK),
    "a type in capitals": (FORM_TYPE.upper(), ONE_CLICK),
    "encoded": (FORM_TYPE, b"List%2DUnsubscribe=One%2DClick"),
    "in small letters": (FORM_TYPE, b"list-unsubscribe=one-click"),
    "more fields": (FORM_TYPE, ONE_CLICK + b"&utm_source=mail&list=press&x"),
    "fields before it": (FORM_TYPE, b"csrf=&" + ONE_CLICK),
    "a line end behind it": (FORM_TYPE, ONE_CLICK + b"\r\n"),
    "no type": ("", ONE_CLICK),
    "a type of text": ("text/plain", ONE_CLICK),
    "no body": (FORM_TYPE, b""),
    "no body and no type": ("", b""),
    "JSON": ("application/json", b'{"List-Unsubscribe": "One-Click"}'),
    "no text at all": ("application/octet-stream", bytes(range(256))),
    "a type that is none": ("//;;==", ONE_CLICK),
    "a thousand fields": (FORM_TYPE, ONE_CLICK + b"&a=1" * 1000),
    "another value": (FORM_TYPE, b"List-Unsubscribe=One-Click-Confirmed"),
}
MULTIPART = {
    "as in the RFC": (
        "multipart/form-data; boundary=---FormBoundaryjWmhtjORrn",
        multipart("---FormBoundaryjWmhtjORrn"),
    ),
    "a quoted boundary": ('multipart/form-data; boundary="a b:c"', multipart("a b:c")),
    "a boundary of 70": (f"multipart/form-data; boundary={'x' * 70}", multipart("x" * 70)),
    "signs in the boundary": (
        'multipart/form-data; boundary="\'()+_,-./:=?"',
        multipart("'()+_,-./:=?"),
    ),
    "a charset too": ("multipart/form-data; charset=utf-8; boundary=xyz", multipart("xyz")),
    "in capitals": ("MULTIPART/FORM-DATA; BOUNDARY=xyz", multipart("xyz")),
    "a type of the part": (
        "multipart/form-data; boundary=xyz",
        multipart("xyz", more="\r\nContent-Type: text/plain; charset=utf-8"),
    ),
    "line feeds alone": ("multipart/form-data; boundary=xyz", multipart("xyz", ends="\n")),
    "an epilogue": ("multipart/form-data; boundary=xyz", multipart("xyz") + b"bye\r\n"),
    "not closed": ("multipart/form-data; boundary=xyz", multipart("xyz", close="")),
    "no boundary named": ("multipart/form-data", multipart("xyz")),
    "another boundary": ("multipart/form-data; boundary=abc", multipart("xyz")),
    "a file": (
        "multipart/form-data; boundary=xyz",
        multipart("xyz", more='; filename="one-click.txt"'),
    ),
}
FORMS = [
    *[pytest.param(*form, id=f"urlencoded, {name}") for name, form in URLENCODED.items()],
    *[pytest.param(*form, id=f"multipart, {name}") for name, form in MULTIPART.items()],
]


def is_done(answer: AsgiResponse) -> None:
    """Answered as the RFC asks: 200, no redirect, nothing to follow."""
    assert (answer.status, answer.text) == (200, "unsubscribed\n")


@on_sqlite
@pytest.mark.parametrize(("kind", "body"), FORMS)
def test_every_form_is_honoured_and_can_be_repeated(
    pages: AsgiClient, stage: SeededOffice, kind: str, body: bytes
) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    headers = [("Content-Type", kind)] if kind else []
    is_done(pages.send_request("POST", stage.build_unsubscribe_path(known), body, headers=headers))
    assert stage.find_membership_state(KNOWN) is LEFT
    before = dump_tables(stage.store)
    is_done(pages.send_request("POST", stage.build_unsubscribe_path(known), body, headers=headers))
    assert dump_tables(stage.store) == before


@pytest.mark.parametrize(
    "headers",
    [
        [("content-TYPE", FORM_TYPE)],
        [("User-Agent", ""), ("Content-Type", FORM_TYPE)],
        [("User-Agent", "Mozilla/5.0 (compatible; Mail-Unsubscribe/1.0)"), ("Accept", "*/*")],
        [("User-Agent", b"\xff\xfe"), ("Accept-Language", b"\xff;q=x")],
        [("Cookie", "session=somebody-else"), ("Content-Type", FORM_TYPE)],
        [("Origin", "https://mail.example.net"), ("Sec-Fetch-Site", "cross-site")],
        [("Referer", "https://mail.example.net/inbox"), ("Authorization", "Basic eDp5")],
        [("Host", "elsewhere.example.net"), ("Content-Type", FORM_TYPE)],
        [("Accept", "application/json"), ("Accept-Encoding", "identity;q=0")],
        [("Expect", "100-continue"), ("Content-Type", FORM_TYPE)],
        [("Content-Type", FORM_TYPE), ("Content-Type", "text/plain")],
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@on_sqlite
def test_no_header_stands_in_its_way(
    pages: AsgiClient, stage: SeededOffice, headers: Sequence[tuple[str, str | bytes]], version: str
) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    is_done(
        pages.send_request(
            "POST", stage.build_unsubscribe_path(known), ONE_CLICK, headers=headers, version=version
        )
    )
    assert stage.find_membership_state(KNOWN) is LEFT


def test_a_body_in_pieces_is_one(pages: AsgiClient, stage: SeededOffice) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    pieces = [ONE_CLICK[at : at + 1] for at in range(len(ONE_CLICK))]
    is_done(pages.send_request("POST", stage.build_unsubscribe_path(known), [*pieces, b""]))
    assert stage.find_membership_state(KNOWN) is LEFT


def test_only_the_list_that_the_link_names_is_left(pages: AsgiClient, stage: SeededOffice) -> None:
    known = stage.add_person(KNOWN, list_slug="press")
    is_done(pages.send_request("POST", stage.build_unsubscribe_path(known), ONE_CLICK))
    assert stage.find_membership_state(KNOWN, "news") is LEFT
    assert stage.find_membership_state(KNOWN, "press") is MembershipState.ACTIVE


def test_the_log_of_consent_says_how_they_left_once(pages: AsgiClient, stage: SeededOffice) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    for _ in range(3):
        is_done(pages.send_request("POST", stage.build_unsubscribe_path(known), ONE_CLICK))
    with stage.store.read() as tx:
        left = [one for one in tx.subscribers.list_consent_entries(KNOWN) if one.act == "left"]
    assert [one.source for one in left] == ["one-click unsubscribe"]


# ---- links of old mails -------------------------------------------------------------------------


def test_it_works_from_before_their_address_changed(pages: AsgiClient, stage: SeededOffice) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    link = stage.build_unsubscribe_path(known)
    with stage.store.begin() as tx:
        preferences.change_address(tx, STAFF, known, "moved@readers.example.org", NOW)
    is_done(pages.send_request("POST", link, ONE_CLICK))
    assert stage.find_membership_state("moved@readers.example.org") is LEFT


def test_it_works_from_before_two_became_one(pages: AsgiClient, stage: SeededOffice) -> None:
    """Also where the one was merged again."""
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    second, third = stage.add_person("second@example.org"), stage.add_person("third@example.org")
    with stage.store.begin() as tx:
        preferences.merge_subscribers(tx, STAFF, known, second, NOW)
        preferences.merge_subscribers(tx, STAFF, second, third, NOW)
    is_done(pages.send_request("POST", stage.build_unsubscribe_path(known), ONE_CLICK))
    assert stage.find_membership_state("third@example.org") is LEFT


def test_it_is_answered_after_they_were_erased(pages: AsgiClient, stage: SeededOffice) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    with stage.store.begin() as tx:
        erasure.erase_person(tx, STAFF, KNOWN, NOW)
    before = dump_tables(stage.store)
    is_done(pages.send_request("POST", stage.build_unsubscribe_path(known), ONE_CLICK))
    assert dump_tables(stage.store) == before


def test_it_works_after_the_list_became_private(pages: AsgiClient, stage: SeededOffice) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    with stage.store.begin() as tx:
        lists.edit_list(tx, STAFF, "news", {"visibility": Visibility.PRIVATE})
    is_done(pages.send_request("POST", stage.build_unsubscribe_path(known), ONE_CLICK))
    assert stage.find_membership_state(KNOWN) is LEFT


def test_it_works_for_whoever_is_paused_suppressed_or_not_confirmed(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    stage.add_person("waits@example.org", state=MembershipState.PENDING)
    with stage.store.begin() as tx:
        factories.suppress_address(tx, "waits@example.org")
    for address in (ADDRESSES["paused"], ADDRESSES["suppressed"], "waits@example.org"):
        person = stage.find_subscriber(address)
        assert person is not None
        is_done(pages.send_request("POST", stage.build_unsubscribe_path(person), ONE_CLICK))
        assert stage.find_membership_state(address) is LEFT


@pytest.mark.parametrize("by_staff", [False, True])
def test_whom_staff_took_off_a_private_list_stays_off_it(
    pages: AsgiClient, stage: SeededOffice, by_staff: bool
) -> None:
    person = stage.add_person("ana@example.org", list_slug="staff")
    link = stage.build_unsubscribe_path(person, stage.staff)
    if by_staff:
        with stage.store.begin() as tx:
            subscribers.unsubscribe_person(tx, STAFF, person, stage.staff, NOW)
    else:
        is_done(pages.send_form(link, {}))
    assert 'value="staff"' not in pages.get_page(stage.build_preferences_path(person)).text
    pages.send_form(
        stage.build_preferences_path(person), {"list": "staff", "topic staff": "health"}
    )
    assert stage.find_membership_state("ana@example.org", "staff") is LEFT
    assert pages.send_form(f"{link}/undo", {}).status == (404 if by_staff else 200)
    assert (stage.find_membership_state("ana@example.org", "staff") is LEFT) == by_staff


def test_coming_back_is_a_thing_of_its_own(pages: AsgiClient, stage: SeededOffice) -> None:
    """What a provider sends again after somebody has taken their leaving back takes them off
    again: nothing says that it is old."""
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    link = stage.build_unsubscribe_path(known)
    is_done(pages.send_request("POST", link, ONE_CLICK))
    assert pages.send_form(f"{link}/undo").status == 200
    assert stage.find_membership_state(KNOWN) is MembershipState.ACTIVE
    is_done(pages.send_request("POST", link, ONE_CLICK))
    assert stage.find_membership_state(KNOWN) is LEFT
