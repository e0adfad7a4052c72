"""The worker: the process that keeps the calendar. It assembles editions at their cut-off, starts
them at their send time, notifies staff, and delivers.

    process.py        the process: starting and ending its threads
    clock.py          the tick: the only import of APScheduler
    scheduler.py      the work of a tick, and the lease that decides which worker ticks
    jobs.py           the jobs of editions, occurrences and notices, each in its own transaction
    confirmations.py  the jobs that answer sign-ups and changes of address
    sources.py        polling sources
    retention.py      the rounds that delete data whose retention has ended
    status.py         the state of the office: due, being sent, waiting, failed
    systemd.py        readiness and watchdog (sd_notify)

This package decides no rule: it opens transactions, calls verbs, and logs what they did.

Any number of workers may run. All workers deliver; only the worker that holds the lease ticks. The
lease does not prevent an occurrence from being made twice: the unique row of each occurrence does.
"""

from mailer.worker.process import Worker
from mailer.worker.scheduler import Scheduler

__all__ = ["Scheduler", "Worker"]
