"""Time zones by their IANA names."""

from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, available_timezones

from mailer.errors import InputError


@lru_cache(maxsize=1)
def names() -> frozenset[str]:
    """All zones that there are; read once, as it walks the whole tz database."""
    return frozenset(available_timezones()) - {"localtime", "posixrules", "Factory"}


@lru_cache(maxsize=1024)
def zone(name: str, where: str = "") -> ZoneInfo:
    """Raises InputError for what is no zone."""
    if name not in names():
        raise InputError(
            f"{name!r} is not a time zone",
            where=where,
            hint="use an IANA name such as Europe/London or UTC",
        )
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def of_places() -> tuple[str, ...]:
    """The zones to offer people: those of inhabited places, each once, without former names and
    without ``Etc``. Of zones that tell a county's past apart (``America/Indiana/Vevay``) only one
    is here for each way that clocks go from now on in its country."""
    folder = resources.files("tzdata") / "zoneinfo"
    found: list[str] = []
    told_apart = set()
    for line in (folder / "zone.tab").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        country, _, name = line.split("\t")[:3]
        if name not in names():
            continue
        if name.count("/") > 1:
            # A TZif file's last line is the rule after its last transition (RFC 9636 §3.3).
            file = folder.joinpath(*name.split("/")).read_bytes()
            clocks = country, file.rsplit(b"\n", 2)[1]
            if clocks in told_apart:
                continue
            told_apart.add(clocks)
        found.append(name)
    return tuple(sorted(found))
