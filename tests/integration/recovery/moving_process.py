"""A process that moves a database, and kills itself before its n-th commit of changes.

python -m tests.integration.recovery.moving_process SOURCE TARGET STATE_FOLDER N
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from mailer.app import Mailer
from mailer.app.moving import open_move
from mailer.config import Paths
from mailer.store import Store
from tests.actors import STAFF
from tests.conftest import KEY, make_office_settings


def main() -> None:
    source, target, state_folder, fatal_commit = sys.argv[1:]
    commits = count(1)

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
    sys.stdout.write(f"{next(commits) - 1}\n")


if __name__ == "__main__":
    main()
