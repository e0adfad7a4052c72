"""Polling due sources, in a separate thread, because a site may be slow and the calendar must not
wait for it. Only the worker that ticks polls sources.

The modules that fetch and read are imported only when there is a source to poll. They need
``pressmail[intake]``, which an office without sources need not install.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailer import sources
from mailer.actor import WORKER
from mailer.app import Mailer
from mailer.errors import ConcurrencyError, ConfigError, MailerError
from mailer.lines import replace_control
from mailer.log import Log
from mailer.model.sources import Source

if TYPE_CHECKING:
    from mailer.intake.fetching import FetchGuard


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
        self._config_errors: list[str] = []

    def run(self, stop: threading.Event) -> None:
        """Poll due sources again and again, until `stop` is set."""
        while not stop.wait(self._mailer.settings.worker.tick):
            if self._may_poll():
                self.poll_due_sources(stop)

    def poll_due_sources(self, stop: threading.Event) -> None:
        """Poll each due source once."""
        self._config_errors, previous_errors = [], self._config_errors
        try:
            with self._mailer.store.read() as tx:
                due_sources = sources.list_due_sources(tx, self._mailer.clock())
            for source in due_sources:
                if stop.is_set():
                    return
                self._poll_source(source)
        except (ConfigError, ConcurrencyError) as error:
            self._config_errors.append(str(error))
        except Exception as error:
            self._log.error("internal error", while_doing="polling sources", exc_info=error)
        for message in dict.fromkeys(self._config_errors):
            if message not in previous_errors:
                self._log.error("sources can't be polled", error=message)

    def _poll_source(self, source: Source) -> None:
        from mailer.intake.source_reader import SourceReader

        try:
            reader = SourceReader(self._mailer.settings, self._guard)
            poll_result = sources.poll_source(
                self._mailer.store, WORKER, source, reader, self._mailer.clock
            )
        except ConfigError as error:  # packages are missing: a folder needs none of them
            self._config_errors.append(str(error))
            return
        except ConcurrencyError:
            raise
        except MailerError as error:
            message = replace_control(str(error))
            self._log.warning("source", source=source.settings.name, error=message)
            return
        # The error is recorded in the source, and the next sources are still polled.
        except Exception as error:
            self._log.error("internal error", while_doing="polling a source", exc_info=error)
            return
        if poll_result is None:
            self._log.info("source", source=source.settings.name, result="unchanged")
            return
        self._log.info(
            "source",
            source=source.settings.name,
            said=str(poll_result),
            articles=[article.slug for _, article, _ in poll_result.imported],
            problems=poll_result.problems,
        )
