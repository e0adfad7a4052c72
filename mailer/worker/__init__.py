"""The worker: the process that keeps time. It reads the calendar, takes editions from their cut-off
to the outbox, notifies staff, and delivers.

    process.py        the process: its threads, its end
    clock.py          the tick: the only import of APScheduler
    scheduler.py      what a tick does, and which worker ticks
    jobs.py           one job of one edition or occurrence, each in a transaction of its own
    notices.py        notices to staff
    confirmations.py  answers to sign-ups and changes of address, and welcomes
    sources.py        polling sources
    retention.py      deleting what was kept long enough
    status.py         what is due, being sent, waiting and failed
    systemd.py        readiness and watchdog (sd_notify)

Any number of workers may run. All deliver; one of them ticks, by a lease with an epoch. Neither
keeps an occurrence from being made twice: that is done by the unique row that an occurrence
becomes.
"""

from mailer.worker.process import Worker
from mailer.worker.scheduler import Scheduler

__all__ = ["Scheduler", "Worker"]
