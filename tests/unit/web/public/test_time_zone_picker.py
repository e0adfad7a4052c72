"""The picker of time zones: cities by continent, in the reader's language."""

import re

import pytest

from mailer import zones
from mailer.web.public import time_zone_picker
from mailer.web.public.page_languages import LANGUAGES


@pytest.mark.parametrize("tag", LANGUAGES)
def test_picker_lists_each_zone_in_one_continent(tag: str) -> None:
    listed_zones = [
        city.zone for _, cities in time_zone_picker.list_continents(tag) for city in cities
    ]
    assert sorted(listed_zones) == list(zones.list_inhabited_zones())
    assert len(time_zone_picker.list_continents(tag)) == 6


@pytest.mark.parametrize("tag", LANGUAGES)
def test_picker_city_names_are_unique_within_a_continent(tag: str) -> None:
    for continent, cities in time_zone_picker.list_continents(tag):
        names = [city.city for city in cities]
        assert len(names) == len({*names}), continent


@pytest.mark.parametrize(
    ("zone", "tag", "city"),
    [
        ("Europe/London", "fr", "Londres"),
        ("Europe/London", "en", "London"),
        ("America/Argentina/Buenos_Aires", "en", "Buenos Aires"),
        ("America/Asuncion", "en", "Asunción"),
        ("Africa/Asmara", "ar", "أسمرة"),
        ("Asia/Kolkata", "ru", "Калькутта"),
        ("Asia/Calcutta", "es", "Calcuta"),
        ("America/Indiana/Vevay", "ru", "Вевей, Индиана"),
        ("UTC", "ar", "UTC"),
        ("Etc/GMT+5", "zh", "Etc/GMT+5"),
        ("America/Coyhaique", "fr", "Coyhaique"),
    ],
)
def test_get_city_name_translates_the_city_of_a_zone(zone: str, tag: str, city: str) -> None:
    assert time_zone_picker.get_city_name(zone, tag) == city


@pytest.mark.parametrize("tag", ["ar", "ru", "zh"])
def test_picker_translates_all_cities_that_cldr_names(tag: str) -> None:
    latin_zones = [
        city.zone
        for _, cities in time_zone_picker.list_continents(tag)
        for city in cities
        if city.city.isascii()
    ]
    assert latin_zones == ["America/Coyhaique"]  # new in 2025: CLDR 48 has no name for it


@pytest.mark.parametrize(
    ("zone", "continent"),
    [
        ("Atlantic/Bermuda", "Americas"),
        ("Atlantic/Cape_Verde", "Africa"),
        ("Atlantic/Azores", "Europe"),
        ("Indian/Maldives", "Asia"),
        ("Indian/Mauritius", "Africa"),
        ("Arctic/Longyearbyen", "Europe"),
        ("Pacific/Auckland", "Oceania"),
        ("Antarctica/Vostok", "Antarctica"),
    ],
)
def test_picker_puts_islands_into_their_continent(zone: str, continent: str) -> None:
    cities_by_continent = dict(time_zone_picker.list_continents("en"))
    assert zone in [city.zone for city in cities_by_continent[continent]]


@pytest.mark.parametrize(
    "sorted_names",
    [
        ["Açores", "Athènes", "Édimbourg", "Île de Man", "Istanbul", "Zurich"],
        ["Ереван", "Ёрк", "Ираклион", "Иркутск", "Йоханнесбург", "Киев"],
        ["آسيا", "أفريقيا", "الأمريكتان", "أوروبا"],
        ["阿比让", "巴黎", "开罗", "伦敦", "莫斯科", "苏黎世"],
    ],
)
def test_build_sort_key_follows_each_alphabet(sorted_names: list[str]) -> None:
    assert sorted(sorted_names, key=time_zone_picker.build_sort_key) == sorted_names


@pytest.mark.parametrize("tag", LANGUAGES)
def test_picker_sorts_continents_and_cities_by_alphabet(tag: str) -> None:
    continents = time_zone_picker.list_continents(tag)
    assert [name for name, _ in continents] == sorted(
        (name for name, _ in continents), key=time_zone_picker.build_sort_key
    )
    for _, cities in continents:
        assert [city.city for city in cities] == sorted(
            (city.city for city in cities), key=time_zone_picker.build_sort_key
        )


@pytest.mark.parametrize("tag", LANGUAGES)
def test_render_options_selects_the_chosen_zone(tag: str) -> None:
    text = str(time_zone_picker.render_options(tag, "Africa/Nairobi"))
    assert text.count("<option ") == len(zones.list_inhabited_zones())
    assert text.count("<optgroup ") == 6
    assert re.findall(r'<option value="([^"]*)" selected>', text) == ["Africa/Nairobi"]


@pytest.mark.parametrize(
    "chosen_zone", ["", "UTC", "America/Indiana/Vevay", '"><script>', "Europe/"]
)
def test_render_options_selects_nothing_for_an_unlisted_zone(chosen_zone: str) -> None:
    text = time_zone_picker.render_options("en", chosen_zone)
    assert "selected" not in text
    assert "script" not in text
