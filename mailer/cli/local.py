"""``mailer demo`` and ``mailer inbox``: seeing it work, on this machine only."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli import schedule
from mailer.cli.options import JsonOption
from mailer.cli.output import Output
from mailer.errors import ConfigError

DEMO_FOLDER = Path("var/demo")


def show_demo(
    folder: Annotated[Path, typer.Option(help="Made anew each time.")] = DEMO_FOLDER,
    json: JsonOption = False,
) -> None:
    """Run a made-up office: its Migrants Day digest and a press release, over real SMTP, caught
    on this machine.

    Example: [bold]mailer demo --folder /tmp/demo[/]"""
    try:
        from mailer.demo.run import run_demo
    except ImportError as error:
        raise _build_missing_error(error) from error
    out = Output(json)
    result = run_demo(folder, out.print_note)
    languages = sorted({tag for row in result.readers.values() for tag in row})
    if json:
        out.print_json(
            {
                "readers": result.readers,
                "delivered": result.delivered,
                "skipped": result.skipped,
                "failed": result.failed,
                "calendar": [
                    schedule.describe_occurrence(planned, result.policy)
                    for planned in result.calendar
                ],
                "mail": folder / "mail",
            }
        )
        return
    rows = [
        (slug, *(row.get(tag, 0) for tag in languages), sum(row.values()))
        for slug, row in result.readers.items()
    ]
    out.print_table(
        rows, {"mails with a story on": "", **dict.fromkeys([*languages, "all"], "right")}, rows
    )
    for report in result.reports:
        mails = ", ".join(f"{count} {tag}" for tag, count in report.by_language.items())
        left_out = ", ".join(f"{count} {why}" for why, count in report.excluded.items())
        out.print_text(
            f"{report.edition.name}: {report.total} mails ({mails}); left out: {left_out}"
        )
    out.print_text("next occurrences of the digest, on the day of the demo:")
    schedule.print_occurrences(result.calendar, result.policy, out, "none")
    out.print_text(f"each mail is a file in {folder / 'mail'}/; look at them with `mailer inbox`")
    out.print_text(
        f"the office is in {folder}/: mailer --config {folder}/config/mailer.toml edition list"
    )
    out.print_text(
        f"delivered {result.delivered}, skipped {result.skipped}, failed {result.failed}"
    )


def show_inbox(
    folder: Annotated[Path, typer.Option(help="The folder of .eml files.")] = DEMO_FOLDER / "mail",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8025,
    host: Annotated[str, typer.Option(help="A loopback address.")] = "127.0.0.1",
) -> None:
    """Show caught mails on a local page, until Ctrl-C.

    Example: [bold]mailer inbox --port 8025[/]"""
    try:
        from mailer.web.inbox import serve_inbox
    except ImportError as error:
        raise _build_missing_error(error) from error
    media = folder.parent / "media"
    Output().print_note(f"caught mails on http://{host}:{port}/ (Ctrl-C ends)")
    serve_inbox(folder, media if media.is_dir() else None, host, port)


def catch_mail(
    folder: Annotated[Path, typer.Argument(help="Where each message is kept as a file.")] = Path(
        "mail"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535)] = 2525,
) -> None:
    """Be a relay that delivers nothing: keep each message as a file, until Ctrl-C.

    Point relay.host at 127.0.0.1, relay.port here and relay.tls at "none" to try things out.

    Example: [bold]mailer catch mail --port 2525[/]"""
    try:
        from mailer.demo.catcher import Catcher
    except ImportError as error:
        raise _build_missing_error(error) from error
    out = Output()
    with Catcher(folder, port=port) as catcher:
        out.print_note(f"keeping mail for 127.0.0.1:{catcher.port} in {folder}/ (Ctrl-C ends)")
        stop = threading.Event()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signal_number, lambda *_: stop.set())
        stop.wait()
    out.print_note(
        f"{catcher.count} messages kept in {folder}/; see `mailer inbox --folder {folder}`"
    )


def _build_missing_error(error: ImportError) -> ConfigError:
    return ConfigError(
        f"the demo's parts are not installed ({error.name} is missing)",
        hint="install them with `pip install 'pressmail[demo]'`",
    )
