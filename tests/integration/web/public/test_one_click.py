"""One-click unsubscribing, in every form that RFC 8058 allows, and in those that mail providers
have invented. It always takes effect, and the answer is always 200."""

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

KNOWN_ADDRESS = ADDRESSES["known"]
ONE_CLICK = b"List-Unsubscribe=One-Click"
UNSUBSCRIBED = MembershipState.UNSUBSCRIBED


def build_multipart_body(
    boundary: str, *, extra_headers: str = "", line_end: str = "\r\n", closing: str = "--"
) -> bytes:
    """Return a body with one field (RFC 7578)."""
    lines = [
        f"--{boundary}",
        f'Content-Disposition: form-data; name="List-Unsubscribe"{extra_headers}',
        "",
        "One-Click",
        f"--{boundary}{closing}",
        "",
    ]
    return line_end.join(lines).encode()


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
    "binary data": ("application/octet-stream", bytes(range(256))),
    "an invalid type": ("//;;==", ONE_CLICK),
    "a thousand fields": (FORM_TYPE, ONE_CLICK + b"&a=1" * 1000),
    "another value": (FORM_TYPE, b"List-Unsubscribe=One-Click-Confirmed"),
}
MULTIPART = {
    "as in the RFC": (
        "multipart/form-data; boundary=---FormBoundaryjWmhtjORrn",
        build_multipart_body("---FormBoundaryjWmhtjORrn"),
    ),
    "a quoted boundary": ('multipart/form-data; boundary="a b:c"', build_multipart_body("a b:c")),
    "a boundary of 70": (
        f"multipart/form-data; boundary={'x' * 70}",
        build_multipart_body("x" * 70),
    ),
    "signs in the boundary": (
        'multipart/form-data; boundary="\'()+_,-./:=?"',
        build_multipart_body("'()+_,-./:=?"),
    ),
    "a charset too": (
        "multipart/form-data; charset=utf-8; boundary=xyz",
        build_multipart_body("xyz"),
    ),
    "in capitals": ("MULTIPART/FORM-DATA; BOUNDARY=xyz", build_multipart_body("xyz")),
    "a type of the part": (
        "multipart/form-data; boundary=xyz",
        build_multipart_body("xyz", extra_headers="\r\nContent-Type: text/plain; charset=utf-8"),
    ),
    "line feeds alone": (
        "multipart/form-data; boundary=xyz",
        build_multipart_body("xyz", line_end="\n"),
    ),
    "an epilogue": ("multipart/form-data; boundary=xyz", build_multipart_body("xyz") + b"bye\r\n"),
    "not closed": ("multipart/form-data; boundary=xyz", build_multipart_body("xyz", closing="")),
    "no boundary named": ("multipart/form-data", build_multipart_body("xyz")),
    "another boundary": ("multipart/form-data; boundary=abc", build_multipart_body("xyz")),
    "a file": (
        "multipart/form-data; boundary=xyz",
        build_multipart_body("xyz", extra_headers='; filename="one-click.txt"'),
    ),
}
BODIES = [
    *[pytest.param(*form, id=f"urlencoded, {name}") for name, form in URLENCODED.items()],
    *[pytest.param(*form, id=f"multipart, {name}") for name, form in MULTIPART.items()],
]


def check_unsubscribed(answer: AsgiResponse) -> None:
    """Check that the answer is that of the RFC: 200, no redirect, nothing to follow."""
    assert (answer.status, answer.text) == (200, "unsubscribed\n")


