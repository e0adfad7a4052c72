"""The command line. Commands are thin, and each noun has a file or package.

Exit codes: 0 done · 1 failed · 2 usage error · 3 configuration error · 4 partly done · 5 refused.
Data goes to stdout; notes and errors go to stderr. An error is one sentence that says what is
wrong, where, and what to do.

    commands.py        the table of commands: name, module, help, panel
    command_groups.py  groups of commands that are imported when they run
    global_options.py  the options before the command
    options.py         options and arguments that several commands share
    transactions.py    opening the mailer, to read or to write
    output.py          tables, records, JSON and notes
    paging.py          notes with the command for the next page of a list
    next_steps.py      errors in words: options for fields, commands for next steps
    bulk.py            progress, reports and dry runs of commands that read or write many rows
    signals.py         stopping on SIGINT and SIGTERM
"""

import errno
import gc
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mailer import __version__
from mailer.cli.commands import RootGroup
from mailer.cli.global_options import GLOBALS
from mailer.errors import MailerError, UsageError

_SURROGATES = re.compile("[\ud800-\udfff]")
"""Surrogates, which Python makes of bytes of the command line that are not UTF-8 (PEP 383)."""

_WRITE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Reasons why stdout can't be written, such as a file on a full disk."""

_PARSER_ERROR = next(
    error_class
    for error_class in typer.BadParameter.__mro__
    if error_class.__name__ == "ClickException"
)
"""The base class of the errors of the command line's parser, which Typer does not export."""

app = typer.Typer(
    name="mailer",
    cls=RootGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing Rich's help takes longer than the rest of `mailer --help`
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Send newsletters and press releases: composed once, approved, delivered without loss.\n\n"
    "Exit codes: 0 done, 1 failed, 2 usage error, 3 configuration error, 4 partly done, 5 refused.",
)


def _show_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"mailer {__version__}")
        raise typer.Exit


@app.callback()
def _set_globals(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="Settings file; default: MAILER_CONFIG, then config/mailer.toml."
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", help="Database URL or SQLite file; default: MAILER_DATABASE_URL."
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    GLOBALS.config, GLOBALS.database, GLOBALS.debug = config, database, debug
    GLOBALS.settings = None


def main() -> None:
    """Run the command line, and exit with the code that says how the command ended."""
    if sys.stdout is None:  # closed by the caller; otherwise the database could get its number
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that isn't UTF-8
    try:
        try:
            _run_app()
        finally:
            sys.stdout.flush()
    except MailerError as error:
        if GLOBALS.debug:
            raise
        from mailer.cli.next_steps import describe_error, to_json_error

        if "--json" in sys.argv:
            sys.stderr.write(json.dumps(to_json_error(error), ensure_ascii=False) + "\n")
            sys.exit(error.exit_code)
        _exit_with_error(describe_error(error), error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except UnicodeEncodeError:
        if GLOBALS.debug or not any(_SURROGATES.search(word) for word in sys.argv):
            raise
        _exit_with_error("a word of this command is not UTF-8; write it again in UTF-8", 2)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _WRITE_ERRORS and not error.filename:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter would flush the rest
            _exit_with_error(f"the output can't be written ({error.strerror})", 1)
        if GLOBALS.debug:
            raise
        first_line = f"{type(error).__name__}: {error}".splitlines()[0]
        _exit_with_error(f"{first_line}; internal error; run with --debug for a traceback", 1)
    finally:
        gc.freeze()  # garbage collection at exit takes a fifth of the time of `topic list`


def _run_app() -> None:
    """Run the command line. With ``--json``, raise an error of its parser as UsageError, so that a
    script gets the same form as of other errors."""
    if "--json" not in sys.argv:
        app()
        return
    try:
        exit_code = app(standalone_mode=False)
    except typer.Abort:
        _exit_with_error("aborted", 1)
    except Exception as error:
        if not isinstance(error, _PARSER_ERROR):
            raise
        raise _convert_parser_error(error) from error
    else:
        sys.exit(exit_code if isinstance(exit_code, int) else 0)


def _convert_parser_error(error: Any) -> UsageError:
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    hint = ""
    if context is not None:
        words = context.command_path.removeprefix(context.find_root().command_path)
        hint = f"`mailer{words} --help` shows how to write it"
    return UsageError(
        error.format_message().rstrip("."),
        field=(parameter.name or "") if parameter else "",
        hint=hint,
    )


def _exit_with_error(message: str, exit_code: int) -> None:
    from mailer.cli.output import print_error

    print_error(message)
    sys.exit(exit_code)
