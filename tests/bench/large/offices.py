"""A large office in a folder of its own, whose commands run within this process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from mailer import config
from mailer.app import open_mailer
from mailer.config import Settings
from tests.bench.large.commands import FILES, run_command
from tests.bench.large.dataset import LargeOffice, LargeScale, fill_database

_ENVIRONMENT = {
    "MAILER_ORGANISATION_POSTAL_ADDRESS": "1 Example Quay, London",
    "MAILER_SENDER_REPLY_TO": "press@example.org",
    "MAILER_PATHS_STATE": "state",
    "MAILER_ACTOR": "Amina",
    "MAILER_STAFF_ADDRESSES": '["staff@example.org"]',
    "MAILER_WEB_BASE_URL": "https://mail.example.org",
    "MAILER_RELAY_HOST": "127.0.0.1",
    "MAILER_RELAY_PORT": "1",
    "MAILER_RELAY_TLS": "none",
}


@contextmanager
def open_office(
    folder: Path, url: str, scale: LargeScale, **environment: str
) -> Iterator[LargeOffice]:
    """Build an office in `folder` whose database is at `url`. Its settings are in the environment,
    with those of `environment`, until the block ends."""
    for name, content in FILES.items():
        (folder / name).write_text(content, "utf-8")
    values = {
        **_ENVIRONMENT,
        "MAILER_DATABASE_URL": url,
        "XDG_STATE_HOME": str(folder / "home"),
        **environment,
    }
    with mock.patch.dict(os.environ, values):
        code, _, error = run_command(("init",), folder)
        assert code == 0, error
        with open_mailer(load_settings(folder)) as mailer:
            office = fill_database(mailer, scale)
        yield office


def load_settings(folder: Path) -> Settings:
    """Load the settings of the office in `folder`."""
    return config.load_settings(folder / config.CONFIG_FILE)
