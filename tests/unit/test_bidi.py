"""Phone numbers keep their order in text that runs from right to left."""

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
    ],
)
def test_other_numbers_in_arabic_are_unchanged(text: str) -> None:
    assert isolate_numbers(text) == text


def test_left_to_right_text_has_no_isolates() -> None:
    assert isolate_numbers("Call +221 33 889 00 00", "ltr") == "Call +221 33 889 00 00"
