"""A connection to a relay that a test can use in synchronous code, one message after another."""

from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from mailer.config import Relay
from mailer.delivery.event_loop import EventLoop
from mailer.delivery.outgoing_mail import OutgoingMail, prepare_mail
from mailer.delivery.replies import Reply
from mailer.delivery.smtp import RelayConnection, RelayCredentials
from tests.event_loops import run_coroutine

Result = TypeVar("Result")


class Conversation:
    """An open connection, which is closed at the end of its ``with`` block."""

    def __init__(self, settings: Relay, credentials: RelayCredentials | None = None) -> None:
        self._connection = RelayConnection.connect_to(settings, credentials)

    @property
    def supports_pipelining(self) -> bool:
        return self._connection.supports_pipelining

    def deliver_mail(
        self,
        mail: OutgoingMail,
        may_send: Callable[[], bool] = lambda: True,
        get_following: Callable[[], OutgoingMail | None] = lambda: None,
    ) -> Reply:
        async def ask_permission() -> bool:
            return may_send()

        return self._run_coroutine(
            self._connection.deliver_mail(mail, ask_permission, get_following)
        )

    def send_message(self, envelope_sender: str, recipient: str, message: bytes) -> Reply:
        """Send one message, whose lines may begin and end with anything."""
        return self.deliver_mail(prepare_mail(envelope_sender, recipient, message))

    def close(self) -> None:
        self._run_coroutine(self._connection.close())

    def _run_coroutine(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        loop = EventLoop()
        self._connection.move_to_loop(loop)
        return run_coroutine(coroutine, loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
