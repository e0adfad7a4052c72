"""The steps of a conversation with the fake relay, and the actions that a test gives them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum


class Step(StrEnum):
    """The steps that a script can answer. `BODY` is the first line of a message, before its end;
    `BDAT` is the end of a message that came as a chunk."""

    CONNECT = "connect"
    EHLO = "EHLO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"
    DOT = "dot"
    RSET = "RSET"
    BDAT = "BDAT"
    QUIT = "QUIT"


class NoReply(Enum):
    CLOSE = "close"
    SILENCE = "silence"


CLOSE = NoReply.CLOSE
"""Close the connection without a reply."""

SILENCE = NoReply.SILENCE
"""Send nothing more until the client closes."""


@dataclass(frozen=True)
class ReplyThenClose:
    reply: str


def reply_then_close(reply: str) -> ReplyThenClose:
    """Make an action that sends the reply and closes the connection."""
    return ReplyThenClose(reply)


@dataclass
class Envelope:
    """The envelope of one message, as far as the client has sent it."""

    envelope_sender: str = ""
    mail: str = ""
    recipient: str = ""


Response = str | NoReply | ReplyThenClose
Action = Response | Callable[[Envelope], Response]

SUCCESS = {
    Step.CONNECT: "220 relay.example.net ESMTP",
    Step.STARTTLS: "220 2.0.0 go ahead",
    Step.AUTH: "235 2.7.0 welcome",
    Step.MAIL: "250 2.1.0 ok",
    Step.RCPT: "250 2.1.5 ok",
    Step.DATA: "354 go on",
    Step.BODY: "",
    Step.DOT: "250 2.0.0 queued",
    Step.BDAT: "250 2.0.0 queued",
    Step.RSET: "250 2.0.0 ok",
    Step.QUIT: "221 2.0.0 bye",
}


class HangUp(Exception):
    """Ends the conversation."""
