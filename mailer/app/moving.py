"""Move the office's database to another place: the rows, and this host's marker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mailer.actor import Actor
from mailer.app.mailer import Mailer
from mailer.app.restoration import check_no_worker_runs
from mailer.errors import InputError, Refused
from mailer.model.recovery import Recognition
from mailer.store import Store
from mailer.store.copying import CopyStep, CopySummary, DatabaseMove


@contextmanager
def open_move(mailer: Mailer, url: str, actor: Actor) -> Iterator["OfficeMove"]:
    """Open the database at `url`, to which the office's is moved, without creating it. Raises
    InputError for an unusable URL."""
    target = _open_target(mailer, url)
    try:
        yield OfficeMove(mailer, target, actor)
    finally:
        target.close()


def _open_target(mailer: Mailer, url: str) -> Store:
    settings = mailer.settings
    if url.startswith("sqlite"):
        file = url.partition(":///")[2]
        if file in {"", ":memory:"} or "?" in file or file.startswith("file:"):
            raise InputError(
                "this URL names no file", where=url, field="to", hint="use sqlite:///FILE"
            )
    return Store(settings.complete_database_url(url), mailer.store.key, settings.delivery.lease)


class OfficeMove:
    """The move of the office's database."""

    def __init__(self, mailer: Mailer, target: Store, actor: Actor) -> None:
        self._mailer = mailer
        self._target = target
        self._move = DatabaseMove(mailer.store, target, actor, mailer.clock)

    @property
    def place(self) -> str:
        """The URL of the new database, without its password."""
        return self._target.display_url

    def check_move(self) -> None:
        """Check whether the move may begin, and change nothing. Raises Refused and InputError."""
        self._check_may_send()
        self._check_no_worker()
        self._move.check_move()

    def _check_may_send(self) -> None:
        """Check that it is plain which database is the office's. Raises Refused."""
        refusal = self._mailer.guard.find_refusal()
        if refusal is not None and refusal.recognition is not Recognition.MOVED:
            raise Refused(
                f"nothing is sent from this database: {refusal.reason}",
                where=self._mailer.store.display_url,
                hint=refusal.hint,
                next_steps=refusal.next_steps,
            )

    def _check_no_worker(self) -> None:
        lease = self._mailer.settings.delivery.lease
        check_no_worker_runs(self._mailer.store, lease, may_go_on=False)

    def run(self, on_step: Callable[[CopyStep], None]) -> CopySummary | None:
        """Copy the database, or go on with a copy that was interrupted, and let the copy take over.
        Returns None if it had already taken over, which is recorded now. Raises Refused, InputError
        and ConfigError."""
        if self._move.has_taken_over():
            if self._move.record_move():
                self._save_target_marker()
            return None
        self._check_may_send()
        self._check_no_worker()
        identity = self._move.begin_move()
        self._mailer.guard.save_marker()
        summary = self._move.copy_rows(on_step)
        self._move.complete_move(identity)
        self._save_target_marker()
        return summary

    def _save_target_marker(self) -> None:
        settings = self._mailer.settings
        Mailer(settings, self._target, self._mailer.clock).guard.save_accepted_marker()

    def cancel_move(self, *, is_target_lost: bool = False) -> None:
        """Remove the unfinished copy, and let the database go on. Raises Refused if the copy has
        taken over."""
        self._move.cancel_move(is_target_lost=is_target_lost)
        self._mailer.guard.save_accepted_marker()
