"""Links that are no good: forged, cut, stretched, expired, signed with another key or for another
page. All are refused alike, on every page that a link leads to and by every method, and nothing of
them changes anything."""

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
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice, dump_tables
from tests.integration.web.public.requests import on_sqlite, start_advance_copy

KNOWN = ADDRESSES["known"]
PURPOSES = {"c": LinkPurpose.CONFIRM, "u": LinkPurpose.UNSUBSCRIBE, "p": LinkPurpose.PREFERENCES}
PURPOSES |= {"v": LinkPurpose.VIEW, "e": LinkPurpose.ADVANCE}
FORGED = "1.1.1.AAAAAAAAAAAAAAAAAAAAAA"


def routes(pages: AsgiClient) -> list[tuple[str, str]]:
    """Method and path of every page that a token leads to."""
    found = [
        (method, route.path)
        for route in pages.app.routes
        if isinstance(route, APIRoute) and "{token}" in route.path
        for method in sorted(route.methods or ())
    ]
    assert {path[1] for _, path in found} <= {*PURPOSES}
    return found


def purpose_of(path: str) -> LinkPurpose:
    return PURPOSES[path[1]]


def ask(pages: AsgiClient, method: str, path: str, token: str) -> AsgiResponse:
    target = path.replace("{token}", quote(token, safe=""))
    fields = {"sure": "yes", "weeks": "4", "email": "x@example.org", "list": "news"}
    return (
        pages.send_form(target, fields) if method == "POST" else pages.send_request(method, target)
    )


def refused(pages: AsgiClient, method: str, path: str, token: str) -> None:
    """As a link that was never signed is."""
    answer = ask(pages, method, path, token)
    plain = ask(pages, method, path, FORGED)
    assert (answer.status, answer.body) == (plain.status, plain.body) == (404, plain.body), token
    assert answer.headers == plain.headers
    assert b"This link does not work" in answer.body
    pages.sent_secrets.discard(token)  # it may be made of words that stand anywhere


def good(pages: AsgiClient, stage: SeededOffice) -> dict[LinkPurpose, str]:
    """A link of each purpose that works."""
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    found = {
        LinkPurpose.UNSUBSCRIBE: stage.build_unsubscribe_path(known),
        LinkPurpose.PREFERENCES: stage.build_preferences_path(known),
        LinkPurpose.CONFIRM: stage.build_confirm_path(stage.add_sign_up("new@example.org")),
        LinkPurpose.ADVANCE: f"/e/{start_advance_copy(stage)}",
    }
    for path in found.values():
        assert pages.get_page(path).status == 200
    return {purpose: path[3:] for purpose, path in found.items()}


@st.composite
def spoiled(draw: st.DrawFn, token: str) -> str:
    """`token`, changed in any way."""
    at = draw(st.integers(0, len(token) - 1))
    other = draw(st.characters(codec="utf-8").filter(lambda one: one != token[at]))
    fields = token.split(".")
    ways: Sequence[Callable[[], str]] = (
        lambda: token[:at] + other + token[at + 1 :],
        lambda: token[:at],
        lambda: token[at + 1 :],
        lambda: token[:at] + other + token[at:],
        lambda: token + draw(st.text(st.characters(codec="utf-8"), min_size=1)),
        lambda: draw(st.text(st.characters(codec="utf-8"), min_size=1)) + token,
        lambda: ".".join(draw(st.permutations(fields))),
        lambda: ".".join([str(draw(st.integers(-(2**70), 2**70))), *fields[1:]]),
        lambda: ".".join([*fields[:-1], *fields]),
        lambda: token.swapcase(),
        lambda: token * draw(st.integers(2, 300)),
        lambda: draw(st.text(st.characters(codec="utf-8"), min_size=1)),
    )
    return draw(st.sampled_from(ways))()


