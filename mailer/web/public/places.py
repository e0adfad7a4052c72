"""Time zones to choose from: cities by continent, in the reader's language.

Cities and no countries: a city's name says what its clocks show, and nothing about whose it is.
The names are CLDR's, which also gives those of the continents (UN M49 regions).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale
from babel.core import get_global

from mailer import languages, zones
from mailer.web.public.site import environment

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
"""By the first word of a zone's name. Three are oceans, with islands of several continents."""

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
class Place:
    """`zone` is its IANA name."""

    zone: str
    city: str


@lru_cache(maxsize=64)
def continents(language: str) -> Sequence[tuple[str, Sequence[Place]]]:
    """All continents and their places, both in the order of the language's alphabet."""
    locale = languages.locale(language)
    by_continent: dict[str, list[Place]] = {}
    for zone in zones.of_places():
        continent = _ISLANDS.get(zone) or _CONTINENTS[zone.partition("/")[0]]
        by_continent.setdefault(continent, []).append(Place(zone, city(zone, language)))
    named = [
        (str(locale.territories[code]), tuple(sorted(found, key=lambda one: order(one.city))))
        for code, found in by_continent.items()
    ]
    return tuple(sorted(named, key=lambda one: order(one[0])))


def options(language: str, chosen: str) -> str:
    """The options of a form, as HTML, `chosen` selected if it is among them. They are made once a
    language: Jinja took 2 ms for the four hundred of them, on each page."""
    text = _options(language)
    if chosen not in zones.of_places():
        return text
    option = f'<option value="{chosen}"'
    return text.replace(option, f"{option} selected", 1)


@lru_cache(maxsize=64)
def _options(language: str) -> str:
    template = environment(language).get_template("zones.html")
    return template.render(continents=continents(language))


@lru_cache(maxsize=4096)
def city(zone: str, language: str) -> str:
    """``city("Europe/London", "fr") == "Londres"``. A zone that is no city's is named as it is:
    ``UTC``, ``Etc/GMT+5``."""
    if "/" not in zone or zone.startswith("Etc/"):
        return zone
    locale = languages.locale(language)
    for name in (zone, *_former_names().get(zone, ())):
        if found := _cities(locale).get(name, {}).get("city"):
            return str(found)
    # For a city in English CLDR has a name only where the zone's is not it.
    return zone.rpartition("/")[2].replace("_", " ")


def _cities(locale: Locale) -> Mapping[str, Mapping[str, str]]:
    return locale.time_zones


@lru_cache(maxsize=1)
def _former_names() -> Mapping[str, Sequence[str]]:
    """By zone. CLDR keeps a city under the name that its zone had first (``Africa/Asmera``), and
    Babel 2.18 looks only under the present one."""
    found: dict[str, list[str]] = {}
    for former, present in get_global("zone_aliases").items():
        found.setdefault(present, []).append(former)
    return found


def order(word: str) -> tuple[bytes, str]:
    """Without accents, as dictionaries have it; but й comes after и, being a letter of its own. In
    GB 18030 the commoner Chinese characters stand by their reading in pinyin."""
    plain = unicodedata.normalize("NFD", word.casefold()).replace("\u0306", "\uffff")
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    if any("\u4e00" <= one <= "\u9fff" for one in plain):
        return plain.encode("gb18030"), word
    return plain.encode("utf-8"), word
