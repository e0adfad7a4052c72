"""Time zones: those that there are, and those that people are offered."""

from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest

from mailer import zones
from mailer.errors import InputError


@pytest.mark.parametrize("name", ["Europe/London", "UTC", "Asia/Calcutta", "America/New_York"])
def test_every_iana_name_is_zone(name: str) -> None:
    assert zones.get_zone(name).key == name


@pytest.mark.parametrize("name", ["", "London", "europe/london", "../zone.tab", "posixrules"])
def test_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not a time zone"):
        zones.get_zone(name)


@pytest.mark.parametrize(
    "name", ["Europe/Oslo", "America/Sao_Paulo", "Australia/Sydney", "Asia/Kolkata", "Africa/Lagos"]
)
def test_offered_zones_are_those_of_cities(name: str) -> None:
    assert name in zones.list_inhabited_zones()


@pytest.mark.parametrize(
    "name", ["UTC", "Etc/GMT+5", "US/Eastern", "Asia/Calcutta", "EST5EDT", "America/Indiana/Vevay"]
)
def test_offered_zones_have_no_former_names(name: str) -> None:
    assert name in zones.list_zone_names()
    assert name not in zones.list_inhabited_zones()


def test_offered_zones_are_distinct() -> None:
    assert len(zones.list_inhabited_zones()) == len({*zones.list_inhabited_zones()})
    assert {*zones.list_inhabited_zones()} <= zones.list_zone_names()


def test_offered_zones_cover_every_clock() -> None:
    """Whatever place the tz database has, its clocks go as those of a zone that is offered, in the
    same country, in summer and winter of the years to come."""
    days = [datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=30 * number) for number in range(60)]

    def clock(name: str) -> tuple[timedelta | None, ...]:
        return tuple(day.astimezone(zones.get_zone(name)).utcoffset() for day in days)

    table = (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    country = {name: code for code, _, name, *_ in rows}
    offered = {(country[name], clock(name)) for name in zones.list_inhabited_zones()}
    for name, code in country.items():
        assert (code, clock(name)) in offered, name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Europe/London", "Europe/London"),
        ("europe/zurich", "Europe/Zurich"),
        ("AMERICA/NEW_YORK", "America/New_York"),
        ("utc", "UTC"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Tokyo  standard time", "Asia/Tokyo"),
    ],
)
def test_zone_is_found_in_any_case_and_by_windows_name(written: str, name: str) -> None:
    assert zones.find_zone_name(written) == name


@pytest.mark.parametrize("written", ["", "London", "Mars Standard Time", "../zone.tab"])
def test_zone_that_does_not_exist_is_not_found(written: str) -> None:
    with pytest.raises(InputError, match="is not a time zone"):
        zones.find_zone_name(written)
