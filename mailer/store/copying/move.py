"""The steps of moving a database: each can be killed at any point and done again.

The rules of who may send are in `mailer/recovery/moves.py`. The last step commits in the new
database while it holds the old one's lock, and then in the old one. If the process dies between the
two, the next run sees that the new database has taken over, and records it in the old one.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Table, text

from mailer.actor import Actor
from mailer.errors import ConfigError, DatabaseUnavailable, InputError, NextStep, Refused
from mailer.model.recovery import DatabaseIdentity, DatabaseState
from mailer.recovery import begin_move, cancel_move, check_movable, finish_move, take_over
from mailer.store import Store, schema
from mailer.store.copying.checks import check_values
from mailer.store.copying.contents import (
    TableReader,
    add_checksums,
    count_rows,
    format_checksum,
    write_rows,
)
from mailer.store.copying.last_ids import read_last_ids, save_last_ids
from mailer.store.copying.progress import (
    COPIED,
    COPYING,
    VERIFIED,
    TableProgress,
    drop_progress,
    save_progress,
)
from mailer.store.copying.target import (
    TargetContent,
    check_encoding,
    check_writable,
    index_target,
    judge_target,
    load_target_progress,
    prepare_target,
    remove_copy,
)


@dataclass(frozen=True, slots=True)
class CopyStep:
    """A step of a copy: so many of the `total` rows of a table are there, or are verified."""

    table: str
    rows: int
    total: int
    is_verifying: bool


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table that is equal in both databases: its rows, and the sum of their SHA-256."""

    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class CopySummary:
    """A complete copy, by table."""

    tables: dict[str, TableSummary] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


def _read_location(store: Store) -> str:
    if store.engine.dialect.name == "sqlite":  # reading the location would create its file
        return str(Path(store.engine.url.database or "").resolve())
    with store.read() as tx:
        return tx.recovery.read_location()


