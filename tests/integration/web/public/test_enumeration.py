"""Nobody finds out from the pages who gets our mails: whatever an address's standing, the answer is
the same, byte for byte, and takes the same time."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from io import StringIO
from statistics import median

import pytest

from mailer.app import Mailer
from mailer.config import SignUp
from mailer.languages import UN_LANGUAGES
from mailer.log import create_logger
from mailer.web.public import create_public_app
from tests.integration.factories import HOUR
from tests.integration.web.public.asgi import AsgiClient, AsgiResponse, open_client
from tests.integration.web.public.conftest import OfficeClock
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice, dump_tables, seed_office

TRIES = 1000
CLOSE = 0.001
"""Seconds between the medians of two addresses that a stranger could not make use of."""


def faceless(answer: AsgiResponse, address: str) -> tuple[int, list[tuple[str, str]], str]:
    """All of an answer but for the address that was typed, and so the length."""
    headers = [one for one in answer.headers if one[0] != "content-length"]
    return answer.status, headers, answer.text.replace(address, "(address)")


def same(answers: dict[str, AsgiResponse]) -> AsgiResponse:
    """All of them are; one of them."""
    seen = {name: faceless(one, ADDRESSES[name]) for name, one in answers.items()}
    for name, one in seen.items():
        assert one == seen["unknown"], name
    return answers["unknown"]


@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_a_sign_up_is_answered_the_same_for_every_address(pages: AsgiClient, language: str) -> None:
    """Also the second time, when the address's share of mails is used up."""
    for time_ in range(2):
        answers = {
            name: pages.send_form(
                f"/subscribe?lang={language}",
                {"email": address, "list": "news", "topic": "health", "frequency": "weekly"},
                client=f"198.18.{time_}.{number}",
            )
            for number, (name, address) in enumerate(ADDRESSES.items())
        }
        assert same(answers).status == 200
        assert ADDRESSES["unknown"] in answers["unknown"].text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"list": []}, 422),
        ({"list": ["nothing"]}, 422),
        ({"list": ["staff"]}, 422),
        ({"list": ["news", "press"]}, 200),
        ({"list": ["news"], "topic": ["nothing"]}, 422),
        ({"list": ["news"], "of": "news", "language": "ar"}, 200),
        ({"list": ["news"], "website": "https://x.example"}, 200),
    ],
)
def test_so_is_one_that_is_not_taken_or_is_for_more(
    pages: AsgiClient, fields: dict[str, str | list[str]], status: int
) -> None:
    answers = {
        name: pages.send_form("/subscribe", {"email": address, **fields})
        for name, address in ADDRESSES.items()
    }
    assert same(answers).status == status


def test_so_is_one_beyond_what_a_client_or_a_domain_may_ask_for(pages: AsgiClient) -> None:
    for number in range(20):
        pages.send_form("/subscribe", {"email": f"reader{number}@example.org", "list": "news"})
    answers = {
        name: pages.send_form("/subscribe", {"email": address, "list": "news"})
        for name, address in ADDRESSES.items()
    }
    assert same(answers).status == 429


def test_so_is_a_change_of_address(pages: AsgiClient, stage: SeededOffice) -> None:
    """What somebody types there may be another reader's."""
    link = stage.build_preferences_path(stage.add_person("curious@example.org"))
    answers = {
        name: pages.send_form(f"{link}/address", {"email": address})
        for name, address in ADDRESSES.items()
    }
    assert same(answers).status == 200


def test_what_is_written_down_is_the_same_too(pages: AsgiClient, stage: SeededOffice) -> None:
    """But for "pending", who has asked before: nothing is left for a later request to tell."""
    wrote = {}
    for name, address in ADDRESSES.items():
        before = dump_tables(stage.store)
        pages.send_form("/subscribe", {"email": address, "list": "news"})
        after = dump_tables(stage.store)
        wrote[name] = {
            table: len(after[table]) - len(before[table])
            for table in after
            if after[table] != before[table]
        }
    assert {name: one["confirmation"] for name, one in wrote.items()} == dict.fromkeys(ADDRESSES, 1)
    assert len({frozenset(one) for one in wrote.values()}) == 1, wrote


# ---- how long it takes --------------------------------------------------------------------------


@pytest.fixture
def open_stage(mailer: Mailer, clock: Callable[[], datetime]) -> SeededOffice:
    """Where a client may try as often as it likes."""
    limits = SignUp(per_client=1_000_000, per_domain=1_000_000)
    settings = mailer.settings.model_copy(update={"signup": limits})
    return seed_office(Mailer(settings, mailer.store, clock))


@pytest.fixture
def open_to_all(open_stage: SeededOffice) -> Iterator[AsgiClient]:
    with open_client(create_public_app(open_stage.mailer, create_logger(StringIO()))) as opened:
        yield opened


def timed(do: Callable[[], AsgiResponse]) -> float:
    begun = time.perf_counter()
    assert do().status == 200
    return time.perf_counter() - begun


def medians(name: str, taken: dict[str, list[float]]) -> float:
    """Prints them; how far they are apart."""
    found = {one: median(times) for one, times in taken.items()}
    told = ", ".join(f"{one} {seconds * 1000:.3f}" for one, seconds in found.items())
    apart = max(found.values()) - min(found.values())
    print(f"\n{name}: medians of {TRIES} in ms: {told}; apart {apart * 1000:.3f}")
    return apart


@pytest.mark.proof
def test_a_sign_up_takes_as_long_for_every_address(
    open_to_all: AsgiClient, clock: OfficeClock, backend: str
) -> None:
    """The first one in an hour, which is to be mailed, and one after it."""
    first: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    again: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    names = list(ADDRESSES)
    for number in range(TRIES):
        clock.now += 2 * HOUR
        order = names[number % len(names) :] + names[: number % len(names)]
        for times in (first, again):
            for name in order:
                fields = {"email": ADDRESSES[name], "list": "news"}
                times[name].append(timed(lambda: open_to_all.send_form("/subscribe", fields)))  # noqa: B023
    assert medians(f"{backend}, first", first) < CLOSE
    assert medians(f"{backend}, again", again) < CLOSE


@pytest.mark.proof
def test_a_change_of_address_takes_as_long_for_every_address(
    open_to_all: AsgiClient, open_stage: SeededOffice, clock: OfficeClock, backend: str
) -> None:
    link = open_stage.build_preferences_path(open_stage.add_person("curious@example.org"))
    taken: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    names = list(ADDRESSES)
    for number in range(TRIES):
        clock.now += 2 * HOUR
        for name in names[number % len(names) :] + names[: number % len(names)]:
            fields = {"email": ADDRESSES[name]}
            taken[name].append(timed(lambda: open_to_all.send_form(f"{link}/address", fields)))  # noqa: B023
    assert medians(f"{backend}, change of address", taken) < CLOSE
