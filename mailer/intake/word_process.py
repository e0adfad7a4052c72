"""Read a Word file in a process of its own, with a bound on time and memory.

Reading a long file takes seconds of processor time. In another process, this delays neither the
worker's tick nor the other sources, and the process can be ended at any moment.

The two processes exchange pickles in files without a name. The other process gets no setting and no
secret of the worker.
"""

import gc
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import mailer
from mailer.errors import ConfigError, InputError, MailerError
from mailer.intake.drafts import Draft, DraftDefaults
from mailer.intake.extra import require_package
from mailer.intake.sources import is_long_file, load_word_file

MAX_CPU_SECONDS = 20
"""Maximum processor time for one file. The longest files that are accepted take a third of it."""

MAX_WALL_SECONDS = 120.0
"""Maximum time for one file, on a machine that is busy with other work."""

MAX_MEMORY = 2_000_000_000
"""Maximum memory of the process in bytes."""

_NICENESS = 10
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONHASHSEED", "TMPDIR", "TZ", "TZPATH")
_POLL_SECONDS = 0.02


class WordFileReading:
    """A Word file that is being read in another process. `stop` must be called unless `find_draft`
    has returned a draft or raised an error. Raises ConfigError if packages are missing."""

    def __init__(self, path: Path, defaults: DraftDefaults) -> None:
        require_package("mammoth")
        self.path = path
        self._started = time.monotonic()
        self._answer: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by _close)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment["PYTHONPATH"] = str(Path(mailer.__file__).parent.parent)
        with tempfile.TemporaryFile() as request:
            pickle.dump((path, defaults), request)
            request.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "mailer.intake.word_process"],
                stdin=request,
                stdout=self._answer,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )

    def find_draft(self) -> Draft | None:
        """Return the draft, or None while the file is being read.

        Raises InputError if the file can't be read or takes too long, and ConfigError if packages
        are missing."""
        code = self._process.poll()
        if code is None:
            if time.monotonic() - self._started <= MAX_WALL_SECONDS:
                return None
            self.stop()
            raise self._create_time_error()
        self._answer.seek(0)
        data = self._answer.read()
        self._close()
        if code != 0 or not data:
            raise self._create_time_error()
        answer = pickle.loads(data)  # noqa: S301  (written by this module)
        if isinstance(answer, Draft):
            return answer
        kind, message, where, hint = answer
        if kind == "bug":
            raise RuntimeError(f"{message}, {self.path}")
        error_class = ConfigError if kind == "config" else InputError
        raise error_class(message, where=where, hint=hint)

    def wait(self) -> Draft:
        """Return the draft once it is read. Raises InputError as :meth:`find_draft` does."""
        try:
            while (draft := self.find_draft()) is None:
                time.sleep(_POLL_SECONDS)
        finally:
            self.stop()
        return draft

    def stop(self) -> None:
        """End the process, even if it is still reading."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close()

    def _close(self) -> None:
        self._answer.close()

    def _create_time_error(self) -> InputError:
        return InputError(
            f"reading the file takes more than {MAX_CPU_SECONDS} seconds, or too much memory",
            where=str(self.path),
            hint="import a part of it, and link to the rest",
        )


def read_word_file(path: Path, defaults: DraftDefaults) -> Draft:
    """Read a Word file: a long one in a process of its own, with a bound on time and memory.

    Raises InputError if the file can't be read, or takes longer than its time."""
    if is_long_file(path):
        return WordFileReading(path, defaults).wait()
    return load_word_file(path, defaults)


def main() -> None:
    """Read the file that stdin names, and write its draft, or the facts of its error, to stdout."""
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    os.nice(_NICENESS)
    gc.disable()  # the process ends before its garbage matters: a third of the time
    path, defaults = pickle.load(sys.stdin.buffer)  # noqa: S301  (written by WordFileReading)
    answer: Draft | tuple[str, str, str, str]
    try:
        answer = load_word_file(path, defaults)
    except MailerError as error:
        kind = "config" if isinstance(error, ConfigError) else "input"
        answer = (kind, error.message, error.where, error.hint)
    except MemoryError:
        os._exit(1)
    except Exception as error:
        answer = ("bug", f"{type(error).__name__}: {error}", "", "")
    pickle.dump(answer, sys.stdout.buffer)
    sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
