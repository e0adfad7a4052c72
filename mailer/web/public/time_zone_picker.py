"""Time zones to choose from: cities by continent, in the reader's language.

The picker names cities but not countries: a city's name is enough to find the time, and says
nothing about the state to which the city belongs. The names of cities and continents (UN M49
regions) come from CLDR.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale
from babel.core import get_global

from mailer import languages, zones
from mailer.web.public.page_templates import get_environment

AFRICA, AMERICAS, ANTARCTICA, ASIA, EUROPE, OCEANIA = "002", "019", "AQ", "142", "150", "009"

_CONTINENTS = {
    "Africa": AFRICA,
    "America": AMERICAS,
    "Antarctica": ANTARCTICA,
    "Arctic": EUROPE,
    "Asia": ASIA,
    "Australia": OCEANIA,
    "Europe": EUROPE,
    "Indian": AFRICA,
    "Atlantic": EUROPE,
    "Pacific": OCEANIA,
}
"""Continents by the first word of a zone's name. Three of these words are oceans, with islands of
several continents."""

_ISLANDS = {
    "Antarctica/Macquarie": OCEANIA,
    "Atlantic/Bermuda": AMERICAS,
    "Atlantic/Canary": AFRICA,
    "Atlantic/Cape_Verde": AFRICA,
    "Atlantic/South_Georgia": AMERICAS,
    "Atlantic/St_Helena": AFRICA,
    "Atlantic/Stanley": AMERICAS,
    "Indian/Christmas": OCEANIA,
    "Indian/Cocos": OCEANIA,
    "Indian/Maldives": ASIA,
}


@dataclass(frozen=True, slots=True)
class TimeZoneCity:
    """A city, and the IANA name of its time zone."""

    zone: str
    city: str


@lru_cache(maxsize=64)
def list_continents(language: str) -> Sequence[tuple[str, Sequence[TimeZoneCity]]]:
    """Return all continents and their cities, both in the order of the language's alphabet."""
    locale = languages.get_locale(language)
    by_continent: dict[str, list[TimeZoneCity]] = {}
    for zone in zones.list_inhabited_zones():
        continent = _ISLANDS.get(zone) or _CONTINENTS[zone.partition("/")[0]]
        by_continent.setdefault(continent, []).append(
            TimeZoneCity(zone, get_city_name(zone, language))
        )
    named_continents = [
        (
            str(locale.territories[code]),
            tuple(sorted(cities, key=lambda time_zone_city: build_sort_key(time_zone_city.city))),
        )
        for code, cities in by_continent.items()
    ]
    return tuple(
        sorted(named_continents, key=lambda named_continent: build_sort_key(named_continent[0]))
    )


def render_options(language: str, chosen_zone: str) -> str:
    """Return the options of a form as HTML. `chosen_zone` is selected if it is among them.

    The options are rendered once for each language, since Jinja takes 2 ms for the four hundred
    options."""
    text = _render_unselected_options(language)
    if chosen_zone not in zones.list_inhabited_zones():
        return text
    option = f'<option value="{chosen_zone}"'
    return text.replace(option, f"{option} selected", 1)


@lru_cache(maxsize=64)
def _render_unselected_options(language: str) -> str:
    template = get_environment(language).get_template("time-zone-options.html")
    return template.render(continents=list_continents(language))


@lru_cache(maxsize=4096)
def get_city_name(zone: str, language: str) -> str:
    """Return a city's name: ``get_city_name("Europe/London", "fr") == "Londres"``. For a zone
    without a city, return the zone's name, such as ``UTC`` or ``Etc/GMT+5``."""
    if "/" not in zone or zone.startswith("Etc/"):
        return zone
    locale = languages.get_locale(language)
    for name in (zone, *_map_former_names().get(zone, ())):
        if city_name := _get_cities(locale).get(name, {}).get("city"):
            return str(city_name)
    # CLDR omits a city's English name if it equals the one in the zone's name.
    return zone.rpartition("/")[2].replace("_", " ")


def _get_cities(locale: Locale) -> Mapping[str, Mapping[str, str]]:
    return locale.time_zones


@lru_cache(maxsize=1)
def _map_former_names() -> Mapping[str, Sequence[str]]:
    """Return the former names of each zone. CLDR stores a city under the first name of its zone
    (``Africa/Asmera``), but Babel 2.18 looks only under the present name."""
    former_by_zone: dict[str, list[str]] = {}
    for former, present in get_global("zone_aliases").items():
        former_by_zone.setdefault(present, []).append(former)
    return former_by_zone


def build_sort_key(word: str) -> tuple[bytes, str]:
    """Return a key that sorts words as dictionaries do: accents do not count, but й comes after и,
    because it is a separate letter. Chinese is sorted by GB 18030, in which the more common
    characters are in the order of their pinyin reading."""
    unaccented = unicodedata.normalize("NFD", word.casefold()).replace("\u0306", "\uffff")
    unaccented = "".join(
        character for character in unaccented if not unicodedata.combining(character)
    )
    if any("\u4e00" <= character <= "\u9fff" for character in unaccented):
        return unaccented.encode("gb18030"), word
    return unaccented.encode("utf-8"), word
