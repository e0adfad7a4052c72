"""Delivery: send frozen bodies to delivery rows, and write every step and reply to disk.

    run.py                 a delivery run: starts the threads, watches the relays, ends the run
    smtp_connection.py     the life of one connection to a relay
    event_loop.py          runs all connections in one thread
    ledger.py              the thread that is the only writer of delivery states
    batch_planner.py       what the ledger's next transaction does
    ledger_transaction.py  the work of one transaction of the ledger
    active_editions.py     the editions being delivered, and the counts of their messages
    thread_queue.py        the messages between connections and the ledger
    dispatch_scheduler.py  which message goes next, and over which connection
    throttle.py            rates and connection limits, for relays and recipient domains
    relay_health.py        whether a relay works, rests or is tried again
    outcomes.py            turns replies into settlements; progress figures
    takeover.py            reclaims the deliveries of dead workers
    process_identity.py    a worker's name, which shows another worker that it has died
    smtp.py                one conversation with a relay, phase by phase
    smtp_socket.py         the socket beneath it, and the reader of replies
    relay_errors.py        the errors of a relay in words
    replies.py             the only judge of a reply
    refusals.py            judges about which party a refusal speaks
    refusal_codes.py       codes and phrases of refusals, their meanings and advice
    refusal_tracker.py     counts refusals alike, and decides when an edition pauses
    reply_report.py        explains the replies of an edition's report
    options.py             the settings of one run

A run needs no article and no template, and compares no clock with another machine's.
docs/explanation/reliability.md states the guarantee.
"""
