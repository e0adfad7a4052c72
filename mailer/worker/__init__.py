"""The worker: the process that keeps time. It looks at the calendar, takes editions from their
cut-off to the outbox, tells staff, and delivers.

    process.py   the process: its threads, its end
    clock.py     the tick: APScheduler's only import
    keeper.py    what a tick does, and who may do it
    steps.py     one step of one edition or occurrence, each in a transaction of its own
    telling.py   notices to staff
    answering.py answers to sign-ups and changes of address, and welcomes
    retention.py what was kept long enough goes
    systemd.py   readiness and watchdog (sd_notify)

Any number of workers may run. All deliver; one ticks, by a lease with an epoch. That no occurrence
is made twice hangs on neither: the row that an occurrence becomes is unique.
"""

from mailer.worker.process import Worker
from mailer.worker.scheduler import Scheduler

__all__ = ["Scheduler", "Worker"]
