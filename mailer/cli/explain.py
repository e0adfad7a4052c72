"""``mailer explain``: why a person got an edition or did not get it."""

from typing import Annotated

import typer

from mailer.cli.options import EditionNumber, JsonOption
from mailer.cli.output import Output
from mailer.cli.transactions import open_for_reading


def explain_delivery(
    number: EditionNumber,
    address: Annotated[str, typer.Argument(help="The person's mail address.")],
    json: JsonOption = False,
) -> None:
    """Explain in one sentence why a person got an edition or did not get it.

    Example: mailer explain 3 ana@example.org"""
    from mailer import editions, outbox

    with open_for_reading() as (_, tx):
        edition = editions.get_edition(tx, number)
        explanation = outbox.explain_outcome(tx, edition, address)
        Output(json).print_record(
            {"edition": number, "address": address, "explanation": explanation}, explanation
        )
