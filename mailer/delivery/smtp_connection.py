"""The life of one connection, as a coroutine: open it, send messages, report, open it again."""

import threading
from collections.abc import Callable
from datetime import datetime

from mailer.delivery.chunking_session import ChunkingSession
from mailer.delivery.delivery_session import DeliverySession
from mailer.delivery.dialogue_session import DialogueSession
from mailer.delivery.event_loop import EventLoop
from mailer.delivery.ledger import Ledger
from mailer.delivery.options import DeliveryOptions
from mailer.delivery.relay_health import ConnectionPermit, RelayHealth
from mailer.delivery.smtp import RelayConnection
from mailer.delivery.tls import create_tls_context
from mailer.errors import RelayError


class ConnectionRunner:
    """Sends messages to one relay, over one connection at a time."""

    def __init__(
        self,
        loop: EventLoop,
        ledger: Ledger,
        health: RelayHealth,
        options: DeliveryOptions,
        clock: Callable[[], datetime],
        stop_event: threading.Event,
        number: int,
    ) -> None:
        self._loop = loop
        self._ledger = ledger
        self._health = health
        self._relay = health.relay
        self._options = options
        self._clock = clock
        self._stop_event = stop_event
        self._number = number
        self._name = f"{health.relay.name} {number}"
        self._connection: RelayConnection | None = None

    async def run(self) -> None:
        """Open connections and use them until there is no more work, or the run stops."""
        try:
            while (
                permit := await self._health.wait_for_permit(
                    self._loop, self._stop_event, self._number
                )
            ) is not None:
                if not await self._ledger.demand.wait_for_demand(self._loop):
                    return
                if self._health.is_stale(permit):
                    self._ledger.demand.pass_demand_on()
                else:
                    await self._run_session(permit)
                self._health.return_permit(permit)
        except BaseException as error:
            self._ledger.fail_run(error)

    async def _run_session(self, permit: ConnectionPermit) -> None:
        try:
            connection = await self._loop.run_in_thread(
                self._open_connection, self._name, self._stop_event, RelayConnection.drop_connection
            )
        except RelayError as error:
            self._health.note_open_failure(permit, error)
            return
        except OSError as error:
            hint = "lower the relay's connections, or raise the system's limit of threads"
            where = self._relay.where
            self._health.note_open_failure(permit, RelayError(str(error), where=where, hint=hint))
            return
        if connection is None:
            return
        self._health.note_opened()
        self._health.offers_pipelining = connection.supports_pipelining
        connection.move_to_loop(self._loop)
        self._connection = connection
        try:
            can_chunk = connection.supports_chunking and self._health.may_chunk
            session_class = ChunkingSession if can_chunk else DialogueSession
            session: DeliverySession = session_class(
                self._loop,
                self._ledger,
                self._health,
                connection,
                self._clock,
                self._stop_event,
                permit,
                self._number,
            )
            await session.run()
        finally:
            self._health.note_closed()
            await connection.close()

    def _open_connection(self) -> RelayConnection:
        if self._health.tls_context is None:
            self._health.tls_context = create_tls_context(self._relay)
        credentials = self._options.credentials.get(self._relay.name)
        connection = RelayConnection.connect_to(self._relay, credentials, self._health.tls_context)
        if not self._health.may_pipeline:
            connection.supports_pipelining = connection.supports_chunking = False
        return connection

    def kill_connection(self) -> None:
        """End the current connection, from another thread."""
        if (connection := self._connection) is not None:
            connection.kill_connection()
