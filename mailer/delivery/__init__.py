"""Delivery: frozen bodies and delivery rows go out, replies come back, and every step is on disk.

    courier.py   one edition's run: claim, gate, send, settle, until nothing is due
    ledger.py    the only writer of delivery states
    smtp.py      one conversation with a relay, phase by phase
    replies.py   the only judge of a reply

The courier needs no article, no template and no clock but the database's.
"""
