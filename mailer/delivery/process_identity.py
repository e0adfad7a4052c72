"""Who holds a delivery: a name for this sender that another one can tell to be dead.

A lease alone would make whoever runs `mailer send` again after a crash wait for it to end. So the
name says on which machine, in which boot and process namespace, and as which process it ran, and
since when. Where that can't be told (another machine, no /proc), only the lease counts.
"""

import os
import secrets
from hashlib import blake2b
from pathlib import Path


def _identify_boot() -> str:
    """This boot of this machine and its process namespace; empty where that can't be told."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return blake2b(f"{boot_id} {namespace}".encode(), digest_size=8).hexdigest()


def _read_start_time(pid: int) -> str:
    """When a process began, in clock ticks since boot: field 22 of proc(5)'s stat. Empty when
    there is no such process, or it has ended and waits for its parent."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def create_worker_name() -> str:
    """A name for this sender, different for each: at most 64 characters."""
    pid = os.getpid()
    return f"{_identify_boot()}:{pid}:{_read_start_time(pid)}:{secrets.token_hex(6)}"


def is_dead(worker_name: str) -> bool:
    """Whether the sender of that name has certainly ended. False when it can't be told."""
    boot_identity, _, rest = worker_name.partition(":")
    pid, _, rest = rest.partition(":")
    start_time, _, _ = rest.partition(":")
    if (
        not boot_identity
        or not start_time
        or boot_identity != _identify_boot()
        or not pid.isdigit()
    ):
        return False
    return _read_start_time(int(pid)) != start_time
