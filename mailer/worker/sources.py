"""Polling due sources, in separate threads, because a site may be slow, and neither the calendar
nor another source must wait for it. Only the worker that ticks polls sources.

A long file of a folder is read in a separate process, one file at a time, while other sources are
polled. So no other entry waits for a long file.

The modules that fetch and read are imported only when there is a source to poll. They need
``pressmail[intake]``, which an office without sources need not install.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailer import sources
from mailer.actor import WORKER
from mailer.app import Mailer
from mailer.errors import ConcurrencyError, ConfigError, MailerError
from mailer.lines import replace_control
from mailer.log import Log
from mailer.model.sources import FileReading, Source
from mailer.sources import ImportResult

if TYPE_CHECKING:
    from mailer.intake.fetching import FetchGuard


MAX_POLLS = 4
"""Maximum number of sources that are polled at once."""

_NO_SOURCE = 0
"""The key of an error that concerns no single source."""


@dataclass(frozen=True, slots=True)
class _LongFile:
    """A long file that is being read."""

    source: Source
    path: str
    reading: FileReading


class SourcePoller:
    """Polls sources. `may_look` returns whether this worker should poll. `guard` is for tests; by
    default only public addresses are fetched."""

    def __init__(
        self,
        mailer: Mailer,
        log: Log,
        may_poll: Callable[[], bool],
        guard: "FetchGuard | None" = None,
    ) -> None:
        self._mailer = mailer
        self._log = log
        self._may_poll = may_poll
        self._guard = guard
        self._config_errors: dict[int, str] = {}
        self._polls: dict[int, threading.Thread] = {}
        self._long_files: dict[tuple[int, str], Source] = {}
        self._long_file: _LongFile | None = None

    def run(self, stop: threading.Event) -> None:
        """Poll due sources again and again, until `stop` is set."""
        try:
            while not stop.wait(self._mailer.settings.worker.tick):
                if self._may_poll():
                    self.start_polls(stop)
                else:
                    self.stop_reading()
        finally:
            self.stop_reading()

    def poll_due_sources(self, stop: threading.Event) -> None:
        """Poll due sources, at most :data:`MAX_POLLS`, and wait for the polls."""
        self.start_polls(stop)
        for thread in list(self._polls.values()):
            thread.join()
        self._advance_long_files()

    def start_polls(self, stop: threading.Event) -> None:
        """Begin to poll due sources, at most :data:`MAX_POLLS` at once, and import the long file
        that was read in the meantime. A poll may end with the process, since each import is saved
        whole or not at all."""
        self._polls = {key: thread for key, thread in self._polls.items() if thread.is_alive()}
        try:
            with self._mailer.store.read() as tx:
                due_sources = sources.list_due_sources(tx, self._mailer.clock())
        except (ConfigError, ConcurrencyError) as error:
            self._note_config_error(_NO_SOURCE, error)
            return
        except Exception as error:
            self._log.error("internal error", while_doing="polling sources", exc_info=error)
            return
        self._config_errors.pop(_NO_SOURCE, None)
        for source in due_sources:
            if stop.is_set() or len(self._polls) >= MAX_POLLS:
                break
            if source.id not in self._polls:
                thread = threading.Thread(
                    target=self._poll_source, args=(source,), name="polling", daemon=True
                )
                self._polls[source.id] = thread
                thread.start()
        self._advance_long_files()

    def _note_config_error(self, source_id: int, error: MailerError) -> None:
        """Log an error that a person must fix, unless it was logged already."""
        is_new = str(error) not in self._config_errors.values()
        self._config_errors[source_id] = str(error)
        if is_new:
            self._log.error("sources can't be polled", error=str(error))

    def _poll_source(self, source: Source) -> None:
        try:
            from mailer.intake.source_reader import SourceReader

            reader = SourceReader(self._mailer.settings, self._guard)
            poll_result = sources.poll_source(
                self._mailer.store, WORKER, source, reader, self._mailer.clock, waits=False
            )
        except (ConfigError, ConcurrencyError) as error:
            # Packages are missing: a folder needs none of them.
            self._note_config_error(source.id, error)
            return
        except MailerError as error:
            message = replace_control(str(error))
            self._log.warning("source", source=source.settings.name, error=message)
            return
        # The error is recorded in the source, and the next sources are still polled.
        except Exception as error:
            self._log.error("internal error", while_doing="polling a source", exc_info=error)
            return
        self._config_errors.pop(source.id, None)
        if poll_result is None:
            self._log.info("source", source=source.settings.name, result="unchanged")
            return
        for path in poll_result.long_files:
            self._long_files.setdefault((source.id, path), source)
        self._log_result(source, poll_result)

    def _log_result(self, source: Source, result: ImportResult, **facts: str) -> None:
        self._log.info(
            "source",
            source=source.settings.name,
            **facts,
            said=str(result),
            articles=[article.slug for _, article, _ in result.imported],
            problems=result.problems,
        )

    # ---- long files ---------------------------------------------------------------------------

    def stop_reading(self) -> None:
        """End the reading of long files. The next poll of their folders begins it again."""
        self._long_files.clear()
        if self._long_file is not None:
            self._long_file.reading.stop()
            self._long_file = None

    def _advance_long_files(self) -> None:
        try:
            self._import_and_start()
        except Exception as error:
            self._log.error("internal error", while_doing="reading a long file", exc_info=error)

    def _import_and_start(self) -> None:
        """If the current long file has been read, import it and begin to read the next. If there is
        no current file, begin with the next."""
        if self._long_file is not None and not self._import_long_file(self._long_file):
            return
        self._long_file = None
        if not self._long_files:
            return
        from mailer.intake.source_reader import SourceReader

        (_, path), source = next(iter(self._long_files.items()))
        del self._long_files[source.id, path]
        with self._mailer.store.read() as tx:
            topics = tx.lists.list_topics()
        reader = SourceReader(self._mailer.settings, self._guard)
        reading = reader.start_file(source, topics, self._mailer.clock(), path)
        self._long_file = _LongFile(source, path, reading)

    def _import_long_file(self, file: "_LongFile") -> bool:
        """Import a long file. Returns False while it is being read."""
        try:
            reading = file.reading.find_result()
            if reading is None:
                return False
            result = sources.save_file(
                self._mailer.store, WORKER, file.source, file.path, reading, self._mailer.clock
            )
        except ConfigError as error:
            self._note_config_error(file.source.id, error)
        except ConcurrencyError:
            self._long_files.setdefault((file.source.id, file.path), file.source)
        except MailerError as error:
            message = replace_control(str(error))
            self._log.warning("source", source=file.source.settings.name, error=message)
        except Exception as error:
            self._log.error("internal error", while_doing="reading a long file", exc_info=error)
        else:
            self._log_result(file.source, result, file=replace_control(file.path))
        return True
