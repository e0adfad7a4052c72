"""Time zones by their IANA names."""

from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, available_timezones

from mailer.errors import InputError


@lru_cache(maxsize=1)
def list_zone_names() -> frozenset[str]:
    """Return the names of all zones. The names are read only once, since reading them walks the
    whole tz database."""
    return frozenset(available_timezones()) - {"localtime", "posixrules", "Factory"}


@lru_cache(maxsize=1024)
def get_zone(name: str, field: str = "") -> ZoneInfo:
    """Return a time zone by its IANA name. Raises InputError if there is no such zone."""
    if name not in list_zone_names():
        raise InputError(
            f"{name!r} is not a time zone",
            field=field,
            hint="use an IANA name such as Europe/London or UTC",
        )
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _index_zone_names() -> dict[str, str]:
    """Return the zones by their names in lower case, and by the names that Windows gives them
    (CLDR, windowsZones.xml)."""
    from babel.core import get_global

    windows_names = {
        name.lower(): zone
        for name, zone in get_global("windows_zone_mapping").items()
        if zone in list_zone_names()
    }
    return windows_names | {name.lower(): name for name in list_zone_names()}


@lru_cache(maxsize=1024)
def find_zone_name(text: str, field: str = "time_zone") -> str:
    """Return the IANA name of a zone that is written in any case, or as Windows calls it.

    Raises InputError if there is no such zone."""
    text = text.strip()
    if text in list_zone_names():
        return text
    name = _index_zone_names().get(" ".join(text.lower().split()))
    return name or get_zone(text, field).key


@lru_cache(maxsize=1)
def list_inhabited_zones() -> tuple[str, ...]:
    """Return the zones to offer to people: zones of inhabited places, without former names and
    ``Etc``.

    If several zones of a country follow the same rule from now on and differ only in the past
    (``America/Indiana/Vevay``), one zone represents them."""
    folder = resources.files("tzdata") / "zoneinfo"
    zone_names: list[str] = []
    seen_rules = set()
    for line in (folder / "zone.tab").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        country, _, name = line.split("\t")[:3]
        if name not in list_zone_names():
            continue
        if name.count("/") > 1:
            # A TZif file's last line is the rule after its last transition (RFC 9636 §3.3).
            file = folder.joinpath(*name.split("/")).read_bytes()
            country_rule = country, file.rsplit(b"\n", 2)[1]
            if country_rule in seen_rules:
                continue
            seen_rules.add(country_rule)
        zone_names.append(name)
    return tuple(sorted(zone_names))
