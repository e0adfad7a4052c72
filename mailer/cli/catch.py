"""``mailer catch``: a relay that stores messages and delivers none."""

import shlex
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.demo import build_missing_error
from mailer.cli.output import Output
from mailer.counts import count_noun


def catch_mail(
    folder: Annotated[
        Path, typer.Argument(help="The folder in which each message becomes a file.")
    ] = Path("mail"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")] = 2525,
) -> None:
    """Run a relay that stores messages as files and delivers none.

    The relay runs on this machine until Ctrl-C. To send mails to it, set relay.host to 127.0.0.1,
    relay.port to this port and relay.tls to "none".

    Example: mailer catch mail --port 2525"""
    try:
        from mailer.demo.catcher import Catcher
    except ImportError as error:
        raise build_missing_error(error) from error
    out = Output()
    with Catcher(folder, port=port) as catcher:
        out.print_note(f"storing mail for 127.0.0.1:{catcher.port} in {folder}/ (Ctrl-C ends)")
        stop = threading.Event()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, lambda *_: stop.set())
        stop.wait()
    out.print_note(
        f"{count_noun(catcher.count, 'message')} stored in {folder}/; see `mailer inbox --folder "
        f"{shlex.quote(str(folder))}`"
    )
