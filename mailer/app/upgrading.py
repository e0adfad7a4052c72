"""Upgrade the schema of a database, after a verified backup: the way back."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mailer import recovery
from mailer.actor import Actor
from mailer.config import Settings
from mailer.errors import ConfigError
from mailer.store import Store
from mailer.store.backup import write_backup
from mailer.store.schema import REVISIONS


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """The steps of an upgrade. `before`: the revision of the schema, or None for a new database;
    `backup`: the file of the backup, or None if nothing is to be backed up."""

    before: str | None
    after: str
    backup: Path | None

    @property
    def changes_data(self) -> bool:
        """Check whether the schema of existing data changes."""
        return self.before is not None and self.before != self.after


def plan_upgrade(
    store: Store,
    settings: Settings,
    now: datetime,
    *,
    backup: Path | None = None,
    may_create: bool = False,
    has_own_backup: bool = False,
) -> UpgradePlan:
    """Plan an upgrade. `backup`: the file of the backup, if it is not to have a name of this
    program. `has_own_backup`: a person has made a backup. Raises SchemaError if the database can't
    be upgraded, for instance because it is newer than this program."""
    before = store.check_upgradable(may_create=may_create)
    plan = UpgradePlan(before, REVISIONS[-1], backup)
    if not plan.changes_data or has_own_backup:
        return UpgradePlan(before, plan.after, None)
    if backup is None:
        backup = _choose_folder(store, settings) / f"revision-{before}-{now:%Y%m%d-%H%M%S}.backup"
    return UpgradePlan(before, plan.after, backup)


def _choose_folder(store: Store, settings: Settings) -> Path:
    """Choose the folder of a SQLite database, which can surely be written, or the office's."""
    if store.engine.dialect.name == "sqlite":
        return Path(store.engine.url.database or "").resolve().parent
    return settings.home.resolve()


def upgrade_database(
    store: Store, plan: UpgradePlan, actor: Actor, now: datetime, *, may_create: bool = False
) -> None:
    """Back up the database and verify the backup, then upgrade the schema in one transaction.
    Raises ConfigError if there is no backup: then nothing was changed."""
    if plan.backup is not None:
        try:
            write_backup(store, plan.backup, now)
        except ConfigError as error:
            raise ConfigError(
                f"it needs a backup before its schema changes, and {error.message}",
                where=error.where or store.display_url,
                hint=f"{error.hint or 'name another file'}. Or make a backup yourself, and give "
                "--no-backup",
                code="no_backup",
            ) from error
    store.upgrade_schema(may_create=may_create)
    if plan.changes_data:
        with store.begin() as tx:
            detail = f"revision {plan.before} to {plan.after}, backup: {plan.backup or 'none'}"
            recovery.record_upgrade(tx, actor, detail, now)
