"""The masthead's date is the day of sending, in the edition's zone, also after a move."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mailer import message
from mailer.message import MessageProfile, MessageTemplate, Slot
from mailer.model.edition_states import SendTimeBasis
from mailer.model.editions import SendAppointment, SendDay
from tests.unit.message.factories import (
    MARKER,
    PROFILE,
    RECIPIENT,
    build_message,
    get_part,
    make_body,
)
from tests.unit.samples import make_edition

AUCKLAND = "Pacific/Auckland"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def make_appointment(
    wall: str, zone: str = AUCKLAND, basis: SendTimeBasis = SendTimeBasis.OFFICE
) -> SendAppointment:
    return SendAppointment(at("2026-03-01"), datetime.fromisoformat(wall), zone, basis)


@pytest.mark.parametrize(
    ("appointment", "begun_at", "now", "day"),
    [
        (None, None, "2026-03-01 12:00", "2026-03-02"),
        (None, "2026-03-04 09:00", "2026-03-09 12:00", "2026-03-04"),
        (None, "2026-03-04 11:30", "2026-03-09 12:00", "2026-03-05"),
        ("2026-03-05 09:00", None, "2026-03-01 12:00", "2026-03-05"),
        ("2026-03-05 09:00", None, "2026-03-07 12:00", "2026-03-08"),
        ("2026-03-05 09:00", "2026-03-04 20:00", "2026-03-09 12:00", "2026-03-05"),
        ("2026-03-05 09:00", "2026-03-06 20:00", "2026-03-09 12:00", "2026-03-07"),
        ("2026-03-05 09:00", "2026-03-02 20:00", "2026-03-09 12:00", "2026-03-03"),
    ],
)
def test_send_day_is_in_the_zone_of_the_edition(
    appointment: str | None, begun_at: str | None, now: str, day: str
) -> None:
    send_day = SendDay(
        make_appointment(appointment) if appointment else None,
        at(begun_at) if begun_at else None,
        at(now),
    )
    assert send_day.to_date(AUCKLAND) == date.fromisoformat(day)


def test_send_day_by_readers_clocks_is_the_appointed_day() -> None:
    appointment = make_appointment("2026-03-05 09:00", "Europe/London", SendTimeBasis.READER)
    begun_at = at("2026-03-04 20:00")
    assert SendDay(appointment, begun_at, begun_at).to_date("UTC") == date(2026, 3, 5)


def test_send_day_of_a_skipped_midnight_is_the_day_after_the_gap() -> None:
    appointment = make_appointment("2026-03-08 00:30", "America/Havana")
    assert SendDay(appointment, None, at("2026-03-01")).to_date("UTC") == date(2026, 3, 8)


def make_dated_profile(wall: str) -> MessageProfile:
    return replace(PROFILE, edition=make_edition(appointment=make_appointment(wall)))


def test_moved_edition_prints_its_new_day_without_another_body() -> None:
    slot = message.create_slot(
        MARKER, Slot.DAY, message.build_day_argument("fr", AUCKLAND, "EEEE d MMMM y")
    )
    body = make_body(subject=f"Du {slot}", text=f"Le {slot}\n", html=f"<h1>Le {slot}</h1>")
    for wall, day in (("2027-01-05 09:00", "mardi 5"), ("2027-01-06 09:00", "mercredi 6")):
        _, parsed = build_message(body, profile=make_dated_profile(wall))
        assert parsed["Subject"] == f"Du {day} janvier 2027"
        assert get_part(parsed, "plain") == f"Le {day} janvier 2027\n"
        assert f"<h1>Le {day} janvier 2027</h1>" in get_part(parsed, "html")
        template = MessageTemplate(body, make_dated_profile(wall))
        assert template.render_subject(RECIPIENT) == f"Du {day} janvier 2027"
        send_day = make_edition(appointment=make_appointment(wall)).get_send_day(at("2026-12-01"))
        assert day in message.render_page(body, 1, "https://e.org", send_day)
        assert day in message.render_heading(body, send_day)


def test_date_slot_is_no_personal_value() -> None:
    slot = message.create_slot(MARKER, Slot.DAY, message.build_day_argument("en", "UTC", "full"))
    body = make_body(text=slot)
    assert message.render_plain_text(body) == ""
    template = MessageTemplate(body, PROFILE)
    assert not template.get_variant(1).encoders
