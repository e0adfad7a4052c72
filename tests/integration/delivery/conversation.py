"""A connection to a relay, one message after the other, as a test wants to write it down."""

from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from mailer.config import Relay
from mailer.delivery.loop import Loop
from mailer.delivery.replies import Reply
from mailer.delivery.smtp import Connection, Credentials, Mail, mail
from tests.loops import run

Result = TypeVar("Result")


class Conversation:
    """An open connection; closed at the end of its ``with`` block."""

    def __init__(self, settings: Relay, credentials: Credentials | None = None) -> None:
        self._connection = Connection.open(settings, credentials)

    @property
    def pipelining(self) -> bool:
        return self._connection.pipelining

    def deliver(
        self,
        mail: Mail,
        may_go: Callable[[], bool] = lambda: True,
        following: Callable[[], Mail | None] = lambda: None,
    ) -> Reply:
        async def asked() -> bool:
            return may_go()

        return self._run(self._connection.deliver(mail, asked, following))

    def send(self, sender: str, recipient: str, message: bytes) -> Reply:
        """One message by itself, whatever its lines begin and end with."""
        return self.deliver(mail(sender, recipient, message))

    def close(self) -> None:
        self._run(self._connection.close())

    def _run(self, steps: Coroutine[Any, Any, Result]) -> Result:
        loop = Loop()
        self._connection.move_to(loop)
        return run(steps, loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
