"""``mailer database``: the schema's revision."""

import typer

from mailer.cli.options import DryRunOption, JsonOption, settings
from mailer.cli.output import Output
from mailer.store import Store
from mailer.store.schema import REVISIONS

app = typer.Typer(no_args_is_help=True, help="The database and its schema.")


@app.command("status")
def status(json: JsonOption = False) -> None:
    """Show where the database is and its schema's revision.

    Example: [bold]mailer database status[/]"""
    store = Store(settings().database_url, b"")
    where = store.engine.url.render_as_string(hide_password=True)
    found = store.revision()
    data = {"database": where, "revision": found, "wanted": REVISIONS[-1]}
    Output(json).record(
        data, f"{where}: revision {found or 'none'}, this program's {REVISIONS[-1]}"
    )
    store.close()


@app.command("upgrade")
def upgrade(json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Bring the schema to this program's, in one transaction. Make a copy of the database first.

    Example: [bold]mailer database upgrade[/]"""
    store = Store(settings().database_url, b"")
    if dry_run:
        before, after = store.revision(), REVISIONS[-1]
    else:
        before, after = store.upgrade()
    data = {"before": before, "after": after}
    Output(json).record(data, f"revision {before or 'none'} -> {after}")
    store.close()
