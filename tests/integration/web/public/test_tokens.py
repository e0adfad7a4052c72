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
from mailer.audience.confirmations import ConfirmationState
from mailer.audience.links import LARGEST, Purpose
from tests.conftest import KEY
from tests.integration.office import NOW
from tests.integration.web.public.asgi import Answer, Pages
from tests.integration.web.public.asking import advance, on_sqlite
from tests.integration.web.public.conftest import Clock
from tests.integration.web.public.stage import ADDRESSES, Stage, dump

KNOWN = ADDRESSES["known"]
PURPOSES = {"c": Purpose.CONFIRM, "u": Purpose.UNSUBSCRIBE, "p": Purpose.PREFERENCES}
PURPOSES |= {"v": Purpose.VIEW, "e": Purpose.ADVANCE}
FORGED = "1.1.1.AAAAAAAAAAAAAAAAAAAAAA"


def routes(pages: Pages) -> list[tuple[str, str]]:
    """Method and path of every page that a token leads to."""
    found = [
        (method, route.path)
        for route in pages.app.routes
        if isinstance(route, APIRoute) and "{token}" in route.path
        for method in sorted(route.methods or ())
    ]
    assert {path[1] for _, path in found} <= {*PURPOSES}
    return found


def purpose_of(path: str) -> Purpose:
    return PURPOSES[path[1]]


def ask(pages: Pages, method: str, path: str, token: str) -> Answer:
    target = path.replace("{token}", quote(token, safe=""))
    fields = {"sure": "yes", "weeks": "4", "email": "x@example.org", "list": "news"}
    return pages.post(target, fields) if method == "POST" else pages.ask(method, target)


def refused(pages: Pages, method: str, path: str, token: str) -> None:
    """As a link that was never signed is."""
    answer = ask(pages, method, path, token)
    plain = ask(pages, method, path, FORGED)
    assert (answer.status, answer.body) == (plain.status, plain.body) == (404, plain.body), token
    assert answer.headers == plain.headers
    assert b"This link does not work" in answer.body
    pages.asked.discard(token)  # it may be made of words that stand anywhere


def good(pages: Pages, stage: Stage) -> dict[Purpose, str]:
    """A link of each purpose that works."""
    known = stage.known(KNOWN)
    assert known is not None
    found = {
        Purpose.UNSUBSCRIBE: stage.unsubscribe(known),
        Purpose.PREFERENCES: stage.preferences(known),
        Purpose.CONFIRM: stage.confirm(stage.asked("new@example.org")),
        Purpose.ADVANCE: f"/e/{advance(stage)}",
    }
    for path in found.values():
        assert pages.get(path).status == 200
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


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.CONFIRM])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_link_that_was_changed_in_any_way_is_refused(
    pages: Pages, stage: Stage, purpose: Purpose, data: st.DataObject
) -> None:
    token = _signed(purpose)
    changed = data.draw(spoiled(token).filter(lambda one: one not in {token, ".", ".."}))
    method, path = data.draw(
        st.sampled_from([one for one in routes(pages) if purpose_of(one[1]) is purpose])
    )
    before = dump(stage.store)
    if "/" in changed or not changed:  # it is another path
        assert pages.ask(method, path.replace("{token}", quote(changed))).status in {404, 405}
    else:
        refused(pages, method, path, changed)
    assert dump(stage.store) == before


def _signed(purpose: Purpose) -> str:
    fields = (1,) if purpose is Purpose.CONFIRM else (1, 1, 0)
    return tokens.sign(KEY, purpose, *fields)


def test_a_link_for_another_page_is_refused(pages: Pages, stage: Stage) -> None:
    """One that only shows must not be worth anything where something is changed."""
    works = good(pages, stage)
    before = dump(stage.store)
    for method, path in routes(pages):
        for purpose, token in works.items():
            if purpose is not purpose_of(path):
                refused(pages, method, path, token)
    assert dump(stage.store) == before