@pytest.mark.parametrize(
    "purpose", [LinkPurpose.UNSUBSCRIBE, LinkPurpose.PREFERENCES, LinkPurpose.CONFIRM]
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_link_that_was_changed_in_any_way_is_refused(
    pages: AsgiClient, stage: SeededOffice, purpose: LinkPurpose, data: st.DataObject
) -> None:
    token = _signed(purpose)
    changed = data.draw(spoiled(token).filter(lambda one: one not in {token, ".", ".."}))
    method, path = data.draw(
        st.sampled_from([one for one in routes(pages) if purpose_of(one[1]) is purpose])
    )
    before = dump_tables(stage.store)
    if "/" in changed or not changed:  # it is another path
        assert pages.send_request(method, path.replace("{token}", quote(changed))).status in {
            404,
            405,
        }
    else:
        refused(pages, method, path, changed)
    assert dump_tables(stage.store) == before


def _signed(purpose: LinkPurpose) -> str:
    fields = (1,) if purpose is LinkPurpose.CONFIRM else (1, 1, 0)
    return tokens.sign_token(KEY, purpose, *fields)


def test_a_link_for_another_page_is_refused(pages: AsgiClient, stage: SeededOffice) -> None:
    """One that only shows must not be worth anything where something is changed."""
    works = good(pages, stage)
    before = dump_tables(stage.store)
    for method, path in routes(pages):
        for purpose, token in works.items():
            if purpose is not purpose_of(path):
                refused(pages, method, path, token)
    assert dump_tables(stage.store) == before


def test_a_link_that_another_key_has_signed_is_refused(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    before = dump_tables(stage.store)
    for method, path in routes(pages):
        purpose = purpose_of(path)
        fields = (1,) if purpose is LinkPurpose.CONFIRM else (known.id, stage.news.id, 0)
        for key in (bytes(32), KEY[::-1], KEY + b"\1", KEY[:31]):
            refused(pages, method, path, tokens.sign_token(key, purpose, *fields))
        for other in ("", "notice", "address", f"{purpose} "):
            refused(pages, method, path, tokens.sign_token(KEY, other, *fields))
    assert dump_tables(stage.store) == before


NUMBERS = (0, -1, 10**6, MAX_NUMBER, MAX_NUMBER + 1, 2**64, 10**30, 10**400)
ODD = ("", " 1", "1 ", "+1", "1_0", "0x1", "1e3", "NaN", "\u0661", "1" * 5000, "f")


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_nobody_has_are_refused_though_they_were_signed(
    pages: AsgiClient, stage: SeededOffice, number: int
) -> None:
    """Even if the key were known: a database has no say in what a number may be."""
    refused_everywhere(pages, stage, number)


@on_sqlite
@pytest.mark.parametrize("word", ODD)
def test_what_is_no_number_is_refused_though_it_was_signed(
    pages: AsgiClient, stage: SeededOffice, word: str
) -> None:
    refused_everywhere(pages, stage, word)


def refused_everywhere(pages: AsgiClient, stage: SeededOffice, number: int | str) -> None:
    before = dump_tables(stage.store)
    for method, path in routes(pages):
        purpose = purpose_of(path)
        fields: tuple[int | str, ...] = (
            (number,) if purpose is LinkPurpose.CONFIRM else (number, 0, 0)
        )
        token = tokens.get_signer(KEY, purpose).sign_body(".".join(map(str, fields)))
        if (method, path) == ("POST", "/u/{token}") and _is_number(number):
            # Whoever was erased has left, and their provider is told so.
            assert ask(pages, method, path, token).text == "unsubscribed\n"
        else:
            refused(pages, method, path, token)
    assert dump_tables(stage.store) == before


def _is_number(number: int | str) -> bool:
    return isinstance(number, int) and 0 <= number <= MAX_NUMBER


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 1000])
def test_a_link_with_more_or_fewer_fields_is_refused(
    pages: AsgiClient, stage: SeededOffice, count: int
) -> None:
    for method, path in routes(pages):
        purpose = purpose_of(path)
        if count == 1 and purpose is LinkPurpose.CONFIRM:
            continue
        body = ".".join(["1"] * count)
        refused(pages, method, path, tokens.get_signer(KEY, purpose).sign_body(body))


def test_a_link_to_what_is_no_longer_there_is_refused(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    works = good(pages, stage)
    with stage.store.begin() as tx:
        erasure.erase_person(tx, STAFF, KNOWN, NOW)
        erasure.erase_person(tx, STAFF, "new@example.org", NOW)
    before = dump_tables(stage.store)
    for method, path in routes(pages):
        if path in {"/u/{token}", "/v/{token}"}:
            continue
        refused(pages, method, path, works[purpose_of(path)])
    assert dump_tables(stage.store) == before


def test_a_sign_up_s_link_expires(
    pages: AsgiClient, stage: SeededOffice, clock: OfficeClock
) -> None:
    number = stage.add_sign_up("new@example.org")
    days = timedelta(days=stage.mailer.settings.retention.unconfirmed_days)
    clock.now = NOW + days - timedelta(seconds=1)
    assert pages.get_page(stage.build_confirm_path(number)).status == 200
    clock.now = NOW + days
    before = dump_tables(stage.store)
    for method in ("GET", "HEAD", "POST"):
        refused(pages, method, "/c/{token}", stage.build_confirm_path(number)[3:])
    assert dump_tables(stage.store) == before
    assert stage.find_subscriber("new@example.org") is None


def test_a_sign_up_that_nobody_was_asked_about_has_no_link(
    pages: AsgiClient, stage: SeededOffice
) -> None:
    """Its number could be guessed by whoever had the key only; still, nobody was asked."""
    number = stage.add_sign_up("new@example.org", state=ConfirmationState.ASKED)
    for method in ("GET", "POST"):
        refused(pages, method, "/c/{token}", stage.build_confirm_path(number)[3:])


def test_a_link_for_leaving_never_expires(
    pages: AsgiClient, stage: SeededOffice, clock: OfficeClock
) -> None:
    known = stage.find_subscriber(KNOWN)
    assert known is not None
    clock.now = NOW + timedelta(days=365 * 30)
    assert pages.get_page(stage.build_unsubscribe_path(known)).status == 200
    assert pages.send_form(stage.build_unsubscribe_path(known)).text == "unsubscribed\n"
