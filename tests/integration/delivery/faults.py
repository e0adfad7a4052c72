"""A relay that can have every kind of fault, at each phase of the conversation."""

import socket
from collections.abc import Callable

from mailer.delivery.replies import Phase
from tests.fake_relay import CLOSE, SILENCE, Action, Relay, Step, reply_then_close
from tests.relay_conversation import RelayConversation
from tests.relay_script import SUCCESS, HangUp

FAULTS: dict[str, Action] = {
    "4xx": "451 4.3.0 not now",
    "5xx": "554 5.3.0 never",
    "421": reply_then_close("421 4.3.2 going down"),
    "silence": SILENCE,
    "close": CLOSE,
    "garbage": "%$ what is this?",
}

STEPS = {
    Phase.CONNECT: Step.CONNECT,
    Phase.EHLO: Step.EHLO,
    Phase.STARTTLS: Step.STARTTLS,
    Phase.AUTH: Step.AUTH,
    Phase.MAIL: Step.MAIL,
    Phase.RCPT: Step.RCPT,
    Phase.DATA: Step.DATA,
    Phase.DOT: Step.DOT,
    Phase.BDAT: Step.BDAT,
    Phase.QUIT: Step.QUIT,
}

SUCCESS_REPLIES = SUCCESS
"""The relay's replies if no script sets others."""


class _Conversation(RelayConversation):
    """A conversation in which HELO means the same as EHLO."""

    relay: "FaultyRelay"

    def send_reply(self, reply: str) -> None:
        super().send_reply(reply)
        self.relay.on_reply(reply)

    def run_command(self, line: str) -> None:
        if line[:4].upper() == "HELO":
            self.relay.commands.append(line)
            self.send_response(
                self.relay.find_response(Step.EHLO, self.envelope) or "250 relay.example.net"
            )
        else:
            super().run_command(line)


class FaultyRelay(Relay):
    """A fake relay whose script for EHLO also answers HELO, and which calls `on_reply` with each
    reply that it has sent."""

    on_reply: Callable[[str], object] = staticmethod(lambda _: None)

    def _serve_connection(self, connection: socket.socket, number: int) -> None:
        try:
            _Conversation(self, connection, number).run()
        except (OSError, HangUp):
            pass
        except BaseException as error:
            self._errors.append(error)
