"""A process that moves a database, and kills itself before its n-th commit of changes.

python -m tests.integration.recovery.moving_process SOURCE TARGET STATE_FOLDER N

Otherwise it prints the memory that the move added to its peak, and its time.
"""

import json
import os
import signal
import sys
import time
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from mailer.app import Mailer
from mailer.app.moving import open_move
from mailer.config import Paths
from mailer.store import Store
from tests.actors import STAFF
from tests.conftest import KEY, make_office_settings


def read_peak_megabytes() -> float:
    """Read the peak of this program alone; that of getrusage(2) includes the process that started
    it (proc_pid_status(5), VmHWM)."""
    status = Path("/proc/self/status").read_text("ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


def main() -> None:
    source, target, state_folder, fatal_commit = sys.argv[1:]
    commits = count(1)
    started_at = time.monotonic()
    peak_before = read_peak_megabytes()

    def die_at_commit(connection: Connection) -> None:
        is_reading = connection.get_execution_options().get("reading", False)
        if not is_reading and next(commits) == int(fatal_commit):
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", die_at_commit)
    settings = make_office_settings(Path(state_folder))
    settings = settings.model_copy(update={"paths": Paths(state=Path(state_folder))})
    mailer = Mailer(settings, Store(source, KEY))
    with open_move(mailer, target, STAFF) as move:
        move.run(lambda _: None)
    added_mb = read_peak_megabytes() - peak_before
    sys.stdout.write(json.dumps({"added_mb": added_mb, "seconds": time.monotonic() - started_at}))


if __name__ == "__main__":
    main()
