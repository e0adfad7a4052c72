"""Invalid links: forged, cut, stretched, expired, signed with another key or for another page. All
get the same answer, on every page and by every method, and none of them changes anything."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer import tokens
from mailer.audience import erasure
from mailer.audience.links import MAX_NUMBER, LinkPurpose
from mailer.model.signup import ConfirmationState
from tests.actors import STAFF
from tests.conftest import KEY
from tests.integration.factories import NOW
from tests.integration.web.public.asgi import AsgiClient, AsgiResponse
from tests.integration.web.public.conftest import OfficeClock
from tests.integration.web.public.decision_links import make_decision_tokens
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice, dump_tables
from tests.integration.web.public.requests import on_sqlite, start_advance_copy

KNOWN_ADDRESS = ADDRESSES["known"]
PURPOSES = {"c": LinkPurpose.CONFIRM, "u": LinkPurpose.UNSUBSCRIBE, "p": LinkPurpose.PREFERENCES}
PURPOSES |= {"v": LinkPurpose.VIEW, "e": LinkPurpose.ADVANCE, "t": LinkPurpose.TEST}
PURPOSES |= {"d": LinkPurpose.EDITION_DECISION, "k": LinkPurpose.KILL_DECISION}
FORGED_TOKEN = "1.1.1.AAAAAAAAAAAAAAAAAAAAAA"


def list_token_routes(pages: AsgiClient) -> list[tuple[str, str]]:
    """Return the method and path of every route with a token of a person. Counted links have none;
    ``test_counted_links.py`` forges theirs."""
    token_routes = [
        (method, route.path)
        for route in pages.app.routes
        if isinstance(route, APIRoute)
        and "{token}" in route.path
        and not route.path.startswith("/r/")
        for method in sorted(route.methods or ())
    ]
    assert {path[1] for _, path in token_routes} <= {*PURPOSES}
    return token_routes


def get_purpose(path: str) -> LinkPurpose:
    return PURPOSES[path[1]]


def send_token(pages: AsgiClient, method: str, path: str, token: str) -> AsgiResponse:
    target = path.replace("{token}", quote(token, safe=""))
    fields = {"sure": "yes", "weeks": "4", "email": "x@example.org", "list": "news"}
    return (
        pages.send_form(target, fields) if method == "POST" else pages.send_request(method, target)
    )


def check_refused(pages: AsgiClient, method: str, path: str, token: str) -> None:
    """Check that the answer is that of a link that was never signed."""
    answer = send_token(pages, method, path, token)
    forged_answer = send_token(pages, method, path, FORGED_TOKEN)
    assert (
        (answer.status, answer.body)
        == (forged_answer.status, forged_answer.body)
        == (404, forged_answer.body)
    ), token
    assert answer.headers == forged_answer.headers
    assert b"This link does not work" in answer.body
    pages.sent_secrets.discard(token)  # it may consist of common words


def make_valid_tokens(pages: AsgiClient, seeded_office: SeededOffice) -> dict[LinkPurpose, str]:
    """Return a valid token for each purpose."""
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    paths = {
        LinkPurpose.UNSUBSCRIBE: seeded_office.build_unsubscribe_path(subscriber),
        LinkPurpose.PREFERENCES: seeded_office.build_preferences_path(subscriber),
        LinkPurpose.CONFIRM: seeded_office.build_confirm_path(
            seeded_office.add_sign_up("new@example.org")
        ),
        LinkPurpose.ADVANCE: f"/e/{start_advance_copy(seeded_office)}",
    }
    tokens_by_page = make_decision_tokens(seeded_office)
    paths[LinkPurpose.EDITION_DECISION] = f"/d/{tokens_by_page['d']}"
    paths[LinkPurpose.KILL_DECISION] = f"/k/{tokens_by_page['k']}"
    for path in paths.values():
        assert pages.get_page(path).status == 200
    return {purpose: path[3:] for purpose, path in paths.items()}


@st.composite
def mutated_tokens(draw: st.DrawFn, token: str) -> str:
    """Draw `token`, changed in some way."""
    position = draw(st.integers(0, len(token) - 1))
    character = draw(st.characters(codec="utf-8").filter(lambda letter: letter != token[position]))
    fields = token.split(".")
    mutations: Sequence[Callable[[], str]] = (
        lambda: token[:position] + character + token[position + 1 :],
        lambda: token[:position],
        lambda: token[position + 1 :],
        lambda: token[:position] + character + token[position:],
        lambda: token + draw(st.text(st.characters(codec="utf-8"), min_size=1)),
        lambda: draw(st.text(st.characters(codec="utf-8"), min_size=1)) + token,
        lambda: ".".join(draw(st.permutations(fields))),
        lambda: ".".join([str(draw(st.integers(-(2**70), 2**70))), *fields[1:]]),
        lambda: ".".join([*fields[:-1], *fields]),
        lambda: token.swapcase(),
        lambda: token * draw(st.integers(2, 300)),
        lambda: draw(st.text(st.characters(codec="utf-8"), min_size=1)),
    )
    return draw(st.sampled_from(mutations))()


@pytest.mark.parametrize(
    "purpose", [LinkPurpose.UNSUBSCRIBE, LinkPurpose.PREFERENCES, LinkPurpose.CONFIRM]
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_token_is_refused(
    pages: AsgiClient, seeded_office: SeededOffice, purpose: LinkPurpose, data: st.DataObject
) -> None:
    token = sign_sample_token(purpose)
    mutated_token = data.draw(
        mutated_tokens(token).filter(lambda mutation: mutation not in {token, ".", ".."})
    )
    method, path = data.draw(
        st.sampled_from([one for one in list_token_routes(pages) if get_purpose(one[1]) is purpose])
    )
    before = dump_tables(seeded_office.store)
    if "/" in mutated_token or not mutated_token:  # it is another path
        assert pages.send_request(method, path.replace("{token}", quote(mutated_token))).status in {
            404,
            405,
        }
    else:
        check_refused(pages, method, path, mutated_token)
    assert dump_tables(seeded_office.store) == before


def sign_sample_token(purpose: LinkPurpose) -> str:
    fields = (1,) if purpose is LinkPurpose.CONFIRM else (1, 1, 0)
    return tokens.sign_token(KEY, purpose, *fields)


def test_token_for_another_page_is_refused(pages: AsgiClient, seeded_office: SeededOffice) -> None:
    """A token for reading must not be valid for a page that changes something."""
    tokens_by_purpose = make_valid_tokens(pages, seeded_office)
    before = dump_tables(seeded_office.store)
    for method, path in list_token_routes(pages):
        for purpose, token in tokens_by_purpose.items():
            if purpose is not get_purpose(path):
                check_refused(pages, method, path, token)
    assert dump_tables(seeded_office.store) == before


def test_token_signed_with_another_key_or_purpose_is_refused(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    before = dump_tables(seeded_office.store)
    for method, path in list_token_routes(pages):
        purpose = get_purpose(path)
        fields = (
            (1,) if purpose is LinkPurpose.CONFIRM else (subscriber.id, seeded_office.news.id, 0)
        )
        for key in (bytes(32), KEY[::-1], KEY + b"\1", KEY[:31]):
            check_refused(pages, method, path, tokens.sign_token(key, purpose, *fields))
        for other_purpose in ("", "notice", "address", f"{purpose} "):
            check_refused(pages, method, path, tokens.sign_token(KEY, other_purpose, *fields))
    assert dump_tables(seeded_office.store) == before


NUMBERS = (0, -1, 10**6, MAX_NUMBER, MAX_NUMBER + 1, 2**64, 10**30, 10**400)
ODD_WORDS = ("", " 1", "1 ", "+1", "1_0", "0x1", "1e3", "NaN", "\u0661", "1" * 5000, "f")


@pytest.mark.parametrize("number", NUMBERS)
def test_signed_token_with_an_unknown_number_is_refused(
    pages: AsgiClient, seeded_office: SeededOffice, number: int
) -> None:
    """The range of numbers does not depend on the database, even if the key were stolen."""
    check_refused_everywhere(pages, seeded_office, number)


@on_sqlite
@pytest.mark.parametrize("word", ODD_WORDS)
def test_signed_token_without_a_number_is_refused(
    pages: AsgiClient, seeded_office: SeededOffice, word: str
) -> None:
    check_refused_everywhere(pages, seeded_office, word)


def check_refused_everywhere(
    pages: AsgiClient, seeded_office: SeededOffice, number: int | str
) -> None:
    before = dump_tables(seeded_office.store)
    for method, path in list_token_routes(pages):
        purpose = get_purpose(path)
        fields: tuple[int | str, ...] = (
            (number,) if purpose is LinkPurpose.CONFIRM else (number, 0, 0)
        )
        token = sign_body(purpose, ".".join(map(str, fields)))
        if (method, path) == ("POST", "/u/{token}") and is_valid_number(number):
            # An erased subscriber counts as unsubscribed, and the provider is told so.
            assert send_token(pages, method, path, token).text == "unsubscribed\n"
        else:
            check_refused(pages, method, path, token)
    assert dump_tables(seeded_office.store) == before


def sign_body(purpose: LinkPurpose, body: str) -> str:
    return tokens.get_signer(KEY, purpose).sign_body(body.encode()).decode()


def is_valid_number(number: int | str) -> bool:
    return isinstance(number, int) and 0 <= number <= MAX_NUMBER


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 1000])
def test_signed_token_with_another_number_of_fields_is_refused(
    pages: AsgiClient, seeded_office: SeededOffice, count: int
) -> None:
    for method, path in list_token_routes(pages):
        purpose = get_purpose(path)
        if count == 1 and purpose is LinkPurpose.CONFIRM:
            continue
        body = ".".join(["1"] * count)
        check_refused(pages, method, path, sign_body(purpose, body))


def test_token_of_an_erased_subscriber_is_refused(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    tokens_by_purpose = make_valid_tokens(pages, seeded_office)
    with seeded_office.store.begin() as tx:
        erasure.erase_person(tx, STAFF, KNOWN_ADDRESS, NOW)
        erasure.erase_person(tx, STAFF, "new@example.org", NOW)
    before = dump_tables(seeded_office.store)
    for method, path in list_token_routes(pages):
        if path[1] in "uvdk" or get_purpose(path) not in tokens_by_purpose:
            continue
        check_refused(pages, method, path, tokens_by_purpose[get_purpose(path)])
    assert dump_tables(seeded_office.store) == before


def test_confirmation_link_expires(
    pages: AsgiClient, seeded_office: SeededOffice, clock: OfficeClock
) -> None:
    confirmation_id = seeded_office.add_sign_up("new@example.org")
    lifetime = timedelta(days=seeded_office.mailer.settings.retention.unconfirmed_days)
    clock.now = NOW + lifetime - timedelta(seconds=1)
    assert pages.get_page(seeded_office.build_confirm_path(confirmation_id)).status == 200
    clock.now = NOW + lifetime
    before = dump_tables(seeded_office.store)
    for method in ("GET", "HEAD", "POST"):
        check_refused(
            pages, method, "/c/{token}", seeded_office.build_confirm_path(confirmation_id)[3:]
        )
    assert dump_tables(seeded_office.store) == before
    assert seeded_office.find_subscriber("new@example.org") is None


def test_confirmation_link_is_refused_before_its_mail_was_sent(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    """Only a thief of the key could guess such a link; it is refused all the same."""
    confirmation_id = seeded_office.add_sign_up("new@example.org", state=ConfirmationState.ASKED)
    for method in ("GET", "POST"):
        check_refused(
            pages, method, "/c/{token}", seeded_office.build_confirm_path(confirmation_id)[3:]
        )


def test_unsubscribe_link_never_expires(
    pages: AsgiClient, seeded_office: SeededOffice, clock: OfficeClock
) -> None:
    subscriber = seeded_office.find_subscriber(KNOWN_ADDRESS)
    assert subscriber is not None
    clock.now = NOW + timedelta(days=365 * 30)
    assert pages.get_page(seeded_office.build_unsubscribe_path(subscriber)).status == 200
    assert (
        pages.send_form(seeded_office.build_unsubscribe_path(subscriber)).text == "unsubscribed\n"
    )
