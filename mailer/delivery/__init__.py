"""Delivery: frozen bodies and delivery rows go out, replies come back, and every step is on disk.

    courier.py    a run: starts the threads, watches over relays, ends it
    carrier.py    one connection's life
    loop.py       runs all connections in one thread
    ledger.py     the thread that is the only writer of delivery states
    turn.py       what the ledger does in one transaction
    roster.py     the editions that are being delivered, and their accounts
    post.py       what connections and the ledger tell each other
    dispatch.py   which message goes next, and over which connection
    throttle.py   rates and connections, for relays and recipient domains
    relays.py     how a relay is doing: rests and tries again
    outcomes.py   replies into settlements, figures
    watch.py      taking over what dead senders held
    owner.py      a sender's name, by which another one can tell that it has died
    smtp.py       one conversation with a relay, phase by phase
    link.py       the connection beneath it, and its replies
    replies.py    the only judge of a reply

The courier needs no article and no template, and compares no clock with another.
docs/explanation/reliability.md says what is guaranteed.
"""
