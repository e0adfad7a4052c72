"""Options that many commands share, and what they open."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mailer import config, embargoes
from mailer.actor import Actor, create_local_actor
from mailer.app import Mailer, open_mailer
from mailer.audience.lists import check_line
from mailer.cli.output import Output
from mailer.errors import Embargoed, InputError
from mailer.store import SqlTransaction

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout; all else goes to stderr.")
]
By = Annotated[str, typer.Option("--by", help="Who does it; else MAILER_ACTOR, else the login.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Do all of it, say what it gave, and undo it.")
]


@dataclass(slots=True)
class Globals:
    """The global options, as the first callback found them."""

    config: Path | None = None
    database: str | None = None
    debug: bool = False


GLOBALS = Globals()


def load_settings() -> config.Settings:
    return config.load_settings(GLOBALS.config, GLOBALS.database)


@contextmanager
def open_for_reading() -> Iterator[tuple[Mailer, SqlTransaction]]:
    """The mailer and a transaction that only reads."""
    with open_mailer(load_settings()) as mailer, mailer.store.read() as tx:
        yield mailer, tx


class _DryRunRollbackError(Exception):
    """Leaves a transaction of a dry run."""


@contextmanager
def open_for_writing(dry_run: bool, out: Output | None) -> Iterator[tuple[Mailer, SqlTransaction]]:
    """The mailer and a transaction, committed at the end, or undone in a dry run, which is said
    where there is an `out`. What is refused for an embargo is written down."""
    with open_mailer(load_settings()) as mailer:
        try:
            with mailer.store.begin() as tx:
                yield mailer, tx
                if dry_run:
                    raise _DryRunRollbackError
        except _DryRunRollbackError:
            if out is not None:
                out.print_note("dry run: nothing was written")
        except Embargoed as error:
            if dry_run:
                raise
            with mailer.store.begin() as tx:  # what it had written is undone; this is to be kept
                embargoes.record_attempt(tx, resolve_actor(""), error, mailer.clock())
            raise


def parse_pairs(
    option_texts: list[str] | None, option: str, check: Callable[[str], str] = str
) -> dict[str, str]:
    """``KEY=VALUE`` options as a dictionary. Raises InputError."""
    values: dict[str, str] = {}
    for option_text in option_texts or []:
        key, sign, value = option_text.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise InputError(f"{option_text!r} is not KEY=VALUE", where=option)
        values[check(key.strip())] = value.strip()
    return values


def parse_local_time(text: str, option: str) -> datetime:
    """A wall-clock time to the minute, such as ``2026-12-18 09:00``. Raises InputError."""
    try:
        wall_time = datetime.strptime(text.strip().replace("T", " "), "%Y-%m-%d %H:%M")  # noqa: DTZ007
    except ValueError as error:
        raise InputError(
            f"{text!r} is no local time", where=option, hint="as '2026-12-18 09:00'"
        ) from error
    return wall_time


def resolve_actor(by: str) -> Actor:
    """Return who acts: the name given, the one in the environment, or the login name. Raises
    InputError for a name without a letter or digit."""
    if actor_name := by or os.environ.get("MAILER_ACTOR"):
        line = check_line(actor_name, "--by" if by else "MAILER_ACTOR")
        if not any(character.isalnum() for character in line):
            raise InputError(
                f"{line!r} names nobody",
                where="--by" if by else "MAILER_ACTOR",
                hint="write who does it, with a letter at least",
            )
        return create_local_actor(line)
    try:
        return create_local_actor(getpass.getuser())
    except (KeyError, OSError):
        return create_local_actor("unknown")
