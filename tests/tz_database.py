"""A tz database that says something else, as a newer one may."""

import tempfile
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from mailer import zones


@contextmanager
def rules_of(other: str, zone: str) -> Iterator[None]:
    """The computer's tz database comes to say of `zone` what it says of the `other`."""
    before = zoneinfo.TZPATH
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / zone
        file.parent.mkdir(parents=True)
        packaged = resources.files("tzdata").joinpath("zoneinfo", *other.split("/"))
        file.write_bytes(packaged.read_bytes())
        try:
            zoneinfo.reset_tzpath([folder, *before])
            _forget()
            yield
        finally:
            zoneinfo.reset_tzpath(before)
            _forget()


def _forget() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    zones.zone.cache_clear()
