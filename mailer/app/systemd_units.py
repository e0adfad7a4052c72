"""systemd units for the processes of an office, with the paths of its settings.

The units are in `mailer/shipped/systemd`. Each process may write to the database's folder, if it is
a SQLite database, and to the folder of this host's marker, and to nothing else.
"""

import re
import sys
from enum import StrEnum
from pathlib import Path
from string import Template

from mailer.config import Settings, find_shipped_folder
from mailer.errors import ConfigError, InputError, NextStep

_STATE_ROOT = Path("/var/lib")
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))


_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}")


class ServiceUnit(StrEnum):
    """A process that systemd runs."""

    WORKER = "worker"
    SERVE = "serve"


def build_unit(unit: ServiceUnit, settings: Settings, user: str) -> str:
    """Build the text of a unit, which runs this program with these settings as a user. Raises
    ConfigError if there is no file of settings, if they name no folder for the marker, or for a
    path that a unit can't hold, and InputError for a name that no user can have."""
    _check_user(user)
    config_file = settings.config_file
    if config_file is None:
        raise ConfigError(
            "there is no file of settings", next_steps=[NextStep("create_configuration")]
        )
    if not settings.paths.state:
        raise ConfigError(
            "it is not set, so each user would have a marker of the database of their own",
            where="paths.state",
            hint=f"set it to a folder for all users who send, such as {_STATE_ROOT / 'mailer'}",
        )
    folder = find_shipped_folder("systemd")
    writable_folders = list_writable_folders(settings)
    program_folder = Path(sys.executable).parent
    needed_folders = [*writable_folders, settings.home, program_folder, config_file]
    is_at_home = any(path.is_relative_to(home) for path in needed_folders for home in _HOMES)
    program = [program_folder / "mailer", "--config", config_file.resolve()]
    values = {
        "program": " ".join(map(_quote_path, map(str, program))),
        "home": _quote_path(str(settings.home), is_word=False),
        "user": user,
        "writable": "\n".join(map(_format_writable_folder, writable_folders)),
        # Files below /home can be read then; only the writable folders can be written.
        "home_protection": "read-only" if is_at_home else "yes",
    }
    shared = Template((folder / "shared.conf").read_text("utf-8")).substitute(values)
    template = (folder / f"mailer-{unit}.service").read_text("utf-8")
    return Template(template).substitute(values, shared=shared.rstrip("\n"))


def _check_user(user: str) -> None:
    """Check the name or the number of a user. Raises InputError."""
    if not _USER.fullmatch(user):
        raise InputError(
            f"{user!r} is not the name of a user",
            field="user",
            hint="give a name of letters, digits, points, underscores and hyphens",
        )


def list_writable_folders(settings: Settings) -> list[Path]:
    """List the folders that a process of the office writes to, each once."""
    folders = [settings.state_folder.resolve()]
    scheme, _, file = settings.database_url.partition(":///")
    if scheme.startswith("sqlite") and file:
        folders.insert(0, Path(file).resolve().parent)
    return list(dict.fromkeys(folders))


def _format_writable_folder(folder: Path) -> str:
    """Let systemd make a folder directly below /var/lib, and give it to the user; another folder
    must be there."""
    if folder.parent == _STATE_ROOT and ":" not in folder.name:  # a colon begins a second name
        return f"StateDirectory={_quote_path(folder.name)}\nStateDirectoryMode=0700"
    return f"ReadWritePaths={_quote_path(str(folder))}"


def _quote_path(path: str, *, is_word: bool = True) -> str:
    """Quote a path for a unit (systemd.syntax(7), systemd.unit(5), "Specifiers"). Raises
    ConfigError."""
    if any(ord(character) < 32 or character in "\"'\\$" for character in path):
        raise ConfigError(
            "a unit of systemd can't hold this path", where=path, hint="rename the folder"
        )
    escaped = path.replace("%", "%%")
    return f'"{escaped}"' if is_word and " " in escaped else escaped
