"""The parent of a measured program: ``probe.py DESCRIPTOR PROGRAM…``.

On Linux a child's largest resident memory counts from its parent's memory at the fork, so a program
is started by this small one. The figures go as JSON to the descriptor. It runs with ``-I -S``, with
the standard library only.
"""

import json
import os
import signal
import subprocess
import sys
import time


def main() -> int:
    descriptor, program = int(sys.argv[1]), sys.argv[2:]
    # SIGTERM goes to the whole group; the probe stays until the program has ended. It needs a
    # handler, because an ignored signal would stay ignored in the program.
    signal.signal(signal.SIGTERM, lambda *_: None)
    start = time.perf_counter()
    process = subprocess.Popen(program)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    figures = {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss / 1024}
    os.write(descriptor, json.dumps(figures).encode())
    return max(os.waitstatus_to_exitcode(status), -1) % 256


if __name__ == "__main__":
    sys.exit(main())
