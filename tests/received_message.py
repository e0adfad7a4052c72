"""A message that the fake relay received."""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass(frozen=True)
class ReceivedMessage:
    """A message whose final dot came.

    `wire` is the message as sent, with stuffed dots and without the final dot; `data` is the
    unstuffed message. `mail` is the whole MAIL command, `connection` the number of the connection
    that carried it."""

    envelope_sender: str
    recipient: str
    mail: str
    wire: bytes
    accepted: bool
    connection: int

    @property
    def data(self) -> bytes:
        return re.sub(rb"(?m)^\.", b"", self.wire)

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.data, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed
