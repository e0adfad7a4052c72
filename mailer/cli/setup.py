"""``mailer init``: make a folder ready to work in."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mailer import config
from mailer.cli.options import GLOBALS, DryRunOption, JsonOption
from mailer.cli.output import Output
from mailer.errors import ConfigError
from mailer.store import Store


def init(
    folder: Annotated[Path, typer.Argument(help="The folder; made when it isn't there.")] = Path(),
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Make a folder ready: config/mailer.toml, a secret key (mode 0600) and the database.

    What is there already is left as it is. Example: [bold]mailer init my-office[/]"""
    out = Output(json)
    file = GLOBALS.config or folder / config.CONFIG_FILE
    done: dict[str, str] = {}
    if file.exists():
        done[str(file)] = "kept"
    else:
        done[str(file)] = "made"
        if not dry_run:
            _write(file, (config.shipped("config") / "mailer.toml").read_bytes(), 0o644)
    if dry_run and not file.exists():
        out.record(done, "\n".join(f"would make {path}" for path in done))
        out.note("dry run: nothing was written; the key and the database would follow")
        return
    settings = config.load(file, GLOBALS.database)
    key = settings.path(settings.secret.key_file)
    if settings.secret.key.get_secret_value():
        done["the key in the environment"] = "used"
    elif key.exists():
        done[str(key)] = "kept"
    else:
        done[str(key)] = "made"
        if not dry_run:
            _write(key, (config.new_key() + "\n").encode(), 0o600)
    if not dry_run:
        store = Store(settings.database_url, settings.secret_key())
        try:
            before, after = store.upgrade()
        finally:
            store.close()
        where = store.engine.url.render_as_string(hide_password=True)
        done[where] = "made" if before is None else "kept" if before == after else "upgraded"
    said = [f"{what}  {path}" for path, what in done.items()]
    if not settings.organisation.postal_address.strip():
        said.append(f"next: write organisation.postal_address into {file}")
    out.record(done, "\n".join(said))
    if dry_run:
        out.note("dry run: nothing was written")


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write a new file, whole or not at all, with these rights from its first byte on."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
    except OSError as error:
        raise ConfigError(f"it can't be written ({error.strerror})", where=str(path)) from error
