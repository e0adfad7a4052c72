"""The settings of one delivery run."""

from dataclasses import dataclass

from mailer.config import Relay, Throttle
from mailer.delivery.smtp import RelayCredentials


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """The relays, the credentials for them, and the limits of recipient domains.

    The keys of `credentials` are names of relays, those of `throttles` recipient domains. `lease`
    and `patience` are in seconds: a worker whose heartbeat has not changed for `lease` counts as
    dead, and a run waits for relays that fail for `patience`."""

    relays: tuple[Relay, ...]
    credentials: dict[str, RelayCredentials]
    throttles: dict[str, Throttle]
    lease: float
    patience: float
