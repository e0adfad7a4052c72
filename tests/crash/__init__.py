"""The crash harness: kill a real worker again and again, and count every recipient.

    recorder.py        the relay: a process that records each message before it accepts it
    worker.py          the worker: `mailer`'s command line, or one that is broken on purpose
    fixtures.py        an office with an approved edition
    moments.py         chooses when to kill
    trial_database.py  reads the database while the worker is dead
    judge.py           compares the record with the database: lost, sent twice, in doubt. Pure
    harness.py         the trial: start, kill, take a snapshot, start again

Run it with `make crash`. Only the worker's process uses the mailer's delivery; recorder, database
reader and judge share no code with it.
"""
