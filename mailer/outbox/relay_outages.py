"""Record which relays accept no mail, so that ``mailer status`` can say so in any process."""

import re
from datetime import datetime, timedelta

from mailer.actor import Actor
from mailer.model.relay_outages import RelayOutage, RelayRest
from mailer.model.transaction import Transaction

_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+")


def record_relay_outage(
    tx: Transaction, actor: Actor, relay: str, rest: RelayRest, now: datetime
) -> RelayOutage:
    """Record that a relay accepts nothing, or why it still does. The outage goes on since it was
    first recorded. Addresses in the reason are replaced."""
    recorded = {outage.relay: outage for outage in tx.outbox.list_relay_outages()}
    outage = RelayOutage(
        relay,
        recorded[relay].since if relay in recorded else now,
        _ADDRESS.sub("<address>", rest.reason),
        None if rest.seconds is None else now + timedelta(seconds=rest.seconds),
    )
    tx.outbox.save_relay_outage(outage)
    return outage


def end_relay_outage(tx: Transaction, actor: Actor, relay: str) -> None:
    """Remove the record of a relay that answers again."""
    tx.outbox.remove_relay_outage(relay)
