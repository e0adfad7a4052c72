"""A connection to a relay that a test can use in synchronous code, one message after another."""

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Self, TypeVar

from mailer.config import Relay
from mailer.delivery.event_loop import EventLoop
from mailer.delivery.outgoing_mail import OutgoingMail
from mailer.delivery.replies import Reply, Verdict
from mailer.delivery.smtp import RelayConnection, RelayCredentials
from tests.event_loops import run_coroutine

Result = TypeVar("Result")


def prepare_mail(envelope_sender: str, recipient: str, message: bytes) -> OutgoingMail:
    """Prepare any message for DATA: stuff its dots (RFC 5321 §4.5.2) and end its last line."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    stuffed_message = message.replace(b"\r\n.", b"\r\n..")
    if stuffed_message.startswith(b"."):
        stuffed_message = b"." + stuffed_message
    return OutgoingMail(
        envelope_sender, recipient, [stuffed_message], len(message), message.isascii()
    )


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
        async def send_mail() -> Reply:
            reply = await self._connection.send_envelope(mail)
            if reply.verdict is not Verdict.ACCEPTED:
                return reply
            if not may_send():
                return self._connection.withhold_message()
            return await self._connection.send_message(mail, get_following)

        return self._run_coroutine(send_mail())

    def send_message(self, envelope_sender: str, recipient: str, message: bytes) -> Reply:
        """Send one message, whose lines may begin and end with anything."""
        return self.deliver_mail(prepare_mail(envelope_sender, recipient, message))

    def send_window(self, mails: Sequence[OutgoingMail]) -> list[Reply]:
        """Send all messages with CHUNKING, without waiting for the reply to any, and return their
        replies."""
        pipeline = self._connection.open_pipeline()
        for mail in mails:
            pipeline.queue_mail(mail)
        self._run_coroutine(pipeline.write_queued())
        replies: list[Reply] = []
        deadline = time.monotonic() + 30
        while pipeline.in_flight_count:
            if (reply := pipeline.take_reply()) is not None:
                replies.append(reply)
            elif not pipeline.receive_available():
                assert time.monotonic() < deadline, "the relay did not reply"
                time.sleep(0.0005)
        return replies

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
