"""``mailer subscriber unsubscribe-mail``: messages that readers send in order to unsubscribe.

A mail server that pipes a message to a command returns the message to its sender if the command
fails, together with the output of the command. So a command that reads from a pipe ends with one of
two codes: 0 if nothing is left to do with the message, and 75 (``EX_TEMPFAIL`` of sysexits.h) if
the mail server must try again. The command writes no error for staff: Exim may treat any output as
a failure (its option ``return_output``).
"""

import io
import os
import sys
import syslog
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from mailer import addresses
from mailer.actor import SUBSCRIBER
from mailer.audience import unsubscribe_mail
from mailer.audience.unsubscribe_mail import UnsubscribeResult
from mailer.cli.global_options import GLOBALS
from mailer.cli.options import DryRunOption, JsonOption
from mailer.cli.output import Output
from mailer.cli.subscriber.group import ONE_PERSON, app
from mailer.cli.transactions import open_for_writing
from mailer.errors import InputError, MailerError, TokenError
from mailer.log import create_logger
from mailer.regular_files import open_regular_file

MAX_MESSAGE_BYTES = 1 << 20
"""Bytes of a message that are read. The subject is near the beginning."""

SYSLOG_SOCKETS = (Path("/dev/log"), Path("/var/run/syslog"), Path("/var/run/log"))
"""The sockets of the system's log on Linux, macOS and BSD."""


@app.command("unsubscribe-mail", rich_help_panel=ONE_PERSON)
def unsubscribe_by_mail(
    file: Annotated[Path | None, typer.Argument(help="The message; default: stdin.")] = None,
    *,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Read a message that was sent to sender.unsubscribe_address, and unsubscribe the person who
    wrote it.

    A token in the subject identifies the person and the list. Automatic replies are ignored. A mail
    server can pipe messages to this command, by a line such as this in /etc/aliases:
    leave: "|mailer --config FILE subscriber unsubscribe-mail"

    A command in a pipe ends with exit code 0, or with 75 if the mail server must try again later,
    for instance while the database is busy. If a message has no valid token, a line is logged and
    the exit code is 0, so that the reader gets no error message. Lines go to the system's log
    (facility mail), or to stderr if the system has no log.

    Example: mailer subscriber unsubscribe-mail message.eml"""
    out = Output(json)
    if file is not None:
        result = _unsubscribe(_read_file(file), dry_run, out)
        out.print_record(_to_plain(result), _summarise(result))
        return
    try:
        message = _read_pipe()
        try:
            result = _unsubscribe(message, dry_run, None)
        except (unsubscribe_mail.NoUnsubscribeMail, TokenError) as error:
            _log_line("unsubscribe mail ignored", reason=error.message)
            return
    except Exception as error:
        if GLOBALS.debug:
            raise
        code = error.code if isinstance(error, MailerError) else type(error).__name__
        _log_line("unsubscribe mail not handled", only_syslog=True, reason=str(error))
        sys.stderr.write(f"the message could not be handled now; try again later ({code})\n")
        raise typer.Exit(os.EX_TEMPFAIL) from error
    _log_line("unsubscribe mail", **_to_plain(result))
    if json:
        out.print_json(_to_plain(result))


def _unsubscribe(message: bytes, dry_run: bool, out: Output | None) -> UnsubscribeResult:
    actor = SUBSCRIBER  # a mail server runs this command: the sender of the message acts
    with open_for_writing(actor, dry_run, out) as (mailer, tx):
        return unsubscribe_mail.unsubscribe_by_mail(
            tx, actor, mailer.link_keys.load_keys(tx), message, mailer.clock()
        )


def _to_plain(result: UnsubscribeResult) -> dict[str, Any]:
    subscriber, mailing_list, was_unsubscribed = result
    return {
        "address": addresses.mask_address(subscriber.address) if subscriber else "",
        "list": mailing_list.slug if mailing_list else "",
        "before": was_unsubscribed,
    }


def _summarise(result: UnsubscribeResult) -> str:
    if result.mailing_list is None:
        return "there is no such list"
    if result.subscriber is None:
        return "the subscriber no longer exists"
    masked_address = addresses.mask_address(result.subscriber.address)
    return f"{masked_address} is no longer on {result.mailing_list.slug!r}" + (
        " already" if result.already_unsubscribed else ""
    )


def _read_file(file: Path) -> bytes:
    try:
        with open_regular_file(file) as raw:
            return raw.read(MAX_MESSAGE_BYTES)
    except OSError as error:
        raise InputError(
            f"the message can't be read ({error.strerror})", where=str(file)
        ) from error


def _read_pipe() -> bytes:
    """Read the beginning of a piped message, and pass over the rest, because a mail server reports
    an error if the reader stops early."""
    piped: IO[bytes] = sys.stdin.buffer
    message = piped.read(MAX_MESSAGE_BYTES)
    while piped.read(MAX_MESSAGE_BYTES):
        pass
    return message


def has_system_log() -> bool:
    """Check that the system has a log. On Linux, ``/var/run/log`` may be a folder of journals."""
    return any(path.is_socket() for path in SYSLOG_SOCKETS)


def _log_line(event: str, *, only_syslog: bool = False, **facts: Any) -> None:
    """Write a line to the system's log, or to stderr if there is none, unless `only_syslog`."""
    stream = io.StringIO()
    create_logger(stream).info(event, **facts)
    line = stream.getvalue().rstrip()
    if has_system_log():
        syslog.openlog("mailer", syslog.LOG_PID, syslog.LOG_MAIL)
        syslog.syslog(syslog.LOG_INFO, line)
    elif not only_syslog:
        sys.stderr.write(f"{line}\n")
