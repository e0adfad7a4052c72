"""The calendar's crash harness: kill, freeze and pair real workers, and count every occurrence,
edition, story, message and notice.

    fixtures.py           an office with digests of every kind, and what is expected of its calendar
    staff_simulation.py   staff who approve and schedule while workers die
    worker_process.py     worker processes and their log lines
    stall_meter.py        measures how long a worker waited for a processor
    sabotage.py           a worker that is broken on purpose
    kill_moments.py       chooses when to kill
    database_contents.py  reads the database
    judge.py              compares database and relay's record with the expectations. Pure
    notice_checks.py      the judge's checks of notices to staff
    kill_trial.py         the trial: start, kill, take a snapshot, start again
    pair_trial.py         two workers side by side, one of which may be frozen

The relay is the one of :mod:`tests.crash.recorder`. Run it with `make crash`. The judge shares no
code with the mailer.
"""
