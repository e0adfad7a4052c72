"""What is stored about somebody."""

from typing import Annotated

import typer

from mailer.audience import erasure
from mailer.cli.options import DryRunOption, JsonOption, writing
from mailer.cli.output import Output
from mailer.cli.subscriber.common import Address, app


@app.command()
def erase(
    address: Address,
    may_return: Annotated[
        bool, typer.Option("--may-return", help="Keep no hash that stops a new sign-up.")
    ] = False,
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take out all that is stored of an address; a keyed hash stays, and stops mail to it.

    Example: [bold]mailer subscriber erase ana@example.org[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        now = mailer.clock()
        known = erasure.erase(tx.subscribers, address, now, may_return=may_return)
        said = "all that was stored of it is erased" if known else "no subscriber had it"
        out.record({"known": known}, said if may_return else f"{said}; it must not be mailed")
