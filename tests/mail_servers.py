"""Real mail servers on loopback: Postfix or Exim as the relay, which hands all mail to Dovecot, or
a Postfix that discards all mail.

Each runs from a folder of its own, with its own queue, and ends with its block. Only root can start
them, as they change to other users.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tests.ports import find_free_port

START_PATIENCE = 20.0
_PATH = "/usr/sbin:/usr/lib/postfix/sbin:/usr/bin:/bin"


def find_server(name: str) -> str | None:
    """Find a server's program. `EXIM_PROGRAM` may name an Exim that is not installed, since Debian
    installs only one of Postfix and Exim."""
    if name == "exim4" and (program := os.environ.get("EXIM_PROGRAM")):
        return program
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_PATH}")


# ---- Dovecot: the mailboxes ---------------------------------------------------------------------

_DOVECOT = """
protocols = lmtp
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
ssl = no
listen = 127.0.0.1
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
mail_uid = dovecot
mail_gid = dovecot
auth_username_chars =
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home={folder}/home/%n allow_all_users=yes
}}
passdb {{
  driver = static
  args = nopassword=y
}}
service lmtp {{
  process_limit = 10
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
"""


@contextmanager
def run_dovecot(folder: Path) -> Iterator[Path]:
    """Run Dovecot in `folder`. Yields the folder of Maildirs, named by local part; messages come by
    LMTP through the socket ``lmtp`` in `folder`."""
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "dovecot.conf").write_text(_DOVECOT.format(folder=folder))
    with _run_in_foreground(["dovecot", "-F", "-c", str(folder / "dovecot.conf")], folder):
        _wait_for(folder / "lmtp")
        yield folder / "mail"


# ---- relays -------------------------------------------------------------------------------------

_MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example.net
mydestination =
local_recipient_maps =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
default_transport = {transport}
relay_transport = {transport}
lmtp_destination_concurrency_limit = 10
default_database_type = texthash
alias_maps =
"""
_MASTER_CF = """
{port} inet n - n - 100 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def run_postfix(folder: Path, lmtp: Path) -> AbstractContextManager[int]:
    """Run Postfix in `folder`, which delivers by LMTP. Yields its port."""
    return _run_postfix(folder, f"lmtp:unix:{lmtp}")


def run_discarding_postfix(folder: Path) -> AbstractContextManager[int]:
    """Run Postfix in `folder`, which queues each message on disk, and then discards it and writes a
    line to its log. Yields its port."""
    return _run_postfix(folder, "discard:")


def count_postfix_deliveries(folder: Path) -> int:
    """Count the messages that the Postfix in `folder` has delivered or discarded."""
    log = folder / "mail.log"
    return log.read_bytes().count(b"status=sent") if log.exists() else 0


@contextmanager
def _run_postfix(folder: Path, transport: str) -> Iterator[int]:
    config = folder / "config"
    config.mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "queue").mkdir()
    shutil.chown(folder / "data", "postfix")
    port = find_free_port()
    (config / "main.cf").write_text(_MAIN_CF.format(folder=folder, transport=transport))
    (config / "master.cf").write_text(_MASTER_CF.format(port=f"127.0.0.1:{port}"))
    environment = {"PATH": _PATH, "MAIL_CONFIG": str(config)}
    subprocess.run(["postfix", "-c", str(config), "start"], check=True, env=environment)
    try:
        yield port
    finally:
        subprocess.run(["postfix", "-c", str(config), "stop"], check=False, env=environment)


_EXIM = """
exim_path = {program}
exim_user = nobody
exim_group = nogroup
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
primary_hostname = relay.example.net
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
smtp_accept_max = 200
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 2000
queue_only = true
queue_run_max = 4
tls_advertise_hosts =
deliver_queue_load_max = 100
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
never_users =
acl_smtp_rcpt = accept_all
acl_smtp_data = accept_all
begin acl
accept_all:
  accept
begin routers
all:
  driver = accept
  transport = dovecot
begin transports
dovecot:
  driver = lmtp
  socket = {lmtp}
  batch_max = 1
  user = nobody
begin retry
* * F,1h,5s
"""


@contextmanager
def run_exim(folder: Path, lmtp: Path) -> Iterator[int]:
    """Run Exim in `folder`, which delivers by LMTP. Yields its port."""
    folder.mkdir()
    for name in ("spool", "log"):
        (folder / name).mkdir()
        shutil.chown(folder / name, "nobody", "nogroup")
    folder.chmod(0o777)
    port = find_free_port()
    config = folder / "exim.conf"
    program = find_server("exim4")
    assert program is not None
    config.write_text(_EXIM.format(program=program, folder=folder, port=port, lmtp=lmtp))
    with _run_in_foreground([program, "-C", str(config), "-bdf", "-q2s"], folder):
        _wait_for(folder / "exim.pid")
        yield port


@contextmanager
def _run_in_foreground(command: list[str], folder: Path) -> Iterator[None]:
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + START_PATIENCE
    while not file.exists():
        assert time.monotonic() < deadline, f"the server did not make {file}"
        time.sleep(0.05)
    time.sleep(0.2)
