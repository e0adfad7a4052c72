"""The outbox: planning an edition's deliveries, and moving them through their states.

    plan.py           who gets what: one INSERT … SELECT
    queue.py          claim, gate, settle: the moves that the ledger makes
    statements.py     the statements of these moves
    embargo_gate.py   what the gate stops because of embargoes and kills
    workers.py        the workers that deliver, and taking over from dead ones
    refused.py        deliveries that were refused for our reasons
    reports.py        what people ask afterwards
    notices.py        mails to staff
    service_mails.py  mails about sign-ups, in rolling editions
    story_masks.py    which stories a topic lets through

Each method is one or a few statements; the ledger puts them into short transactions. The allowed
moves are in ``DELIVERY_TRANSITIONS``; every statement names the states it starts from.
"""
