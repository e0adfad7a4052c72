"""Delivery: sends frozen bodies to the addresses in delivery rows, and writes every step and reply
to disk.

    run.py                 a delivery run: starts the threads, monitors the relays, ends the run
    smtp_connection.py     the life of one connection to a relay
    delivery_session.py    the use of one connection: its grants and outcomes
    dialogue_session.py    sends one message after another over a connection
    event_loop.py          runs all connections in one thread
    ledger.py              the thread that is the only writer of delivery states
    batch_planner.py       what the ledger's next transaction does
    ledger_transaction.py  the work of one transaction of the ledger
    active_editions.py     the editions being delivered, and the counts of their messages
    thread_queue.py        passes messages between connections and the ledger
    dispatch_scheduler.py  chooses the next message and its connection
    throttle.py            rates and connection limits, for relays and recipient domains
    connection_growth.py   how many connections help, to a relay without PIPELINING
    relay_health.py        decides whether a relay works, rests or is tried again
    outcomes.py            turns replies into settlements; progress figures
    takeover.py            reclaims the deliveries of dead workers
    process_identity.py    a worker's name, by which other workers can tell that it has died
    chunking_session.py    has several messages in flight over a connection
    chunking.py            the messages in flight, and the judgement of their replies
    outgoing_mail.py       a message for the wire, and its envelope commands
    smtp.py                one conversation with a relay, phase by phase
    smtp_socket.py         the socket of a conversation, and the reader of replies
    tls.py                 the context that checks a relay's certificate
    relay_errors.py        words the errors of a relay
    replies.py             the only judge of a reply
    refusals.py            judges about which party a refusal speaks
    refusal_codes.py       codes and phrases of refusals, their meanings and advice
    refusal_tracker.py     counts refusals alike, and decides when an edition pauses
    reply_report.py        explains the replies of an edition's report
    retries.py             retries failed deliveries, without addresses that are known to be dead
    options.py             the settings of one run

A run reads no articles and no templates, and never compares its clock with another machine's.
docs/explanation/reliability.md states the guarantee.
"""
