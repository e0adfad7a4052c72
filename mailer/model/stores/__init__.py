"""The Protocols through which verbs use the database, one for each noun.

    content.py   articles, embargoes, releases, sources
    audience.py  lists, subscribers, segments, sign-ups
    sending.py   digests, schedules, editions, deliveries, notices, service mails
    recovery.py  the database's identity, the keys of links
    upkeep.py    the worker's lease, data whose retention has ended

The stores of `mailer/store` implement these Protocols; a verb reaches them through
:class:`mailer.model.transaction.Transaction`. Stores never commit.
"""
