"""The crash harness: a real sender is killed again and again, and every recipient is counted.

    recorder.py   the relay: a process of its own that writes down what it takes before it says so
    sender.py     the sender: `mailer`'s command line, or one that is broken on purpose
    office.py     an office with an approved edition
    moments.py    when to kill
    scene.py      what the database holds while the sender is dead
    judge.py      the record against the database: lost, sent twice, in doubt. Touches nothing
    harness.py    the trial: start, kill, look, start again

Run it with `make crash`. Of the mailer only the sender's process uses delivery; recorder, scene and
judge share no code with what they judge.
"""
