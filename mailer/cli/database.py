"""``mailer database``: the database and its schema."""

from mailer.cli.command_groups import CommandGroup
from mailer.cli.options import DryRunOption, JsonOption
from mailer.cli.output import Output
from mailer.cli.transactions import load_settings

app = CommandGroup(help="The database and its schema.")


@app.command("status")
def show_revision(json: JsonOption = False) -> None:
    """Show where the database is, and which revision its schema has.

    Example: mailer database status"""
    from mailer.store import Store
    from mailer.store.schema import REVISIONS

    store = Store(load_settings().database_url, b"")
    revision = store.read_revision()
    data = {"database": store.display_url, "revision": revision, "wanted": REVISIONS[-1]}
    Output(json).print_record(
        data,
        f"{store.display_url}: revision {revision or 'none'}, this program's {REVISIONS[-1]}",
    )
    store.close()


@app.command("upgrade")
def upgrade_database(json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Upgrade the schema to this program's version, in one transaction. Back up the database first.

    Example: mailer database upgrade"""
    from mailer.store import Store
    from mailer.store.schema import REVISIONS

    store = Store(load_settings().database_url, b"")
    if dry_run:
        before, after = store.check_upgradable(), REVISIONS[-1]
    else:
        before, after = store.upgrade_schema()
    data = {"before": before, "after": after}
    Output(json).print_record(data, f"revision {before or 'none'} -> {after}")
    store.close()
