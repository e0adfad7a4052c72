"""``timed_mailer.py NOTE GATE COUNT ARGUMENTS…``: run ``mailer ARGUMENTS…``, and write the times of
sending to the file NOTE.

The sending phase is the whole of ``Mailer.deliver_editions``: from before the first claim, with
connecting, until the last reply is on disk and the edition is marked as sent. It begins when COUNT
processes are ready, each with a file in the folder GATE, so that processes that send together begin
together. Moments are those of the monotonic clock, which all processes share.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from mailer import cli
from mailer.app import Mailer


def _wait_for_all(gate: Path, count: int) -> None:
    (gate / str(os.getpid())).touch()
    while sum(1 for _ in gate.iterdir()) < count:
        time.sleep(0.001)


def main() -> None:
    note_file, gate, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    deliver_editions = Mailer.deliver_editions

    def deliver_timed(*arguments: Any, **keyword_arguments: Any) -> Any:
        _wait_for_all(gate, count)
        start, cpu = time.perf_counter(), time.process_time()
        try:
            return deliver_editions(*arguments, **keyword_arguments)
        finally:
            end, cpu = time.perf_counter(), time.process_time() - cpu
            note_file.write_text(json.dumps({"start": start, "end": end, "cpu": cpu}))

    Mailer.deliver_editions = deliver_timed  # type: ignore[method-assign]
    sys.argv = ["mailer", *sys.argv[4:]]
    cli.main()


if __name__ == "__main__":
    main()
