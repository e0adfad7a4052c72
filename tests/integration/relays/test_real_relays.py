"""Thousands of mails with CHUNKING through a real relay into real mailboxes: each once, unchanged.

A proxy keeps the bytes that the mailer wrote, so that each mailbox can be compared with them.
"""

import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from mailer.app import Mailer
from mailer.model.deliveries import DeliveryState
from tests.integration.delivery.delivery_runs import with_relay
from tests.integration.delivery.proxy import Proxy
from tests.integration.factories import begin_edition, make_addresses, read_delivery_states
from tests.mail_servers import find_server, run_dovecot, run_exim, run_postfix

MAILS = int(os.environ.get("RELAY_MAILS", "10000"))
ARRIVAL_PATIENCE = 900.0
RELAYS: dict[str, Callable[[Path, Path], AbstractContextManager[int]]] = {
    "postfix": run_postfix,
    "exim4": run_exim,
}
_CHUNK = re.compile(rb"RCPT TO:<([^>@]*)@[^>]*>\r\nBDAT (\d+) LAST\r\n")

pytestmark = pytest.mark.proof


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the servers' users can enter."""
    path = Path(tempfile.mkdtemp(prefix="mailer-relays-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def list_chunks(client_bytes: bytes) -> dict[str, bytes]:
    """List the messages that were written on one connection, by the recipient's local part."""
    chunks: dict[str, bytes] = {}
    position = 0
    while (head := _CHUNK.search(client_bytes, position)) is not None:
        position = head.end() + int(head[2])
        chunks[head[1].decode()] = client_bytes[head.end() : position]
    return chunks


def count_arrived(mailboxes: Path) -> int:
    return sum(1 for _ in mailboxes.glob("*/new/*"))


@pytest.mark.parametrize("name", RELAYS)
def test_real_relay_gets_each_chunked_mail_once_and_unchanged(
    name: str, mailer: Mailer, folder: Path
) -> None:
    if os.geteuid() != 0 or not (find_server(name) and find_server("dovecot")):
        pytest.skip(f"needs root, {name} and dovecot with LMTP")
    readers = make_addresses(MAILS)
    edition = begin_edition(mailer, *readers)
    with (
        run_dovecot(folder / "dovecot") as mailboxes,
        RELAYS[name](folder / name, folder / "dovecot" / "lmtp") as port,
        Proxy(port, iter(())) as proxy,
    ):
        changed_mailer = with_relay(mailer, port=proxy.port, connections=8, window=20, timeout=60)
        progress, _ = changed_mailer.deliver_editions([edition], threading.Event())
        deadline = time.monotonic() + ARRIVAL_PATIENCE
        while count_arrived(mailboxes) < MAILS and time.monotonic() < deadline:
            time.sleep(0.5)
        chunks: dict[str, bytes] = {}
        for connection in proxy.connections:
            chunks |= list_chunks(connection.client_bytes)
        arrived = {file.parent.parent.name: file.read_bytes() for file in mailboxes.glob("*/new/*")}
        assert count_arrived(mailboxes) == MAILS
    assert progress.notes == {}
    assert set(read_delivery_states(mailer.store, edition).values()) == {DeliveryState.SENT}
    assert sorted(chunks) == sorted(arrived) == sorted(a.partition("@")[0] for a in readers)
    for reader, stored in arrived.items():
        assert stored.endswith(chunks[reader].replace(b"\r\n", b"\n")), reader
