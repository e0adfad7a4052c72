"""Time zones by their IANA names."""

from functools import lru_cache
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