def test_a_link_that_another_key_has_signed_is_refused(pages: Pages, stage: Stage) -> None:
    known = stage.known(KNOWN)
    assert known is not None
    before = dump(stage.store)
    for method, path in routes(pages):
        purpose = purpose_of(path)
        fields = (1,) if purpose is Purpose.CONFIRM else (known.id, stage.news.id, 0)
        for key in (bytes(32), KEY[::-1], KEY + b"\1", KEY[:31]):
            refused(pages, method, path, tokens.sign(key, purpose, *fields))
        for other in ("", "notice", "address", f"{purpose} "):
            refused(pages, method, path, tokens.sign(KEY, other, *fields))
    assert dump(stage.store) == before


NUMBERS = (0, -1, 10**6, LARGEST, LARGEST + 1, 2**64, 10**30, 10**400)
ODD = ("", " 1", "1 ", "+1", "1_0", "0x1", "1e3", "NaN", "\u0661", "1" * 5000, "f")


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_nobody_has_are_refused_though_they_were_signed(
    pages: Pages, stage: Stage, number: int
) -> None:
    """Even if the key were known: a database has no say in what a number may be."""
    refused_everywhere(pages, stage, number)


@on_sqlite
@pytest.mark.parametrize("word", ODD)
def test_what_is_no_number_is_refused_though_it_was_signed(
    pages: Pages, stage: Stage, word: str
) -> None:
    refused_everywhere(pages, stage, word)


def refused_everywhere(pages: Pages, stage: Stage, number: int | str) -> None:
    before = dump(stage.store)
    for method, path in routes(pages):
        purpose = purpose_of(path)
        fields: tuple[int | str, ...] = (number,) if purpose is Purpose.CONFIRM else (number, 0, 0)
        token = tokens.signer(KEY, purpose).sign(".".join(map(str, fields)))
        if (method, path) == ("POST", "/u/{token}") and _is_number(number):
            # Whoever was erased has left, and their provider is told so.
            assert ask(pages, method, path, token).text == "unsubscribed\n"
        else:
            refused(pages, method, path, token)
    assert dump(stage.store) == before


def _is_number(number: int | str) -> bool:
    return isinstance(number, int) and 0 <= number <= LARGEST


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 1000])
def test_a_link_with_more_or_fewer_fields_is_refused(
    pages: Pages, stage: Stage, count: int
) -> None:
    for method, path in routes(pages):
        purpose = purpose_of(path)
        if count == 1 and purpose is Purpose.CONFIRM:
            continue
        body = ".".join(["1"] * count)
        refused(pages, method, path, tokens.signer(KEY, purpose).sign(body))


def test_a_link_to_what_is_no_longer_there_is_refused(pages: Pages, stage: Stage) -> None:
    works = good(pages, stage)
    with stage.store.begin() as tx:
        erasure.erase(tx.subscribers, KNOWN, NOW)
        erasure.erase(tx.subscribers, "new@example.org", NOW)
    before = dump(stage.store)
    for method, path in routes(pages):
        if path in {"/u/{token}", "/v/{token}"}:
            continue
        refused(pages, method, path, works[purpose_of(path)])
    assert dump(stage.store) == before


def test_a_sign_up_s_link_expires(pages: Pages, stage: Stage, clock: Clock) -> None:
    number = stage.asked("new@example.org")
    days = timedelta(days=stage.mailer.settings.retention.unconfirmed_days)
    clock.now = NOW + days - timedelta(seconds=1)
    assert pages.get(stage.confirm(number)).status == 200
    clock.now = NOW + days
    before = dump(stage.store)
    for method in ("GET", "HEAD", "POST"):
        refused(pages, method, "/c/{token}", stage.confirm(number)[3:])
    assert dump(stage.store) == before
    assert stage.known("new@example.org") is None


def test_a_sign_up_that_nobody_was_asked_about_has_no_link(pages: Pages, stage: Stage) -> None:
    """Its number could be guessed by whoever had the key only; still, nobody was asked."""
    number = stage.asked("new@example.org", state=ConfirmationState.ASKED)
    for method in ("GET", "POST"):
        refused(pages, method, "/c/{token}", stage.confirm(number)[3:])


def test_a_link_for_leaving_never_expires(pages: Pages, stage: Stage, clock: Clock) -> None:
    known = stage.known(KNOWN)
    assert known is not None
    clock.now = NOW + timedelta(days=365 * 30)
    assert pages.get(stage.unsubscribe(known)).status == 200
    assert pages.post(stage.unsubscribe(known)).text == "unsubscribed\n"
