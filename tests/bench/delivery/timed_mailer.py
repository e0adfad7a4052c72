"""``timed_mailer.py FILE ARGUMENTS…``: run ``mailer ARGUMENTS…``, and write the times of sending to
FILE.

The sending phase is the whole of ``Mailer.deliver_editions``: from before the first claim, with
connecting, until the last reply is on disk and the edition is marked as sent.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from mailer import cli
from mailer.app import Mailer


def main() -> None:
    timing_file = Path(sys.argv.pop(1))
    deliver_editions = Mailer.deliver_editions

    def deliver_timed(*arguments: Any, **keyword_arguments: Any) -> Any:
        start, cpu = time.perf_counter(), time.process_time()
        try:
            return deliver_editions(*arguments, **keyword_arguments)
        finally:
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            timing_file.write_text(json.dumps({"seconds": seconds, "cpu": cpu}))

    Mailer.deliver_editions = deliver_timed  # type: ignore[method-assign]
    sys.argv[0] = "mailer"
    cli.main()


if __name__ == "__main__":
    main()