class DatabaseMove:
    """The move of one database to another one."""

    def __init__(
        self, source: Store, target: Store, actor: Actor, clock: Callable[[], datetime]
    ) -> None:
        self._source = source
        self._target = target
        self._actor = actor
        self._clock = clock
        self._place = target.display_url

    def check_move(self) -> None:
        """Check whether the move may begin, and change nothing. Raises Refused and InputError."""
        self._check_target(may_create=False)
        with self._source.read() as tx:
            check_movable(tx, self._place)
            self._check_values()

    def has_taken_over(self) -> bool:
        """Check whether the target is complete and goes on as the database."""
        if judge_target(self._target) is not TargetContent.DATABASE:
            return False
        if self._target.read_revision() != schema.REVISIONS[-1]:
            return False
        with self._source.read() as tx, self._target.read() as target_tx:
            identity = tx.recovery.find_identity()
            new_identity = target_tx.recovery.find_identity()
        return (
            identity is not None
            and new_identity is not None
            and identity.state in {DatabaseState.MOVING, DatabaseState.MOVED}
            and new_identity.identity == identity.identity
            and new_identity.generation > identity.generation
        )

    def _check_target(self, *, may_create: bool) -> None:
        """Check that the target can be written, and is empty or an unfinished copy of this very
        source."""
        if _read_location(self._source) == _read_location(self._target):
            raise InputError("this is the database itself", where=self._place, field="to")
        content = judge_target(self._target)
        if content is TargetContent.DATABASE:
            raise Refused(
                "this database is not empty, and a copy would mix with what it holds",
                where=self._place,
                hint="name an empty database",
                code="target_not_empty",
            )
        check_encoding(self._target)
        if content is not TargetContent.UNFINISHED_COPY:
            check_writable(self._target, may_create=may_create)
            return
        progress = load_target_progress(self._target)
        with self._source.read() as tx:
            identity = tx.recovery.find_identity()
        if not progress.is_of(identity):
            raise Refused(
                "this is an unfinished copy of another database, or of an earlier state "
                f"({progress.place})",
                where=self._place,
                hint="empty it, or name another database",
                code="target_not_empty",
            )

    def _check_values(self) -> None:
        dialects = (self._source.engine.dialect.name, self._target.engine.dialect.name)
        if dialects == ("sqlite", "postgresql"):
            with self._source.read() as tx:
                check_values(tx.connection)

    def begin_move(self) -> DatabaseIdentity:
        """Forbid changes to the source, and create the tables of the target. Raises Refused and
        InputError, before anything is changed."""
        with self._source.read() as tx:
            check_movable(tx, self._place)
        self._check_target(may_create=True)
        with self._source.begin() as tx:
            identity = check_movable(tx, self._place)
            if identity is None or identity.state is not DatabaseState.MOVING:
                self._check_values()
            identity = begin_move(tx, self._actor, self._place, self._clock())
        if judge_target(self._target) is not TargetContent.UNFINISHED_COPY:
            prepare_target(self._target, identity, self._source.display_url)
        return identity

    def copy_rows(self, on_step: Callable[[CopyStep], None]) -> CopySummary:
        """Copy all rows, and compare them with what was read. Rows that the target has from an
        earlier run stay. Raises ConfigError if they differ."""
        progress = load_target_progress(self._target)
        tables = schema.metadata.sorted_tables
        with self._source.read() as tx:
            totals = {table.name: count_rows(tx.connection, table) for table in tables}
        summary = CopySummary()
        for table in tables:
            self._copy_table(table, progress.tables[table.name], totals[table.name], on_step)
        progress = load_target_progress(self._target)
        for table in tables:
            copied = progress.tables[table.name]
            self._verify_table(table, copied, totals[table.name], on_step)
            checksum = format_checksum(copied.checksum)
            summary.tables[table.name] = TableSummary(copied.rows, checksum)
        return summary

    def _copy_table(
        self, table: Table, progress: TableProgress, total: int, on_step: Callable[[CopyStep], None]
    ) -> None:
        if progress.state != COPYING:
            return
        for batch in TableReader(self._source.engine, table).read_batches(progress.last_key):
            after = replace(
                progress,
                rows=progress.rows + len(batch.rows),
                last_key=batch.last_key,
                checksum=add_checksums(progress.checksum, batch.checksum),
                state=COPIED if batch.is_last else COPYING,
            )
            with self._target.begin() as tx:
                if self._target.engine.dialect.name == "postgresql":
                    # A crash of the server loses rows together with the note that they are there.
                    tx.connection.execute(text("SET LOCAL synchronous_commit = off"))
                    tx.connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
                save_progress(tx.connection, progress, after)
                write_rows(tx.connection, table, batch.rows)
            progress = after
            on_step(CopyStep(table.name, progress.rows, total, is_verifying=False))
        if progress.state == COPYING:  # it has no rows, or just fills its last batch
            with self._target.begin() as tx:
                save_progress(tx.connection, progress, replace(progress, state=COPIED))

    def _verify_table(
        self, table: Table, copied: TableProgress, total: int, on_step: Callable[[CopyStep], None]
    ) -> None:
        if copied.state == VERIFIED:
            return
        rows = checksum = 0
        for batch in TableReader(self._target.engine, table).read_batches(None):
            rows += len(batch.rows)
            checksum = add_checksums(checksum, batch.checksum)
            on_step(CopyStep(table.name, rows, total, is_verifying=True))
        if (rows, checksum) != (copied.rows, copied.checksum) or rows != total:
            raise ConfigError(
                f"the copy differs from the database in the table {table.name} "
                f"({total} rows in the old one, {copied.rows} read, {rows} in the copy)",
                where=self._place,
                hint="cancel the copy, and begin it again",
                code="copy_differs",
            )
        if rows:
            with self._target.begin() as tx:
                save_progress(tx.connection, copied, replace(copied, state=VERIFIED))

    def complete_move(self, identity: DatabaseIdentity) -> None:
        """Let the target take over, and record it in the source. Raises Refused if the move was
        cancelled in the meantime."""
        index_target(self._target)
        with self._source.begin() as tx:
            present = tx.recovery.lock_identity()
            if present is None or (present.identity, present.generation, present.state) != (
                identity.identity,
                identity.generation,
                DatabaseState.MOVING,
            ):
                raise Refused("the move was cancelled", where=self._source.display_url)
            last_ids = read_last_ids(tx.connection)
            location = tx.recovery.read_location()
            with self._target.begin() as target_tx:
                save_last_ids(target_tx.connection, last_ids)
                drop_progress(target_tx.connection)
                place = self._source.display_url
                take_over(target_tx, self._actor, place, location, self._clock())
            finish_move(tx, self._actor, self._place, self._clock())

    def record_move(self) -> bool:
        """Record in the source that the target has taken over, if the process that let it take over
        died before it could. Returns whether it was recorded now."""
        with self._source.begin() as tx:
            identity = tx.recovery.lock_identity()
            if identity is None or identity.state is DatabaseState.MOVED:
                return False
            finish_move(tx, self._actor, self._place, self._clock())
        return True

    def cancel_move(self, *, is_target_lost: bool) -> None:
        """Remove the unfinished copy, and let the source go on. With `is_target_lost`, the target
        stays as it is, and need not be reachable. Raises Refused if the target has taken over."""
        with self._source.begin() as tx:
            identity = tx.recovery.lock_identity()
            if is_target_lost:
                with suppress(DatabaseUnavailable):
                    self._check_not_taken_over()
            else:
                self._check_not_taken_over()
                self._remove_target(identity)
            cancel_move(tx, self._actor, self._clock())

    def _check_not_taken_over(self) -> None:
        """Check that the two databases won't both send. Raises Refused."""
        if self.has_taken_over():
            raise Refused(
                "the copy is complete, and has taken over",
                where=self._place,
                hint="finish the copy, which records it here. The way back is to copy the new "
                "database to an empty one",
                code="has_taken_over",
                next_steps=[NextStep("copy_database", url=self._place)],
            )

    def _remove_target(self, identity: DatabaseIdentity | None) -> None:
        is_unfinished = judge_target(self._target) is TargetContent.UNFINISHED_COPY
        if is_unfinished and load_target_progress(self._target).is_of(identity):
            remove_copy(self._target)
