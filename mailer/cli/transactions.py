"""Opening the mailer together with a transaction for reading or writing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mailer.actor import Actor
from mailer.cli.global_options import GLOBALS
from mailer.cli.output import Output
from mailer.errors import Embargoed

if TYPE_CHECKING:
    from mailer.app import Mailer
    from mailer.config import Settings
    from mailer.model.assets import PictureFile
    from mailer.store import SqlTransaction


def load_settings() -> "Settings":
    """Return the settings that the global options name, loaded once. Raises ConfigError."""
    from mailer import config

    if GLOBALS.settings is None:
        GLOBALS.settings = config.load_settings(GLOBALS.config, GLOBALS.database)
    return GLOBALS.settings


@contextmanager
def open_for_reading() -> "Iterator[tuple[Mailer, SqlTransaction]]":
    """Open the mailer and a transaction that only reads."""
    from mailer.app import open_mailer

    with open_mailer(load_settings()) as mailer, mailer.store.read() as tx:
        yield mailer, tx


class _DryRunRollbackError(Exception):
    """Ends a dry run's transaction, so that it is rolled back."""


@contextmanager
def open_for_writing(
    actor: Actor, dry_run: bool, out: Output | None, pictures: "Sequence[PictureFile]" = ()
) -> "Iterator[tuple[Mailer, SqlTransaction]]":
    """Open the mailer and a transaction that is committed at the end.

    The new ones of `pictures`, which the caller adds, are decoded before the transaction begins. A
    dry run is rolled back instead, with a note on `out` if `out` is given. An action that an
    embargo refuses is undone as well, but the actor's attempt is recorded."""
    from mailer.app import open_mailer

    with open_mailer(load_settings()) as mailer:
        if pictures:
            from mailer import assets

            assets.decode_pictures(mailer.store, pictures)
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
            from mailer import embargoes

            with mailer.store.begin() as tx:  # the action is undone; the attempt is recorded
                embargoes.record_attempt(tx, actor, error, mailer.clock())
            raise
