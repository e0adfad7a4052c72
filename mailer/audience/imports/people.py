"""The import of people onto a list, a batch in a transaction."""

from collections.abc import Sequence
from datetime import datetime

from mailer.actor import Actor
from mailer.errors import InputError
from mailer.model.imports import ImportRow, RowResult
from mailer.model.lists import MailingList
from mailer.model.subscribers import LawfulBasis
from mailer.model.transaction import Transaction


def import_people(
    tx: Transaction,
    actor: Actor,
    rows: Sequence[ImportRow],
    mailing_list: MailingList,
    now: datetime,
    *,
    source: str,
    basis: LawfulBasis,
) -> list[RowResult]:
    """Import rows as ``decisions.py`` decides for each of them, and return their results in order.

    The log of consent records `source` and `basis`. Raises InputError for an empty source."""
    source = source.strip()
    if not source:
        raise InputError(
            "an import must name its source",
            field="source",
            hint="give the place where these people agreed",
        )
    return tx.import_rows.import_people(actor, rows, mailing_list, source, now, basis)
