"""Phone numbers keep their order in text that runs from right to left."""

import time

import pytest

from mailer.bidi import isolate_numbers

PHONES = [
    "+221 33 889 00 00",
    "+33 1 40 20 50 50",
    "+1 (212) 555-0100",
    "(0) 20 7946 0958",
    "020 7946 0958",
    "020-7946-0958",
    "00221 33 889 00 00",
    "+221338890000",
    "+٩٦٦ ١١ ٢٢٢ ٣٣٣٣",
    "011.222.3333",
    "+44\u201120\u20117946\u20110958",
    "+221–33–889–00–00",
    "۰۲۱-۸۸۸۸۸۸۸۸",
    "020  7946 0958",
    "8888-1234",
]


@pytest.mark.parametrize("phone", PHONES)
def test_phone_number_in_arabic_is_isolated(phone: str) -> None:
    text = f"هاتف المكتب {phone}، صباحا"
    assert isolate_numbers(text) == f"هاتف المكتب \u2066{phone}\u2069، صباحا"
    assert isolate_numbers(isolate_numbers(text)) == isolate_numbers(text)


@pytest.mark.parametrize(
    "text",
    [
        "قبل 18 ديسمبر 2026",
        "بين 2020-2026",
        "نسخة (2.0). 2020",
        "24/7",
        "100%",
        "https://example.org/2026/12/345678",
        "رمز 20261218",
        "mail12-34567@example.org",
        "https://e.example.org:8080/12-345-678",
        "e.example.org/12-345-678",
        "من 1000–2000 شخص",
        "من 10000-20000 شخص",
        "COVID-19 2026",
    ],
)
def test_other_numbers_in_arabic_are_unchanged(text: str) -> None:
    assert isolate_numbers(text) == text


def test_left_to_right_text_has_no_isolates() -> None:
    assert isolate_numbers("Call +221 33 889 00 00", "ltr") == "Call +221 33 889 00 00"


@pytest.mark.parametrize("before", ["هاتف:", "و", "هاتف/", "=", "-", "\u200f", "טלפון:"])
@pytest.mark.parametrize("after", ["", "م", "،", "."])
def test_letters_that_touch_a_number_do_not_cut_it(before: str, after: str) -> None:
    for phone in ("+221 33 889 00 00", "020 7946 0958"):
        assert isolate_numbers(f"{before}{phone}{after}") == f"{before}\u2066{phone}\u2069{after}"


def test_automatic_direction_is_that_of_the_text() -> None:
    assert isolate_numbers("Call +221 33 889 00 00", "auto") == "Call +221 33 889 00 00"
    assert "\u2066" in isolate_numbers("هاتف +221 33 889 00 00", "auto")


@pytest.mark.parametrize("piece", ["(", "+ ", "//", "\u2066", "1-", "a."])
def test_splitting_numbers_takes_linear_time(piece: str) -> None:
    started_at = time.process_time()
    isolate_numbers(piece * 200_000)
    assert time.process_time() - started_at < 5
