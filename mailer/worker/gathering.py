"""Looking at sources when they are due, beside the tick: a site may take its time to answer, and
the calendar doesn't wait for it. Only the worker that ticks looks.

What reads and fetches is imported when there is something to look at: it comes with
``mailer[intake]``, and a worker without sources needs none of it.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from mailer import sources
from mailer.app import Mailer
from mailer.errors import ConfigError, MailerError
from mailer.intake import extra
from mailer.lines import without_control
from mailer.log import Log

if TYPE_CHECKING:
    from mailer.intake.fetching import Guard


class Gathering:
    """`may_look` says whether this worker is the one that does. `guard` is for tests: by default
    nothing that isn't public is fetched."""

    def __init__(
        self,
        mailer: Mailer,
        log: Log,
        may_look: Callable[[], bool],
        guard: "Guard | None" = None,
    ) -> None:
        self._mailer = mailer
        self._log = log
        self._may_look = may_look
        self._guard = guard
        self._said = ""

    def run(self, stop: threading.Event) -> None:
        """Look at what is due, again and again, until `stop` is set."""
        while not stop.wait(self._mailer.settings.worker.tick):
            if self._may_look():
                self.look(stop)

    def look(self, stop: threading.Event) -> None:
        """Look once at each source that is due."""
        try:
            with self._mailer.store.read() as tx:
                due = sources.due(tx.sources, self._mailer.clock())
            for one in due:
                if stop.is_set():
                    return
                extra.package("httpcore")
                self._look_at(one)
            self._said = ""
        except ConfigError as error:
            if self._said != str(error):
                self._said = str(error)
                self._log.error("sources can't be looked at", error=str(error))
        except Exception as error:
            self._log.error("fault of ours", while_doing="looking at sources", exc_info=error)

    def _look_at(self, source: sources.Source) -> None:
        from mailer.app import arrivals
        from mailer.intake.fetching.guard import PUBLIC

        try:
            brought = arrivals.look(self._mailer, source, self._guard or PUBLIC)
        except ConfigError:
            raise
        except MailerError as error:
            said = without_control(str(error))
            self._log.warning("source", source=source.order.name, error=said)
            return
        except Exception as error:  # kept with the source; those behind it are looked at
            self._log.error("fault of ours", while_doing="looking at a source", exc_info=error)
            return
        if brought is None:
            self._log.info("source", source=source.order.name, said="unchanged")
            return
        self._log.info(
            "source",
            source=source.order.name,
            said=str(brought),
            articles=[article.slug for _, article, _ in brought.taken],
            problems=brought.problems,
        )
