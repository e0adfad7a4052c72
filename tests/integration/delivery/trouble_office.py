"""An office whose link to its database is spoiled by a proxy, and what a trial with it must show.

No message is lost, and none is sent twice unless it was in doubt."""

import http.client
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mailer import editions
from mailer.app import Mailer
from mailer.config import Settings
from mailer.errors import ConcurrencyError, ConfigError
from mailer.model.edition_states import EditionState
from mailer.model.editions import Edition
from mailer.store import Store
from tests.conftest import KEY
from tests.database_cluster import ClusterServer, LinkProxy
from tests.fake_relay import Envelope, Relay, Step
from tests.integration.delivery.worker_processes import MailerProcess, MailerProcesses, StateLog
from tests.integration.factories import begin_edition, make_addresses

CONNECTIONS, WINDOW = 4, 5

MESSAGE_SECONDS = 0.004
"""Seconds that the relay takes for a message, so that trouble strikes in the middle of a run."""


class TroubleOffice:
    """One office. `primary` may be replaced by a standby; the proxy then leads to that one."""

    def __init__(self, settings: Settings, relay: Relay, primary: ClusterServer, name: str) -> None:
        self.relay = relay
        self.primary = primary
        self.name = name
        primary.run_sql(f"CREATE DATABASE {name}")
        self.proxy = LinkProxy(primary.port)
        self.store = Store(primary.make_url(name), KEY)
        self.store.upgrade_schema()
        relay_settings = settings.relay.model_copy(update={"port": relay.port})
        self.mailer = Mailer(settings.model_copy(update={"relay": relay_settings}), self.store)
        self.processes = MailerProcesses(self.mailer)
        self.state_log: StateLog | None = None
        self.edition: Edition | None = None
        self.addresses: list[str] = []

    def close(self) -> None:
        self.processes.end_processes()
        self.proxy.close()
        self.store.close()

    def begin_edition(self, count: int, *, starts: bool = True) -> Edition:
        """Make an edition for `count` readers, which is approved and, with `starts`, planned."""
        self.addresses = make_addresses(count)
        self.edition = begin_edition(self.mailer, *self.addresses, starts=starts)
        self.state_log = StateLog(self.store, self.primary.make_url(self.name))
        self.relay.answer_always(Step.DOT, _answer_slowly)
        return self.edition

    def start(self, *arguments: str, **settings: object) -> MailerProcess:
        """Start `mailer` behind the proxy."""
        return self.processes.start_process(
            *arguments,
            DATABASE_URL=self.primary.make_url(self.name, self.proxy.port),
            RELAY_CONNECTIONS=CONNECTIONS,
            RELAY_WINDOW=WINDOW,
            DELIVERY_LEASE=5,
            WORKER_TICK=1,
            **settings,
        )

    def send(self, **settings: object) -> MailerProcess:
        assert self.edition is not None
        return self.start("send", str(self.edition.id), "--progress", "none", **settings)

    def wait_for_messages(self, count: int, seconds: float = 30) -> None:
        wait_until(lambda: len(self.relay.accepted) >= count, seconds)

    @property
    def is_sent(self) -> bool:
        """True if the edition is marked as sent; False also while the database can't be read."""
        assert self.edition is not None
        try:
            with self.store.read() as tx:
                return editions.get_edition(tx, self.edition.id).state is EditionState.SENT
        except (ConfigError, ConcurrencyError):
            return False

    def follow(self, server: ClusterServer) -> None:
        """Use `server` from now on: it was promoted."""
        self.primary = server
        self.proxy.target_port = server.port
        self.store.close()
        self.store = Store(server.make_url(self.name), KEY)
        self.mailer = Mailer(self.mailer.settings, self.store)
        if self.state_log is not None:
            self.state_log = StateLog(self.store, server.make_url(self.name), exists=True)

    def check_nothing_lost(self, *, ever_in_doubt: set[str] | None = None) -> None:
        """Check that each reader has got the message, and twice only if it was in doubt."""
        accepted = Counter(self.relay.accepted)
        assert sorted(accepted) == self.addresses, "no message is lost"
        if ever_in_doubt is None:
            assert self.state_log is not None
            ever_in_doubt = self.state_log.in_doubt_addresses
        resent = {address for address, count in accepted.items() if count > 1}
        assert resent <= ever_in_doubt, "a message is sent twice only if it was in doubt"
        assert len(ever_in_doubt) <= CONNECTIONS * WINDOW


def _answer_slowly(_: Envelope) -> str:
    time.sleep(MESSAGE_SECONDS)
    return "250 2.0.0 queued"


def wait_until(is_true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def make_primary(folder: Path, **settings: object) -> ClusterServer:
    primary = ClusterServer(folder / "primary")
    primary.create_data()
    primary.start(**settings)
    return primary


def ask_health(port: int) -> tuple[int, str, float]:
    """Return (status, body, seconds)."""
    started_at = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        return response.status, response.read().decode(), time.monotonic() - started_at
    finally:
        connection.close()


def is_healthy(port: int) -> bool:
    try:
        return ask_health(port)[0] == 200
    except OSError:
        return False
