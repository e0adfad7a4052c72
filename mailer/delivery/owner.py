"""Who holds a delivery: a name for this sender that another one can tell to be dead.

A lease alone would make whoever runs `mailer send` again after a crash wait for it to end. So the
name says on which machine, in which boot and process namespace, and as which process it ran, and
since when. Where that can't be told (another machine, no /proc), only the lease counts.
"""

import os
import secrets
from hashlib import blake2b
from pathlib import Path


def _place() -> str:
    """This boot of this machine and its process namespace; empty where that can't be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        namespace = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    return blake2b(f"{boot} {namespace}".encode(), digest_size=8).hexdigest()


def _started(pid: int) -> str:
    """When a process began, in clock ticks since boot: field 22 of proc(5)'s stat. Empty when
    there is no such process, or it has ended and waits for its parent."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]


def new_owner() -> str:
    """A name for this sender, different for each: at most 64 characters."""
    pid = os.getpid()
    return f"{_place()}:{pid}:{_started(pid)}:{secrets.token_hex(6)}"


def is_dead(owner: str) -> bool:
    """Whether the sender of that name has certainly ended. False when it can't be told."""
    place, _, rest = owner.partition(":")
    pid, _, rest = rest.partition(":")
    started, _, _ = rest.partition(":")
    if not place or not started or place != _place() or not pid.isdigit():
        return False
    return _started(int(pid)) != started
