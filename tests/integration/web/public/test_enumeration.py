"""The pages do not reveal who gets our mails: for every address the answer is the same, byte for
byte, and takes the same time."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from io import StringIO
from statistics import median

import pytest

from mailer.app import Mailer
from mailer.config import SignUp
from mailer.languages import UN_LANGUAGES
from mailer.log import create_logger
from mailer.model.signup import MAIL_COUNT_LASTS
from mailer.web.public import create_public_app
from tests.integration.web.public.asgi import AsgiClient, AsgiResponse, open_client
from tests.integration.web.public.conftest import OfficeClock
from tests.integration.web.public.fixtures import ADDRESSES, SeededOffice, dump_tables, seed_office

TRIES = 1000
MAX_SPREAD = 0.001
"""Seconds between the medians of two addresses that are too few to tell them apart."""


def mask_address_in(answer: AsgiResponse, address: str) -> tuple[int, list[tuple[str, str]], str]:
    """Return an answer without the typed address, and so without its length."""
    headers = [one for one in answer.headers if one[0] != "content-length"]
    return answer.status, headers, answer.text.replace(address, "(address)")


def check_identical(answers: dict[str, AsgiResponse]) -> AsgiResponse:
    """Check that all answers are the same, and return one of them."""
    masked_answers = {
        name: mask_address_in(masked_answer, ADDRESSES[name])
        for name, masked_answer in answers.items()
    }
    for name, masked_answer in masked_answers.items():
        assert masked_answer == masked_answers["unknown"], name
    return answers["unknown"]


@pytest.mark.parametrize("language", UN_LANGUAGES)
def test_sign_up_answer_is_the_same_for_every_address(pages: AsgiClient, language: str) -> None:
    """It is the same the second time, when the address's allowance of mails is used up."""
    for attempt in range(2):
        answers = {
            name: pages.send_form(
                f"/subscribe?lang={language}",
                {"email": address, "list": "news", "topic": "health", "frequency": "weekly"},
                client=f"198.18.{attempt}.{number}",
            )
            for number, (name, address) in enumerate(ADDRESSES.items())
        }
        assert check_identical(answers).status == 200
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
def test_refused_sign_up_answer_is_the_same_for_every_address(
    pages: AsgiClient, fields: dict[str, str | list[str]], status: int
) -> None:
    answers = {
        name: pages.send_form("/subscribe", {"email": address, **fields})
        for name, address in ADDRESSES.items()
    }
    assert check_identical(answers).status == status


def test_rate_limited_answer_is_the_same_for_every_address(pages: AsgiClient) -> None:
    for number in range(20):
        pages.send_form("/subscribe", {"email": f"reader{number}@example.org", "list": "news"})
    answers = {
        name: pages.send_form("/subscribe", {"email": address, "list": "news"})
        for name, address in ADDRESSES.items()
    }
    assert check_identical(answers).status == 429


def test_address_change_answer_is_the_same_for_every_address(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    """The typed address may be another reader's."""
    link = seeded_office.build_preferences_path(seeded_office.add_person("curious@example.org"))
    answers = {
        name: pages.send_form(f"{link}/address", {"email": address})
        for name, address in ADDRESSES.items()
    }
    assert check_identical(answers).status == 200


def test_sign_up_writes_the_same_rows_for_every_address(
    pages: AsgiClient, seeded_office: SeededOffice
) -> None:
    """The rows must not tell a later request whether the address was known."""
    added_rows = {}
    for name, address in ADDRESSES.items():
        before = dump_tables(seeded_office.store)
        pages.send_form("/subscribe", {"email": address, "list": "news"})
        after = dump_tables(seeded_office.store)
        added_rows[name] = {
            table: len(after[table]) - len(before[table])
            for table in after
            if after[table] != before[table]
        }
    assert {name: one["confirmation"] for name, one in added_rows.items()} == dict.fromkeys(
        ADDRESSES, 1
    )
    assert len({frozenset(one) for one in added_rows.values()}) == 1, added_rows


# ---- how long it takes --------------------------------------------------------------------------


@pytest.fixture
def unlimited_office(mailer: Mailer, clock: Callable[[], datetime]) -> SeededOffice:
    """An office without rate limits."""
    limits = SignUp(per_client=1_000_000, per_domain=1_000_000)
    settings = mailer.settings.model_copy(update={"signup": limits})
    return seed_office(Mailer(settings, mailer.store, clock))


@pytest.fixture
def unlimited_pages(unlimited_office: SeededOffice) -> Iterator[AsgiClient]:
    with open_client(
        create_public_app(unlimited_office.mailer, create_logger(StringIO()))
    ) as client:
        yield client


def measure_seconds(send: Callable[[], AsgiResponse]) -> float:
    started_at = time.perf_counter()
    assert send().status == 200
    return time.perf_counter() - started_at


def measure_spread(name: str, seconds_by_name: dict[str, list[float]]) -> float:
    """Print the medians, and return the distance between the largest and the smallest."""
    medians = {one: median(times) for one, times in seconds_by_name.items()}
    summary = ", ".join(f"{one} {seconds * 1000:.3f}" for one, seconds in medians.items())
    spread = max(medians.values()) - min(medians.values())
    print(f"\n{name}: medians of {TRIES} in ms: {summary}; apart {spread * 1000:.3f}")
    return spread


@pytest.mark.proof
def test_sign_up_takes_the_same_time_for_every_address(
    unlimited_pages: AsgiClient, clock: OfficeClock, backend: str
) -> None:
    """Measure the first sign-up, which gets a mail, and the one after it."""
    first_seconds: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    repeat_seconds: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    names = list(ADDRESSES)
    for number in range(TRIES):
        clock.now += 2 * MAIL_COUNT_LASTS
        order = names[number % len(names) :] + names[: number % len(names)]
        for times in (first_seconds, repeat_seconds):
            for name in order:
                fields = {"email": ADDRESSES[name], "list": "news"}
                send = partial(unlimited_pages.send_form, "/subscribe", fields)
                times[name].append(measure_seconds(send))
    assert measure_spread(f"{backend}, first", first_seconds) < MAX_SPREAD
    assert measure_spread(f"{backend}, again", repeat_seconds) < MAX_SPREAD


@pytest.mark.proof
def test_address_change_takes_the_same_time_for_every_address(
    unlimited_pages: AsgiClient, unlimited_office: SeededOffice, clock: OfficeClock, backend: str
) -> None:
    link = unlimited_office.build_preferences_path(
        unlimited_office.add_person("curious@example.org")
    )
    seconds_by_name: dict[str, list[float]] = {name: [] for name in ADDRESSES}
    names = list(ADDRESSES)
    for number in range(TRIES):
        clock.now += 2 * MAIL_COUNT_LASTS
        for name in names[number % len(names) :] + names[: number % len(names)]:
            fields = {"email": ADDRESSES[name]}
            send = partial(unlimited_pages.send_form, f"{link}/address", fields)
            seconds_by_name[name].append(measure_seconds(send))
    assert measure_spread(f"{backend}, change of address", seconds_by_name) < MAX_SPREAD
