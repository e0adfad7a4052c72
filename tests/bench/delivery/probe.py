"""The parent of a measured program: ``probe.py DESCRIPTOR PROGRAM…``.

On Linux a child's largest resident memory counts from what its parent held when it was forked, so
a program is started by something small. What was measured goes as JSON to the descriptor. Runs
with ``-I -S``: the standard library only.
"""

import json
import os
import signal
import subprocess
import sys
import time


def main() -> int:
    descriptor, program = int(sys.argv[1]), sys.argv[2:]
    # Whoever ends us ends the group; we stay until the program has gone. (A handler, for to be
    # ignored is inherited.)
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
