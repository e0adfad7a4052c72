"""Options that many commands share, and what they open."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mailer import config
from mailer.app import Mailer, open_mailer
from mailer.cli.output import Output
from mailer.errors import InputError
from mailer.store import Transaction

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on stdout; all else goes to stderr.")
]
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


def settings() -> config.Settings:
    return config.load(GLOBALS.config, GLOBALS.database)


@contextmanager
def reading() -> Iterator[tuple[Mailer, Transaction]]:
    """The mailer and a transaction that only reads."""
    with open_mailer(settings()) as mailer, mailer.store.read() as tx:
        yield mailer, tx


class _UndoError(Exception):
    """Leaves a transaction of a dry run."""


@contextmanager
def writing(dry_run: bool, out: Output) -> Iterator[tuple[Mailer, Transaction]]:
    """The mailer and a transaction, committed at the end, or undone in a dry run."""
    with open_mailer(settings()) as mailer:
        try:
            with mailer.store.begin() as tx:
                yield mailer, tx
                if dry_run:
                    raise _UndoError
        except _UndoError:
            out.note("dry run: nothing was written")


def pairs(
    given: list[str] | None, option: str, check: Callable[[str], str] = str
) -> dict[str, str]:
    """``KEY=VALUE`` options as a dictionary. Raises InputError."""
    found: dict[str, str] = {}
    for one in given or []:
        key, sign, value = one.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise InputError(f"{one!r} is not KEY=VALUE", where=option)
        found[check(key.strip())] = value.strip()
    return found
