"""Dates are read if they have one meaning, and are None otherwise."""

from datetime import UTC, datetime

import pytest

from mailer.intake.dates import find_date_order, find_day_first, parse_date

ZONE = "Europe/Zurich"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Wed, 11 Mar 2026 07:05:09 +0530", (2026, 3, 11, 1, 35, 9)),
        ("11 Mar 26 07:05 GMT", (2026, 3, 11, 7, 5)),
        ("Wed,11 Mar 2026 07:05:09 Z", (2026, 3, 11, 7, 5, 9)),
        ("Wednesday, 11-Mar-26 07:05:09 GMT", (2026, 3, 11, 7, 5, 9)),
        ("Wed, 11 Mar 2026 07:05:09 PDT", (2026, 3, 11, 14, 5, 9)),
        ("Wed, 11 Mar 2026 07:05:09 GMT+2", (2026, 3, 11, 5, 5, 9)),
        ("Wed, 11 Mar 2026 07:05:09 +0000 (UTC)", (2026, 3, 11, 7, 5, 9)),
        ("Wed Mar 11 07:05:09 2026", (2026, 3, 11, 6, 5, 9)),
        ("Wed Mar 11 07:05:09 EET 2026", (2026, 3, 11, 5, 5, 9)),
        ("2026-03-11", (2026, 3, 10, 23)),
        ("2026-03-11T07:05:09.250Z", (2026, 3, 11, 7, 5, 9)),
        ("2026-03-11 07:05:09 CET", (2026, 3, 11, 6, 5, 9)),
        ("2026-03-11T07:05:09 -03:00", (2026, 3, 11, 10, 5, 9)),
        ("2026-03-11T07:05+01:00[Europe/Zurich]", (2026, 3, 11, 6, 5)),
        ("2026-03-11 07:05 America/Lima", (2026, 3, 11, 12, 5)),
        ("20260311T070509Z", (2026, 3, 11, 7, 5, 9)),
        ("2026/3/9 7:05", (2026, 3, 9, 6, 5)),
        ("2026-03-11T24:00:00Z", (2026, 3, 12)),
        ("11.03.2026, 18.30 Uhr", (2026, 3, 11, 17, 30)),
        ("11. März 2026", (2026, 3, 10, 23)),
        ("mer., 11 févr. 2026 07:05:00 +0100", (2026, 2, 11, 6, 5)),
        ("mar, 10 mar 2026 07:05:00 +0100", (2026, 3, 10, 6, 5)),
        ("11 марта 2026", (2026, 3, 10, 23)),
        ("2026年3月11日 07:05", (2026, 3, 11, 6, 5)),
        ("March 11th, 2026 at 6:30 pm", (2026, 3, 11, 17, 30)),
        ("Mar 11 2026 12:15:00 AM", (2026, 3, 10, 23, 15)),
        ("Mar 11 2026 15:15 pm", (2026, 3, 11, 14, 15)),
        ("23/03/2026", (2026, 3, 22, 23)),
        ("03/23/2026", (2026, 3, 22, 23)),
    ],
)
def test_date_with_single_meaning_is_read(written: str, expected: tuple[int, ...]) -> None:
    moment = parse_date(written, ZONE)
    assert moment is not None
    assert moment.astimezone(UTC) == datetime(*expected, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "2026",
        "2026-03",
        "March 2026",
        "11 March",
        "1773212709",
        "03/04/2026",
        "10-04-2026 19:00 +0400",
        "Wed, 31 Feb 2026 07:05:09 GMT",
        "2026-13-01",
        "Wed, 11 Mar 2026 25:05:09 GMT",
        "Wed, 11 Mar 2026 07:61:09 GMT",
        "Wed, 11 Mar 2026 07:05:09 IST",
        "Wed, 11 Mar 2026 07:05:09 A",
        "Wed, 11 Mar 2026 07:05:09 +9900",
        "Wed Mar 11 07:05:09 CST 2026",
        "Mar 11 2026 15:15 AM",
        "2026-03-11 about noon",
        "11 listopad 2026",
        "0000-00-00 00:00:00",
        "Wed, 30 Nov -0001 00:00:00 +0000",
        "1970-01-01T00:00:00Z",
        '<time datetime="2026-03-11">Wednesday</time>',
        "2026-03-11" + " " * 5 + "x" * 200,
    ],
)
def test_date_with_no_or_several_meanings_is_none(written: str) -> None:
    assert parse_date(written, ZONE) is None


def test_date_order_is_inferred_from_other_dates() -> None:
    assert find_date_order(["03/04/2026", "2026-01-01", "13/04/2026"]) is True
    assert find_date_order(["03/04/2026", "04/13/2026 10:00"]) is False
    assert find_date_order(["03/04/2026", "13/04/2026", "04/13/2026"]) is None
    assert find_date_order(["03/04/2026", "", "soon", "13.04.2026"]) is None
    assert parse_date("03/04/2026", "UTC", day_first=True) == datetime(2026, 4, 3, tzinfo=UTC)
    assert parse_date("03/04/2026", "UTC", day_first=False) == datetime(2026, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en-GB", True),
        ("en_US", False),
        ("de", True),
        ("fr-CH", True),
        ("en", None),
        ("es", None),
        ("es-CO", True),
        ("ja", None),
        ("", None),
        ("qq", None),
    ],
)
def test_date_order_of_language(language: str, expected: bool | None) -> None:
    assert find_day_first(language) is expected
