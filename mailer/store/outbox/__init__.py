"""The outbox: planning an edition's deliveries, and moving them through their states.

    plan.py      who gets what: one INSERT … SELECT
    queue.py     claim, gate, settle: what the ledger does
    senders.py   who delivers, and taking over from the dead
    reports.py   what people ask afterwards
    notices.py   mails to staff
    letters.py   mails about sign-ups, in standing editions
    masks.py     which stories a topic lets through

Each method is one or a few statements; the ledger puts them into short transactions. What may
follow what stands in ``outbox.TRANSITIONS``.
"""