@on_sqlite
@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_one_click_body_of_any_form_unsubscribes_once(
    pages: AsgiClient, seeded_office: SeededOffice, content_type: str, body: bytes
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    headers = [("Content-Type", content_type)] if content_type else []
    check_unsubscribed(
        pages.send_request(
            "POST", seeded_office.build_unsubscribe_path(subscriber), body, headers=headers
        )
    )
    assert seeded_office.find_membership_state(KNOWN_ADDRESS) is UNSUBSCRIBED
    before = dump_tables(seeded_office.store)
    check_unsubscribed(
        pages.send_request(
            "POST", seeded_office.build_unsubscribe_path(subscriber), body, headers=headers
        )
    )
    assert dump_tables(seeded_office.store) == before


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
def test_one_click_ignores_request_headers(
    pages: AsgiClient,
    seeded_office: SeededOffice,
    headers: Sequence[tuple[str, str | bytes]],
    version: str,
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    check_unsubscribed(
        pages.send_request(
            "POST",
            seeded_office.build_unsubscribe_path(subscriber),
            ONE_CLICK,
            headers=headers,
            version=version,
        )
    )
    assert seeded_office.find_membership_state(KNOWN_ADDRESS) is UNSUBSCRIBED


def test_one_click_accepts_a_chunked_body(pages: AsgiClient, seeded_office: SeededOffice) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    pieces = [ONE_CLICK[at : at + 1] for at in range(len(ONE_CLICK))]
    check_unsubscribed(
        pages.send_request("POST", seeded_office.build_unsubscribe_path(subscriber), [*pieces, b""])
    )
    assert seeded_office.find_membership_state(KNOWN_ADDRESS) is UNSUBSCRIBED


def test_one_click_leaves_only_the_list_of_its_link(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    subscriber = seeded_office.add_person(KNOWN_ADDRESS, list_slug="press")
    check_unsubscribed(
        pages.send_request("POST", seeded_office.build_unsubscribe_path(subscriber), ONE_CLICK)
    )
    assert seeded_office.find_membership_state(KNOWN_ADDRESS, "news") is UNSUBSCRIBED
    assert seeded_office.find_membership_state(KNOWN_ADDRESS, "press") is MembershipState.ACTIVE


def test_one_click_is_recorded_once_in_the_consent_log(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    for _ in range(3):
        check_unsubscribed(
            pages.send_request("POST", seeded_office.build_unsubscribe_path(subscriber), ONE_CLICK)
        )
    with seeded_office.store.read() as tx:
        entries = [
            one for one in tx.subscribers.list_consent_entries(KNOWN_ADDRESS) if one.act == "left"
        ]
    assert [one.source for one in entries] == ["one-click unsubscribe"]


# ---- links of old mails -------------------------------------------------------------------------


def test_one_click_link_works_after_a_change_of_address(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    link = seeded_office.build_unsubscribe_path(subscriber)
    with seeded_office.store.begin() as tx:
        preferences.change_address(tx, STAFF, subscriber, "moved@readers.example.org", NOW)
    check_unsubscribed(pages.send_request("POST", link, ONE_CLICK))
    assert seeded_office.find_membership_state("moved@readers.example.org") is UNSUBSCRIBED


def test_one_click_link_works_after_merging_subscribers(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    """Two merges, one after the other."""
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    second, third = (
        seeded_office.add_person("second@example.org"),
        seeded_office.add_person("third@example.org"),
    )
    with seeded_office.store.begin() as tx:
        preferences.merge_subscribers(tx, STAFF, subscriber, second, NOW)
        preferences.merge_subscribers(tx, STAFF, second, third, NOW)
    check_unsubscribed(
        pages.send_request("POST", seeded_office.build_unsubscribe_path(subscriber), ONE_CLICK)
    )
    assert seeded_office.find_membership_state("third@example.org") is UNSUBSCRIBED


def test_one_click_link_is_answered_after_an_erasure(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    with seeded_office.store.begin() as tx:
        erasure.erase_person(tx, STAFF, KNOWN_ADDRESS, NOW)
    before = dump_tables(seeded_office.store)
    check_unsubscribed(
        pages.send_request("POST", seeded_office.build_unsubscribe_path(subscriber), ONE_CLICK)
    )
    assert dump_tables(seeded_office.store) == before


def test_one_click_link_works_after_the_list_became_private(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    with seeded_office.store.begin() as tx:
        lists.edit_list(tx, STAFF, "news", {"visibility": Visibility.PRIVATE})
    check_unsubscribed(
        pages.send_request("POST", seeded_office.build_unsubscribe_path(subscriber), ONE_CLICK)
    )
    assert seeded_office.find_membership_state(KNOWN_ADDRESS) is UNSUBSCRIBED


def test_one_click_works_for_paused_suppressed_and_pending_members(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    seeded_office.add_person("waits@example.org", state=MembershipState.PENDING)
    with seeded_office.store.begin() as tx:
        factories.suppress_address(tx, "waits@example.org")
    for address in (ADDRESSES["paused"], ADDRESSES["suppressed"], "waits@example.org"):
        subscriber = seeded_office.find_subscriber(address)
        assert subscriber is not None
        check_unsubscribed(
            pages.send_request("POST", seeded_office.build_unsubscribe_path(subscriber), ONE_CLICK)
        )
        assert seeded_office.find_membership_state(address) is UNSUBSCRIBED


@pytest.mark.parametrize("is_by_staff", [False, True])
def test_member_removed_by_staff_cannot_rejoin_a_private_list(
    pages: AsgiClient, seeded_office: SeededOffice, is_by_staff: bool
) -> None:
    subscriber = seeded_office.add_person("ana@example.org", list_slug="staff")
    link = seeded_office.build_unsubscribe_path(subscriber, seeded_office.staff)
    if is_by_staff:
        with seeded_office.store.begin() as tx:
            subscribers.unsubscribe_person(tx, STAFF, subscriber, seeded_office.staff, NOW)
    else:
        check_unsubscribed(pages.send_form(link, {}))
    assert (
        'value="staff"' not in pages.get_page(seeded_office.build_preferences_path(subscriber)).text
    )
    pages.send_form(
        seeded_office.build_preferences_path(subscriber), {"list": "staff", "topic staff": "health"}
    )
    assert seeded_office.find_membership_state("ana@example.org", "staff") is UNSUBSCRIBED
    assert pages.send_form(f"{link}/undo", {}).status == (404 if is_by_staff else 200)
    assert (
        seeded_office.find_membership_state("ana@example.org", "staff") is UNSUBSCRIBED
    ) == is_by_staff


def test_one_click_repeated_after_resubscribing_unsubscribes_again(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    """A provider may send its request again after the reader has come back. Nothing tells that the
    request is old, so it takes effect."""
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    link = seeded_office.build_unsubscribe_path(subscriber)
    check_unsubscribed(pages.send_request("POST", link, ONE_CLICK))
    assert pages.send_form(f"{link}/undo").status == 200
    assert seeded_office.find_membership_state(KNOWN_ADDRESS) is MembershipState.ACTIVE
    check_unsubscribed(pages.send_request("POST", link, ONE_CLICK))
    assert seeded_office.find_membership_state(KNOWN_ADDRESS) is UNSUBSCRIBED
