"""What people choose: leaving a list."""

from typing import Annotated

import typer

from mailer.audience import lists, subscribers
from mailer.cli.options import DryRunOption, JsonOption, writing
from mailer.cli.output import Output
from mailer.cli.subscriber.common import Address, app


@app.command()
def unsubscribe(
    address: Address,
    from_: Annotated[str, typer.Option("--list", help="The list that they leave.")],
    json: JsonOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take somebody off a list. Nothing more of it goes out to them.

    Example: [bold]mailer subscriber unsubscribe ana@example.org --list news[/]"""
    out = Output(json)
    with writing(dry_run, out) as (mailer, tx):
        person = subscribers.get(tx.subscribers, address)
        list_ = lists.get_list(tx.lists, from_)
        left = subscribers.unsubscribe(tx.subscribers, person, list_, mailer.clock())
        out.record(left, f"{person.address} is off {list_.slug!r}")
