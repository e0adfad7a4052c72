"""A worker's name, from which another worker can tell that the worker with this name has died.

If only the lease counted, a person who starts sending again after a crash would have to wait until
the lease ends. So the name identifies the machine, its boot, the process namespace, the process and
its start time. If these can't be compared (another machine, no /proc), only the lease decides.
"""

import os
import secrets
from hashlib import blake2b
from pathlib import Path


def _identify_boot() -> str:
    """Return a hash of this machine's boot ID and process namespace, or an empty string if
    unknown."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return blake2b(f"{boot_id} {namespace}".encode(), digest_size=8).hexdigest()


def _read_start_time(pid: int) -> str:
    """Return the start time of a process, in clock ticks since boot: field 22 of proc(5)'s stat.

    Returns an empty string if there is no such process, or if it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def create_worker_name() -> str:
    """Return a name for this worker: unique, at most 64 characters."""
    pid = os.getpid()
    return f"{_identify_boot()}:{pid}:{_read_start_time(pid)}:{secrets.token_hex(6)}"


def find_local_pid(worker_name: str) -> int | None:
    """Return the id of the process with that worker name if it runs on this machine. Returns None
    if it has ended or runs elsewhere."""
    identity = _parse_local_name(worker_name)
    if identity is None or _read_start_time(identity[0]) != identity[1]:
        return None
    return identity[0]


def is_dead(worker_name: str) -> bool:
    """Check whether the worker of that name has certainly ended. Returns False if unknown."""
    identity = _parse_local_name(worker_name)
    return identity is not None and _read_start_time(identity[0]) != identity[1]


def _parse_local_name(worker_name: str) -> tuple[int, str] | None:
    """Return (process id, start time) of a worker of this machine, boot and process namespace, or
    None for any other name."""
    boot_identity, _, rest = worker_name.partition(":")
    pid, _, rest = rest.partition(":")
    start_time, _, _ = rest.partition(":")
    if (
        not boot_identity
        or not start_time
        or boot_identity != _identify_boot()
        or not pid.isdigit()
    ):
        return None
    return int(pid), start_time
