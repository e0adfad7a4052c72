"""``mailer database upgrade``: the schema of this program, after a backup."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.options import ByOption, DryRunOption, JsonOption, resolve_actor
from mailer.cli.output import Output
from mailer.cli.signals import exit_on_termination
from mailer.cli.transactions import load_settings
from mailer.errors import UsageError


def upgrade_schema(
    create: Annotated[
        bool, typer.Option("--create", help="Create a SQLite database that does not exist.")
    ] = False,
    backup: Annotated[
        Path | None,
        typer.Option("--backup", help="The backup's file; default: beside the database or config."),
    ] = None,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Make no backup, since you have made one.")
    ] = False,
    *,
    by: ByOption = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Upgrade the schema to this program's version, in one transaction, after a verified backup.

    Stop all processes first. If the schema changes, a backup is written and verified before. The
    way back is the older program, which restores that backup: `mailer database restore`. PostgreSQL
    needs pg_dump and pg_restore; without them, make a backup yourself and give --no-backup.

    The indexes of searches are made if they are missing, also if the schema is up to date: for
    instance, after an administrator has created PostgreSQL's extension pg_trgm.

    A database that does not exist is refused, since its path may be misspelt; `mailer init` creates
    one.

    Example: mailer database upgrade"""
    from mailer.app import get_utc_now
    from mailer.app.upgrading import plan_upgrade, upgrade_database
    from mailer.store import Store

    if backup and no_backup:
        raise UsageError("give --backup or --no-backup, not both")
    actor = resolve_actor(by)
    settings = load_settings()
    now = get_utc_now()
    with closing(Store(settings.database_url, b"")) as store, exit_on_termination():
        plan = plan_upgrade(
            store, settings, now, backup=backup, may_create=create, has_own_backup=no_backup
        )
        if not dry_run:
            upgrade_database(store, plan, actor, now, may_create=create)
    data = {"before": plan.before, "after": plan.after, "backup": plan.backup}
    message = f"revision {plan.before or 'none'} -> {plan.after}"
    if plan.backup:
        message = f"backup: {plan.backup}\n{message}"
    Output(json).print_record(data, message)
