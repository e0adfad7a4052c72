"""The audience: who gets what, because they said so.

    addresses.py      one spelling for each mail address
    lists.py          mailing lists and topics
    subscribers.py    people, their membership of a list and the topics chosen there
    segments.py       saved filters over a list's members: a closed tree, and how to write one
    suppressions.py   addresses that must not be mailed, and why
    rows.py           rows of a table of people -> what to do with each

Records, rules and verbs; each file says which store Protocol its verbs need. No I/O.
"""
