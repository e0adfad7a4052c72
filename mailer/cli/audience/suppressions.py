"""``mailer suppression``."""

from typing import Annotated

import typer

from mailer.audience import suppressions
from mailer.audience.suppressions import Reason
from mailer.cli.options import DryRunOption, JsonOption, reading, writing
from mailer.cli.output import Output

app = typer.Typer(no_args_is_help=True, help="Addresses that must not be mailed.")


@app.command("add")
def suppress(
    address: str,
    reason: Annotated[Reason, typer.Option(help="Why.")] = Reason.MANUAL,
    detail: Annotated[str, typer.Option(help="More, for whoever asks later.")] = "",
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Stop all mail to an address, from the next message on.

    Example: [bold]mailer suppression add someone@example.org --detail "asked by phone"[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        made, new = suppressions.suppress(tx.suppressions, address, reason, detail, mailer.clock())
        said = "suppressed" if new else "suppressed already"
        out.record(made, f"{made.address}: {said} ({made.reason})")


@app.command("remove")
def release(address: str, json: JsonOption = False, dry_run: DryRunOption = False) -> None:
    """Let an address be mailed again. Example: [bold]mailer suppression remove a@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        freed = suppressions.release(tx.suppressions, address, mailer.clock())
        out.record({"address": freed}, f"{freed} may be mailed again")


@app.command("list")
def list_suppressions(json: JsonOption = False) -> None:
    """List suppressed addresses with their reasons. Example: [bold]mailer suppression list[/]"""
    with reading() as (_, tx):
        found = tx.suppressions.suppressions()
        Output(json).table(
            found,
            {"address": "", "reason": "", "detail": "", "since": ""},
            [(o.address or "(only its hash)", o.reason, o.detail, o.created_at) for o in found],
            empty="no address is suppressed",
        )
