"""The link to a PostgreSQL server: every wait on it is bounded, and can be ended from outside.

A server can go silent without closing the link: a power cut, a firewall that drops packets, a
frozen pooler. Three bounds detect this within ten seconds:

- libpq's `connect_timeout`, TCP's keepalives and TCP's user timeout, for hosts that have vanished;
- :class:`WatchedConnection`: if a statement has no answer for :data:`QUIET_SECONDS`, another link
  asks the server whether it still works on the statement. A plan or an import may take minutes;
- a pooled link that was idle is asked for a sign of life before it is used again.

When the program stops, :attr:`LinkGuard.stop_event` ends every wait within a tenth of a second.
"""

import select
import threading
import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS = 5
"""Seconds in which a server must accept a connection."""

QUIET_SECONDS = 4.0
"""Seconds without an answer after which the server is asked whether it still works."""

PROBE_SECONDS = 2.0
"""Seconds in which the server must answer that question, and in which a pooled link must give its
sign of life."""

IDLE_SECONDS = 1.0
"""If a pooled link was idle for so many seconds, it must give a sign of life before it is used
again. A link that the server has closed is recognised at once, without asking."""

LOCK_SECONDS = 60
"""Maximum seconds for which a statement waits for a lock. The default lease is as long; after a
lease, the server ends an open transaction that sends no statement."""

POOL_SECONDS = 5.0
"""Maximum seconds for which a transaction waits for a free link of the pool."""

_TCP_OPTIONS: Mapping[str, object] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,  # milliseconds
}
_SERVER_OPTIONS = (
    # The server notices a client that has vanished, and ends its transaction.
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
    f"-c lock_timeout={LOCK_SECONDS * 1000} "
    # The driver can't read the moments of another style, which a server may have by default.
    "-c datestyle=ISO -c timezone=UTC"
)


def build_connect_options(query: Mapping[str, object], lease: float) -> dict[str, object]:
    """Return the connection's parameters, except those that the URL's `query` sets itself. The
    server ends a transaction that is idle for `lease` seconds, because a process that freezes
    within a transaction would keep its locks forever."""
    timeout_option = f"-c idle_in_transaction_session_timeout={round(lease * 1000)}"
    options = {**_TCP_OPTIONS, "options": f"{timeout_option} {_SERVER_OPTIONS}"}
    return {name: value for name, value in options.items() if name not in query}


class LinkGuard:
    """Watches over all links of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.stop_event = threading.Event()
        """When it is set, all waits on these links end at once, and no more links are opened."""
        self._engine = engine
        if engine.dialect.name == "postgresql":
            event.listen(engine, "do_connect", self._connect)
            event.listen(engine, "checkin", _note_return)
            event.listen(engine, "checkout", self._check_pooled_link)

    def _connect(self, _dialect: object, _record: object, args: Any, options: Any) -> Any:
        connection_class, link_silent = _import_driver()
        if self.stop_event.is_set():
            raise link_silent("this program is stopping")
        connection = connection_class.connect(*args, **options)
        connection.stop_event = self.stop_event
        connection.open_probe = lambda **place: connection_class.connect(
            *args, **{**options, **place}
        )
        return connection

    def _check_pooled_link(self, connection: Any, record: Any, _fairy: object) -> None:
        """Raise InvalidatePoolError if a pooled link is dead: the pool then opens another."""
        idle_since: float | None = record.info.pop("idle_since", None)
        if idle_since is None:
            return
        is_recent = time.monotonic() - idle_since < IDLE_SECONDS
        if is_recent and not connection.closed and not connection.has_input:
            return
        try:
            with connection.limit_quiet(PROBE_SECONDS):
                self._engine.dialect.do_ping(connection)
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


def _note_return(_connection: object, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


_driver: tuple[Any, Any] | None = None


def _import_driver() -> tuple[Any, Any]:
    """Return (connection_class, error_class): the class of connections, and the class of the error
    that a silent link raises. They are defined on demand, since psycopg is an extra."""
    global _driver
    if _driver is None:
        _driver = _define_classes()
    return _driver


def _define_classes() -> tuple[Any, Any]:
    import contextlib

    import psycopg

    class LinkSilent(psycopg.OperationalError):
        """The server did not answer over this link, so the link was closed."""

        is_silence = True

    class WatchedConnection(psycopg.Connection[Any]):
        """A connection that does not wait forever. `open_probe` opens another connection to the
        same server, to ask about this one; without `open_probe`, silence ends the link."""

        stop_event: threading.Event | None = None
        open_probe: "Callable[..., psycopg.Connection[Any]] | None" = None
        quiet_seconds = QUIET_SECONDS

        @property
        def has_input(self) -> bool:
            """True if the server has sent something unasked, which is usually that it closes the
            link."""
            return bool(select.select([self.pgconn.socket], [], [], 0)[0])

        @contextlib.contextmanager
        def limit_quiet(self, seconds: float) -> Generator[None]:
            """Let silence end the link after `seconds`, without another question."""
            probe, self.open_probe, self.quiet_seconds = self.open_probe, None, seconds
            try:
                yield
            finally:
                self.open_probe, self.quiet_seconds = probe, QUIET_SECONDS

        def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
            return super().wait(self._watch(gen), *args, **options)

        def _watch(self, gen: Any) -> Generator[Any, Any, Any]:
            """Run the driver's generator, which wakes ten times a second while the server sends
            nothing. At each such moment, check whether to stop, and how long the server has been
            silent."""
            deadline = 0.0
            try:
                wanted_event = next(gen)
                while True:
                    ready_event = yield wanted_event
                    if not ready_event:
                        now = time.monotonic()
                        deadline = deadline or now + self.quiet_seconds
                        if self.stop_event is not None and self.stop_event.is_set():
                            self._give_up("this program is stopping")
                        if now >= deadline:
                            if reason := self._find_fault():
                                self._give_up(reason)
                            deadline = time.monotonic() + self.quiet_seconds
                    wanted_event = gen.send(ready_event)
            except StopIteration as end:
                return end.value

        def _give_up(self, reason: str) -> None:
            self.close()
            raise LinkSilent(reason)

        def _find_fault(self) -> str:
            """Return the reason why no answer will come over this link, or "" if the server still
            works on the statement."""
            no_answer = f"no answer for {self.quiet_seconds:g} s"
            if self.open_probe is None:
                return no_answer
            place = {"host": self.info.host, "port": self.info.port} if self.info.host else {}
            try:
                with self.open_probe(connect_timeout=PROBE_SECONDS, **place) as probe:
                    probe.quiet_seconds = PROBE_SECONDS  # type: ignore[attr-defined]
                    probe_pid, session_count, state = probe.execute(
                        "SELECT pg_backend_pid(), count(*), max(state) FROM pg_stat_activity "
                        "WHERE pid = %s",
                        [self.info.backend_pid],
                    ).fetchone() or (0, 0, None)
                    has_pooler = probe_pid != probe.info.backend_pid
            except psycopg.Error as error:
                # A server that refuses one more connection is alive.
                return "" if "FATAL" in str(error) else f"{no_answer}; {error}".splitlines()[0]
            if has_pooler:  # it names processes of its own
                return ""
            if not session_count:
                return "the server has ended this session"
            if str(state).startswith("idle"):
                has_news = select.select([self.pgconn.socket], [], [], PROBE_SECONDS / 2)[0]
                return "" if has_news else "the server's answer was lost"
            return ""

    return WatchedConnection, LinkSilent
