"""The outbox: planning an edition's deliveries, and moving them through their states.

    plan.py           the plan of deliveries: one INSERT … SELECT
    queue.py          claim, settle, queue again: the changes of state that the ledger makes
    gate.py           the last check before a message is written to a connection
    statements.py     the SQL statements for these changes
    safe_mode.py      safe mode, in which only some recipients get mail
    embargo_gate.py   messages that the gate stops because of embargoes and kills
    workers.py        the workers that deliver, and taking over from dead workers
    refused.py        deliveries that were refused because of us, not their recipients
    reports.py        reports and explanations for people
    listing.py        lists of deliveries, page by page
    direct_mail.py    editions that go to given addresses instead of to a list
    notices.py        mails to staff
    repeats.py        finished editions that are sent to one reader again
    service_mails.py  mails about sign-ups, in rolling editions
    story_masks.py    the bits of stories for each topic

Each method runs one or a few statements, which the ledger puts into short transactions. The allowed
changes of state are in ``DELIVERY_TRANSITIONS``; every statement names the states from which it
starts.
"""
