"""``mailer init``: a folder that is ready to work in."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailer.cli.global_options import GLOBALS
from mailer.cli.options import DryRunOption, JsonOption
from mailer.cli.output import Output
from mailer.errors import ConfigError

if TYPE_CHECKING:
    from mailer.config import Settings
    from mailer.store import Store


def prepare_folder(
    folder: Annotated[
        Path, typer.Argument(help="The folder; it is created if it does not exist.")
    ] = Path(),
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Prepare a folder: settings, secret key and database.

    The folder gets config/mailer.toml, a secret key (mode 0600) and a database. Existing files stay
    as they are.

    Example: mailer init my-office"""
    from mailer import config
    from mailer.store import Store

    out = Output(json)
    file = GLOBALS.config or folder / config.CONFIG_FILE
    outcomes: dict[str, str] = {}
    if file.exists():
        outcomes[str(file)] = "kept"
    else:
        outcomes[str(file)] = "made"
        if not dry_run:
            _write_new_file(
                file, (config.find_shipped_folder("config") / "mailer.toml").read_bytes(), 0o644
            )
    if dry_run and not file.exists():
        out.print_record(outcomes, "\n".join(f"would make {path}" for path in outcomes))
        out.print_note("dry run: nothing was written; the key and the database would follow")
        return
    settings = config.load_settings(file, GLOBALS.database)
    key_file = settings.resolve_path(settings.secret.key_file)
    if settings.secret.key.get_secret_value():
        outcomes["the key in the environment"] = "used"
    elif key_file.exists():
        outcomes[str(key_file)] = "kept"
    else:
        outcomes[str(key_file)] = "made"
        if not dry_run:
            _write_new_file(key_file, (config.generate_key() + "\n").encode(), 0o600)
    if not dry_run:
        store = Store(settings.database_url, settings.read_secret_key())
        try:
            revision_before, revision_after = store.upgrade_schema()
            if revision_before is None:
                _mark_new_database(settings, store, out)
        finally:
            store.close()
        outcomes[store.display_url] = (
            "made"
            if revision_before is None
            else "kept"
            if revision_before == revision_after
            else "upgraded"
        )
    lines = [f"{outcome}  {path}" for path, outcome in outcomes.items()]
    if not settings.organisation.postal_address.strip():
        lines.append(f"next: write organisation.postal_address into {file}")
    out.print_record(outcomes, "\n".join(lines))
    if dry_run:
        out.print_note("dry run: nothing was written")


def _mark_new_database(settings: "Settings", store: "Store", out: Output) -> None:
    """Note on this host that mails may be sent from the new database, whatever database was in its
    place before."""
    from mailer.app import Mailer

    try:
        Mailer(settings, store).guard.confirm_database()
    except ConfigError as error:
        out.print_note(f"mails can't be sent yet: {error}")


def _write_new_file(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, whole or not at all. The file has the given mode from its first byte on."""
    try:
        for folder in reversed([path.parent, *path.parent.parents]):
            if not folder.is_dir():
                folder.mkdir(mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as new_file:
            new_file.write(data)
    except OSError as error:
        raise ConfigError(
            f"the file can't be written ({error.strerror})", where=str(path)
        ) from error
