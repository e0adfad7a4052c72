"""The crash harness of the calendar: real workers are killed, frozen and run side by side, and
every occurrence, edition, story, message and notice is counted.

    office.py      an office with digests of every kind, and what must become of its calendar
    staff.py       people who go on working meanwhile: they approve, and schedule more
    workers.py     worker processes, and what they say
    stalls.py      how long a worker could not run
    sabotage.py    a worker that is broken on purpose
    moments.py     when to kill
    books.py       what the database holds
    judge.py       books and the relay's record against the office's wishes. Touches nothing
    notices.py     its chapter on notices to staff
    trial.py       the trial: start, kill, look, start again
    pair.py        two workers at once, of which one may be frozen

The relay is that of :mod:`tests.crash.recorder`. Run it with `make crash`. What judges shares no
code with what it judges.
"""
