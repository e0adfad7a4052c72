"""The record of a sender identity."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SenderIdentity:
    """A From name and address, with the addresses for answers and for undeliverable mail. An empty
    `reply_to` or `return_path` means `address`."""

    name: str
    address: str
    reply_to: str = ""
    return_path: str = ""

    @property
    def envelope_sender(self) -> str:
        """The address in MAIL FROM (RFC 5321 §3.3), to which undeliverable mail is returned."""
        return self.return_path or self.address
