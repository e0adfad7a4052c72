"""The tick. APScheduler only triggers it; due jobs are computed from our own tables. So no job is
stored in APScheduler's memory and lost when the process ends, and nothing depends on APScheduler's
handling of time zones (its cron trigger fired twice at 02:30 in Berlin when clocks went back)."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler


class TickTimer:
    """Calls `on_tick` every `seconds` seconds in a separate thread, never twice at the same time.
    The first tick comes at once. If a tick takes longer, the ticks missed in the meantime become
    one tick."""

    def __init__(self, on_tick: Callable[[], None], seconds: float) -> None:
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)}, timezone=UTC
        )
        self._scheduler.add_job(
            on_tick,
            "interval",
            seconds=seconds,
            coalesce=True,
            misfire_grace_time=None,
            max_instances=1,
            next_run_time=datetime.now(UTC),
        )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Stop, and return when a running tick has ended."""
        self._scheduler.shutdown(wait=True)
