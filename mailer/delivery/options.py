"""How mail leaves: the settings of one delivery run."""

from dataclasses import dataclass

from mailer.config import Relay, Throttle
from mailer.delivery.smtp import RelayCredentials


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How mail leaves: the relays, who we are to them, and what recipient domains are spared.

    `sender` is the envelope's (RFC 5321 §3.3). `lease` and `patience` are in seconds."""

    relays: tuple[Relay, ...]
    credentials: dict[str, RelayCredentials]
    throttles: dict[str, Throttle]
    envelope_sender: str
    lease: float
    patience: float
