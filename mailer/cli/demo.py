"""``mailer demo``: a made-up office that sends real mail, but only on this machine."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from mailer.cli.options import JsonOption
from mailer.cli.output import Output
from mailer.counts import count_noun
from mailer.errors import ConfigError

DEMO_FOLDER = Path("var/demo")


def show_demo(
    folder: Annotated[
        Path, typer.Option(help="The office's folder; each run replaces the folder.")
    ] = DEMO_FOLDER,
    json: JsonOption = False,
) -> None:
    """Run a made-up office on this machine.

    The office sends its Migrants Day digest and a press release over real SMTP to a relay that
    stores the mails.

    Example: mailer demo --folder /tmp/demo"""
    from mailer.cli.schedule.preview import describe_occurrence, print_occurrences

    try:
        from mailer.demo.run import run_demo
    except ImportError as error:
        raise build_missing_error(error) from error
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
                    describe_occurrence(planned, result.policy) for planned in result.calendar
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
        left_out = ", ".join(f"{count} {reason}" for reason, count in report.excluded.items())
        out.print_text(
            f"{report.edition.name}: {count_noun(report.total, 'mail')} ({mails}); left out: "
            f"{left_out}"
        )
    out.print_text("next occurrences of the digest, as of the day of the demo:")
    print_occurrences(result.calendar, result.policy, out, "none")
    inbox_command, list_command, serve_command = build_next_commands(folder)
    out.print_text(f"each mail is a file in {folder / 'mail'}/; read them with `{inbox_command}`")
    out.print_text(f"the office is in {folder}/: {list_command}")
    out.print_text(
        "an edition waits for its approval: the mail to editor@example.org shows it, and its link "
        f"works while `{serve_command}` runs"
    )
    out.print_text(
        f"delivered {result.delivered}, skipped {result.skipped}, failed {result.failed}"
    )


def build_next_commands(folder: Path) -> tuple[str, str, str]:
    """Build the commands that show the mails and the editions of a demo in `folder`, and that serve
    its pages."""
    mail = folder / "mail"
    options = "" if folder == DEMO_FOLDER else f" --folder {shlex.quote(str(mail))}"
    config_file = shlex.quote(str(folder / "config" / "mailer.toml"))
    command = f"mailer --config {config_file}"
    return f"mailer inbox{options}", f"{command} edition list", f"{command} serve"


def build_missing_error(error: ImportError) -> ConfigError:
    """Build the error for packages of the demo that are not installed."""
    return ConfigError(
        f"the packages for the demo are not installed ({error.name} is missing)",
        hint="install them with `pip install 'pressmail[demo]'`",
    )
