"""The command line: thin commands, a file for each noun.

Exit codes: 0 done · 1 failed · 2 wrong words · 3 configuration · 4 partly done · 5 refused. What a
command prints for people to read on goes to stdout, everything else to stderr; an error is one
sentence that says what, where and what to do.
"""

import io
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailer import __version__
from mailer.cli import (
    article,
    audience,
    boilerplate,
    contact,
    database,
    delivery,
    digest,
    edition,
    embargo,
    local,
    observance,
    occurrence,
    release,
    schedule,
    segment,
    sending,
    serve,
    setup,
    source,
    subscriber,
    worker,
)
from mailer.cli.options import GLOBALS
from mailer.cli.output import error_console
from mailer.errors import MailerError
from mailer.lines import replace_control

_SURROGATES = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes of the command line that are no UTF-8 (PEP 383)."""

app = typer.Typer(
    name="mailer",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Newsletters and press releases: composed once, approved, delivered without loss.\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong words, 3 configuration, 4 partly done, 5 refused.",
)

app.command("init")(setup.prepare_folder)
app.add_typer(article.app, name="article")
app.add_typer(audience.topics.app, name="topic")
app.add_typer(audience.lists.app, name="list")
app.add_typer(subscriber.app, name="subscriber")
app.add_typer(segment.app, name="segment")
app.add_typer(audience.suppressions.app, name="suppression")
app.add_typer(digest.app, name="digest")
app.add_typer(occurrence.app, name="schedule")
app.add_typer(schedule.blackout_app, name="blackout")
app.add_typer(observance.app, name="observance")
app.add_typer(edition.app, name="edition")
app.add_typer(source.app, name="source")
app.add_typer(release.app, name="release")
app.add_typer(embargo.app, name="embargo")
app.add_typer(contact.app, name="contact")
app.add_typer(boilerplate.app, name="boilerplate")
app.add_typer(delivery.app, name="delivery")
app.command("send")(sending.send_editions)
app.command("explain")(sending.explain_delivery)
app.command("worker")(worker.run_worker)
app.command("status")(worker.show_status)
app.command("serve")(serve.serve_pages)
app.add_typer(database.app, name="database")
app.command("demo")(local.show_demo)
app.command("inbox")(local.show_inbox)
app.command("catch")(local.catch_mail)


def _show_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"mailer {__version__}")
        raise typer.Exit


@app.callback()
def _set_globals(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="Settings file; else MAILER_CONFIG, else config/mailer.toml."
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--database", help="Database URL or SQLite file; else MAILER_DATABASE_URL."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    GLOBALS.config, GLOBALS.database, GLOBALS.debug = config, database, debug


def main() -> None:
    """Run the command line; the process ends with the exit code of what happened."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that isn't UTF-8
    try:
        app()
    except MailerError as error:
        if GLOBALS.debug:
            raise
        error_console.print(f"[bold red]error:[/] {_escape_markup(replace_control(str(error)))}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except UnicodeEncodeError:
        if GLOBALS.debug or not any(_SURROGATES.search(word) for word in sys.argv):
            raise
        error_console.print(
            "[bold red]error:[/] a word of this command is not UTF-8; write it anew"
        )
        sys.exit(2)
    except Exception as error:
        if GLOBALS.debug:
            raise
        message = _escape_markup(f"{type(error).__name__}: {error}".splitlines()[0])
        error_console.print(
            f"[bold red]error:[/] {message}; this is a fault of ours, --debug shows where"
        )
        sys.exit(1)


def _escape_markup(text: str) -> str:
    from rich.markup import escape

    return escape(text)
