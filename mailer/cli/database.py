"""``mailer database``: the schema's revision."""

import typer

from mailer.cli.options import DryRunOption, JsonOption, load_settings
from mailer.cli.output import Output
from mailer.store import Store
from mailer.store.schema import REVISIONS

app = typer.Typer(no_args_is_help=True, help="The database and its schema.")


@app.command("status")
def show_revision(json: JsonOption = False) -> None:
    """Show where the database is and its schema's revision.

    Example: [bold]mailer database status[/]"""
    store = Store(load_settings().database_url, b"")
    where = store.engine.url.render_as_string(hide_password=True)
    revision = store.read_revision()
    data = {"database": where, "revision": revision, "wanted": REVISIONS[-1]}
    Output(json).print_record(
        data, f"{where}: revision {revision or 'none'}, this program's {REVISIONS[-1]}"
    )
    store.close()


@app.command("upgrade")
def upgrade_database(json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Bring the schema to this program's, in one transaction. Make a copy of the database first.

    Example: [bold]mailer database upgrade[/]"""
    store = Store(load_settings().database_url, b"")
    if dry_run:
        before, after = store.read_revision(), REVISIONS[-1]
    else:
        before, after = store.upgrade_schema()
    data = {"before": before, "after": after}
    Output(json).print_record(data, f"revision {before or 'none'} -> {after}")
    store.close()
