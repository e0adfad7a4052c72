"""Build an office for a trial: a list, its readers, one story, and an approved edition, with the
verbs that staff use. The worker makes the plan itself, and may die during it."""

import os
from collections.abc import Mapping
from pathlib import Path

from mailer import config, editions
from mailer.app import Mailer, open_mailer
from mailer.model.imports import ImportRow
from mailer.model.subscribers import Person
from mailer.store import Store
from tests.actors import AMINA, STAFF
from tests.integration import factories
from tests.postgresql import run_sql

EDITION = 1
SAFE_DOMAIN = "example.org"
BATCH = 2000

_CONFIG = """\
[organisation]
name = "Example Office"
postal_address = "1 Harbour Street, London E1 1AA"

[sender]
name = "Example Office"
address = "news@example.org"
return_path = "bounces@example.org"

[relay]
host = "127.0.0.1"
tls = "none"
"""


def build_environment(
    folder: Path, database_url: str, port: int, connections: int, window: int
) -> dict[str, str]:
    """Build the environment of a worker process, without the machine's own settings."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MAILER_")
    }
    root = str(Path(__file__).parents[2])
    return environment | {
        "PYTHONPATH": os.pathsep.join([root, *filter(None, [environment.get("PYTHONPATH")])]),
        "XDG_STATE_HOME": str(folder / "state"),
        "MAILER_CONFIG": str(folder / "config/mailer.toml"),
        "MAILER_DATABASE_URL": database_url,
        "MAILER_RELAY_PORT": str(port),
        "MAILER_RELAY_CONNECTIONS": str(connections),
        "MAILER_RELAY_WINDOW": str(window),
        "COLUMNS": "200",
        "TERM": "dumb",
    }


def create_database(
    folder: Path, database_url: str, recipients: int, environment: Mapping[str, str]
) -> None:
    """Make the office in an empty `folder` and an empty database."""
    (folder / "config").mkdir(parents=True)
    (folder / "config/mailer.toml").write_text(_CONFIG, "utf-8")
    (folder / "config/secret.key").write_text(config.generate_key(), "ascii")
    settings = config.load_settings(environ=environment)
    store = Store(settings.database_url, settings.read_secret_key())
    try:
        store.upgrade_schema()
    finally:
        store.close()
    with open_mailer(settings) as mailer:
        _fill_database(mailer, recipients)
    if settings.database_url.startswith("postgresql"):
        # Autovacuum does this in any office that is older than a few minutes.
        run_sql(settings.database_url, "ANALYZE")


def _fill_database(mailer: Mailer, recipients: int) -> None:
    with mailer.store.begin() as tx:
        readers = factories.add_mailing_list(tx)
        for start in range(0, recipients, BATCH):
            numbers = range(start, min(start + BATCH, recipients))
            rows = [
                ImportRow(number, Person(format_address(number), name=f"Reader {number}"))
                for number in numbers
            ]
            tx.import_rows.import_people(STAFF, rows, readers, "trial", factories.NOW)
        factories.add_story(tx, "boats")
        approved_edition = editions.approve_edition(
            tx, AMINA, factories.create_edition(tx, "boats"), mailer.renderer, mailer.clock()
        )
        assert approved_edition.id == EDITION


def format_address(number: int) -> str:
    """Return the address of a reader; every second one is at the domain of safe mode."""
    return f"reader{number:06}@{'' if number % 2 else 'other.'}{SAFE_DOMAIN}"
