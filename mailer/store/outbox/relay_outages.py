"""The rows of relays that accept no mail."""

from sqlalchemy import delete, select

from mailer.model.relay_outages import RelayOutage
from mailer.store import schema
from mailer.store.base import SqlStore
from mailer.store.upsert import build_upsert


class RelayOutageQueries(SqlStore):
    """The part of ``OutboxStore`` about relays. There is a row for each relay that fails."""

    def list_relay_outages(self) -> list[RelayOutage]:
        """Return the outages, the oldest first."""
        rows = self._db.execute(
            select(schema.relay_outage).order_by(
                schema.relay_outage.c.since, schema.relay_outage.c.relay
            )
        )
        return [RelayOutage(row.relay, row.since, row.reason, row.retry_at) for row in rows]

    def save_relay_outage(self, outage: RelayOutage) -> None:
        values = {"since": outage.since, "reason": outage.reason, "retry_at": outage.retry_at}
        self._db.execute(
            build_upsert(self._db.dialect.name, schema.relay_outage)
            .values(relay=outage.relay, **values)
            .on_conflict_do_update(index_elements=[schema.relay_outage.c.relay], set_=values)
        )

    def remove_relay_outage(self, relay: str) -> None:
        self._db.execute(delete(schema.relay_outage).where(schema.relay_outage.c.relay == relay))
