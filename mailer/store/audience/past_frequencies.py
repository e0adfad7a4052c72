"""The frequencies that members chose earlier, by which a plan knows what it owes them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

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
    _lock_plans(db, [list_id])
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


def merge_past_frequencies(db: Connection, old_id: int, survivor_id: int) -> None:
    """Let the past frequencies of one subscriber be those of another, who may have had some
    themselves: the later end counts."""
    past = schema.past_frequency.c
    rows = db.execute(
        select(past.list_id, past.frequency, func.max(past.until).label("until"))
        .where(past.subscriber_id.in_([old_id, survivor_id]))
        .group_by(past.list_id, past.frequency)
        .order_by(past.list_id, past.frequency)
    ).all()
    if not rows:
        return
    _lock_plans(db, sorted({row.list_id for row in rows}))
    statement = build_upsert(db.dialect.name, schema.past_frequency)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["subscriber_id", "list_id", "frequency"],
            set_={"until": statement.excluded.until},
        ),
        [{"subscriber_id": survivor_id, **row._mapping} for row in rows],
    )


def _lock_plans(db: Connection, list_ids: Sequence[int]) -> None:
    """Let no edition of these lists be planned until the transaction ends."""
    for list_id in list_ids:
        db.execute(
            select(schema.mailing_list.c.id)
            .where(schema.mailing_list.c.id == list_id)
            .with_for_update(read=True)
        )
