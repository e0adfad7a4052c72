"""A tz database that says something else, as a newer one may."""

import tempfile
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from mailer import zones


@contextmanager
def replace_zone_rules(other: str, zone: str) -> Iterator[None]:
    """The computer's tz database comes to say of `zone` what it says of the `other`."""
    before = zoneinfo.TZPATH
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / zone
        file.parent.mkdir(parents=True)
        packaged = resources.files("tzdata").joinpath("zoneinfo", *other.split("/"))
        file.write_bytes(packaged.read_bytes())
        try:
            zoneinfo.reset_tzpath([folder, *before])
            _clear_caches()
            yield
        finally:
            zoneinfo.reset_tzpath(before)
            _clear_caches()


def _clear_caches() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    zones.get_zone.cache_clear()
