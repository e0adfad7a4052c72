"""The frequencies that members chose earlier, by which a plan knows what it owes them."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from mailer.model.lists import Frequency
from mailer.store import schema
from mailer.store.upsert import build_upsert


def record_past_frequencies(
    db: Connection, list_id: int, frequencies: Mapping[int, Frequency], now: datetime
) -> None:
    """Record that members, by their id, had these frequencies until `now`.

    Until the transaction ends, no edition of the list can be planned: a plan that saw half of a
    change would lose or repeat a story."""
    if not frequencies:
        return
    db.execute(
        select(schema.mailing_list.c.id)
        .where(schema.mailing_list.c.id == list_id)
        .with_for_update(read=True)
    )
    statement = build_upsert(db.dialect.name, schema.past_frequency)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["subscriber_id", "list_id", "frequency"],
            set_={"until": statement.excluded.until},
        ),
        [
            {
                "subscriber_id": subscriber_id,
                "list_id": list_id,
                "frequency": frequency.value,
                "until": now,
            }
            for subscriber_id, frequency in sorted(frequencies.items())
        ],
    )
