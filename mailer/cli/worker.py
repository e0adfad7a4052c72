"""``mailer worker``: the process that keeps the calendar and delivers."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from mailer.cli.signals import stop_on_signal
from mailer.cli.transactions import load_settings

if TYPE_CHECKING:
    from mailer.log import Log

SIGNAL_MERGE_SECONDS = 0.5
"""Seconds within which two signals count as one."""


def run_worker(
    deliver: Annotated[
        bool,
        typer.Option(
            "--deliver/--no-deliver", help="Also deliver due mail, or only keep the calendar."
        ),
    ] = True,
) -> None:
    """Run the process that keeps the calendar and delivers.

    The worker assembles editions when they are due, asks for approval, sends editions, and notifies
    staff. Several workers may run on one database: one keeps the calendar, and all deliver. The log
    on stderr is JSON, or readable lines on a terminal. SIGTERM or Ctrl-C finishes the messages on
    the wire and returns the rest to the queue; a second signal ends the worker at once, and leaves
    the messages on the wire in doubt. The worker tells systemd that it is ready and alive
    (Type=notify, WatchdogSec=).

    Example: mailer worker"""
    from mailer.app import open_mailer
    from mailer.log import create_logger
    from mailer.worker import Worker

    log = create_logger(pid=os.getpid())
    stopping = stop_on_signal(lambda: None, partial(_exit_at_once, log), SIGNAL_MERGE_SECONDS)
    with open_mailer(load_settings()) as mailer, stopping as stop:
        Worker(mailer, log, deliver=deliver).run(stop)


def _exit_at_once(log: "Log", signal_number: int) -> None:
    log.warning("ended at once", signal=signal_number)
    os._exit(128 + signal_number)
